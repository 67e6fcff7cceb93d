"""What the events of a run add up to. Imports nothing heavy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from transfer_core.runs import events


@dataclass
class RunState:
    """What the events of a run add up to; `reduce_events` brings it up to date.

    Args:
        kind: Of the run: only one that trained has something to export.
        status: queued, running, interrupted, stopped, failed or finished.
        phases: In the order in which they began.
        epochs: Of all phases; after a resume only those that still hold.
        progress: The newest, of the phase at work; None between phases.
        result: Of `RunFinished` or `RunStopped`; what is in it depends on the kind.
        export: Of the exported model: the event of its check, or of its failure; None before.
        opening: Of the test part: the newest event; None as long as nobody has asked.
        spent_s: Seconds per phase (by name, "" before the first), of all attempts together; what a worker did after its
            last event before it was killed is not known.
        last_time: Of the newest event, in Unix seconds.
    """

    kind: str = "train"
    lifecycle: events.Event | None = None
    alive: bool = False
    offset: int = 0
    started: float | None = None
    phases: list[events.PhaseStarted] = field(default_factory=list)
    epochs: list[events.EpochFinished] = field(default_factory=list)
    progress: events.Progress | None = None
    first_progress: events.Progress | None = None
    notices: list[str] = field(default_factory=list)
    result: dict | None = None
    failure: events.RunFailed | None = None
    export: events.ExportFinished | events.ExportFailed | None = None
    export_attempts: int = 0
    opening: events.OpeningQueued | events.OpeningStarted | events.OpeningFinished | events.OpeningFailed | None = None
    opening_attempts: int = 0
    spent_s: dict[str, float] = field(default_factory=dict)
    last_time: float = 0.0

    def seconds_left(self, now: float) -> float | None:
        """An estimate for the phase at work, from its pace until now; None where there is none yet."""
        if not self.phases or self.first_progress is None or self.progress is None:
            return None
        done = self.progress.done - self.first_progress.done
        elapsed = now - self.first_progress.time
        if done <= 0 or elapsed < 1:
            return None
        return (self.progress.total - self.progress.done) * elapsed / done

    @property
    def needs_export(self) -> bool:
        """Whether there is a model that was not yet written as ONNX and checked."""
        has_model = self.kind == "train" and self.status in ("finished", "stopped") and self.result is not None
        return has_model and self.export is None

    @property
    def is_opening(self) -> bool:
        """Whether the test part was asked for, and nothing has come of it yet."""
        return isinstance(self.opening, (events.OpeningQueued, events.OpeningStarted))

    @property
    def needs_opening(self) -> bool:
        """The same, where the model that is to answer is there."""
        return self.is_opening and isinstance(self.export, events.ExportFinished)

    @property
    def status(self) -> str:
        match self.lifecycle:
            case events.RunFinished():
                return "finished"
            case events.RunStopped():
                return "stopped"
            case events.RunFailed():
                return "failed"
            case events.RunStarted() | events.RunResumed():
                return "running" if self.alive else "interrupted"
            case _:
                return "queued"


def split_off_head(
    epochs: Sequence[events.EpochFinished],
) -> tuple[list[events.EpochFinished], events.EpochFinished | None]:
    """(the epochs from the first that changed the backbone on, the last one before them).

    All epochs and None where only a head learned: its quick epochs and the backbone's slow ones fit no common axis.
    """
    place = next((place for place, epoch in enumerate(epochs) if epoch.phase != "head"), 0)
    return list(epochs[place:]), epochs[place - 1] if place else None


def kept_step(epochs: Sequence[events.EpochFinished]) -> int:
    """The step whose weights are kept: of the last phase the best by the photos spared for it, else the last one."""
    last = [epoch for epoch in epochs if epoch.phase == epochs[-1].phase and epoch.spared_loss is not None]
    return min(last, key=lambda epoch: epoch.spared_loss).step if last else epochs[-1].step


def reduce_events(history: RunState, new: Iterable[events.Event]) -> RunState:
    """Adds events, in order, to a history."""
    for event in new:
        _count_time(history, event)
        match event:
            case events.RunQueued():
                history.lifecycle, history.failure = event, None
            case events.RunStarted():
                history.lifecycle, history.started = event, event.time
            case events.RunResumed():
                history.lifecycle, history.started = event, event.time
                history.epochs = [epoch for epoch in history.epochs if epoch.step <= event.from_step]
                history.phases, history.result = [], None
                history.progress = history.first_progress = None
                history.export, history.export_attempts = None, 0
            case events.PhaseStarted():
                history.phases.append(event)
                history.progress = history.first_progress = None
            case events.Progress():
                history.progress = event
                history.first_progress = history.first_progress or event
            case events.EpochFinished():
                history.epochs.append(event)
            case events.Notice():
                history.notices.append(event.message)
            case events.RunFinished() | events.RunStopped():
                history.lifecycle, history.result, history.progress = event, event.result, None
            case events.RunFailed():
                history.lifecycle, history.failure, history.progress = event, event, None
            case events.ExportQueued():
                history.export, history.export_attempts = None, 0
            case events.ExportStarted():
                history.export = None
                history.export_attempts += 1
            case events.ExportFinished() | events.ExportFailed():
                history.export = event
            case events.OpeningQueued():
                history.opening, history.opening_attempts = event, 0
            case events.OpeningStarted():
                history.opening = event
                history.opening_attempts += 1
            case events.OpeningFinished() | events.OpeningFailed():
                history.opening, history.progress = event, None
    return history


def _count_time(history: RunState, event: events.Event) -> None:
    """Adds the time since the event before to the phase at work, where somebody was at work."""
    if isinstance(history.lifecycle, (events.RunStarted, events.RunResumed)) and not isinstance(
        event, (events.RunQueued, events.RunResumed)
    ):
        phase = history.phases[-1].name if history.phases else ""
        # A clock that was set back meanwhile must not make time negative.
        history.spent_s[phase] = history.spent_s.get(phase, 0.0) + max(0.0, event.time - history.last_time)
    history.last_time = event.time
