"""The names of a server: reading the one that a request was sent to, and the list of those that are allowed."""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from transfer_core.errors import TransferError

VARIABLE = "GRAFT_ALLOWED_HOSTS"
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>.+)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Authority:
    """Where a request goes, or comes from: "localhost:8501".

    host: lower case, without a dot at its end; an IP address as `ipaddress` writes it, IPv6 without brackets.
    port: None where it is not named.
    """

    host: str
    port: int | None


@dataclass(frozen=True)
class Origin:
    """The site that a request comes from, with the port that its scheme has by default."""

    host: str
    port: int
    default_port: int


def read_authority(text: str) -> Authority | None:
    """Reads a `Host` header; None if it is malformed."""
    match = _AUTHORITY.fullmatch(text.lower())
    host = _read_host(match["host"]) if match else None
    if match is None or host is None:
        return None
    return Authority(host, int(match["port"]) if match["port"] else None)


def read_origin(text: str) -> Origin | None:
    """Reads an `Origin` header; None if it is malformed or "null", which a sandboxed page sends."""
    match = _ORIGIN.fullmatch(text.lower())
    authority = read_authority(match["authority"]) if match else None
    if match is None or authority is None:
        return None
    default = _DEFAULT_PORTS[match["scheme"]]
    return Origin(authority.host, default if authority.port is None else authority.port, default)


def read_ip(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address without its zone; an IPv4 address that IPv6 carries is that IPv4 address. None for a name."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def read_names(text: str) -> list[str]:
    """The hosts that a person allows, separated by commas or spaces, in the form of `Authority.host`.

    Raises:
        TransferError: One is no host name and no IP address.
    """
    found = []
    for word in re.split(r"[,\s]+", text.strip().lower()):
        if word:
            host = _read_host(f"[{word}]" if ":" in word else word)
            if host is None:
                raise TransferError(
                    f"'{word}' is not a host name. Give names or IP addresses as they stand in the page's address, "
                    "without http:// and without a port, such as graft.example.org."
                )
            found.append(host)
    return found


def own_names(address: str) -> frozenset[str]:
    """The names of a server that listens on this address; without looking anything up.

    Its IP addresses are not among them: each connection knows the one that it came in by.
    """
    given = _read_host(f"[{address}]" if ":" in address else address.lower())
    names = {"localhost", *([given] if given else [])}
    ip = read_ip(address)
    if address.lower() != "localhost" and not (ip and ip.is_loopback):  # others on the network may come, by its name
        machine = socket.gethostname().lower()
        names |= {machine, machine.partition(".")[0], f"{machine.partition('.')[0]}.local"}
    return frozenset(names)


def is_own(host: str, names: Iterable[str], came_in_by: str | None) -> bool:
    """Whether a request to this host is meant for us.

    An IP address counts if it is a loopback address or the one that the connection came in by; a website that has its
    own name point to this machine (DNS rebinding) still sends that name.

    Args:
        host: As in `Authority.host`.
        names: In the same form.
        came_in_by: The server's own IP address of this connection, if the web server says it.
    """
    if host in names:
        return True
    ip = read_ip(host)
    return ip is not None and (ip.is_loopback or ip == read_ip(came_in_by or ""))


def _read_host(text: str) -> str | None:
    """A name or an IP address, IPv6 in brackets, in the form of `Authority.host`; None if it is neither."""
    if text.startswith("["):
        ip = read_ip(text[1:-1])
        return str(ip) if ip else None
    if ip := read_ip(text):
        return str(ip)
    return text.removesuffix(".") if _NAME.fullmatch(text) else None
