"""What a person hands in - a folder, an archive, uploaded files - as one list of entries."""

import os
import re
import stat
import zipfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from transfer_core.data.ingest.file_kinds import HEAD, TEACHABLE_MACHINE, ZIP, find_kind, is_known_ending, kind_of_zip
from transfer_core.data.ingest.file_names import Names, decode_names, name_bytes, with_valid_parts, zipped_names
from transfer_core.data.ingest.folder_layout import has_photo_ending
from transfer_core.errors import DataError
from transfer_core.support.encodings import UnclearEncoding

ENTRY_LIMIT = 200_000
EXPANDED_LIMIT = 30 * 10**9  # bytes of everything inside one zip
PHOTO_LIMIT = 500 * 10**6  # bytes of one file: a 200-megapixel TIFF has 600 MB, but nobody has met one
NAME_LIMIT = 4096  # characters of a path, the most that Linux takes; zips allow for sixteen times as much
FOLDER_LIMIT = 64  # around one file; every end of a path is remembered, to find the rows of a table
# A photo hardly gets smaller in a zip. A drawing may a thousandfold, hence not asked of files smaller than this.
RATIO_LIMIT, RATIO_FROM = 100, 50 * 10**6
_WANTED = "Name a folder with one folder per class, or a zip of one."
_AGAIN = "Make the zip again, or add the photos themselves."
_ZIP_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
_LINK = "a link, which is not followed here"
_ENCRYPTED = 0x1  # a bit of a zipped file's flags
_LOCAL_HEADER = 30  # bytes before each file in a zip, at least
ARCHIVE_ENDINGS = (".zip", ".tm", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz")
INNER_ARCHIVE = "an archive inside the archive is not opened"
# What systems and programs leave in folders, in small letters; whatever begins with a dot is none of a person's, too.
JUNK = {
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "system volume information"),
    *("__macosx", "icon\r", "network trash folder", "temporary items", "desktop db", "desktop df"),
    *("@eadir", "@recycle", "@tmp", "#recycle", "#snapshot", "lost+found", "lost.dir", "zbthumbnail.info"),
    *("picasa.ini", "__pycache__", "node_modules"),
}
_LOCK = "~$"  # begins the name of the file by which Office says that a document is open


@dataclass(frozen=True)
class Entry:
    """One file that was handed in.

    Args:
        path: Relative, with "/" between its parts; untrusted text.
        read: Returns its bytes, at most `PHOTO_LIMIT`; raises DataError with the reason where it cannot.
        refusal: Why it is not read at all, or None.
        size: In bytes, as far as it can be known before.
        class_name: What the file says that it came in (a project of Teachable Machine); None where nothing does.
    """

    path: str
    read: Callable[[], bytes]
    refusal: str | None = None
    size: int = 0
    class_name: str | None = None


class Entries(list[Entry]):
    """What was handed in, and what must be said of it.

    Args:
        said: Sentences; untrusted text.
        names: How names were read that do not say their encoding, where there are some.
    """

    def __init__(self, entries: Iterable[Entry] = (), said: Iterable[str] = (), names: Names | None = None):
        super().__init__(entries)
        self.said, self.names = list(said), names


def is_junk(path: str) -> bool:
    """Whether a system or a hidden file, which nobody meant to hand in."""
    parts = PurePosixPath(path.lower()).parts
    return any(part in JUNK or part.startswith(_LOCK) or (part.startswith(".") and part != "..") for part in parts)


def open_source(path: Path, encoding: str = "") -> Entries:
    """Entries of a folder or an archive on this machine.

    Args:
        encoding: That of names which do not say it, as a person has chosen it; else it is found.

    Raises:
        UnclearEncoding: The names can be read in several ways.
        DataError: Neither, or not readable.
    """
    if path.is_dir():
        from transfer_core.data.ingest.teachable_machine import name_classes  # which builds on this module

        return name_classes(with_names(folder_entries(path), path.name, encoding), path.name)
    if not path.is_file():
        problem = "is neither a folder nor a file" if path.exists() else "does not exist"
        raise DataError(f"'{path}' {problem}. {_WANTED}")
    if is_archive(path.name, path) or zipfile.is_zipfile(path):
        return open_archive(path, path.name, encoding)
    kind = find_kind(_head(path), path.name)
    if kind is None:
        raise DataError(f"'{path}' is neither a folder nor a zip. {_WANTED}")
    remedy = _sentence(kind.remedy) if kind.remedy else _WANTED
    raise DataError(f"'{path}' is {kind.name}, neither a folder nor a zip. {remedy}")


def _sentence(remedy: str) -> str:
    return f"{remedy[0].upper()}{remedy[1:]}."


def is_archive(name: str, content: Path | BinaryIO) -> bool:
    """Whether a file is one of the archives that are opened: by its ending, or by its bytes where that says nothing."""
    from transfer_core.data.ingest import tar_archive  # which builds on this module

    if name.lower().endswith((".zip", ".tm", *tar_archive.ENDINGS)):
        return True
    if has_photo_ending(name) or is_known_ending(name):
        return False
    head = _head(content)
    return head.startswith(_ZIP_BEGINNINGS) or tar_archive.is_tar(head)


def open_archive(source: Path | BinaryIO, name: str, encoding: str = "") -> Entries:
    """Entries of a zip, a tar archive, or a project of Teachable Machine.

    Args:
        encoding: As of `open_source`.

    Raises:
        UnclearEncoding: The names can be read in several ways.
        DataError: It cannot be opened, and why.
    """
    from transfer_core.data.ingest import tar_archive, teachable_machine  # which build on this module

    head = _head(source)
    if tar_archive.is_tar(head) or (name.lower().endswith(".tar") and not head.startswith(_ZIP_BEGINNINGS)):
        return tar_archive.tar_entries(source, name, encoding)
    return teachable_machine.name_classes(zip_entries(source, name, encoding), name)


def zip_entries(source: Path | BinaryIO, name: str, encoding: str = "") -> Entries:
    """Entries of a zip; nothing is unpacked before it is asked for.

    Args:
        encoding: As of `open_source`.

    Raises:
        UnclearEncoding: The names can be read in several ways.
        DataError: Not a zip, damaged, empty, or past the limits.
    """
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        kind = find_kind(_head(source), name)
        why = f", but {kind.name}" if kind and kind is not ZIP else f" ({error})"
        remedy = _sentence(kind.remedy) if kind and kind.remedy and kind is not ZIP else _AGAIN
        raise DataError(f"'{name}' is not a zip that can be opened{why}. {remedy}") from error
    # `is_dir` fails on empty names; a folder that has content of its own is some file under a false name.
    infos = [info for info in archive.infolist() if not info.filename.endswith("/") or info.file_size]
    kind = kind_of_zip([info.filename for info in infos], PurePosixPath(name.lower()).suffix)
    if kind not in (ZIP, TEACHABLE_MACHINE):
        remedy = f"; {kind.remedy}" if kind.remedy else ""
        raise DataError(f"'{name}' is {kind.name}, not a zip of photos{remedy}.")
    if not infos:
        raise DataError(f"'{name}' is empty. Put one folder per class in it, with the photos inside.")
    if len(infos) > ENTRY_LIMIT:
        raise DataError(f"'{name}' holds {len(infos):,} files; at most {ENTRY_LIMIT:,} are read. Split it up.")
    expanded = sum(info.file_size for info in infos)
    if expanded > EXPANDED_LIMIT:
        raise DataError(
            f"'{name}' would unpack to {expanded / 1e9:.0f} GB; at most {EXPANDED_LIMIT // 10**9} GB are read. "
            "Split it up."
        )
    named = zipped_names(infos, f"'{name}'", encoding)
    entries = [
        _zip_entry(archive, info, path, overlaps)
        for info, path, overlaps in zip(infos, named.names, _overlapping(infos), strict=True)
    ]
    return Entries(entries, named.said(f"'{name}'"), named if named.encoding else None)


def upload_entries(files: Sequence[tuple[str, Path | BinaryIO]], encoding: str = "") -> Entries:
    """Entries of uploaded (name, content) pairs; an archive among them is opened, once and not inside itself.

    Args:
        encoding: As of `open_source`.

    Raises:
        UnclearEncoding: The names in an archive can be read in several ways.
        DataError: The one file is an archive, and cannot be opened.
    """
    entries = Entries()
    for name, content in files:
        if is_archive(name, content):
            try:
                inside = open_archive(content, name, encoding)
                entries += inside
                entries.said += inside.said
                entries.names = entries.names or inside.names
            except UnclearEncoding:
                raise
            except DataError as error:
                if len(files) == 1:
                    raise
                entries.append(Entry(tidy_path(name), bytes, str(error)))  # the others must not suffer for it
        elif isinstance(content, Path):
            size = content.stat().st_size
            entries.append(Entry(tidy_path(name), partial(read_file, content), name_refusal(name), size))
        else:
            size = _length(content)
            read = partial(_limited, content, size)
            entries.append(Entry(tidy_path(name), read, name_refusal(name), size))
    return entries


def with_names(entries: Iterable[Entry], place: str, encoding: str = "") -> Entries:
    """The same with names in valid Unicode: on some disks they are bytes, as an old zip may have brought them.

    Raises:
        UnclearEncoding: They can be read in several ways.
    """
    entries = list(entries)
    if raw := {entry.path: told for entry in entries if (told := name_bytes(entry.path)) is not None}:
        named = decode_names(list(raw.values()), f"'{tidy_path(place)}'", encoding)
        read = {path: with_valid_parts(name, path) for path, name in zip(raw, named.names, strict=True)}
        entries = [replace(entry, path=tidy_path(read.get(entry.path, entry.path))) for entry in entries]
        return Entries(entries, named.said(f"'{tidy_path(place)}'"), named if named.encoding else None)
    return Entries(replace(entry, path=tidy_path(entry.path)) for entry in entries)


def folder_entries(root: Path, follow_links: bool = True) -> Iterator[Entry]:
    """Every file below, in order, then the folders that cannot be opened; the names as the disk has them.

    A link to a folder above is walked once only; links that are not followed are listed as such.
    """
    seen: set[tuple[int, int]] = set()
    closed: list[OSError] = []
    for folder, subfolders, names in os.walk(root, onerror=closed.append, followlinks=follow_links):
        identity = os.stat(folder)
        if (identity.st_dev, identity.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((identity.st_dev, identity.st_ino))
        linked = [] if follow_links else [name for name in subfolders if Path(folder, name).is_symlink()]
        subfolders[:] = sorted(set(subfolders) - set(linked))
        for name in sorted([*names, *linked]):
            yield _folder_entry(root, Path(folder, name), follow_links)
    for error in closed:
        name = Path(error.filename).relative_to(root).as_posix()
        name = root.name if name == "." else name
        yield Entry(name, bytes, f"a folder that cannot be opened ({error.strerror})")


def _folder_entry(root: Path, path: Path, follow_links: bool) -> Entry:
    name = path.relative_to(root).as_posix()
    read = partial(read_file if follow_links else _read_unlinked, path)
    if not follow_links and path.is_symlink():
        return Entry(name, read, _LINK)
    try:
        found = path.stat()
    except OSError:  # a link to nowhere, or gone by now
        return Entry(name, read, "not a plain file")
    refusal = _depth_refusal(name) if stat.S_ISREG(found.st_mode) else "not a plain file"
    return Entry(name, read, refusal, found.st_size)


def _read_unlinked(path: Path) -> bytes:
    if path.resolve() != path:  # became a link since it was listed
        raise DataError(_LINK)
    return read_file(path)


def read_file(path: Path) -> bytes:
    """Raises DataError: larger than `PHOTO_LIMIT`, or not readable."""
    try:
        with path.open("rb") as file:
            return _limited(file, path.stat().st_size)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})") from error


def _overlapping(infos: Sequence[zipfile.ZipInfo]) -> list[bool]:
    """Which files reach into the next or were listed before: a few bytes are made to stand for many large files so."""
    starts, listed, found = sorted({info.header_offset for info in infos}), set(), []
    for info in infos:
        start, identity = info.header_offset, (info.header_offset, info.filename)
        after = bisect_right(starts, start)
        end = start + _LOCAL_HEADER + info.compress_size
        found.append(identity in listed or (after < len(starts) and starts[after] < end))
        listed.add(identity)
    return found


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, overlaps: bool) -> Entry:
    refusal = name_refusal(name) or ("it shares its bytes with another file" if overlaps else _zip_refusal(info, name))
    return Entry(tidy_path(name), partial(_read_zipped, archive, info), refusal, info.file_size)


def name_refusal(name: str) -> str | None:
    name = name.replace("\\", "/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        return "its name points outside the upload"
    if len(name) > NAME_LIMIT:
        return f"its name has {len(name):,} characters; at most {NAME_LIMIT:,} are read"
    return _depth_refusal(name)


def _depth_refusal(name: str) -> str | None:
    if (folders := name.count("/")) > FOLDER_LIMIT:
        return f"it lies {folders:,} folders deep; at most {FOLDER_LIMIT} are read"
    return None


def _zip_refusal(info: zipfile.ZipInfo, name: str) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "a link, not a file"
    if name.endswith("/"):
        return "a folder that has content of its own"
    if kind not in (0, stat.S_IFREG):
        return "not a plain file"
    if info.flag_bits & _ENCRYPTED:
        return "encrypted; make the zip without a password"
    if name.lower().endswith(ARCHIVE_ENDINGS):
        return INNER_ARCHIVE
    if info.file_size > max(RATIO_FROM, RATIO_LIMIT * info.compress_size):
        return f"it would unpack to more than {RATIO_LIMIT} times its size, as no photo does"
    return None


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as file:
            return _limited(file, info.file_size)
    except DataError:
        raise
    except Exception as error:  # each way of packing has errors of its own, which share no parent but Exception
        raise DataError("damaged inside the zip") from error


def _limited(file: IO[bytes], declared: int) -> bytes:
    """All bytes, unless more than the limit; a zip's own word about the size is not believed."""
    if declared > PHOTO_LIMIT:
        raise DataError(f"{declared / 1e6:.0f} MB; a photo may have at most {PHOTO_LIMIT // 10**6}")
    content = file.read(PHOTO_LIMIT + 1)
    if len(content) > PHOTO_LIMIT:
        raise DataError(f"more than {PHOTO_LIMIT // 10**6} MB, more than a photo may have")
    return content


def _head(content: Path | BinaryIO) -> bytes:
    """The first bytes of a file, by which it may be known; none where it cannot be read."""
    if isinstance(content, Path):
        with suppress(OSError), content.open("rb") as file:
            return file.read(HEAD)
        return b""
    content.seek(0)
    head = content.read(HEAD)
    content.seek(0)
    return head


def _length(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def tidy_path(name: str) -> str:
    """The name in valid Unicode, with "/" between its parts and no empty one."""
    name = name.encode("utf-8", "replace").decode("utf-8")  # names on disk need not be valid Unicode
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
