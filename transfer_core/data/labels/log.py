"""An append-only file of JSON lines: appended to whole, synced and under a lock; read on from where one was.

Knows nothing of what the lines say. Imports nothing heavy.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from transfer_core.errors import RunError

_TAIL_BYTES = 512


class Reader:
    """Reads the lines of a journal in their order, each time those that are new. Not for several threads at once."""

    def __init__(self, path: Path):
        self.path, self.offset = path, 0
        self._file: tuple[int, int] | None = None  # device and inode
        self._seen: tuple[int, int] | None = None  # size and time at the last look
        self._tail = b""  # what stands before the offset

    def has_news(self) -> bool:
        """Whether the file was written to since the last look."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return self._seen is not None
        return self._seen != (found.st_size, found.st_mtime_ns) or self._file != (found.st_dev, found.st_ino)

    def is_continued(self) -> bool:
        """Whether the file is still the one that was read, grown or not; one put in its place must be read anew."""
        if self._file is None:
            return True
        try:
            found = self.path.stat()
            with self.path.open("rb") as file:
                file.seek(self.offset - len(self._tail))
                return self._file == (found.st_dev, found.st_ino) and file.read(len(self._tail)) == self._tail
        except FileNotFoundError:
            return False

    def read_on(self, stop: int | None = None) -> Iterator[dict]:
        """The next lines; what a killed writer left of one is passed over, and so is an unfinished last one.

        Args:
            stop: Position in bytes; lines that end behind it are not read.
        """
        try:
            found, file = self.path.stat(), self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            self._file, self._seen = (found.st_dev, found.st_ino), (found.st_size, found.st_mtime_ns)
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n") or (stop is not None and self.offset + len(line) > stop):
                    break
                self.offset += len(line)
                self._tail = line[-_TAIL_BYTES:]
                try:
                    yield json.loads(line)
                except ValueError:  # torn, and finished off by the next writer
                    continue


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Keeps other writers away; the line that one of them was killed in is finished off, so that reading can go on.

    Raises:
        RunError: The folder was deleted; asking for the lock would make it again.
    """
    if not path.parent.is_dir():
        raise RunError("This project is not here any more. It may have been deleted in another window.")
    with FileLock(path.with_suffix(".lock")):
        if _is_torn(path):
            _append(path, b"\n")
        yield


def append(path: Path, lines: Iterable[dict]) -> None:
    """Adds the lines in one write and waits for the disk; only while `writing`."""
    _append(path, "".join(json.dumps(line) + "\n" for line in lines).encode("ascii"))


def _append(path: Path, content: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        view = memoryview(content)
        while view:  # a full disk may take a part first and refuse the rest
            view = view[file.write(view) :]
        os.fsync(file.fileno())


def _is_torn(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if not file.seek(0, os.SEEK_END):
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except FileNotFoundError:
        return False
