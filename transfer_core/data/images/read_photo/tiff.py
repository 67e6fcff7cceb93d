"""TIFFs: their pages, which of these is the photo, and numbers of more than 8 bits as they stand in the file.

Pillow reads most TIFFs of 8 bits; of 16-bit colour it drops half, and floating colour it refuses. What unpacks the
file is Pillow's libtiff all the same: it is asked for bytes instead of pixels, and these are put together here.
"""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: BigTIFF, with offsets of 8 bytes
WHITE_IS_ZERO, RGB, COLOUR_FILTER, LINEAR_RAW = 0, 2, 32803, 34892  # kinds of pixels
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SUBFILES, _DNG = 256, 257, 258, 259, 262, 330, 50706
_STRIPS, _SAMPLES, _ROWS, _COUNTS, _PLANAR, _PREDICTOR, _EXTRA, _FORMAT = 273, 277, 278, 279, 284, 317, 338, 339
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_COUNTS, _SUBTYPE, _FILL_ORDER = 322, 323, 324, 325, 254, 266
_WANTED = (_SUBTYPE, _WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _DNG)
_OF_CAMERAS = (32767, 32769, 32770, 34713, 65535)  # ways of packing that only cameras' raw files use
_LOSSLESS = (1, 5, 8, 32773, 32946, 34925, 50000)  # ways of packing that give the bytes back, whatever they mean
_REDUCED = 5  # bits of NewSubfileType: a smaller copy of another picture (1), or a mask (4)
_MOST_PAGES = 5000  # a longer chain is one of a file that was made to waste time, or a film
_MOST_ENTRIES, _MOST_IN_ONE = 100_000, 4096  # of directories: of all pages of a file, and of one
_BAND = 64  # rows
_MOST_TILES, _TOO_WIDE, _SMALL = 4096, 4, 64_000_000  # in a row; times the picture's bytes; bytes that do not matter
_PREVIEW = 4  # a first page of less than a fourth of another one's pixels is a preview of it
_KINDS = {1: "u", 2: "i", 3: "f"}  # of numbers, by SampleFormat
_SIZES = {"u": (8, 10, 12, 14, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}


class Unsupported(Exception):
    """The file holds numbers in a way that is not read here; its text says which."""


class Page(NamedTuple):
    """One picture of a file: where its directory begins, the plain entries of that, and how many it has in all."""

    offset: int
    tags: dict[int, int]
    subfiles: tuple[int, ...]
    entries: int

    @property
    def pixels(self) -> int:
        return self.tags.get(_WIDTH, 0) * self.tags.get(_HEIGHT, 0)

    @property
    def is_reduced(self) -> bool:
        return bool(self.tags.get(_SUBTYPE, 0) & _REDUCED)

    @property
    def is_raw(self) -> bool:
        """Whether it says that it is what a camera's sensor measured, or belongs to such a file."""
        kind, packing = self.tags.get(_PHOTOMETRIC), self.tags.get(_COMPRESSION)
        return kind in (COLOUR_FILTER, LINEAR_RAW) or packing in _OF_CAMERAS or _DNG in self.tags


class Tiff(TiffImageFile):
    """As Pillow opens it; one whose numbers Pillow does not know is open all the same, for `numbers` to read.

    Attributes:
        page_count: Of the file that it is a page of, smaller copies left out.
    """

    page_count = 1

    def _setup(self) -> None:
        try:
            super()._setup()
        except (SyntaxError, KeyError):
            width, height = self.tag_v2[_WIDTH], self.tag_v2[_HEIGHT]
            if number_kind(self) is None or not isinstance(width, int) or not isinstance(height, int):
                raise SyntaxError("unknown pixel mode") from None
            turned = self.tag_v2.get(274) in (5, 6, 7, 8)
            self._tile_size = width, height
            self._size = (height, width) if turned else (width, height)
            self._mode, self.tile, self.use_load_libtiff = "L", [], False


def pages(content: bytes) -> list[Page]:
    """The pages in the order of the file, each with what can be said without reading far; damaged ends are left out."""
    found: list[Page] = []
    seen: set[int] = set()
    is_big, offset = _first(content)
    entries = 0
    while offset and offset not in seen and len(found) < _MOST_PAGES and entries < _MOST_ENTRIES:
        seen.add(offset)
        try:
            page, offset = _read_page(content, offset, is_big)
        except struct.error:
            break
        found.append(page)
        entries += page.entries
    return found


def subfiles(content: bytes, page: Page) -> list[Page]:
    """Pictures that belong to a page: its smaller copies, or, in a camera's raw file, what its sensor measured."""
    found, (is_big, _) = [], _first(content)
    for offset in page.subfiles[:32]:
        try:
            found.append(_read_page(content, offset, is_big)[0])
        except struct.error:
            continue
    return found


def main_pages(found: list[Page]) -> list[Page]:
    """Those that are no smaller copies; all, where every one says that it is one."""
    return [page for page in found if not page.is_reduced] or found


def chosen_page(found: list[Page], number: int | None) -> Page:
    """The page that is the photo.

    Args:
        number: The one that a person wants, from 0, the last where there are fewer; None for the first that is neither
            a smaller copy nor, to judge by its size, a preview of another.
    """
    main = main_pages(found)
    if number is not None:
        return main[min(number, len(main) - 1)]
    largest = max(main, key=lambda page: page.pixels)
    return largest if main[0].pixels * _PREVIEW < largest.pixels else main[0]


def beginning_at(content: bytes, offset: int) -> bytes:
    """The file with another page as its first."""
    order = "<" if content[:1] == b"I" else ">"
    if _first(content)[0]:
        return content[:8] + struct.pack(f"{order}Q", offset) + content[16:]
    return content[:4] + struct.pack(f"{order}I", offset) + content[8:]


def _first(content: bytes) -> tuple[bool, int]:
    """(whether it is a BigTIFF, where its first page is)."""
    order, is_big = "<" if content[:1] == b"I" else ">", content[2:3] == b"+" or content[3:4] == b"+"
    try:
        return is_big, struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", content, 8 if is_big else 4)[0]
    except struct.error:
        return is_big, 0


def _read_page(content: bytes, offset: int, is_big: bool) -> tuple[Page, int]:
    """(the page, where the next one is or 0).

    Raises:
        struct.error: The file ends before.
    """
    order, word = "<" if content[:1] == b"I" else ">", "Q" if is_big else "I"
    if offset > len(content):
        raise struct.error
    count = struct.unpack_from(f"{order}{'Q' if is_big else 'H'}", content, offset)[0]
    start, size, inline = offset + (8 if is_big else 2), (20 if is_big else 12), (8 if is_big else 4)
    if start + count * size > len(content) or count > _MOST_IN_ONE:
        raise struct.error
    tags: dict[int, int] = {}
    others: tuple[int, ...] = ()
    for place in range(start, start + count * size, size):
        tag, kind, number = struct.unpack_from(f"{order}HH{word}", content, place)
        where = place + size - inline
        if tag == _DNG:
            tags[tag] = 1
        elif tag in _WANTED and kind in (1, 3, 4, 16) and number == 1:
            tags[tag] = struct.unpack_from(order + {1: "B", 3: "H", 4: "I", 16: "Q"}[kind], content, where)[0]
        elif tag == _SUBFILES and kind in (4, 13, 16, 18):
            code = "Q" if kind in (16, 18) else "I"
            at = (
                where
                if number * struct.calcsize(code) <= inline
                else struct.unpack_from(order + word, content, where)[0]
            )
            others = struct.unpack_from(f"{order}{min(number, 32)}{code}", content, at)
    return Page(offset, tags, others, count), struct.unpack_from(order + word, content, start + count * size)[0]


def number_kind(image: TiffImageFile) -> str | None:
    """ "u16", "i32" or "f32": the numbers of a grey or RGB picture of more than 8 bits, or with a sign; else None."""
    bits, samples = set(_values(image, _BITS, 1)), _values(image, _SAMPLES, 1)[0]
    formats, photometric = set(_values(image, _FORMAT, 1)), image.tag_v2.get(_PHOTOMETRIC, 1)
    if len(bits) != 1 or len(formats) != 1 or photometric not in (0, 1, RGB):
        return None
    kind, size = _KINDS.get(next(iter(formats)), ""), next(iter(bits))
    if size not in _SIZES.get(kind, ()) or (kind == "u" and size <= 8) or samples > 5:
        return None
    return f"{kind}{size}"


def is_colour(image: TiffImageFile) -> bool:
    return image.tag_v2.get(_PHOTOMETRIC) == RGB


def bytes_per_pixel(image: TiffImageFile) -> float:
    return _values(image, _SAMPLES, 1)[0] * max(_values(image, _BITS, 8)) / 8


def numbers(image: TiffImageFile, content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """(numbers (height, width, 1 or 3), opacity (height, width) or None) as they stand in the file, not yet upright.

    Args:
        content: The file; the image is its first page.

    Raises:
        Unsupported: It holds them in a way that is not read here.
    """
    kind, samples = number_kind(image), _values(image, _SAMPLES, 1)[0]
    wanted, extra = (3 if is_colour(image) else 1), _values(image, _EXTRA, 0)
    if image.tag_v2.get(_COMPRESSION, 1) not in _LOSSLESS or kind is None:
        raise Unsupported("packed in a way that is not read for more than 8 bits")
    if samples < wanted or (samples > wanted and not is_colour(image) and extra[0] not in (1, 2)):
        raise Unsupported(f"{samples} channels, of which none is said to be red, green or blue")
    planes = samples if image.tag_v2.get(_PLANAR, 1) == 2 else 1
    parts = [_plane(image, content, kind, plane, samples // planes, planes) for plane in range(planes)]
    found = np.concatenate(parts, 2) if planes > 1 else parts[0]
    return found[..., :wanted], found[..., wanted] if samples > wanted and extra[0] in (1, 2) else None


def _plane(image: TiffImageFile, content: bytes, kind: str, plane: int, samples: int, planes: int) -> np.ndarray:
    """Numbers (height, width, samples) of one plane: of one channel, or of all of them."""
    width, height, bits = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT], int(kind[1:])
    tile_width = image.tag_v2.get(_TILE_WIDTH) if _TILES in image.tag_v2 else None
    row_bytes = -(-(tile_width or width) * samples * bits // 8)
    across = -(-width // tile_width) if tile_width else 1
    padded = row_bytes * across * height
    if across > _MOST_TILES or padded > max(_SMALL, _TOO_WIDE * width * height * samples * bits // 8):
        raise Unsupported("in tiles that do not fit the picture")
    raw = _bytes_of(image, content, row_bytes, across, plane, planes)
    order, predictor = "<" if image.tag_v2.prefix == b"II" else ">", image.tag_v2.get(_PREDICTOR, 1)
    pieces = []
    for piece in np.split(raw, across, 1):  # a tile's numbers may be differences to those before them in that tile
        if predictor == 3:
            rows = np.cumsum(piece.reshape(height, -1, samples), 1, np.uint8).reshape(height, bits // 8, -1)
            found = np.ascontiguousarray(rows.transpose(0, 2, 1)).view(f">{kind[0]}{bits // 8}")
        elif bits % 8:
            found = _unpack(piece, bits)
        else:
            found = piece.view(f"{order}{kind[0]}{bits // 8}")
        found = found.reshape(height, -1)[:, : row_bytes * 8 // bits // samples * samples]
        found = found.reshape(height, -1, samples)
        pieces.append(np.cumsum(found, 1, found.dtype.newbyteorder("=")) if predictor == 2 else found)
    return (np.concatenate(pieces, 1) if across > 1 else pieces[0])[:, :width]


def _bytes_of(image: TiffImageFile, content: bytes, row_bytes: int, across: int, plane: int, planes: int) -> np.ndarray:
    """uint8 (height, across * row_bytes): a plane's bytes, unpacked, as a grey picture of 8 bits would hold them."""
    old = image.tag_v2
    is_tiled = _TILES in old
    new: dict[int, tuple[int, ...]] = {_WIDTH: (row_bytes * across,), _BITS: (8,), _SAMPLES: (1,), _PHOTOMETRIC: (1,)}
    for tag in (_HEIGHT, _COMPRESSION, _FILL_ORDER):
        new[tag] = (old.get(tag, 1),)
    if is_tiled:
        new |= {_TILE_WIDTH: (row_bytes,), _TILE_HEIGHT: (old[_TILE_HEIGHT],)}
    else:
        new[_ROWS] = (min(old.get(_ROWS, old[_HEIGHT]), old[_HEIGHT]),)
    for tag in (_TILES, _TILE_COUNTS) if is_tiled else (_STRIPS, _COUNTS):
        values = old.get(tag, ())
        each = len(values) // planes
        new[tag] = tuple(values[plane * each : (plane + 1) * each])
    at = len(content) + len(content) % 2
    whole = b"".join([b"II*\0", struct.pack("<I", at), content[8:], b"\0" * (at - len(content)), _directory(new, at)])
    with Image.open(io.BytesIO(whole), formats=["TIFF"]) as picture:
        return np.array(picture)


def _directory(tags: dict[int, tuple[int, ...]], at: int) -> bytes:
    """What a TIFF says of a page, in whole numbers of 4 bytes, to stand at that place of the file."""
    entries, behind = [], b""
    start = at + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        values = struct.pack(f"<{len(tags[tag])}I", *tags[tag])
        if len(values) > 4:
            values, behind = struct.pack("<I", start + len(behind)), behind + values
        entries.append(struct.pack("<HHI", tag, 4, len(tags[tag])) + values.ljust(4, b"\0"))
    return struct.pack("<H", len(tags)) + b"".join(entries) + b"\0\0\0\0" + behind


def _unpack(rows: np.ndarray, bits: int) -> np.ndarray:
    """uint16 (height, n): numbers of 10, 12 or 14 bits, one behind the other, the first in the highest bits."""
    count = rows.shape[1] * 8 // bits
    found = np.empty((len(rows), count), np.uint16)
    for start in range(0, len(rows), _BAND):  # eight bytes of memory for each that is unpacked
        ones = np.unpackbits(rows[start : start + _BAND], axis=1)[:, : count * bits]
        padded = np.zeros((len(ones), count, 16), np.uint8)
        padded[..., 16 - bits :] = ones.reshape(len(ones), count, bits)
        found[start : start + _BAND] = np.packbits(padded, axis=2).view(">u2")[..., 0]
    return found


def _values(image: TiffImageFile, tag: int, default: int) -> tuple[int, ...]:
    found = image.tag_v2.get(tag, default)
    return tuple(found) if isinstance(found, tuple) and found else (found if isinstance(found, int) else default,)
