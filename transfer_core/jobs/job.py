"""What a kind of work is given, and what it gives back. Imports no torch."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from transfer_core import runs
from transfer_core.runs import Run, events
from transfer_core.runs.state import RunState, reduce_events
from transfer_core.workspace import Workspace

Emit = Callable[[events.Event], None]
_PROGRESS_EVERY_S = 0.5


@dataclass(frozen=True)
class Job:
    """One run in the hands of its worker.

    Args:
        emit: Writes an event to the run's log; progress at most twice a second, so it may be told as often as it comes.
        is_resumed: Whether an earlier worker was at it.
    """

    run: Run
    emit: Emit
    is_resumed: bool = False

    @property
    def workspace(self) -> Workspace:
        return self.run.workspace

    def should_stop(self) -> bool:
        """Whether a person asked to stop; cheap enough to ask per batch."""
        return runs.stop_requested(self.run)

    def report(self, done: int, total: int, unit: str = "photos") -> None:
        """Says how far the phase at work is."""
        self.emit(events.Progress(done=done, total=total, unit=unit))

    def state(self) -> RunState:
        """What the run's log comes to now, its worker being alive: it asks."""
        return reduce_events(RunState(alive=True), events.read_events(self.run.events_path)[0])


class Outcome(NamedTuple):
    """What a run comes to.

    Args:
        result: For `RunFinished`; None where it was stopped before there was any.
        is_early: Whether a person stopped it.
    """

    result: dict | None
    is_early: bool = False


def throttled(log: events.EventLog) -> Emit:
    """Passes events on to the log, progress at most twice a second."""
    last = 0.0

    def emit(event: events.Event) -> None:
        nonlocal last
        if isinstance(event, events.PhaseStarted):
            last = 0.0
        elif isinstance(event, events.Progress):
            if event.time - last < _PROGRESS_EVERY_S and event.done < event.total:
                return
            last = event.time
        log.append(event)

    return emit


def spent_now(state: RunState) -> float:
    """Seconds since the newest event."""
    return max(0.0, time.time() - state.last_time)  # the clock may have been set back
