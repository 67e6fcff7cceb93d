"""Folders on the machine that the person who started the app allows to be read from a browser. No link is followed."""

import os
from dataclasses import dataclass
from pathlib import Path

from transfer_core.data.ingest.folder_layout import photo_paths
from transfer_core.data.ingest.sources import (
    Entries,
    folder_entries,
    is_archive,
    is_junk,
    open_archive,
    with_names,
)
from transfer_core.data.ingest.teachable_machine import name_classes
from transfer_core.errors import DataError

VARIABLE = "GRAFT_IMPORT_ROOTS"
SHOWN_LIMIT = 1000  # folders of one listing; nobody looks through more


@dataclass(frozen=True)
class Listing:
    """What lies directly in a folder below a root.

    Args:
        folders, zips: Names, sorted; untrusted text. Among the zips are other archives that can be opened.
        photos: How many files there are that look like photos.
    """

    folders: list[str]
    zips: list[str]
    photos: int


def import_roots() -> list[Path]:
    """The folders in GRAFT_IMPORT_ROOTS, resolved; none where it is not set."""
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [Path(name).expanduser().resolve() for name in named if name.strip()]


def list_folder(root: Path, inside: str) -> Listing:
    """What lies in `inside`, a path below the root with "/" between its parts; "" is the root itself.

    Raises:
        DataError: As `resolve_inside`, or it is no folder that can be read.
    """
    folder = resolve_inside(root, inside)
    try:
        with os.scandir(folder) as found:
            plain = sorted((entry for entry in found if not entry.is_symlink()), key=lambda entry: entry.name.lower())
            folders = [entry.name for entry in plain if entry.is_dir(follow_symlinks=False)]
            files = [entry.name for entry in plain if entry.is_file(follow_symlinks=False)]
    except OSError as error:
        raise DataError(f"'{folder}' cannot be listed ({error.strerror}). Choose another folder.") from error
    zips = [name for name in files if is_archive(name, folder / name)]
    photos = [name for name in photo_paths(files) if name not in zips]
    return Listing([name for name in folders if not is_junk(name)][:SHOWN_LIMIT], zips[:SHOWN_LIMIT], len(photos))


def open_inside(root: Path, inside: str, encoding: str = "") -> Entries:
    """Entries of a folder or zip below a root; links in it are named and left out.

    Args:
        encoding: As of `sources.open_source`.

    Raises:
        UnclearEncoding: The names can be read in several ways.
        DataError: As `resolve_inside`; or it can be read as neither.
    """
    path = resolve_inside(root, inside)
    if path.is_dir():
        return name_classes(with_names(folder_entries(path, follow_links=False), path.name, encoding), path.name)
    if path.is_file():
        return open_archive(path, path.name, encoding)
    raise DataError(f"'{path}' does not exist any more. Choose another folder.")


def resolve_inside(root: Path, inside: str) -> Path:
    """The path itself, once it cannot lie anywhere but below an allowed root, with no link on the way.

    Raises:
        DataError: The root is not allowed, or the path leads out of it.
    """
    if root not in import_roots():
        raise DataError(
            f"'{root}' is not a folder that this app may read. Start the app with this folder in {VARIABLE}."
        )
    parts = [part for part in inside.split("/") if part]
    path = root.joinpath(*parts)
    # A part may bring its own: "..", on Windows a drive or "\\". What then resolves to another place is refused, too.
    if "\0" in inside or ".." in parts or not path.is_relative_to(root) or path.resolve() != path:
        raise DataError(f"'{inside[:200]}' leads out of '{root}'. Choose a folder inside it; links are not followed.")
    return path
