"""Names of files as bytes, in a zip or on a disk: which letters they are. All names of one place are read alike."""

import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from transfer_core.errors import DataError
from transfer_core.support import encodings
from transfer_core.support.encodings import UnclearEncoding
from transfer_core.support.find_encoding import find_encoding
from transfer_core.support.text import plain

_SAID_TO_BE_UTF8 = 0x800  # a bit of a zipped file's flags
_UNICODE_PATH = 0x7075  # Info-ZIP's extra field with the name in UTF-8 and the checksum of the other
_PHOTO_NAME = re.compile(r"\.[A-Za-z0-9]{1,5}$")


@dataclass(frozen=True)
class Names:
    """The names in one place.

    Args:
        names: In the order in which they were given; untrusted text.
        encoding: That of those that do not say it, where it had to be found or was chosen; else None.
        others: Encodings in which they can be read, too.
    """

    names: list[str]
    encoding: str | None = None
    others: tuple[str, ...] = ()

    @property
    def examples(self) -> list[str]:
        return _examples(self.names)

    def said(self, place: str) -> list[str]:
        """What a person must get to read, if anything; untrusted text."""
        if not self.encoding:
            return []
        listed = ", ".join(f"'{plain(name)[:40]}'" for name in self.examples)
        return [f"The names in {place} are not UTF-8. They are read as {encodings.title(self.encoding)}: {listed}."]


def zipped_names(infos: Sequence[zipfile.ZipInfo], place: str, encoding: str = "") -> Names:
    """Names of the files in a zip: by its flag, by the Unicode name beside it, else by what all of them are likely in.

    Args:
        place: What the zip is called; untrusted text.
        encoding: As a person has chosen it, for names that do not say it.

    Raises:
        UnclearEncoding: They can be read in several ways.
        DataError: They cannot be read so; or two different names would become one.
    """
    known = [_unicode_name(info) for info in infos]
    raw = [_raw_name(info) if name is None else b"" for info, name in zip(infos, known, strict=True)]
    found = decode_names(raw, place, encoding)
    names = [read if name is None else name for name, read in zip(known, found.names, strict=True)]
    return Names(names, found.encoding, found.others)


def decode_names(raw: Sequence[bytes], place: str, encoding: str = "") -> Names:
    """As `zipped_names`, of bytes."""
    told = b"\n".join(dict.fromkeys(raw))
    try:
        found = find_encoding(told, "names")
        if found.by_validity:
            return Names([name.decode(found.encoding) for name in raw])
        if encoding:
            chosen = encodings.named(encoding)
            return Names(_decoded(raw, chosen), chosen)
        others = {way: read for way in found.others if (read := _try(raw, way)) is not None}
        names = _decoded(raw, found.encoding)
    except UnclearEncoding:
        raise
    except DataError as error:
        raise DataError(f"The names in {place} cannot be read: {error}. Choose another encoding.") from error
    if not found.certain and others and _may_be_classes(raw):
        readings = {found.encoding: _examples(names), **{way: _examples(read) for way, read in others.items()}}
        raise UnclearEncoding(f"The names in {place}", readings, "make it again with names in UTF-8")
    return Names(names, found.encoding, tuple(others))


def name_bytes(path: str) -> bytes | None:
    """The bytes of a path on this machine's disk that is no valid Unicode; None where it is.

    Of folders on the way that are valid and more than ASCII nothing is unclear: something short stands for each.
    """
    parts = path.split("/")
    if all(_is_valid(part) for part in parts):
        return None
    return b"/".join(os.fsencode(part) if part.isascii() or not _is_valid(part) else b"-" for part in parts)


def with_valid_parts(read: str, path: str) -> str:
    """What was read of `name_bytes(path)`, with the parts of the path that were valid as they are."""
    return "/".join(
        part if _is_valid(part) else new for part, new in zip(path.split("/"), read.split("/"), strict=True)
    )


def _is_valid(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    """The name as it stands in the zip; `filename` may have been changed by Python, which reads it as cp437."""
    return info.orig_filename.encode("cp437", "replace").split(b"\0")[0]


def _unicode_name(info: zipfile.ZipInfo) -> str | None:
    """The name, where the zip says it in Unicode."""
    name = info.orig_filename.split("\0")[0]
    if info.flag_bits & _SAID_TO_BE_UTF8 or name.isascii():
        return name
    raw, extra = _raw_name(info), info.extra
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(body) > 5 and body[0] == 1:
            (checksum,) = struct.unpack("<I", body[1:5])
            if checksum == zlib.crc32(raw):  # else somebody has renamed it and left the field
                with suppress(UnicodeDecodeError):
                    return body[5:].decode("utf-8")
    return None


def _decoded(raw: Sequence[bytes], encoding: str) -> list[str]:
    encodings.decode(b"\n".join(dict.fromkeys(raw)), encoding)  # raises what is wrong with it
    return [name.decode(encoding) for name in raw]


def _try(raw: Sequence[bytes], encoding: str) -> list[str] | None:
    try:
        return _decoded(raw, encoding)
    except (DataError, UnicodeDecodeError):
        return None


def _may_be_classes(raw: Sequence[bytes]) -> bool:
    """Whether letters beyond ASCII are in names of folders; or several names of photos, with no folders to speak of."""
    unclear = {name for name in raw if not name.isascii()}
    folders = {name.replace(b"\\", b"/").rpartition(b"/")[0] for name in raw}
    return any(b"/" in name and not name.rpartition(b"/")[0].isascii() for name in unclear) or (
        len(unclear) > 1 and len(folders) < 2
    )


def _examples(names: Iterable[str]) -> list[str]:
    """Folders first, which may become classes."""
    folders = dict.fromkeys(part for name in names for part in name.split("/")[:-1])
    files = dict.fromkeys(_PHOTO_NAME.sub("", name.rsplit("/", 1)[-1]) for name in names)
    return encodings.examples([name for name in (*folders, *files) if name and not name.isascii()])
