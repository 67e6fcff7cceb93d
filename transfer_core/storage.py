"""Deleting for good, keeping the caches small, and how much disk things use."""

import math
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from transfer_core import deletion, runs
from transfer_core.backbones import feature_store
from transfer_core.data import public_datasets
from transfer_core.data.ingest import upload_inbox
from transfer_core.errors import RunError, TransferError
from transfer_core.runs.state import RunState
from transfer_core.support.files import folder_size
from transfer_core.support.locks import is_locked
from transfer_core.workspace import Project, Workspace

_CACHE_GB = "10"
_TRIM_TO = 0.9  # of the limit, so that the next photo does not cause the next search for the oldest


def delete_project(workspace: Workspace, project: Project) -> None:
    """Deletes photos, runs, and what the caches hold of photos that no other project has.

    Raises:
        RunError: A run of it is being worked on, or photos are coming into it; what is at work would go on in a folder
            that is gone.
    """
    if any(runs.is_alive(run) for run in runs.list_runs(workspace, project, kind=None)):
        raise RunError(f"A run of '{project.name}' is still training. Stop it first, then delete the project.")
    if is_locked(project.fetch_lock()) or any(is_locked(batch.lock()) for batch in upload_inbox.batches(project)):
        raise RunError(f"Photos are being added to '{project.name}'. Wait until that is done, then delete the project.")
    deletion.delete_project(workspace, project)


def delete_photos(workspace: Workspace, project: Project, ids: Collection[str]) -> None:
    """Deletes removed photos for good: they cannot be restored after that. What runs have learned from them stays.

    Raises:
        DataError: There are none, or one of them is not among the removed photos.
        RunError: A run of the project is at work or waits, or files wait to be added, which may hold the same photos.
    """
    if any(_is_busy(runs.read_state(run)) for run in runs.list_runs(workspace, project, kind=None)):
        raise RunError("A run of this project is training or waiting. Stop it, or wait until it ends, then delete.")
    if is_locked(project.fetch_lock()) or upload_inbox.batches(project):
        raise RunError("Photos are still to be added to this project. Add or skip them on Photos, then delete.")
    deletion.delete_photos(workspace, project, ids)


def disk_use(workspace: Workspace) -> dict[str, int]:
    """Bytes by purpose: projects, caches (may be deleted at any time), backbones."""
    return {
        "projects": folder_size(workspace.projects_dir),
        "caches": sum(cache_use(workspace).values()),
        "backbones": folder_size(workspace.weights_dir),
    }


def cache_use(workspace: Workspace) -> dict[str, int]:
    """Bytes of the caches by kind: thumbnails, prepared (pixels and training copies), features, public (sets)."""
    thumbnails = folder_size(workspace.prepared_dir / "thumbnails")
    return {
        "thumbnails": thumbnails,
        "prepared": max(0, folder_size(workspace.prepared_dir) - thumbnails),
        "features": folder_size(workspace.features_dir),
        "public": folder_size(workspace.public_dir),
    }


def cache_limit() -> int:
    """Bytes that all caches of our own making together may take, from `GRAFT_CACHE_GB`.

    Raises:
        TransferError: That is no number of gigabytes.
    """
    text = os.environ.get("GRAFT_CACHE_GB") or _CACHE_GB
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = math.nan
    if not 0 <= gigabytes < math.inf:
        raise TransferError(f"GRAFT_CACHE_GB is '{text}', which is not a number of gigabytes. Use for example 10.")
    return int(gigabytes * 1e9)


def trim_caches(workspace: Workspace) -> None:
    """Lets go of what was not used for longest, where the caches have outgrown their limit.

    May be called at any time: whoever needs something that was let go makes it again. Public datasets stay, for these
    would have to be downloaded again, and a set without some of its photos is of no use.

    Raises:
        TransferError: As `cache_limit`.
    """
    limit = cache_limit()
    kept = [*_files(workspace.prepared_dir), *_used_stores(workspace)]
    total = sum(size for _, size, _ in kept)
    if total <= limit:
        return
    for _, size, path in sorted(kept):
        if total <= _TRIM_TO * limit:
            break
        _let_go(path)
        total -= size


def clear_caches(workspace: Workspace) -> None:
    """Empties all caches, and deletes the public sets that were downloaded.

    Raises:
        RunError: A run is at work or waits for its turn, and would have to begin again with what it has prepared; or a
            public set is coming in.
    """
    if any(_is_busy(runs.read_state(run)) for run in runs.list_runs(workspace, kind=None)):
        raise RunError("A run is training or waiting. Stop it, or wait until it ends, then clear the caches.")
    if any(is_locked(project.fetch_lock()) for project in workspace.projects()):
        raise RunError("A public dataset is being downloaded. Wait until that is done, then clear the caches.")
    for _, _, path in [*_files(workspace.prepared_dir), *_used_stores(workspace)]:
        _let_go(path)
    public_datasets.delete_all(workspace.public_dir)


def _is_busy(history: RunState) -> bool:
    return history.alive or history.status == "queued"


def _used_stores(workspace: Workspace) -> Iterator[tuple[float, int, str]]:
    """(last use, bytes, folder) of the features of each backbone: they are of use as a whole."""
    for store in deletion.stores(workspace):
        yield store.used(), folder_size(store.folder), str(store.folder)


def _files(folder: Path) -> Iterator[tuple[float, int, str]]:
    """(last use, bytes, path) of every file below; files that vanish meanwhile are passed over."""
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            with suppress(OSError):
                found = os.stat(path)
                yield found.st_mtime, found.st_size, path


def _let_go(path: str) -> None:
    """Deletes a photo's file, or empties a store, whose folder somebody may be using."""
    if os.path.isdir(path):
        feature_store.clear(Path(path))
    else:
        with suppress(OSError):  # gone already, or being read (Windows)
            os.unlink(path)
