"""Tar archives, packed with gzip, bzip2 or xz or not at all, as entries. Nothing of them is unpacked under its name."""

import bz2
import gzip
import lzma
import tarfile
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import IO, BinaryIO

from transfer_core.data.ingest import sources
from transfer_core.data.ingest.sources import Entries, Entry
from transfer_core.errors import DataError

ENDINGS = (".tar", ".gz", ".tgz", ".bz2", ".tbz", ".tbz2", ".xz", ".txz")
_PACKERS: dict[bytes, Callable[[BinaryIO], BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
_BLOCK = 1 << 20  # bytes unpacked at once, at most
_HEADER_LIMIT = 1 << 20  # bytes of what comes before a file: its name, times, and what programs add
_DAMAGED = (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)
_CUT_OFF = "the archive is cut off or damaged here; what follows is missing"


def is_tar(head: bytes) -> bool:
    """Whether a file that begins so is a tar archive, or something packed that may be one."""
    return head[257:262] == b"ustar" or head.startswith(tuple(_PACKERS))


def tar_entries(source: Path | BinaryIO, name: str, encoding: str = "") -> Entries:
    """Entries of a tar archive, those before a damaged place included.

    A packed one is unpacked first, into a nameless temporary file that is gone with the last of its entries: a tar can
    only be read from its beginning on, and photos are read by several threads.

    Args:
        encoding: As of `sources.open_source`.

    Raises:
        UnclearEncoding: The names can be read in several ways.
        DataError: Not a tar, empty, or past the limits.
        OSError: There is no room for the temporary file.
    """
    file, is_cut = _unpacked(source, name)
    reads = _Reads(file)
    entries: list[Entry] = []
    try:
        for member in _members(file):
            if member.isdir():
                continue
            if len(entries) == sources.ENTRY_LIMIT:
                raise DataError(f"'{name}' holds more than {sources.ENTRY_LIMIT:,} files. Split it up.")
            entries.append(_entry(member, reads))
    except _DAMAGED as error:
        if not entries:
            raise DataError(
                f"'{name}' is not a tar archive that can be opened ({error}). Make it again, or add the photos "
                "themselves."
            ) from error
        is_cut = True
    if not entries:
        raise DataError(f"'{name}' is empty. Put one folder per class in it, with the photos inside.")
    if is_cut:
        entries.append(Entry(sources.tidy_path(name), bytes, _CUT_OFF))
    return sources.with_names(entries, name, encoding)


class _Reads:
    """Reads pieces of one file for several threads."""

    def __init__(self, file: IO[bytes]):
        self._file, self._lock = file, threading.Lock()

    def piece(self, start: int, size: int) -> bytes:
        """Raises DataError: larger than a photo may be, or the file ends before."""
        if size > sources.PHOTO_LIMIT:
            raise DataError(f"{size / 1e6:.0f} MB; a photo may have at most {sources.PHOTO_LIMIT // 10**6}")
        try:
            with self._lock:
                self._file.seek(start)
                content = self._file.read(size)
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror})") from error
        if len(content) < size:
            raise DataError("damaged: the archive ends in the middle of it")
        return content


class _Headers:
    """The file as `tarfile` may see it: a name that claims to have gigabytes is not read into the memory."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if size > _HEADER_LIMIT:
            raise tarfile.ReadError(f"{size:,} bytes before a file")
        return self._file.read(size)


def _members(file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """What the archive holds; raises one of `_DAMAGED` where it breaks off."""
    file.seek(0)
    # `tarfile` needs no more of a file than `_Headers` has.
    archive = tarfile.TarFile(fileobj=_Headers(file), encoding="utf-8", errors="surrogateescape")  # type: ignore[arg-type]
    while (member := archive.next()) is not None:
        yield member
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE).strip(b"\0"):  # no end, but a header that cannot be read
        raise tarfile.ReadError("damaged")


def _entry(member: tarfile.TarInfo, reads: _Reads) -> Entry:
    read = partial(reads.piece, member.offset_data, member.size)
    return Entry(member.name, read, _refusal(member), member.size)


def _refusal(member: tarfile.TarInfo) -> str | None:
    if refusal := sources.name_refusal(member.name):
        return refusal
    if member.issym() or member.islnk():
        return "a link, not a file"
    if not member.isreg() or member.issparse():
        return "not a plain file"
    if member.name.lower().endswith(sources.ARCHIVE_ENDINGS):
        return sources.INNER_ARCHIVE
    return None


def _unpacked(source: Path | BinaryIO, name: str) -> tuple[IO[bytes], bool]:
    """(the tar without its packing, whether the packed file ends too early)."""
    packed = source.open("rb") if isinstance(source, Path) else source
    packed.seek(0)
    head = packed.read(6)
    packed.seek(0)
    opener = next((opener for beginning, opener in _PACKERS.items() if head.startswith(beginning)), None)
    if opener is None:
        return packed, False
    unpacked, size = tempfile.TemporaryFile(), 0  # noqa: SIM115 - closed with the last entry that reads it
    with opener(packed) as stream:
        while True:
            try:
                block = stream.read1(_BLOCK)  # all that comes before a damaged place
            except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, OSError):
                return unpacked, True
            if not block:
                return unpacked, False
            size += len(block)
            _check_size(size, packed.tell(), name)
            unpacked.write(block)


def _check_size(size: int, packed: int, name: str) -> None:
    """Raises DataError: that many bytes are more than are read, or more than so many packed ones can honestly be."""
    if size > sources.EXPANDED_LIMIT:
        raise DataError(
            f"'{name}' would unpack to more than the {sources.EXPANDED_LIMIT // 10**9} GB that are read. Split it up."
        )
    if size > max(sources.RATIO_FROM, sources.RATIO_LIMIT * packed):
        raise DataError(
            f"'{name}' would unpack to more than {sources.RATIO_LIMIT} times its size, as no photos do. Add the "
            "photos themselves."
        )
