"""Small files made from photos and kept for later, one per photo and kind; safe to delete at any time.

Nothing here waits for the disk. A power cut may therefore leave a file of zeros, and each file ends with a checksum
that tells: a damaged file, or one of another photo, counts as missing and is made again. Imports nothing heavy.
"""

import os
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from transfer_core.data.images.rendering import KEY_BEGINS
from transfer_core.support.files import make_folder, move_into_place

_CHECK_BYTES = 4
_MARK_EVERY_S = 3600  # the oldest use decides what goes when room is needed; that need not be known to the minute


@dataclass(frozen=True)
class PhotoCache:
    """Files of one kind, found by the photo's digest; several threads and processes may use it at once.

    Args:
        folder: Made when first written.
        ending: Of the files' names, such as ".jpg".
    """

    folder: Path
    ending: str

    def path(self, photo: str) -> Path:
        """Where the file of a photo (by digest) lies, or would."""
        return self.folder / photo[:2] / f"{photo}{self.ending}"

    def holds(self, photo: str) -> bool:
        """Whether there is a file for it; only `read` tells whether it is whole."""
        return self.path(photo).is_file()

    def read(self, photo: str) -> bytes | None:
        """What was written for the photo; None where it is missing or damaged. The file counts as used now."""
        path = self.path(photo)
        try:
            with path.open("rb") as file:
                stored = file.read()
            mark_used(path)
        except OSError:
            return None
        content, check = stored[:-_CHECK_BYTES], stored[-_CHECK_BYTES:]
        return content if content and check == self._checksum(photo, content) else None

    def write(self, photo: str, content: bytes) -> None:
        """Keeps the content, which must not be empty; nothing is kept where the disk is full or refuses otherwise.

        Nobody who has what was to be kept should fail for that.
        """
        path = self.path(photo)
        part = path.with_suffix(f".{os.urandom(4).hex()}.part")
        try:
            if not path.parent.is_dir():
                make_folder(path.parent)
            with part.open("wb") as file:
                file.write(content)
                file.write(self._checksum(photo, content))
            move_into_place(part, path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _checksum(self, photo: str, content: bytes) -> bytes:
        """Of what the content is of, too: the file of another photo, or of another kind, is none of this one's."""
        name = f"{self.folder.name}/{photo}{self.ending}"
        return zlib.crc32(content, zlib.crc32(name.encode())).to_bytes(_CHECK_BYTES, "little")


def delete_cached(prepared_dir: Path, photos: Iterable[str]) -> None:
    """Deletes what the caches in that folder hold of these photos, whatever kind it is."""
    for photo in photos:
        # Read otherwise, the same photo has another key, with the same beginning.
        for path in prepared_dir.glob(f"*/{photo[:2]}/{photo[:KEY_BEGINS]}*"):
            path.unlink(missing_ok=True)


def mark_used(path: Path) -> None:
    """Notes in the file's own time that it was used now, unless it was lately."""
    if abs(time.time() - path.stat().st_mtime) > _MARK_EVERY_S:  # the clock may have been set back
        os.utime(path)
