"""Small files that would be large in memory, or take long: their headers say so."""

import struct
import zlib

from tests.data.drawn import photo


def png(width: int, height: int, chunks: bytes = b"") -> bytes:
    """A PNG whose header promises that many pixels, and whose data are a few bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = png_chunk(b"IHDR", header) + chunks + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + data + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff(**changed: int) -> bytes:
    """A TIFF of 30 x 20 grey pixels in a tile, with tags changed: width, height, tile, next (where pages go on)."""
    tile, said = zlib.compress(bytes(64 * 64)), {"width": 30, "height": 20, "tile": 64, "next": 0} | changed
    start = 8 + len(tile)
    tags = {256: said["width"], 257: said["height"], 258: 8, 259: 8, 262: 1, 277: 1}
    tags |= {322: said["tile"], 323: said["tile"], 324: 8, 325: len(tile)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    after = struct.pack("<I", start if said["next"] else 0)
    return struct.pack("<2sHI", b"II", 42, start) + tile + struct.pack("<H", len(tags)) + entries + after


def in_many_passes(count: int) -> bytes:
    """A progressive JPEG whose last pass is said that many times again: each is work, and hardly a byte."""
    whole = photo(600, "JPEG", progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * count + b"\xff\xd9"


def claiming(format: str, width: int, height: int) -> bytes:
    """A small file of that format whose header says another size."""
    whole = bytearray(photo(610, format))
    if format == "JPEG":
        place = whole.index(b"\xff\xc0") + 5
        whole[place : place + 4] = struct.pack(">HH", height, width)
    elif format == "GIF":
        whole[6:10] = struct.pack("<HH", width, height)
    elif format == "BMP":
        whole[18:26] = struct.pack("<ii", width, height)
    elif format in ("AVIF", "HEIF"):
        place = whole.index(b"ispe") + 8
        whole[place : place + 8] = struct.pack(">II", width, height)
    return bytes(whole)
