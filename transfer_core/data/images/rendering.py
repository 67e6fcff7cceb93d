"""How the pictures of a set are read where that could be otherwise: what is black and white, and which page is meant.

A project has one, written down when the first picture of more than 8 bits came in; a run keeps the one that it learned
with, and its exported model carries it. Imports nothing heavy.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from transfer_core.errors import DataError
from transfer_core.support.checked_json import copy_path, in_words, read_with_copy, write_with_copy
from transfer_core.workspace import Project

Scale = tuple[float, float]  # black, white
KEY_BEGINS = 32  # hex digits of a photo's digest that all its keys begin with
NAME = "rendering.json"


@dataclass(frozen=True)
class Rendering:
    """How pictures are read.

    Args:
        scales: What becomes black and what white, by kind of picture; see `read_photo.levels.kind_of`.
        page: Of files that have several, from 0; None for the first that is not the preview of another.
    """

    scales: Mapping[str, Scale] = field(default_factory=dict)
    page: int | None = None

    @classmethod
    def of_project(cls, project: Project) -> "Rendering":
        """As the project reads its pictures now.

        Raises:
            DataError: Its file is damaged, and so is the copy.
        """
        return cls.load(project.folder)

    @classmethod
    def load(cls, folder: Path, owner: str = "") -> "Rendering":
        """As a project or a run has noted it in its folder; one without any notes, as ever.

        Raises:
            DataError: The file is damaged, and so is the copy.
        """
        path = folder / NAME
        if not path.exists() and not copy_path(path).exists():
            return cls()
        try:
            return cls.from_json(read_with_copy(path, owner).content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"How the pictures are read cannot be said: {path} is damaged ({in_words(error)}). Put it back from a "
                "backup, or delete it and its copy and set black and white again."
            ) from error

    def save(self, folder: Path, owner: str = "") -> None:
        """Notes it, unless nothing about it is special and nothing was noted before."""
        if self != Rendering() or (folder / NAME).exists():
            write_with_copy(folder / NAME, self.to_json(), owner)

    @classmethod
    def from_json(cls, content: dict) -> "Rendering":
        scales = {str(kind): (float(ends[0]), float(ends[1])) for kind, ends in content["scales"].items()}
        page = content.get("page")
        return cls(scales, None if page is None else int(page))

    def to_json(self) -> dict:
        return {"scales": {kind: list(ends) for kind, ends in self.scales.items()}, "page": self.page}

    def key(self, photo: str, file: str) -> str:
        """What is made of a photo is kept under this: its digest, or, where it could be read otherwise, another one.

        Args:
            photo: Its digest.
            file: Its name in the project, which says what of it depends on the rendering.
        """
        traits = file.split(".")[1:-1]
        has_pages = any(trait[:1] == "p" and trait[1:].isdigit() for trait in traits)
        # Which kind another page is of, the name does not say.
        said = sorted(self.scales.items()) if has_pages else [self.scales.get(trait) for trait in traits]
        page = self.page if has_pages else None
        if page is None and not any(said):
            return photo
        told = json.dumps([traits, said, page])
        return photo[:KEY_BEGINS] + hashlib.sha256(f"{photo}|{told}".encode()).hexdigest()[KEY_BEGINS:]


def changing_rendering(project: Project) -> FileLock:
    """Held by whoever reads what the project has noted and notes something else; one at a time."""
    return FileLock(project.folder / "rendering.lock")
