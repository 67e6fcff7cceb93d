"""Deleting for good: written down first, then done, so that a deletion that was cut off is finished later.

A deletion is a small file in `GRAFT_HOME/deletions` that names what is to go. Once that is on the disk it holds: a
project named there is not listed any more. Every step may be done twice; the file goes last. The web app, the runner
and every command finish at their start what they find there. Imports nothing heavy.
"""

import logging
import os
import re
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from transfer_core.backbones.feature_store import RowStore, StoreDamaged
from transfer_core.data.images.cache import delete_cached
from transfer_core.data.images.rendering import KEY_BEGINS
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import load_labels, load_original_items
from transfer_core.errors import RunError, TransferError
from transfer_core.runs import trash
from transfer_core.support.files import delete_folder, finish_delete_folder, read_json, write_json
from transfer_core.support.locks import is_locked
from transfer_core.support.text import plain
from transfer_core.support.wording import pluralize
from transfer_core.workspace import SCHEMA, Project, Workspace, check_id

_log = logging.getLogger(__name__)
_DIGEST = re.compile("[0-9a-f]{64}")
# What a run keeps of photos beside its figures: features and activations while it learns, pictures of a preview.
_OF_PHOTOS = ("features.bin", "views-*", "evaluation/*.png")
_PART_STALE_S = 600  # no write takes this long; its process was killed


def delete_project(workspace: Workspace, project: Project) -> None:
    """Deletes the project's folder, and what the caches hold of photos that no other project has.

    Raises:
        RunError: A file cannot be deleted now; the project is gone from all lists, the rest goes at the next start.
    """
    about = {"kind": "project", "name": project.name, "photos": sorted(_photos_named(project))}
    _begin(workspace, workspace.deletion_path(project.id), about | {"project": project.id})


def delete_photos(workspace: Workspace, project: Project, ids: Collection[str]) -> None:
    """Deletes removed photos of a project: their files, and what was made of them where no other project has them.

    Raises:
        DataError: One of them is not among the removed photos.
        RunError: A file cannot be deleted now; the photos cannot be restored, the rest goes at the next start.
    """
    edits.check_removed(project, ids)
    photos = {item.photo for item in load_original_items(project) if item.id in ids}
    about = {"kind": "photos", "name": project.name, "photos": sorted(photos), "items": sorted(ids)}
    path = workspace.deletions_dir / f"photos-{secrets.token_hex(6)}.json"
    _begin(workspace, path, about | {"project": project.id})


def finish(workspace: Workspace) -> list[str]:
    """Finishes the deletions that were cut off; says which in a sentence each.

    What cannot be deleted now, or is being deleted by another process, is left alone. Never raises: whoever starts has
    something else to do. Names in the sentences are untrusted text.
    """
    told = []
    if workspace.deletions_dir.is_dir():
        with suppress(OSError, Timeout), _lock(workspace).acquire(timeout=0):  # Timeout: somebody is at it
            for path in sorted(workspace.deletions_dir.glob("*.json")):
                told += _finish_one(workspace, path)
    for folder in _half_deleted(workspace):
        with suppress(OSError):
            finish_delete_folder(folder)
    return told


def clear_parts(workspace: Workspace) -> None:
    """Deletes what killed processes had begun to write. Looks at every file of the home, so only the runner does it."""
    oldest = time.time() - _PART_STALE_S
    for root, _, names in os.walk(workspace.home):
        for name in names:
            if name.endswith(".part"):
                with suppress(OSError):  # in place by now, or deleted by another
                    path = os.path.join(root, name)
                    if os.stat(path).st_mtime < oldest:
                        os.unlink(path)


def stores(workspace: Workspace) -> Iterator[RowStore]:
    """The features of each backbone; a store that cannot be read is deleted."""
    for folder in workspace.features_dir.glob("[!.]*"):
        try:
            yield RowStore.at(folder)
        except StoreDamaged as error:
            _log.warning("%s holds no features that can be read: %s", folder, error)
            delete_folder(folder)


def _begin(workspace: Workspace, path: Path, about: dict) -> None:
    """Writes the deletion down, and does it."""
    workspace.deletions_dir.mkdir(exist_ok=True)
    with _lock(workspace):
        write_json(path, {"schema": SCHEMA, "time": time.time(), **about})
        try:
            _carry_out(workspace, about)
        except OSError as error:
            raise RunError(
                f"Not everything could be deleted now ({error.strerror}). Graft deletes the rest when it starts again."
            ) from error
        path.unlink()


def _finish_one(workspace: Workspace, path: Path) -> list[str]:
    try:
        about = read_json(path)
        _carry_out(workspace, about)
        path.unlink()
    except (OSError, ValueError, KeyError, TypeError, TransferError) as error:
        _log.warning("The deletion in %s could not be finished: %s", path, error)
        return []
    what = "project" if about["kind"] == "project" else f"{pluralize(len(about['photos']), 'photo')} of"
    return [f"An interrupted deletion is finished: {what} '{plain(about['name'])}'."]


def _carry_out(workspace: Workspace, about: dict) -> None:
    photos, folder = set(about["photos"]), workspace.projects_dir / check_id(about["project"])
    if about["kind"] == "project":
        delete_folder(folder)
    elif about["kind"] == "photos":
        if folder.is_dir():  # else the project has been deleted meanwhile
            photos = _delete_files(workspace.open_project(about["project"]), about["items"])
    else:
        raise ValueError(f"it is of the kind '{about['kind']}', which this version of Graft does not know")
    _delete_made(workspace, photos)


def _delete_files(project: Project, ids: Collection[str]) -> set[str]:
    """Deletes the photos' files in the project; returns the digests of those that no other photo of it has.

    Photos that somebody restored before the deletion could be finished stay.
    """
    removed = {item.id for item in load_labels(project).removed}
    if doomed := removed.intersection(ids):
        edits.delete(project, doomed)
    came, deleted = load_original_items(project), load_labels(project).deleted
    kept = {item.photo for number, item in enumerate(came) if number not in deleted}
    photos = {item.photo for item in came if item.id in ids} - kept
    for photo in filter(_DIGEST.fullmatch, photos):
        for path in (*project.photos_dir.glob(f"{photo}.*"), *project.photos_dir.glob(f".{photo}.*.part")):
            path.unlink(missing_ok=True)
    if photos:  # whose of the photos they are of is not looked at: all of them can be made again
        for folder in (*project.runs_dir.glob("[!.]*"), *project.runs_dir.glob(".deleted/[!.]*")):
            if is_locked(FileLock(folder / "worker.lock")):
                raise RunError("a run is at work that may need the photos")  # later, then
            for pattern in _OF_PHOTOS:
                for path in folder.glob(pattern):
                    delete_folder(path) if path.is_dir() else path.unlink(missing_ok=True)
    return photos


def _delete_made(workspace: Workspace, photos: set[str]) -> None:
    """Deletes what the caches hold of those photos that no project has."""
    photos = set(filter(_DIGEST.fullmatch, photos)) - _photos_held(workspace)
    begun = {photo[:KEY_BEGINS] for photo in photos}
    for store in stores(workspace):
        held = store.keys()
        store.delete([key for key in held if key[:KEY_BEGINS] in begun])
        _delete_stray_rows(store)
    delete_cached(workspace.prepared_dir, photos)


def _delete_stray_rows(store: RowStore) -> None:
    """Deletes features without a key, left by a killed process; their photo is unknown."""
    (store.folder / "rows.part").unlink(missing_ok=True)
    rows = store.folder / "rows.bin"
    row_bytes = store.dtype.itemsize
    for length in store.shape:
        row_bytes *= length
    if rows.exists() and rows.stat().st_size > len(store.keys()) * row_bytes:
        store.clear()


def _photos_held(workspace: Workspace) -> set[str]:
    """Digests of the photos of all projects: from the names of their files, which no damaged log can hide."""
    held: set[str] = set()
    for folder in workspace.projects_dir.glob("[!.]*/photos"):
        if not workspace.deletion_path(folder.parent.name).exists():
            held.update(name.split(".")[0] for name in os.listdir(folder) if not name.startswith("."))
    return held


def _photos_named(project: Project) -> set[str]:
    """Digests of the photos that the project has or ever had, however damaged its log is."""
    named: set[str] = set()
    with suppress(FileNotFoundError):
        named.update(name.lstrip(".").split(".")[0] for name in os.listdir(project.photos_dir))
        named.update(_DIGEST.findall(project.labels_path.read_text("ascii", "replace")))
    return named


def _half_deleted(workspace: Workspace) -> Iterator[Path]:
    """Folders whose deletion was cut off, and runs that were deleted more than a day ago."""
    yield from workspace.projects_dir.glob(".deleted-*")
    for folder in workspace.projects_dir.glob("[!.]*"):
        for pattern in ("runs/.deleted-*", "runs/.deleted/.deleted-*", "inbox/.deleted-*"):
            yield from folder.glob(pattern)
        yield from trash.expired(folder / "runs")


def _lock(workspace: Workspace) -> FileLock:
    """Held by the process that deletes; one at a time."""
    return FileLock(workspace.deletions_dir / "lock")
