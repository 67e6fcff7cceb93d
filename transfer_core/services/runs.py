"""Runs as pages, command line and scripts ask for them: listed, opened, waited for, noted, deleted. Imports no torch.

What needs no composing is handed on from `transfer_core.runs` as it is.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace

from transfer_core import runs, strategies
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError, TransferError
from transfer_core.jobs.launch import ensure_runner, slot_count
from transfer_core.runs import (
    ENDED,
    Run,
    UnreadableRun,
    list_runs,
    list_unreadable,
    load_split,
    open_run,
    stop_requested,
)
from transfer_core.runs.notes import NAME_LIMIT, NOTE_LIMIT, RunNotes, load_notes, save_notes
from transfer_core.runs.state import RunState
from transfer_core.runs.trash import delete as delete_run
from transfer_core.runs.trash import delete_unreadable
from transfer_core.runs.trash import deleted as list_deleted
from transfer_core.runs.trash import empty as empty_trash
from transfer_core.runs.trash import restore as restore_run
from transfer_core.strategies import Phase
from transfer_core.training.plan import load_plan
from transfer_core.workspace import Workspace

__all__ = [
    "ENDED",
    "NAME_LIMIT",
    "NOTE_LIMIT",
    "Run",
    "RunEntry",
    "RunNotes",
    "RunState",
    "Split",
    "UnreadableRun",
    "Watch",
    "count_ahead",
    "delete_run",
    "delete_unreadable",
    "empty_trash",
    "list_deleted",
    "list_entries",
    "list_runs",
    "list_unreadable",
    "load_notes",
    "load_split",
    "name_runs",
    "open_run",
    "planned_phases",
    "read_state",
    "restore_run",
    "save_notes",
    "silent",
    "stop_requested",
    "wait",
    "wait_for_model",
]

Watch = Callable[[str, int, int], None]  # takes (what is done, so many, of so many)

_LOOK_EVERY_S = 0.1
_ENSURE_EVERY_S = 5  # a runner that was just started needs a second or two before it can be seen


@dataclass(frozen=True)
class RunEntry:
    """A run in a list; `to_json` is an entry of the answer of the command `runs`.

    Args:
        status: As of `RunState`, or "unreadable".
        kind, backbone, strategy: None where the run has none, or cannot be read.
        val_accuracy: In [0, 1]; None without a result, or of a run that trained nothing.
        reason: Why it cannot be read; None where it can.
    """

    run_id: str
    project: str
    kind: str | None
    status: str
    backbone: str | None = None
    strategy: str | None = None
    val_accuracy: float | None = None
    reason: str | None = None

    def to_json(self) -> dict:
        content = asdict(self)
        return content if self.reason else {key: value for key, value in content.items() if key != "reason"}


def list_entries(workspace: Workspace) -> list[RunEntry]:
    """All runs of all kinds with their status, the newest first, then those that cannot be read."""
    found = []
    for run in runs.list_runs(workspace, kind=None):
        state, config = runs.read_state(run), getattr(run.spec, "config", None)
        entry = RunEntry(run.id, run.project_id, run.kind, state.status)
        if config:
            entry = replace(entry, backbone=config.backbone, strategy=config.strategy)
        if state.result:
            entry = replace(entry, val_accuracy=state.result.get("val_accuracy"))
        found.append(entry)
    unreadable = runs.list_unreadable(workspace)
    return found + [RunEntry(run.id, run.project_id, None, "unreadable", reason=run.reason) for run in unreadable]


def read_state(run: Run, known: RunState | None = None) -> RunState:
    """What a run's events add up to, as `runs.read_state` says, with a result as this version counts."""
    state = runs.read_state(run, known)
    if state.result and run.kind == "train" and "val_units" not in state.result:
        from transfer_core.evaluation.recount import recount  # imports more, and few runs are of earlier versions

        state.result = recount(run, state.result)
    return state


def name_runs(found: Iterable[Run]) -> dict[str, str]:
    """What each training run is called, by id: "Frozen", "Fine-tuned 2", or as a person has named it; no two alike.

    Args:
        found: All training runs of a project: the number says which of its strategy it was. Untrusted text comes out.
    """
    names: dict[str, str] = {}
    of_strategy: Counter[str] = Counter()
    taken: set[str] = set()
    for run in sorted(found, key=lambda run: (run.created, run.id)):
        strategy = strategies.STRATEGIES.get(run.config.strategy)
        given = strategy.run_name if strategy else run.config.strategy
        of_strategy[given] += 1
        number = run.number or of_strategy[given]
        own = load_notes(run).name or (f"{given} {number}" if number > 1 else given)
        name, count = own, 1
        while name in taken:
            count += 1
            name = f"{own} ({count})"
        taken.add(name)
        names[run.id] = name
    return names


def silent(title: str, done: int, total: int) -> None:
    """A `Watch` that tells nobody."""


def wait(run: Run, is_done: Callable[[RunState], bool], watch: Watch = silent) -> RunState:
    """Waits until the run is done, and starts a runner where none is at a run that waits for one.

    Args:
        is_done: Asked ten times a second.
        watch: Told how far the phase at work is.

    Returns:
        The state that `is_done` agreed to.

    Raises:
        RunError: The run's folder is gone, or no runner can be started.
    """
    state, ensured = runs.read_state(run), time.monotonic()
    while not is_done(state):
        time.sleep(_LOOK_EVERY_S)
        if not run.folder.is_dir():
            raise RunError(f"The folder of this run, {run.folder}, is not there any more. It was moved or deleted.")
        state = runs.read_state(run, state)
        idle = state.status == "queued" or (state.next_step and not state.alive)
        if idle and time.monotonic() - ensured > _ENSURE_EVERY_S:
            ensure_runner(run.workspace)  # it may have died, and a queued run waits for nobody else
            ensured = time.monotonic()
        if state.progress:
            title = state.phases[-1].title if state.phases else ""
            watch(title, state.progress.done, state.progress.total)
    return state


def wait_for_model(run: Run, watch: Watch = silent) -> RunState:
    """Waits while the run's model is being written and checked: the result is told before that.

    Returns:
        The run's state then; whether there is a model, `services.export` says.
    """
    state = runs.read_state(run)
    if not state.is_pending("export"):
        return state
    ensure_runner(run.workspace)
    return wait(run, lambda state: not state.is_pending("export"), watch)


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
