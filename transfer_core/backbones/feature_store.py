"""A cache of equal-shaped arrays keyed by photo digest: one file of rows, one of keys, both append-only."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock

from transfer_core.data.images.cache import mark_used
from transfer_core.errors import StopRequested
from transfer_core.support.files import move_into_place, write_whole
from transfer_core.support.parallel import map_ahead

_KEY_BYTES = 65  # 64 hex digits and a line end
# Rows written at a time: each write waits for the disk, and what was not written is lost with a killed process.
_PER_APPEND = 32
_PER_BLOCK = 256  # rows that are copied at a time


class RowStore:
    """Rows on disk, read through a memory map.

    Rows are written before their keys, and what has no key does not exist: a crash between the two costs the rows
    of one call and leaves nothing torn. Processes take turns by a lock.

    Args:
        folder: Holds `rows.bin`, `keys.txt`, `shape.json`; made when first written.
        shape: Of one row.
        dtype: Of one row.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: type[np.generic]):
        self.folder, self.shape, self.dtype = folder, tuple(shape), np.dtype(dtype)
        self._row_bytes = int(np.prod(self.shape)) * self.dtype.itemsize

    @classmethod
    def at(cls, folder: Path) -> "RowStore":
        """The store in an existing folder, with the shape it was made with."""
        fields = json.loads((folder / "shape.json").read_text("utf-8"))
        return cls(folder, tuple(fields["shape"]), np.dtype(fields["dtype"]).type)

    @classmethod
    def find(cls, folder: Path) -> "RowStore | None":
        """The store in that folder, or None where there is none yet."""
        return cls.at(folder) if (folder / "shape.json").is_file() else None

    def keys(self) -> dict[str, int]:
        """Row number of every key."""
        try:
            text = (self.folder / "keys.txt").read_bytes()
        except FileNotFoundError:
            return {}
        lines = [text[i * _KEY_BYTES : i * _KEY_BYTES + 64].decode("ascii") for i in range(self._count())]
        # Two processes may have computed the same photo at once: its first row counts.
        return {key: i for i, key in reversed(list(enumerate(lines)))}

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
        paths, known = dict(photos), self.keys()
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
        with self._lock():
            count = self._count()
            with self._open("rows.bin", count * self._row_bytes) as file:
                file.write(np.ascontiguousarray(rows, self.dtype).tobytes())
                file.flush()
                os.fsync(file.fileno())  # a power cut may cost rows, but never leave a key with zeros for its row
            with self._open("keys.txt", count * _KEY_BYTES) as file:
                file.write("".join(f"{key}\n" for key in keys).encode("ascii"))

    def gather(self, keys: Sequence[str], path: Path) -> np.ndarray:
        """Rows (n, *shape) in the order of the keys, in a file of their own that is mapped, not read, into memory.

        Args:
            path: Of the file, which is written anew; the caller deletes it once the rows are done with.

        Raises:
            KeyError: One of them is not here.
        """
        if not keys:
            return np.empty((0, *self.shape), self.dtype)
        with self._lock():  # `delete` renumbers the rows
            known = self.keys()
            places = [known[key] for key in keys]
            mark_used(self.folder / "keys.txt")
            # Written, not mapped for writing: a full disk then is an error, and no signal that ends the process.
            with path.open("wb") as file:
                for block in self._blocks(places):
                    file.write(block.tobytes())
        return np.memmap(path, self.dtype, "r", shape=(len(keys), *self.shape))

    def _blocks(self, places: Sequence[int]) -> Iterator[np.ndarray]:
        """The rows at these places, in order, a few at a time."""
        rows = np.memmap(self.folder / "rows.bin", self.dtype, "r", shape=(self._count(), *self.shape))
        for start in range(0, len(places), _PER_BLOCK):
            yield rows[places[start : start + _PER_BLOCK]]

    def delete(self, keys: Sequence[str]) -> None:
        """Rewrites the store without these keys."""
        with self._lock():
            known = self.keys()
            doomed = set(keys)
            kept = [key for key in known if key not in doomed]
            if len(kept) == len(known):
                return
            part = self.folder / "rows.part"
            with part.open("wb") as file:
                for block in self._blocks([known[key] for key in kept]):
                    file.write(block.tobytes())
            # Without keys there are no rows: a crash in between empties the cache instead of mixing it up.
            write_whole(self.folder / "keys.txt", b"")
            move_into_place(part, self.folder / "rows.bin")
            write_whole(self.folder / "keys.txt", "".join(f"{key}\n" for key in kept))

    def clear(self) -> None:
        """Forgets all rows."""
        with self._lock():
            write_whole(self.folder / "keys.txt", b"")
            (self.folder / "rows.bin").unlink(missing_ok=True)

    def used(self) -> float:
        """When rows were last read or added, in Unix seconds; 0 where there never were any."""
        try:
            return (self.folder / "keys.txt").stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _lock(self) -> FileLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "shape.json").exists():
            write_whole(self.folder / "shape.json", json.dumps({"shape": list(self.shape), "dtype": self.dtype.name}))
        return FileLock(self.folder / "rows.lock")

    def _count(self) -> int:
        """Rows that are whole: a power cut may lose rows whose keys were written."""
        return min(self._size("keys.txt") // _KEY_BYTES, self._size("rows.bin") // self._row_bytes)

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
