"""What a person hands in - a folder, a zip, uploaded files - as one list of entries. Nothing here writes to disk."""

import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from transfer_core.errors import DataError

ENTRY_LIMIT = 200_000
EXPANDED_LIMIT = 30 * 10**9  # bytes of everything inside one zip
PHOTO_LIMIT = 500 * 10**6  # bytes of one file: a 200-megapixel TIFF has 600 MB, but nobody has met one
_JUNK = {".ds_store", "thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db", "@eadir"}


@dataclass(frozen=True)
class Entry:
    """One file that was handed in.

    Args:
        path: Relative, with "/" between its parts; hostile text.
        read: Returns its bytes, at most `PHOTO_LIMIT`; raises DataError with the reason where it cannot.
        refusal: Why it is not read at all, or None.
    """

    path: str
    read: Callable[[], bytes]
    refusal: str | None = None


def is_junk(path: str) -> bool:
    """Whether a system or a hidden file, which nobody meant to hand in."""
    parts = PurePosixPath(path.lower()).parts
    return any(part in _JUNK or (part.startswith(".") and part != "..") for part in parts)


def open_source(path: Path) -> Sequence[Entry]:
    """Entries of a folder or a zip on this machine.

    Raises:
        DataError: Neither, or not readable.
    """
    if path.is_dir():
        return list(_folder_entries(path))
    if path.is_file():
        return zip_entries(path, path.name)
    raise DataError(f"'{path}' does not exist. Name a folder with one folder per class, or a zip of one.")


def zip_entries(source: Path | BinaryIO, name: str) -> Sequence[Entry]:
    """Entries of a zip; nothing is unpacked before it is asked for.

    Raises:
        DataError: Not a zip, damaged, empty, or past the limits.
    """
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"'{name}' is not a zip that can be opened ({error}). Make it again, or hand in the photos themselves."
        ) from error
    infos = [info for info in archive.infolist() if not info.filename.endswith("/")]  # `is_dir` fails on empty names
    if not infos:
        raise DataError(f"'{name}' is empty. Put a folder per class in it, with the photos inside.")
    if len(infos) > ENTRY_LIMIT:
        raise DataError(f"'{name}' holds {len(infos):,} files; at most {ENTRY_LIMIT:,} are read. Split it up.")
    expanded = sum(info.file_size for info in infos)
    if expanded > EXPANDED_LIMIT:
        raise DataError(
            f"'{name}' would unpack to {expanded / 1e9:.0f} GB; at most {EXPANDED_LIMIT // 10**9} GB are read. "
            "Split it up."
        )
    return [_zip_entry(archive, info) for info in infos]


def upload_entries(files: Sequence[tuple[str, Path | BinaryIO]]) -> Sequence[Entry]:
    """Entries of uploaded (name, content) pairs; a zip among them is opened, once and not inside itself."""
    entries: list[Entry] = []
    for name, content in files:
        if name.lower().endswith(".zip"):
            try:
                entries += zip_entries(content, name)
            except DataError as error:
                if len(files) == 1:
                    raise
                entries.append(Entry(tidy_path(name), bytes, str(error)))  # the others must not suffer for it
        elif isinstance(content, Path):
            entries.append(Entry(tidy_path(name), lambda content=content: read_file(content)))
        else:
            entries.append(Entry(tidy_path(name), lambda content=content: _limited(content, 0)))
    return entries


def _folder_entries(root: Path) -> Iterator[Entry]:
    """Every file below, in order; links are followed, but a link to a folder above is walked once only."""
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        identity = os.stat(folder)
        if (identity.st_dev, identity.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((identity.st_dev, identity.st_ino))
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            refusal = None if path.is_file() else "not a plain file"
            yield Entry(tidy_path(path.relative_to(root).as_posix()), lambda path=path: read_file(path), refusal)


def read_file(path: Path) -> bytes:
    """Raises DataError: larger than `PHOTO_LIMIT`, or not readable."""
    try:
        with path.open("rb") as file:
            return _limited(file, path.stat().st_size)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})") from error


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    return Entry(tidy_path(info.filename), lambda: _read_zipped(archive, info), _zip_refusal(info))


def _zip_refusal(info: zipfile.ZipInfo) -> str | None:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        return "its name points outside the zip"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link, not a file"
    if info.flag_bits & 0x1:
        return "encrypted; make the zip without a password"
    if name.lower().endswith((".zip", ".7z", ".rar", ".tar", ".gz", ".tgz")):
        return "an archive inside the archive is not opened"
    return None


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as file:
            return _limited(file, info.file_size)
    except DataError:
        raise
    except Exception as error:  # each way of packing has errors of its own, which share no parent but Exception
        raise DataError("damaged inside the zip") from error


def _limited(file: BinaryIO, declared: int) -> bytes:
    """All bytes, unless more than the limit; a zip's own word about the size is not believed."""
    if declared > PHOTO_LIMIT:
        raise DataError(f"{declared / 1e6:.0f} MB; a photo may have at most {PHOTO_LIMIT // 10**6}")
    content = file.read(PHOTO_LIMIT + 1)
    if len(content) > PHOTO_LIMIT:
        raise DataError(f"more than {PHOTO_LIMIT // 10**6} MB, more than a photo may have")
    return content


def tidy_path(name: str) -> str:
    """The name in valid Unicode, with "/" between its parts and no empty one."""
    name = name.encode("utf-8", "replace").decode("utf-8")  # names on disk need not be valid Unicode
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
