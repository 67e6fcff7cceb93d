"""Copies of photos, sorted into a folder for each class that the model says. Nothing is ever overwritten."""

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_NAME_LIMIT = 200  # bytes of a name, of the 255 that file systems take: room for " (2)" and the ending
_UNSAFE = re.compile(r'[<>:"/\\|?*]')  # what Windows takes in no name
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # names of Windows' devices


@dataclass
class ClassFolders:
    """Folders to sort into.

    Args:
        place: Around them all.
        folders: Folder name by class name; no two alike, even where capitals make no difference.
        copied: Photos so far.
        here: Photos whose copies were there already.
    """

    place: Path
    folders: dict[str, str]
    copied: int = field(default=0, init=False)
    here: int = field(default=0, init=False)

    @classmethod
    def make(cls, place: Path, class_names: Sequence[str]) -> "ClassFolders":
        """Makes the folder around them; one for a class comes with its first photo.

        Raises:
            OSError: It cannot be made.
        """
        place.mkdir(parents=True, exist_ok=True)
        return cls(place, folder_names(class_names))

    def put(self, photo: str, content: bytes, class_name: str) -> None:
        """Copies a photo into the folder of its class, under a name of its own where another has its name.

        Args:
            photo: Its path; untrusted text.

        Raises:
            OSError: It cannot be written.
        """
        folder = self.place / self.folders[class_name]
        folder.mkdir(exist_ok=True)
        stem, ending = os.path.splitext(safe_name(re.split(r"[/\\]", photo)[-1]))
        name, number = f"{stem}{ending}", 1
        while not self._put(folder / name, content):
            number += 1
            name = f"{stem} ({number}){ending}"

    def _put(self, path: Path, content: bytes) -> bool:
        """Whether the photo lies at the path now; not where something else does."""
        try:
            with path.open("xb") as file:
                try:
                    file.write(content)
                except OSError:  # the disk is full
                    path.unlink(missing_ok=True)
                    raise
        except FileExistsError:
            if not path.is_file() or path.stat().st_size != len(content) or path.read_bytes() != content:
                return False
            self.here += 1
            return True
        self.copied += 1
        return True

    def to_json(self) -> dict:
        """Where the photos lie now, and how many were copied."""
        return {
            "folder": str(self.place),
            "copied": self.copied,
            "here_already": self.here,
            "folders": self.folders,
        }


def folder_names(class_names: Sequence[str]) -> dict[str, str]:
    """A folder name for each class, safe on every system; where two would be the same there, a number is added."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for class_name in class_names:
        safe, number = safe_name(class_name), 1
        name = safe
        while _on_any_disk(name) in taken:
            number += 1
            name = f"{safe} ({number})"
        taken.add(_on_any_disk(name))
        found[class_name] = name
    return found


def safe_name(name: str) -> str:
    """A file or folder name that every system takes, as near to the text as can be; never hidden, never empty."""
    name = "".join(c if c.isprintable() else "_" for c in _UNSAFE.sub("_", name))
    name = name.encode("utf-8", "replace").decode("utf-8")
    stem, ending = os.path.splitext(name)
    if len(ending.encode()) > 20:
        stem, ending = name, ""
    stem = stem.encode("utf-8")[: _NAME_LIMIT - len(ending.encode())].decode("utf-8", "ignore")
    name = f"{stem}{ending}".strip().rstrip(". ")
    if _RESERVED.match(name) or not name.strip(".") or name.startswith("."):
        name = f"_{name}"
    return name


def _on_any_disk(name: str) -> str:
    """The same for names that some system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
