"""Writes pictures of more than 8 bits as instruments do, in ways that Pillow does not write."""

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_TYPES = {3: "H", 4: "I", 16: "Q"}


def write_tiff(
    path: Path,
    values: np.ndarray,
    *,
    order: str = "<",
    is_big: bool = False,
    packed: int = 0,
    deflate: bool = False,
    predictor: int = 1,
    tile: int = 0,
    rows: int = 7,
    planar: bool = False,
    tags: Mapping[int, tuple | bytes] = {},
) -> Path:
    """A TIFF of the numbers (height, width) or (height, width, channels).

    Args:
        packed: Bits of each number, where that is not what its type has.
        predictor: 2 writes differences, 3 the bytes of floating numbers apart.
        tile: Side of square tiles; 0 for strips of so many `rows`.
        planar: Writes one channel after the other.
        tags: In place of those that follow from the numbers, or beside them.
    """
    values = values[..., None] if values.ndim == 2 else values
    height, width, channels = values.shape
    planes = [values[..., [i]] for i in range(channels)] if planar else [values]
    blocks = [block for plane in planes for block in _blocks(plane, tile, rows)]
    packs = [_pack(block, order, packed, predictor) for block in blocks]
    packs = [zlib.compress(pack) for pack in packs] if deflate else packs
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    entries: dict[int, tuple | bytes] = {
        256: (width,),
        257: (height,),
        258: (packed or values.dtype.itemsize * 8,) * channels,
        259: (8 if deflate else 1,),
        262: (2 if channels > 2 else 1,),
        277: (channels,),
        284: (2 if planar else 1,),
        317: (predictor,),
        339: (kind,) * channels,
    }
    entries |= {322: (tile,), 323: (tile,)} if tile else {278: (rows,)}
    offset = 16
    places = [offset + sum(map(len, packs[:i])) for i in range(len(packs))]
    entries |= {324 if tile else 273: tuple(places), 325 if tile else 279: tuple(map(len, packs))}
    body = b"".join(packs)
    path.write_bytes(
        _header(order, is_big, offset + len(body))
        + body
        + _directory(entries | dict(tags), order, is_big, offset + len(body))
    )
    return path


def _blocks(plane: np.ndarray, tile: int, rows: int) -> list[np.ndarray]:
    if not tile:
        return [plane[start : start + rows] for start in range(0, len(plane), rows)]
    height, width, _ = plane.shape
    padded = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
    return [padded[y : y + tile, x : x + tile] for y in range(0, height, tile) for x in range(0, width, tile)]


def _pack(block: np.ndarray, order: str, packed: int, predictor: int) -> bytes:
    if packed:
        bits = np.unpackbits(block.astype(">u2").reshape(len(block), -1, 1).view(np.uint8), axis=2)[..., 16 - packed :]
        return np.packbits(bits.reshape(len(block), -1), axis=1).tobytes()
    if predictor == 2:
        whole = block.astype(block.dtype.newbyteorder("="))
        block = np.concatenate([whole[:, :1], whole[:, 1:] - whole[:, :-1]], 1)
    if predictor == 3:
        size, channels = block.dtype.itemsize, block.shape[2]
        apart = block.astype(block.dtype.newbyteorder(">")).reshape(len(block), -1, 1).view(np.uint8)
        apart = apart.transpose(0, 2, 1).reshape(len(block), -1, channels)
        assert apart.shape[1] * channels == block[0].size * size
        return np.concatenate([apart[:, :1], apart[:, 1:] - apart[:, :-1]], 1).tobytes()
    return block.astype(block.dtype.newbyteorder(order)).tobytes()


def _header(order: str, is_big: bool, at: int) -> bytes:
    mark = b"II" if order == "<" else b"MM"
    if is_big:
        return mark + struct.pack(f"{order}HHHQ", 43, 8, 0, at)
    return mark + struct.pack(f"{order}HI", 42, at) + b"\0" * 8


def _directory(entries: Mapping[int, tuple | bytes], order: str, is_big: bool, at: int) -> bytes:
    word, count = ("Q", "Q") if is_big else ("I", "H")
    room = struct.calcsize(word)
    start = at + struct.calcsize(f"<{count}") + len(entries) * (4 + 2 * room) + room
    rows, behind = b"", b""
    for tag, said in sorted(entries.items()):
        if isinstance(said, bytes):
            kind, length, packed = 2, len(said) + 1, said + b"\0"
        elif any(isinstance(one, float) for one in said):
            kind, length, packed = 12, len(said), struct.pack(f"{order}{len(said)}d", *said)
        else:
            kind = 4 if max(said) > 65535 or tag in (273, 324, 279, 325) else 3
            length, packed = len(said), struct.pack(f"{order}{len(said)}{_TYPES[kind]}", *said)
        if len(packed) > room:
            packed, behind = (
                struct.pack(f"{order}{word}", start + len(behind)),
                behind + packed + b"\0" * (len(packed) % 2),
            )
        rows += struct.pack(f"{order}HH{word}", tag, kind, length) + packed.ljust(room, b"\0")
    return struct.pack(f"{order}{count}", len(entries)) + rows + b"\0" * room + behind


def write_png(path: Path, values: np.ndarray, chunks: Mapping[bytes, bytes] = {}) -> Path:
    """A 16-bit PNG of the numbers (height, width, 1 to 4 channels); its rows are written with the Up filter."""
    height, width, channels = values.shape
    rows = values.astype(">u2").reshape(height, -1).view(np.uint8)
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    lines = np.concatenate([np.full((height, 1), 2, np.uint8), rows - above], 1)
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    parts = {b"IHDR": head, **chunks, b"IDAT": zlib.compress(lines.tobytes()), b"IEND": b""}
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts.items()))
    return path


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
