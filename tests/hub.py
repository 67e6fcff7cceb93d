"""A stand-in for the model hub, on this machine."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Hub:
    """What the stand-in serves, and what it was asked.

    Args:
        promised: The digest that it tells; by default the content's own.
        break_off_at: Byte at which the next download ends.
    """

    repository: str
    content: bytes
    promised: str = ""
    status: int = 200
    break_off_at: int | None = None
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    told: set[str] = field(default_factory=set)  # as what the asking programs introduced themselves
    address: str = ""

    def __post_init__(self) -> None:
        self.promised = self.promised or hashlib.sha256(self.content).hexdigest()


def _handler(hub: Hub) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        """Answers as huggingface_hub expects: a commit, the digest as a linked ETag, and ranges."""

        def do_HEAD(self):
            self._answer(body=False)

        def do_GET(self):
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            asked_range = self.headers.get("Range")
            hub.asked.append((self.command, self.path, asked_range))
            hub.told.add(self.headers["User-Agent"])
            if hub.status != 200 or self.path != f"/{hub.repository}/resolve/main/model.safetensors":
                self.send_response(hub.status if hub.status != 200 else 404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int(asked_range.removeprefix("bytes=").partition("-")[0]) if asked_range else 0
            self.send_response(206 if asked_range else 200)
            if asked_range:
                self.send_header("Content-Range", f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}")
            self.send_header("X-Repo-Commit", "0123456789abcdef0123456789abcdef01234567")
            self.send_header("X-Linked-Etag", f'"{hub.promised}"')
            self.send_header("X-Linked-Size", str(len(hub.content)))
            self.send_header("ETag", '"something-else"')
            self.send_header("Content-Length", str(len(hub.content) - start))
            self.end_headers()
            if body:
                end, hub.break_off_at = hub.break_off_at, None  # breaks off once
                self.wfile.write(hub.content[start:end])
                self.close_connection = True

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def stand_in(hub: Hub) -> Iterator[Hub]:
    """Serves it at `hub.address`, which `HF_ENDPOINT` has to name."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
