"""Runs a command in a network of its own that leads nowhere, and writes down what it looks up and whom it calls.

    python -m tests.browser.closed_network RECORD COMMAND ...

Linux only, without root's rights: in a new user, network and mount namespace there are the loopback, one resolver and
one gateway, all of them ours. The resolver answers every question, so that the call that follows is seen, too. RECORD
gets a line for each: `look-up NAME` or `call ADDRESS PORT`.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Thread

ROOT = Path(__file__).resolve().parents[2]
# Addresses that are set aside for documentation: nobody's, anywhere.
RESOLVER, GATEWAY, ANSWER = "192.0.2.53", "192.0.2.254", "203.0.113.99"
_OUT, _OTHER_END = "out", "nowhere"  # a cable: what is sent to a foreign address goes into the one end
_NEIGHBOUR = "02:00:00:00:00:01"  # so that the kernel need not ask who has the gateway's address
_NETWORK = f"""
link set lo up
addr add {RESOLVER}/32 dev lo
link add {_OUT} type veth peer name {_OTHER_END}
link set {_OUT} up
link set {_OTHER_END} up
addr add 192.0.2.1/24 dev {_OUT}
neigh add {GATEWAY} lladdr {_NEIGHBOUR} dev {_OUT}
route add default via {GATEWAY}
-6 addr add 2001:db8::1/64 dev {_OUT} nodad
-6 neigh add 2001:db8::fe lladdr {_NEIGHBOUR} dev {_OUT}
-6 route add default via 2001:db8::fe
"""
_SETTLE_S = 0.3  # for what was sent last to be written down
_TCP, _UDP = 6, 17


def missing() -> str:
    """What keeps this machine from it, in words; empty where it can be done."""
    if absent := [tool for tool in ("unshare", "ip", "mount") if not shutil.which(tool)]:
        return f"A closed network needs Linux with util-linux and iproute2: there is no {' and no '.join(absent)}."
    with NamedTemporaryFile() as record:
        tried = run(["true"], Path(record.name))
    return f"Namespaces are not allowed here: {tried.stderr.strip()[-200:]}" if tried.returncode else ""


def run(
    command: Sequence[str], record: Path, environment: dict[str, str] | None = None, seconds: float = 900
) -> subprocess.CompletedProcess:
    """Runs it there, from the checkout's folder, and returns how it ended and what it printed."""
    apart = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    return subprocess.run(
        [*apart, "--mount-proc", sys.executable, "-m", "tests.browser.closed_network", str(record), *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def main(record: str, *command: str) -> int:
    """Inside the namespaces: closes the network, listens, and runs the command."""
    for line in _NETWORK.strip().splitlines():
        if line.startswith("-6") and not os.path.exists("/proc/net/if_inet6"):
            continue
        subprocess.run(["ip", *line.split()], check=True)
    _replace("/etc/resolv.conf", f"nameserver {RESOLVER}\n")
    _replace("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")  # no daemon answers for us
    with open(record, "a", buffering=1, encoding="utf-8") as file:

        def note(*what: object) -> None:
            file.write(" ".join(map(str, what)) + "\n")

        resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        resolver.bind((RESOLVER, 53))
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # 3: every protocol
        wire.bind((_OUT, 3))
        Thread(target=_answer_look_ups, args=(resolver, note), daemon=True).start()
        Thread(target=_watch, args=(wire, note), daemon=True).start()
        code = subprocess.run(command).returncode
        time.sleep(_SETTLE_S)
    return code


def _replace(path: str, content: str) -> None:
    """Another file in its place, for this mount namespace alone."""
    if os.path.exists(path):
        with NamedTemporaryFile("w", delete=False) as file:
            file.write(content)
        os.chmod(file.name, 0o644)
        subprocess.run(["mount", "--bind", file.name, os.path.realpath(path)], check=True)
        os.unlink(file.name)  # the mount keeps it


def _answer_look_ups(resolver: socket.socket, note: Callable[..., None]) -> None:
    """Every name has one address: nobody's."""
    while True:
        question, sender = resolver.recvfrom(4096)
        name, at = [], 12
        while question[at]:
            name.append(question[at + 1 : at + 1 + question[at]].decode("ascii", "replace"))
            at += 1 + question[at]
        note("look-up", ".".join(name))
        [kind] = struct.unpack_from("!H", question, at + 1)
        found = b"" if kind != 1 else struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(ANSWER)
        head = question[:2] + struct.pack("!5H", 0x8180, 1, 1 if found else 0, 0, 0)
        resolver.sendto(head + question[12 : at + 5] + found, sender)


def _watch(wire: socket.socket, note: Callable[..., None]) -> None:
    """Whatever is sent off the machine; of TCP the first packet of a connection, which nobody answers."""
    while True:
        packet = wire.recv(65536)
        if packet[0] >> 4 == 4:
            protocol, target, payload = packet[9], packet[16:20], packet[(packet[0] & 15) * 4 :]
        else:
            protocol, target, payload = packet[6], packet[24:40], packet[40:]
        if protocol in (_TCP, _UDP):  # else: the kernel's own, about neighbours
            note("call", ip_address(target), struct.unpack_from("!H", payload, 2)[0])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
