"""A cache of equal-shaped arrays keyed by photo digest: one file of rows, one of keys, both append-only.

Nobody reads a row that is not the one that was written: each key stands with a checksum of its row.
"""

import logging
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock

from transfer_core.data.images.cache import mark_used
from transfer_core.errors import StopRequested
from transfer_core.support.files import make_folder, move_into_place, read_json, write_json, write_whole
from transfer_core.support.parallel import map_ahead

# Raise it when the files change. It is part of a store's folder, see `store_folder`: another version of Graft may be
# using the same home, and each leaves the other's stores alone until it trims or clears them.
_FORMAT = 2
_LINE = re.compile(rb"([0-9a-f]{64}) ([0-9a-f]{8})\n")  # of keys.txt: a key, and the checksum of its row
_LINE_BYTES = 74
# Rows written at a time: each write waits for the disk, and what was not written is lost with a killed process.
_PER_APPEND = 32
_PER_BLOCK = 256  # rows that are copied at a time

_log = logging.getLogger(__name__)


class StoreDamaged(ValueError):
    """A store, or some of its rows, is damaged. They are not returned and can be computed again."""


def store_folder(features_dir: Path, digest: str) -> Path:
    """Where the features lie of the backbone that has this digest."""
    return features_dir / f"{digest}-{_FORMAT}"


class RowStore:
    """Rows on disk, read through a memory map.

    Rows are written before their keys, and what has no key does not exist: a crash between the two costs the rows
    of one call and leaves nothing torn. Processes take turns by a lock.

    Args:
        folder: Holds `rows.bin`, `keys.txt`, `shape.json`; made when first written. Its name goes into the checksums,
            so that a file of another store is no file of this one.
        shape: Of one row.
        dtype: Of one row.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: type[np.generic]):
        self.folder, self.shape, self.dtype = folder, tuple(shape), np.dtype(dtype)
        self._row_bytes = int(np.prod(self.shape)) * self.dtype.itemsize

    @classmethod
    def at(cls, folder: Path) -> "RowStore":
        """The store in an existing folder, with the shape it was made with.

        Raises:
            StoreDamaged: There is none that can be read.
        """
        try:
            content = read_json(folder / "shape.json")
            shape, dtype = tuple(content["shape"]), np.dtype(content["dtype"])
            if content["format"] != _FORMAT or not all(type(side) is int and side > 0 for side in shape):
                raise ValueError("its shape is none, or it is of another version")
            if dtype.kind not in "fiu":
                raise ValueError(f"its rows are no numbers but {dtype}")
            return cls(folder, shape, dtype.type)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreDamaged(f"{folder} holds no store that can be read ({error!r})") from error

    @classmethod
    def find(cls, folder: Path) -> "RowStore | None":
        """The store in that folder, or None where there is none yet; StoreDamaged as `at`."""
        return cls.at(folder) if any((folder / name).exists() for name in ("shape.json", "keys.txt")) else None

    def keys(self) -> dict[str, int]:
        """Row number of every key."""
        return {key: place for key, (place, _) in self._index().items()}

    def _index(self) -> dict[str, tuple[int, int]]:
        """Row number and checksum of every key; lines that are none are passed over."""
        try:
            text = (self.folder / "keys.txt").read_bytes()
        except FileNotFoundError:
            return {}
        found: dict[str, tuple[int, int]] = {}
        for place in range(self._count()):
            if line := _LINE.fullmatch(text, place * _LINE_BYTES, (place + 1) * _LINE_BYTES):
                # Two processes may have computed the same photo at once: its first row counts.
                found.setdefault(line[1].decode("ascii"), (place, int(line[2], 16)))
        return found

    def fill(
        self,
        photos: Sequence[tuple[str, Path]],
        compute: Callable[[str, Path], np.ndarray],
        report: Callable[[int, int], None],
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Computes the rows that are missing, a photo per core, and keeps them.

        Args:
            photos: (sha256, path) each; the same digest may come more than once.
            compute: The row of one photo; called from several threads.
            report: Called with (photos done, photos in all); photos that were here already count as done.
            should_stop: Asked after every photo.

        Raises:
            StopRequested: `should_stop` said so; what was computed is kept.
        """
        paths = dict(photos)
        with self._locked():
            known = self.keys()
        missing = [photo for photo in paths.items() if photo[0] not in known]
        here = len(paths) - len(missing)
        fresh: dict[str, np.ndarray] = {}
        report(here, len(paths))
        try:
            with closing(map_ahead(lambda photo: (photo[0], compute(*photo)), missing)) as results:
                for done, (sha, row) in enumerate(results, here + 1):
                    fresh[sha] = row
                    report(done, len(paths))
                    if should_stop():
                        raise StopRequested
                    if len(fresh) >= _PER_APPEND:
                        self._append_all(fresh)
        finally:
            self._append_all(fresh)

    def _append_all(self, rows: dict[str, np.ndarray]) -> None:
        """Appends them and empties the dictionary."""
        if rows:
            self.append(list(rows), np.stack(list(rows.values())))
            rows.clear()

    def append(self, keys: Sequence[str], rows: np.ndarray) -> None:
        """Adds rows of shape (n, *shape) under n keys; a key that is there already keeps its first row."""
        if rows.shape != (len(keys), *self.shape):
            raise ValueError(f"expected rows of shape {(len(keys), *self.shape)}, got {rows.shape}")
        contents = [row.tobytes() for row in np.ascontiguousarray(rows, self.dtype)]
        with self._locked():
            count = self._count()
            with self._open("rows.bin", count * self._row_bytes) as file:
                file.write(b"".join(contents))
                file.flush()
                os.fsync(file.fileno())  # a power cut may cost rows, but never leave a key with zeros for its row
            with self._open("keys.txt", count * _LINE_BYTES) as file:
                lines = (_line(key, self._checksum(key, row)) for key, row in zip(keys, contents, strict=True))
                file.write("".join(lines).encode("ascii"))

    def gather(self, keys: Sequence[str], path: Path) -> np.ndarray:
        """Rows (n, *shape) in the order of the keys, in a file of their own that is mapped, not read, into memory.

        Args:
            path: Of the file, which is written anew; the caller deletes it once the rows are done with.

        Raises:
            KeyError: One of them is not here.
            StoreDamaged: Some are not what was written; they are deleted.
        """
        if not keys:
            return np.empty((0, *self.shape), self.dtype)
        with self._locked():  # `delete` renumbers the rows
            index = self._index()
            places = [index[key][0] for key in keys]
            mark_used(self.folder / "keys.txt")
            damaged: set[str] = set()
            # Written, not mapped for writing: a full disk then is an error, and no signal that ends the process.
            with path.open("wb") as file:
                for start, block in zip(range(0, len(keys), _PER_BLOCK), self._blocks(places), strict=True):
                    for key, row in zip(keys[start : start + _PER_BLOCK], block, strict=True):
                        if self._checksum(key, row.data) != index[key][1]:
                            damaged.add(key)
                    file.write(block.tobytes())
            if damaged:
                self._keep({key: entry for key, entry in index.items() if key not in damaged})
                raise StoreDamaged(f"{self.folder}: {len(damaged)} of {len(set(keys))} rows are not what was written")
        return np.memmap(path, self.dtype, "r", shape=(len(keys), *self.shape))

    def damaged(self) -> list[str]:
        """Keys of the rows that are not what was written."""
        with self._locked():
            index = self._index()
            blocks = self._blocks([place for place, _ in index.values()])
            rows = (row for block in blocks for row in block)
            entries = zip(index.items(), rows, strict=True)
            return [key for (key, (_, checksum)), row in entries if self._checksum(key, row.data) != checksum]

    def _blocks(self, places: Sequence[int]) -> Iterator[np.ndarray]:
        """The rows at these places, in order, a few at a time."""
        rows = np.memmap(self.folder / "rows.bin", self.dtype, "r", shape=(self._count(), *self.shape))
        for start in range(0, len(places), _PER_BLOCK):
            yield rows[places[start : start + _PER_BLOCK]]

    def delete(self, keys: Sequence[str]) -> None:
        """Rewrites the store without these keys."""
        with self._locked():
            index = self._index()
            doomed = set(keys)
            kept = {key: entry for key, entry in index.items() if key not in doomed}
            if len(kept) < len(index):
                self._keep(kept)

    def _keep(self, index: dict[str, tuple[int, int]]) -> None:
        """Rewrites the store with these of its rows (place, checksum), under the lock."""
        part = self.folder / "rows.part"
        with part.open("wb") as file:
            for block in self._blocks([place for place, _ in index.values()]):
                file.write(block.tobytes())
        # Without keys there are no rows: a crash in between empties the cache instead of mixing it up.
        write_whole(self.folder / "keys.txt", b"")
        move_into_place(part, self.folder / "rows.bin")
        write_whole(self.folder / "keys.txt", "".join(_line(key, checksum) for key, (_, checksum) in index.items()))

    def clear(self) -> None:
        """Forgets all rows."""
        clear(self.folder)

    def used(self) -> float:
        """When rows were last read or added, in Unix seconds; 0 where there never were any."""
        try:
            return (self.folder / "keys.txt").stat().st_mtime
        except FileNotFoundError:
            return 0.0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Waits for its turn at a store that has our shape; one that has not is emptied and made anew."""
        make_folder(self.folder)
        with FileLock(self.folder / "rows.lock"):
            if not self._fits():
                if self._size("keys.txt"):
                    _log.warning("The cached features in %s cannot be read. Graft makes them again.", self.folder)
                _empty(self.folder)
                own = {"format": _FORMAT, "shape": list(self.shape), "dtype": self.dtype.name}
                write_json(self.folder / "shape.json", own)
            yield

    def _fits(self) -> bool:
        try:
            found = RowStore.at(self.folder)
        except StoreDamaged:
            return False
        return (found.shape, found.dtype) == (self.shape, self.dtype)

    def _checksum(self, key: str, row: bytes | memoryview) -> int:
        return zlib.crc32(row, zlib.crc32(f"{self.folder.name}/{key}".encode()))

    def _count(self) -> int:
        """Rows that are whole: a power cut may lose rows whose keys were written."""
        return min(self._size("keys.txt") // _LINE_BYTES, self._size("rows.bin") // self._row_bytes)

    def _size(self, name: str) -> int:
        try:
            return (self.folder / name).stat().st_size
        except FileNotFoundError:
            return 0

    def _open(self, name: str, size: int) -> BinaryIO:
        """The file, cut to the rows that have keys and positioned at its end."""
        path = self.folder / name
        file = path.open("r+b" if path.exists() else "w+b")
        file.truncate(size)
        file.seek(size)
        return file


def clear(folder: Path) -> None:
    """Forgets all rows of a store, whatever state it is in."""
    with FileLock(folder / "rows.lock"):
        _empty(folder)


def _empty(folder: Path) -> None:
    """Under the lock; keys first: without them there are no rows."""
    for name in ("keys.txt", "rows.bin", "rows.part", "shape.json"):
        (folder / name).unlink(missing_ok=True)


def _line(key: str, checksum: int) -> str:
    return f"{key} {checksum:08x}\n"
