"""A file touched every few seconds while a process works; shows a hang, never proves life (the lock does)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_EVERY_S = 5.0


@contextmanager
def beating(path: Path) -> Iterator[None]:
    """Touches the file at once and then every five seconds, until the block ends."""
    done = threading.Event()

    def beat() -> None:
        while True:
            try:
                path.touch()
            except OSError:  # the folder is gone: somebody moved the home away
                return
            if done.wait(_EVERY_S):
                return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
