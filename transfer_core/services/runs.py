"""Runs as pages, command line and scripts ask for them: listed, opened, waited for, noted, deleted. Imports no torch.

What needs no composing is handed on from `transfer_core.runs` as it is.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from transfer_core import runs
from transfer_core.data.splits.split import Split
from transfer_core.errors import TransferError
from transfer_core.jobs.launch import ensure_runner, slot_count
from transfer_core.runs import ENDED, Run, list_runs, load_split, open_run, read_state, stop_requested
from transfer_core.runs.notes import NOTE_LIMIT, RunNotes, load_notes, save_notes
from transfer_core.runs.state import RunState
from transfer_core.runs.trash import delete as delete_run
from transfer_core.runs.trash import deleted as list_deleted
from transfer_core.runs.trash import empty as empty_trash
from transfer_core.runs.trash import restore as restore_run
from transfer_core.strategies import Phase
from transfer_core.training.plan import load_plan
from transfer_core.workspace import Workspace

__all__ = [
    "ENDED",
    "NOTE_LIMIT",
    "Run",
    "RunEntry",
    "RunNotes",
    "RunState",
    "Split",
    "Watch",
    "count_ahead",
    "delete_run",
    "empty_trash",
    "list_deleted",
    "list_entries",
    "list_runs",
    "load_notes",
    "load_split",
    "open_run",
    "planned_phases",
    "read_state",
    "restore_run",
    "save_notes",
    "silent",
    "stop_requested",
    "wait",
]

Watch = Callable[[str, int, int], None]  # takes (what is done, so many, of so many)

_LOOK_EVERY_S = 0.1
_ENSURE_EVERY_S = 5  # a runner that was just started needs a second or two before it can be seen


@dataclass(frozen=True)
class RunEntry:
    """A run in a list.

    Args:
        val_accuracy: In [0, 1]; None without a result, or of a run that trained nothing.
    """

    run: Run
    status: str
    val_accuracy: float | None

    def to_json(self) -> dict:
        """An entry of the answer of the command `runs`."""
        run = self.run
        return {
            "run_id": run.id,
            "project": run.project_id,
            "kind": run.kind,
            "status": self.status,
            "backbone": run.config.backbone,
            "strategy": run.config.strategy,
            "val_accuracy": self.val_accuracy,
        }


def list_entries(workspace: Workspace) -> list[RunEntry]:
    """All runs of all kinds with their status, the newest first."""
    found = []
    for run in runs.list_runs(workspace, kind=None):
        state = runs.read_state(run)
        found.append(RunEntry(run, state.status, state.result.get("val_accuracy") if state.result else None))
    return found


def silent(title: str, done: int, total: int) -> None:
    """A `Watch` that tells nobody."""


def wait(run: Run, is_done: Callable[[RunState], bool], watch: Watch = silent) -> RunState:
    """Waits until the run is done, and starts a runner where none is at a run that waits for one.

    Args:
        is_done: Asked ten times a second.
        watch: Told how far the phase at work is.

    Returns:
        The state that `is_done` agreed to.
    """
    state, ensured = runs.read_state(run), time.monotonic()
    while not is_done(state):
        time.sleep(_LOOK_EVERY_S)
        state = runs.read_state(run, state)
        asked = state.needs_export or state.needs_opening
        idle = state.status == "queued" or (asked and not state.alive)
        if idle and time.monotonic() - ensured > _ENSURE_EVERY_S:
            ensure_runner(run.workspace)  # it may have died, and a queued run waits for nobody else
            ensured = time.monotonic()
        if state.progress:
            title = state.phases[-1].title if state.phases else ""
            watch(title, state.progress.done, state.progress.total)
    return state


def count_ahead(workspace: Workspace, run: Run, read: Callable[[Run], RunState] | None = None) -> int:
    """How many runs must end before this queued one begins.

    Args:
        read: As of `runs.count_ahead`.
    """
    return runs.count_ahead(workspace, run, slot_count(workspace), read)


def planned_phases(run: Run) -> tuple[Phase, ...]:
    """The phases that the run's worker has planned, in their order; none before it has, or where the file was spoilt.

    The worker itself says what is wrong with the file when it needs it; all else of the run can be shown.
    """
    try:
        plan = load_plan(run.plan_path)
    except TransferError:
        return ()
    return plan.phases if plan else ()
