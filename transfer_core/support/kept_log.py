"""An append-only file of JSON lines that nobody can make anew: appended to whole, synced, under a lock, and kept twice.

Each write goes to the log and then to its copy beside it, byte for byte, so that a line has the same position in both.
A line that is damaged or missing in the log is taken from the copy; positions never change, whatever is damaged. Only
the log itself is synced: the next writer brings a copy up to date that a power cut has left behind.

Knows nothing of what the lines say. Imports nothing heavy.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from filelock import FileLock

from transfer_core.errors import RunError
from transfer_core.support.checked_json import copy_path
from transfer_core.support.files import write_whole
from transfer_core.support.log_lines import UNFINISHED, decode, encode, is_unfinished

_TAIL_BYTES = 512


class _Line(NamedTuple):
    """A line of the log, or of its copy where only that has it whole; `content` is None where neither has."""

    raw: bytes
    content: dict | None
    is_copied: bool


class Reader:
    """Reads the lines of a log in their order, each time those that are new. Not for several threads at once.

    Args:
        owner: What the lines' checksums cover beside them.

    Attributes:
        lost: Lines until now that can be read neither in the log nor in its copy.
        copied: Lines that had to be taken from the copy.
    """

    def __init__(self, path: Path, owner: str = ""):
        self.path, self.offset = path, 0
        self.lost = self.copied = 0
        self._owner = owner
        self._file: tuple[int, int] | None = None  # device and inode
        self._seen: tuple[int, int] | None = None  # size and time at the last look
        self._tail = b""  # what stands before the offset

    def has_news(self) -> bool:
        """Whether the file was written to since the last look."""
        found = _stat(self.path)
        if found is None:
            return self._seen is not None
        return self._seen != (found.st_size, found.st_mtime_ns) or self._file != (found.st_dev, found.st_ino)

    def is_continued(self) -> bool:
        """Whether the file is still the one that was read, grown or not; one put in its place must be read anew."""
        if self._file is None:
            return True
        try:
            found = _stat(self.path)
            with self.path.open("rb") as file:
                file.seek(self.offset - len(self._tail))
                return (
                    found is not None
                    and self._file == (found.st_dev, found.st_ino)
                    and file.read(len(self._tail)) == self._tail
                )
        except FileNotFoundError:
            return False

    def read_on(self, stop: int | None = None) -> Iterator[dict]:
        """The next lines; what a killed writer left of one is passed over, and so is an unfinished last one.

        Args:
            stop: Position in bytes; lines that end behind it are not read.
        """
        found = _stat(self.path) or _stat(copy_path(self.path))
        if found is None:
            return
        self._file, self._seen = (found.st_dev, found.st_ino), (found.st_size, found.st_mtime_ns)
        for line in _walk(self.path, self.offset, self._owner):
            if stop is not None and self.offset + len(line.raw) > stop:
                break
            self.offset += len(line.raw)
            self._tail = line.raw[-_TAIL_BYTES:]
            self.copied += line.is_copied
            if line.content is not None:
                yield line.content
            else:
                self.lost += not is_unfinished(line.raw)


def size(path: Path) -> int:
    """The log's length in bytes, a position in it; of a log that was cut, what its copy knows."""
    return max(found.st_size if found else 0 for found in (_stat(path), _stat(copy_path(path))))


@contextmanager
def writing(path: Path, owner: str = "") -> Iterator[None]:
    """Keeps other writers away, and brings the log and its copy to the same length, so that positions agree.

    Raises:
        RunError: The folder was deleted; asking for the lock would make it again.
    """
    if not path.parent.is_dir():
        raise RunError("This project is not here any more. It may have been deleted in another window.")
    with FileLock(path.with_suffix(".lock")):
        _make_ends_meet(path, owner)
        yield


def append(path: Path, lines: Iterable[dict], owner: str = "") -> None:
    """Adds the lines in one write and waits for the disk; only while `writing`."""
    content = b"".join(encode(line, owner) for line in lines)
    _append(path, content, sync=True)
    with suppress(OSError):  # the log has it, so it counts; the next writer brings the copy up to date
        _append(copy_path(path), content)


@dataclass(frozen=True)
class Health:
    """What a log is like.

    Args:
        lost: Lines that can be read neither in the log nor in its copy.
        copied: Lines that only the copy has whole.
        is_copy_off: Whether the copy says anything else than the log where the log is whole, or cannot be read there.
    """

    lost: int
    copied: int
    is_copy_off: bool


def examine(path: Path, owner: str = "") -> Health:
    """Looks through the log and its copy."""
    lines = list(_walk(path, 0, owner))
    merged = b"".join(line.raw for line in lines)
    with ExitStack() as stack:
        copy = _open(copy_path(path), stack)
        is_off = copy is not None and copy.read() != merged
    lost = sum(map(_is_lost, lines))
    return Health(lost, sum(line.is_copied for line in lines), is_off and not lost)


def repair(path: Path, owner: str = "") -> None:
    """Writes log and copy anew from what is whole in either; what was there stays beside them under another name.

    In the place of a line that is lost comes one that says nothing, of the same length: the loss has been told.
    """
    with FileLock(path.with_suffix(".lock")):
        _repair(path, owner, give_up=True)
        _make_ends_meet(path, owner)


def keep_aside(path: Path) -> Path:
    """Keeps what a damaged file holds under a name that nobody reads; returns its path."""
    number = 1
    while (place := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    shutil.copy2(path, place)
    return place


def _repair(path: Path, owner: str, *, give_up: bool = False) -> None:
    merged = b"".join(
        _filler(line.raw, owner) if give_up and _is_lost(line) else line.raw for line in _walk(path, 0, owner)
    )
    before = [place.read_bytes() if place.is_file() else None for place in (path, copy_path(path))]
    for place, content in zip((path, copy_path(path)), before, strict=True):
        if content == merged:
            continue
        if content is not None and not merged.startswith(content):
            keep_aside(place)
        write_whole(place, merged)


def _walk(path: Path, offset: int, owner: str) -> Iterator[_Line]:
    """The whole lines from a position on, each from the log where it can be read there, else from its copy."""
    with ExitStack() as stack:
        log = _open(path, stack)
        copy: BinaryIO | None = None
        if log:
            log.seek(offset)
        while True:
            raw = log.readline() if log else b""
            content = decode(raw, owner) if raw.endswith(b"\n") else None
            if content is None:
                copy = copy or _open(copy_path(path), stack)
                spare = _line_at(copy, offset)
                known = decode(spare, owner)
                if known is not None or (spare and not raw.endswith(b"\n")):
                    yield _Line(spare, known, known is not None)
                    offset += len(spare)
                    if log:
                        log.seek(offset)
                    continue
                if not raw.endswith(b"\n"):
                    return
            yield _Line(raw, content, False)
            offset += len(raw)


def _line_at(file: BinaryIO | None, offset: int) -> bytes:
    """The whole line that begins there; empty where there is none."""
    if file is None:
        return b""
    file.seek(offset)
    line = file.readline()
    return line if line.endswith(b"\n") else b""


def _make_ends_meet(path: Path, owner: str) -> None:
    """Finishes a line that a writer was killed in, and has the copy end where the log does."""
    copy = copy_path(path)
    length, copied = (found.st_size if found else 0 for found in (_stat(path), _stat(copy)))
    if copied > length or _bytes_before(path, copied) != _bytes_before(copy, copied):
        _repair(path, owner)  # something happened to one of the two since the last write
        length, copied = size(path), size(copy)
    end = _bytes_before(path, length)
    if end and not end.endswith(b"\n"):
        last = _last_line(path)
        _append(path, b"\n" if decode(last + b"\n", owner) is not None else UNFINISHED, sync=True)
    with ExitStack() as stack:
        if log := _open(path, stack):
            log.seek(copied)
            if behind := log.read():
                _append(copy, behind)


def _last_line(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read()
    return content[content.rfind(b"\n") + 1 :]


def _bytes_before(path: Path, position: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, position - _TAIL_BYTES))
            return file.read(min(_TAIL_BYTES, position))
    except FileNotFoundError:
        return b""


def _is_lost(line: _Line) -> bool:
    return line.content is None and not is_unfinished(line.raw)


def _filler(raw: bytes, owner: str) -> bytes:
    """A line of the same length that says nothing; the line itself where that is too short."""
    room = len(raw) - len(encode({"op": "lost", "was": ""}, owner))
    return encode({"op": "lost", "was": " " * room}, owner) if room >= 0 else raw


def _append(path: Path, content: bytes, *, sync: bool = False) -> None:
    with path.open("ab", buffering=0) as file:
        view = memoryview(content)
        while view:  # a full disk may take a part first and refuse the rest
            view = view[file.write(view) :]
        if sync:
            os.fsync(file.fileno())


def _open(path: Path, stack: ExitStack) -> BinaryIO | None:
    try:
        return stack.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
