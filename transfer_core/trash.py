"""Deleting a run so that it can be brought back. Imports nothing heavy.

A deleted run's folder moves to `runs/.deleted/`, where no list looks. It stays there for a day, for whoever presses
Undo, and goes for good with the first deletion or comparison in that project after that.
"""

import os
import shutil
import time
from contextlib import suppress

from transfer_core import runs
from transfer_core.errors import RunError
from transfer_core.runs import Run
from transfer_core.workspace import Project, check_id

KEPT_S = 24 * 3600
_FOLDER = ".deleted"


def delete(project: Project, run: Run) -> None:
    """Moves the run out of the way.

    Raises:
        RunError: It is at work or waits for its turn, or it cannot be moved.
    """
    history = runs.read_history(run)
    if history.alive or history.status in ("queued", "running"):
        raise RunError("This run is at work or waits for its turn. Stop it first, then delete it.")
    empty(project)
    place = project.runs_dir / _FOLDER / run.id
    place.parent.mkdir(exist_ok=True)
    try:
        os.utime(run.folder)  # the folder's own time says since when it has been deleted
        os.replace(run.folder, place)
    except OSError as error:  # Windows moves no folder of which a file is open
        raise RunError(f"The run cannot be deleted now ({error.strerror}). Try again in a moment.") from error


def restore(project: Project, run_id: str) -> None:
    """Brings a deleted run back.

    Raises:
        RunError: It is gone for good.
    """
    try:
        os.replace(project.runs_dir / _FOLDER / check_id(run_id), project.runs_dir / run_id)
    except OSError as error:
        raise RunError("This run cannot be brought back; it was deleted more than a day ago.") from error


def can_restore(project: Project, run_id: str) -> bool:
    return (project.runs_dir / _FOLDER / check_id(run_id)).is_dir()


def empty(project: Project) -> None:
    """Deletes for good what was deleted more than a day ago."""
    for folder in (project.runs_dir / _FOLDER).glob("*"):
        with suppress(OSError):  # somebody else empties it, too
            if time.time() - folder.stat().st_mtime > KEPT_S:
                shutil.rmtree(folder)
