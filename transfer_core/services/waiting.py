"""What a queued run waits for, by name and time. Imports no torch."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from transfer_core import runs
from transfer_core.data.labels.dataset import load_labelled
from transfer_core.errors import TransferError
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.services.runs import count_ahead, name_runs, planned_phases
from transfer_core.services.training import estimate_run
from transfer_core.support.wording import duration, pluralize
from transfer_core.workspace import Workspace


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
    return Wait(count, name, other, _seconds_left(workspace, first, read(first)))


def _seconds_left(workspace: Workspace, run: Run, state: RunState) -> float | None:
    """By the pace of the last phase; before that, by the estimate for the whole run. None where that has run out."""
    if state.result:  # its model is being written
        return None
    now, planned = time.time(), planned_phases(run)
    if state.phases and planned and state.phases[-1].name == planned[-1].name:
        return state.seconds_left(now)
    if state.started is None:
        return None
    found, _ = estimate_run(workspace, load_labelled(workspace.open_project(run.project_id)), run.config)
    left = found.seconds - (now - state.started) if found else 0.0
    return left if left > 0 else None
