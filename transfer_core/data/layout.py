"""Reads folder names: which photo belongs to which class, and to which part. Pure functions on paths."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from transfer_core.text import plain

_PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jfif", ".mpo")
_PHOTO_ENDINGS += (".avif", ".heic", ".heif", ".hif")


@dataclass(frozen=True)
class Layout:
    """How the folders are read.

    Args:
        wrapping: Folders around everything, which mean nothing; 0 or more.
        has_parts: Whether class folders stand under train/, val/, ...
    """

    wrapping: int
    has_parts: bool

    def place(self, path: str) -> tuple[str | None, str] | None:
        """(part, class name) of a file, or None where it lies in no class folder."""
        folders = path.split("/")[self.wrapping : -1]
        part = None
        if self.has_parts and folders:
            part = _PARTS.get(folders[0].lower())
            if part is None:
                return None
            folders = folders[1:]
        return (part, tidy_class_name(folders[0])) if folders else None


def read_layout(paths: Sequence[str]) -> Layout:
    """The layout of class folders, possibly under parts, possibly wrapped.

    Photos decide (by their ending, for this purpose alone): a README beside the class folders is no reason to see
    another layout.
    """
    photos = [path.split("/") for path in paths if path.lower().endswith(_PHOTO_ENDINGS)]
    photos = photos or [path.split("/") for path in paths]
    wrapping = 0
    while photos and _wraps(photos, wrapping):
        wrapping += 1
    tops = {photo[wrapping].lower() for photo in photos if len(photo) > wrapping + 2}
    return Layout(wrapping, bool(tops) and "train" in tops and tops <= _PARTS.keys())


def tidy_class_name(name: str) -> str:
    """The name in composed Unicode form, without control characters and surrounding space."""
    return plain(unicodedata.normalize("NFC", name)) or "unnamed"


def _wraps(photos: Sequence[Sequence[str]], depth: int) -> bool:
    """Whether every photo lies in one and the same folder at this depth, with class folders still below it."""
    folders = {photo[depth] for photo in photos if len(photo) > depth + 1}
    return len(folders) == 1 and all(len(photo) > depth + 2 for photo in photos) and not folders <= {"train"}
