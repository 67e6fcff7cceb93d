"""What a queued run waits for, by name and time. Imports no torch."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from transfer_core import runs
from transfer_core.errors import TransferError
from transfer_core.jobs.machine import WAIT, find_holder
from transfer_core.runs import Run, TrainSpec
from transfer_core.runs.state import RunState
from transfer_core.services.runs import count_ahead, name_runs, planned_phases
from transfer_core.support.wording import duration, pluralize
from transfer_core.workspace import Workspace

_LATE = 1.5  # times the estimate is late,
_LATE_S = 20  # where it is also so much: a few seconds are nobody's concern


@dataclass(frozen=True)
class Wait:
    """What must end before a queued run begins.

    Args:
        count: Runs; 0 where it begins at once.
        name: Of the training at work; None where other work is, or where none is at work yet. Untrusted text.
        project: The name of that training's project; None where it is the waiting run's own. Untrusted text.
        seconds_left: An estimate of how long that training still takes; None where there is none.
    """

    count: int
    name: str | None = None
    project: str | None = None
    seconds_left: float | None = None

    def in_words(self) -> str:
        """Such as "Waiting for 'Fine-tuned 2' of Spring flowers, about 3 min left"; empty where it begins at once."""
        if not self.count:
            return ""
        if self.name is None:
            return f"Waiting for {pluralize(self.count, 'other run')}"
        project = f" of {self.project}" if self.project else ""
        left = f", about {duration(self.seconds_left)} left" if self.seconds_left else ""
        others = f", then {pluralize(self.count - 1, 'other run')}" if self.count > 1 else ""
        return f"Waiting for '{self.name}'{project}{left}{others}"


def find_wait(workspace: Workspace, run: Run, read: Callable[[Run], RunState] = runs.read_state) -> Wait:
    """What this queued run waits for.

    Args:
        read: As of `runs.list_ahead`.
    """
    count = count_ahead(workspace, run, read)
    first = next((other for other in runs.list_ahead(workspace, run, read) if read(other).alive), None)
    if not count or first is None or first.kind != "train":
        return Wait(count)
    try:
        project = workspace.open_project(first.project_id)
    except TransferError:  # deleted meanwhile
        return Wait(count)
    name = name_runs(runs.list_runs(workspace, project))[first.id]
    other = None if first.project_id == run.project_id else project.name
    return Wait(count, name, other, _seconds_left(first, read(first)))


def lateness(run: Run, state: RunState, now: float) -> str:
    """A sentence where a run at work takes clearly longer than was expected when it was queued; else "".

    Args:
        now: Unix seconds.
    """
    expected = run.spec.expected_s if isinstance(run.spec, TrainSpec) else None
    waits = bool(state.phases) and state.phases[-1].name == WAIT
    if expected is None or state.started is None or state.status != "running" or waits:
        return ""
    left = state.seconds_left(now) if _is_last_phase(run, state) else None
    elapsed = now - state.started - state.spent_s.get(WAIT, 0.0)
    total = elapsed + (left or 0.0)
    if total < _LATE * expected or total - expected < _LATE_S:
        return ""
    return f"This takes longer than expected{f': about {duration(left)} more' if left else ''}."


def find_other_home(run: Run) -> str:
    """What a run waits for whose turn is another Graft folder's of this machine, in words; "" where nobody says."""
    holder = find_holder(run.workspace)
    if holder is None:
        return ""
    left = holder.until - time.time() if holder.until else 0.0
    about = f", about {duration(left)} left" if left > 0 else ""
    return f"Waiting for a training of '{holder.project}' in another Graft folder ({holder.home}){about}"


def _is_last_phase(run: Run, state: RunState) -> bool:
    """Whether the phase at work is the last one that learns: only then its pace says how long the run still takes."""
    planned = planned_phases(run)
    return bool(state.phases and planned and state.phases[-1].name == planned[-1].name)


def _seconds_left(run: Run, state: RunState) -> float | None:
    """By the pace of the last phase; before that, by the estimate for the whole run. None where that has run out."""
    if state.result:  # its model is being written
        return None
    now = time.time()
    if _is_last_phase(run, state):
        return state.seconds_left(now)
    expected = run.spec.expected_s if isinstance(run.spec, TrainSpec) else None
    if state.started is None or expected is None:
        return None
    left = expected - (now - state.started)
    return left if left > 0 else None
