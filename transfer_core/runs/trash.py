"""Deleting a run so that it can be brought back. Imports nothing heavy.

A deleted run's folder moves to `runs/.deleted/`, where no list looks. It stays there for a day, for whoever presses
Undo, and goes for good with the first start of Graft, deletion or comparison in that project after that.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from transfer_core import runs
from transfer_core.errors import RunError
from transfer_core.runs import Run, UnreadableRun
from transfer_core.support.files import delete_folder
from transfer_core.support.wording import format_time
from transfer_core.workspace import Project, check_id

KEPT_S = 24 * 3600
_FOLDER = ".deleted"
_CLOCK_SLACK_S = 60  # file systems and other machines may be a little ahead
_WAITS = ("queued", "running")
_CAN_BE_RESUMED = ("interrupted", "stopped", "failed")


def delete(project: Project, run: Run) -> None:
    """Moves the run out of the way.

    Raises:
        RunError: It is running or queued, another run continues it, or it cannot be moved.
    """
    history = runs.read_state(run)
    if history.status in _WAITS:
        raise RunError("This run is training or waiting. Stop it first, then delete it.")
    if history.alive:
        raise RunError("Its model is being exported and checked. Try again in a moment.")
    if heirs := _heirs(project, run):
        named = " and ".join(f"the run of {format_time(heir.created)}" for heir in heirs)
        raise RunError(
            f"This run is still needed: {named} continues from it and has not finished yet. Wait until it "
            "has, or delete it first."
        )
    _move_away(project, run.folder)


def delete_unreadable(project: Project, run: UnreadableRun) -> None:
    """Moves a folder out of the way that cannot be read; `restore` brings it back.

    Raises:
        RunError: It cannot be moved.
    """
    _move_away(project, run.folder)


def _move_away(project: Project, folder: Path) -> None:
    empty(project)
    place = project.runs_dir / _FOLDER / folder.name
    place.parent.mkdir(exist_ok=True)
    try:
        _note_time(folder)
        os.replace(folder, place)
    except OSError as error:  # Windows moves no folder of which a file is open
        raise RunError(f"The run cannot be deleted now ({error.strerror}). Try again in a moment.") from error


def restore(project: Project, run_id: str) -> None:
    """Brings a deleted run back.

    Raises:
        RunError: It is gone for good, or cannot be moved.
    """
    try:
        os.replace(project.runs_dir / _FOLDER / check_id(run_id), project.runs_dir / run_id)
    except FileNotFoundError as error:
        raise RunError(
            "This run cannot be restored. It was restored already, or deleted more than a day ago."
        ) from error
    except OSError as error:
        raise RunError(f"The run cannot be restored now ({error.strerror}). Try again in a moment.") from error


def deleted(project: Project) -> list[str]:
    """Ids of the runs that can be brought back, the one deleted last first."""
    found = []
    for folder in (project.runs_dir / _FOLDER).glob("[!.]*"):
        with suppress(OSError):  # it was brought back meanwhile
            found.append((folder.stat().st_mtime_ns, folder.name))
    return [run_id for _, run_id in sorted(found, reverse=True)]


def empty(project: Project) -> None:
    """Deletes for good what was deleted more than a day ago."""
    for folder in expired(project.runs_dir):
        with suppress(OSError):  # Windows, where somebody still reads a file of it
            delete_folder(folder)


def expired(runs_dir: Path) -> Iterator[Path]:
    """Folders of runs that were deleted more than a day ago."""
    for folder in (runs_dir / _FOLDER).glob("[!.]*"):
        with suppress(OSError):  # it was brought back meanwhile
            age = time.time() - folder.stat().st_mtime
            if age < -_CLOCK_SLACK_S:  # the clock was set back: the day begins now
                _note_time(folder)
            elif age > KEPT_S:
                yield folder


def _note_time(folder: Path) -> None:
    """The folder's own time says since when it has been deleted."""
    now = time.time()
    os.utime(folder, (now, now))


def _heirs(project: Project, run: Run) -> list[Run]:
    """Runs that begin where this one ended, and would have to begin there again should they be resumed."""
    others = runs.list_runs(run.workspace, project, kind=None)
    heirs = [other for other in others if getattr(other.spec, "config", None) and other.config.continue_from == run.id]
    return [
        heir
        for heir in heirs
        if runs.read_state(heir).status in (*_WAITS, *(_CAN_BE_RESUMED if heir.kind == "train" else ()))
    ]
