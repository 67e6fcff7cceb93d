"""A public set into a project, for pages by a process of its own: `python -m transfer_core.services.fetch HOME ...`."""

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from transfer_core.data import public_datasets
from transfer_core.data.ingest.intake import IntakeReport, Rejected
from transfer_core.data.ingest.sources import Entry, read_file
from transfer_core.data.public_datasets import SETS
from transfer_core.errors import DISK_FULL, DataError, TransferError
from transfer_core.jobs.launch import start_detached
from transfer_core.services import ingest
from transfer_core.support.files import read_json, write_json
from transfer_core.support.locks import is_locked
from transfer_core.workspace import Project, Workspace

__all__ = ["SETS", "begin", "fetch", "fetch_named", "forget", "progress"]

_NOTE_EVERY_S = 0.5
_SILENCE_S = 60  # of a host in the middle of a download, after which it counts as gone
_START_S = 10  # a process that has not taken the lock by then has died


def fetch(
    workspace: Workspace, project: Project, name: str, per_class: int, report: Callable[[int, int], None]
) -> IntakeReport:
    """Downloads a public set, unless it is here, and takes in so many photos of each class.

    One set at a time comes into a project.

    Raises:
        DataError: No such set, or it cannot be had.
    """
    row = public_datasets.find(name)
    if per_class < 1:
        raise DataError(f"Choose at least 1 photo per class, got {per_class}.")
    folder = workspace.public_dir / row.name
    with project.fetch_lock():
        public_datasets.check_reachable(row, folder)
        photos = public_datasets.load(row, folder, per_class)
        entries = [
            Entry(f"{row.name}/{label}/{path.name}", lambda path=path: read_file(path)) for path, label in photos
        ]
        return ingest.take_in_entries(workspace, project, entries, report)


def fetch_named(
    workspace: Workspace, name: str, per_class: int, project_name: str, report: Callable[[int, int], None]
) -> ingest.Imported:
    """As `fetch`, into the project of that name, which is made if there is none; deleted again if nothing came."""
    public_datasets.find(name)  # before a project is made for it
    with ingest.new_or_known(workspace, lambda: workspace.project_named(project_name)) as project:
        return ingest.Imported.of(project, fetch(workspace, project, name, per_class, report))


def begin(workspace: Workspace, project: Project, name: str, per_class: int) -> None:
    """Starts a process that fetches; it goes on when the page is closed.

    Raises:
        DataError: The set cannot be had; nothing was started.
    """
    row = public_datasets.find(name)
    public_datasets.check_reachable(row, workspace.public_dir / row.name)
    _note(project, row.title, 0, 0, None)
    command = ["transfer_core.services.fetch", str(workspace.home), project.id, name, str(per_class)]
    start_detached(command, project.folder / "fetch.log")


def progress(project: Project) -> dict | None:
    """{"title", "done", "total", "error", "report"} of what is being fetched, or was; None where there is nothing.

    `total` is 0 as long as it is being downloaded; `error` or `report` (an `IntakeReport`) say how it ended, until
    somebody calls `forget`.
    """
    try:
        note = read_json(_note_path(project))
    except (OSError, ValueError):
        return None
    if came := note.get("report"):
        rejected = [Rejected(**entry) for entry in came["rejected"]]
        note["report"] = IntakeReport(came["photos"], came["added"], rejected)
        return note
    note["report"] = None
    if note["error"] is None and time.time() - note["time"] > _START_S and not is_locked(project.fetch_lock()):
        note["error"] = "The download was interrupted. Try again; photos that have arrived are kept."
    return note


def forget(project: Project) -> None:
    """No longer says what came of it."""
    _note_path(project).unlink(missing_ok=True)


def main(home: str, project_id: str, name: str, per_class: str) -> int:
    """The process that `begin` starts: notes how far it is, and why it ended where it did."""
    socket.setdefaulttimeout(_SILENCE_S)  # torchvision sets none, and would wait for ever
    workspace = Workspace(Path(home))
    project = workspace.open_project(project_id)
    title = public_datasets.find(name).title
    noted = 0.0

    def report(done: int, total: int) -> None:
        nonlocal noted
        if time.monotonic() - noted > _NOTE_EVERY_S:
            noted = time.monotonic()
            _note(project, title, done, total, None)

    try:
        came = fetch(workspace, project, name, int(per_class), report)
    except TransferError as error:
        _note(project, title, 0, 0, str(error))
        return 2
    except Exception as error:  # whatever it was, somebody waits to hear of it; the log has the rest
        _note(project, title, 0, 0, _in_words(error))
        raise
    _note(project, title, came.photos, came.photos, None, came)
    return 0


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return "The disk is full. Free some space, then try again; photos that have arrived are kept."
    return (
        f"The download ended unexpectedly ({type(error).__name__}). The project's file fetch.log says more. "
        "Photos that have arrived are kept."
    )


def _note(
    project: Project, title: str, done: int, total: int, error: str | None, came: IntakeReport | None = None
) -> None:
    if not project.folder.is_dir():  # a project that was deleted meanwhile must not come to life again
        return
    note = {"title": title, "done": done, "total": total, "error": error, "time": time.time()}
    if came:
        rejected = [vars(entry) for entry in came.rejected]
        note["report"] = {"photos": came.photos, "added": came.added, "rejected": rejected}
    write_json(_note_path(project), note)


def _note_path(project: Project) -> Path:
    return project.folder / "fetch.json"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
