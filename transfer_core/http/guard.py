"""Turns away requests that other websites send, before anything else reads them, and limits what pages may do."""

import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from transfer_core.http.hosts import Authority, is_own, own_names, read_authority, read_origin

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_log = logging.getLogger(__name__)

# An answer: its HTTP status and one sentence.
_WRONG_HOST = (
    421,
    "Graft does not answer at this address. Open it as localhost, or start it with "
    "GRAFT_ALLOWED_HOSTS set to the name that it is to answer to.",
)
_WRONG_ORIGIN = (403, "Graft does not answer requests that come from another website.")


def content_security_policy(script_hashes: Iterable[str] = (), socket_hosts: Iterable[str] = ()) -> str:
    """What pages may load, run and call: all of it from here, and no other site may frame them.

    Args:
        script_hashes: Of the scripts that stand in the pages themselves, such as "sha256-...".
        socket_hosts: Our own hosts, such as "localhost:8501": not every browser counts websockets to them as 'self'.
    """
    hashes = "".join(f" '{value}'" for value in script_hashes)
    sockets = "".join(f" ws://{host} wss://{host}" for host in socket_hosts)
    rules = {
        "default-src": "'self'",
        # Streamlit loads components from blob: addresses; onnxruntime runs WebAssembly, some of it in workers.
        "script-src": f"'self' blob: 'wasm-unsafe-eval'{hashes}",
        "worker-src": "'self' blob:",
        "style-src": "'self' 'unsafe-inline'",  # Streamlit's styles are written into the page
        "img-src": "'self' blob: data:",
        "media-src": "'self' blob: data:",
        "font-src": "'self' data:",
        "connect-src": f"'self' blob: data:{sockets}",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


class Guard:
    """ASGI middleware that answers only requests to this server's own names, and only from its own pages."""

    def __init__(self, app: _App, *, address: str, names: Iterable[str] = (), script_hashes: Iterable[str] = ()):
        """Names the server.

        Args:
            app: The ASGI application behind it.
            address: What the server listens on: a name, an IP address, or all of them ("0.0.0.0", "::").
            names: Further hosts as `hosts.read_names` returns them, such as that of a reverse proxy.
            script_hashes: See `content_security_policy`.
        """
        self._app = app
        self._added = frozenset(names)
        self._names = own_names(address) | self._added
        self._script_hashes = tuple(script_hashes)

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Hands the request on or refuses it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        host = self._own_host(scope)
        send = _adding(self._headers(host), send)
        if host is None:
            await _refuse(scope, send, *_WRONG_HOST)
        elif not self._comes_from_us(scope, host):
            await _refuse(scope, send, *_WRONG_ORIGIN)
        elif scope["type"] == "websocket":
            # The origin has been checked. Streamlit would check it once more, and for one that is not spelled like the
            # host ask a server on the internet for this machine's address, while everybody waits.
            headers = [entry for entry in scope["headers"] if entry[0] != b"origin"]
            await self._app({**scope, "headers": headers}, receive, send)
        else:
            await self._app(scope, receive, send)

    def _own_host(self, scope: _Message) -> Authority | None:
        """Where the request was sent to; None if that is malformed, not said, said twice, or not us."""
        sent_to = _values(scope, b"host")
        host = read_authority(sent_to[0]) if len(sent_to) == 1 else None
        came_in_by = (scope.get("server") or (None,))[0]
        if host is not None and is_own(host.host, self._names, came_in_by):
            return host
        _log.info("refused: sent to %r", sent_to)
        return None

    def _comes_from_us(self, scope: _Message, host: Authority) -> bool:
        """Whether a page of ours sent the request, or no page at all.

        A program names no origin, and a browser that only reads may not; browsers name that of all else.
        """
        sent_by = _values(scope, b"origin")
        if not sent_by:
            return True
        origin = read_origin(sent_by[0]) if len(sent_by) == 1 else None
        if origin is not None:
            here = origin.host == host.host and origin.port == (host.port or origin.default_port)
            # A proxy may send on another Host than the browser's, hence the names that a person added.
            if here or origin.host in self._added:
                return True
        _log.info("refused: sent by a page of %r", sent_by)
        return False

    def _headers(self, host: Authority | None) -> dict[bytes, bytes]:
        sockets = [f"{name}:*" for name in sorted(self._added)]
        if host is not None:
            sockets.append(host.host if host.port is None else f"{host.host}:{host.port}")
        # A policy cannot name IPv6 addresses.
        policy = content_security_policy(self._script_hashes, [name for name in sockets if name.count(":") < 2])
        return {
            b"content-security-policy": policy.encode(),
            b"x-frame-options": b"SAMEORIGIN",  # for browsers that do not know frame-ancestors
            b"x-content-type-options": b"nosniff",
            # Not "no-referrer": with that, browsers hide the origin of an upload from us, too.
            b"referrer-policy": b"same-origin",
            b"cross-origin-resource-policy": b"same-origin",
        }


def _adding(headers: dict[bytes, bytes], send: _Send) -> _Send:
    """Sends every answer with these headers in place of its own of the same names."""

    async def send_with_headers(message: _Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            others = [entry for entry in message.get("headers", ()) if entry[0].lower() not in headers]
            message = {**message, "headers": [*others, *headers.items()]}
        await send(message)

    return send_with_headers


def _values(scope: _Message, header: bytes) -> list[str]:
    """Every value of a header that a request sends, which may be none or several."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == header]


async def _refuse(scope: _Message, send: _Send, status: int, sentence: str) -> None:
    """Answers in plain text; a websocket is refused in its handshake."""
    body = f"{sentence}\n".encode()
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": sentence})
        return
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
