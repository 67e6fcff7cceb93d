"""Whose turn it is among queued runs: the runner and whoever says what a run waits for go by the same order."""

from collections.abc import Callable

from transfer_core.runs.run import Run, list_runs, read_state
from transfer_core.runs.spec import TrainSpec
from transfer_core.runs.state import RunState
from transfer_core.workspace import Workspace

# For so long after it was queued, quick runs that come later pass a longer one; those of a class that all press Train
# come within it, and a longer run loses at most what they take.
_PASSED_FOR_S = 600.0


def turn_of(run: Run, state: RunState) -> float:
    """By what queued runs are ordered, the smallest first, in seconds.

    A quick run passes longer ones that wait, but only those that have not waited for long: each has its turn.
    """
    is_quick = not isinstance(run.spec, TrainSpec) or run.spec.is_quick  # what is not a training takes seconds
    return (state.last_queued or run.order) + (0 if is_quick else _PASSED_FOR_S)


def list_ahead(workspace: Workspace, run: Run, read: Callable[[Run], RunState] | None = None) -> list[Run]:
    """The runs that come before this queued one: those at work, then those that wait, in their order.

    Args:
        read: What to read a state with, for whoever asks again and again and remembers; None for `read_state`.
    """
    read = read or read_state
    own, ahead = turn_of(run, read(run)), []
    for other in list_runs(workspace, kind=None):
        if other.id != run.id and other.spec.is_light == run.spec.is_light:
            state = read(other)  # one whose model is being written has ended, but is still at work
            turn = float("-inf") if state.alive else turn_of(other, state)
            if state.alive or (state.status == "queued" and turn < own):
                ahead.append((turn, other))
    return [other for _, other in sorted(ahead, key=lambda entry: entry[0])]


def count_ahead(workspace: Workspace, run: Run, slots: int = 1, read: Callable[[Run], RunState] | None = None) -> int:
    """How many runs must end before this queued one begins, where so many are done at once.

    Args:
        read: As of `list_ahead`.
    """
    return max(0, len(list_ahead(workspace, run, read)) + 1 - slots)
