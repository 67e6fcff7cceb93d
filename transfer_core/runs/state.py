"""What the events of a run add up to. Imports nothing heavy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from transfer_core.runs import events
from transfer_core.support.wording import pluralize


@dataclass(frozen=True)
class StepState:
    """Where one step stands.

    Args:
        status: "queued", "running" (or cut off, where no worker is alive), "finished" or "failed".
        attempts: How often it was begun since it was asked for.
        result: Of `StepFinished`.
        message, hint: Of `StepFailed`: what happened, what to do.
    """

    status: str = "queued"
    attempts: int = 0
    result: dict = field(default_factory=dict)
    message: str = ""
    hint: str = ""

    @property
    def is_pending(self) -> bool:
        return self.status in ("queued", "running")


@dataclass
class RunState:
    """What the events of a run add up to; `reduce_events` brings it up to date.

    Args:
        status: queued, running, interrupted, stopped, failed or finished.
        phases: In the order in which they began.
        epochs: Of all phases; after a resume only those that still hold.
        head: Which kind of new layer is kept, where both were tried.
        progress: The newest, of the phase at work; None between phases.
        result: Of `RunFinished` or `RunStopped`; what is in it depends on the kind.
        steps: By name, in the order in which they were asked for: what is done with the result after it stands.
        spent_s: Seconds per phase (by name, "" before the first), of all attempts together; what a worker did after its
            last event before it was killed is not known.
        last_time: Of the newest event, in Unix seconds.
        lost: Lines of the log that could not be read; `damage` says it.
    """

    lifecycle: events.Event | None = None
    alive: bool = False
    offset: int = 0
    started: float | None = None
    phases: list[events.PhaseStarted] = field(default_factory=list)
    epochs: list[events.EpochFinished] = field(default_factory=list)
    head: events.HeadChosen | None = None
    progress: events.Progress | None = None
    first_progress: events.Progress | None = None
    notices: list[str] = field(default_factory=list)
    result: dict | None = None
    failure: events.RunFailed | None = None
    steps: dict[str, StepState] = field(default_factory=dict)
    spent_s: dict[str, float] = field(default_factory=dict)
    last_time: float = 0.0
    lost: int = 0

    @property
    def damage(self) -> str | None:
        """What of the run's log could not be read, what it costs, what can be done; None where it is whole."""
        if not self.lost:
            return None
        return (
            f"{pluralize(self.lost, 'line')} of this run's events.jsonl cannot be read, so its curve or its course may "
            "have gaps. Its model is not touched by that; to have a whole log, train again."
        )

    @property
    def keeps_solved(self) -> bool:
        """Whether what is kept is a new layer that has no epochs; those that there are show another one."""
        return self.head is not None and self.head.kept == "solved"

    def confusion_after(self, shown: int, class_count: int) -> list[list[int]]:
        """The confusion matrix of what is kept where all epochs are shown, else of the last one that is."""
        if self.keeps_solved and shown == len(self.epochs) and self.result:
            return self.result["confusion_matrix"]
        return self.epochs[shown - 1].matrix(class_count)

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
    def last_queued(self) -> float:
        """Of a queued run, its place in the queue: about since when it waits, in Unix seconds."""
        order = getattr(self.lifecycle, "order", None)
        if isinstance(order, (int, float)):
            return order
        return self.lifecycle.time if self.lifecycle else 0.0

    @property
    def next_step(self) -> str | None:
        """The first step that waits to be done, or that was cut off; None where there is none."""
        return next((name for name, step in self.steps.items() if step.is_pending), None)

    def is_pending(self, name: str) -> bool:
        """Whether the step was asked for, and nothing has come of it yet."""
        return name in self.steps and self.steps[name].is_pending

    def has_finished(self, name: str) -> bool:
        return name in self.steps and self.steps[name].status == "finished"

    def has_failed(self, name: str) -> bool:
        return name in self.steps and self.steps[name].status == "failed"

    def failure_of(self, name: str) -> str | None:
        """Why the step failed and what to do; None where it has not."""
        return f"{self.steps[name].message} {self.steps[name].hint}".strip() if self.has_failed(name) else None

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
    last = [epoch for epoch in epochs if epoch.phase == epochs[-1].phase]
    spared = [(epoch.spared_loss, epoch.step) for epoch in last if epoch.spared_loss is not None]
    return min(spared)[1] if spared else epochs[-1].step


def reduce_events(state: RunState, new: Iterable[events.Event]) -> RunState:
    """Adds events, in order, to a state."""
    for event in new:
        if isinstance(event, events.LineLost):
            state.lost += 1
            continue
        _count_time(state, event)
        match event:
            case events.RunQueued():
                state.lifecycle, state.failure = event, None
            case events.RunStarted():
                state.lifecycle, state.started = event, event.time
            case events.RunResumed():
                state.lifecycle, state.started = event, event.time
                state.epochs = [epoch for epoch in state.epochs if epoch.step <= event.from_step]
                state.phases, state.result = [], None
                state.progress = state.first_progress = None
                state.steps = {}
            case events.PhaseStarted():
                state.phases.append(event)
                state.progress = state.first_progress = None
            case events.Progress():
                state.progress = event
                state.first_progress = state.first_progress or event
            case events.EpochFinished():
                # A worker of a newer version may have begun anew, where the checkpoint was of an older one.
                while state.epochs and state.epochs[-1].step >= event.step:
                    state.epochs.pop()
                state.epochs.append(event)
            case events.HeadChosen():
                state.head = event
            case events.Notice():
                state.notices.append(event.message)
            case events.RunFinished() | events.RunStopped():
                state.lifecycle, state.result, state.progress = event, event.result, None
                state.steps |= {name: StepState() for name in event.steps}
            case events.RunFailed():
                # A result stands: what goes wrong after it belongs to a step, even where an earlier version said so.
                if not (isinstance(state.lifecycle, (events.RunFinished, events.RunStopped)) and state.result):
                    state.lifecycle, state.failure = event, event
                state.progress = None
            case events.StepQueued():
                state.steps[event.name] = StepState()
            case events.StepStarted():
                attempts = state.steps.get(event.name, StepState()).attempts
                state.steps[event.name] = StepState("running", attempts + 1)
            case events.StepFinished() | events.StepFailed():
                state.progress = None
                state.steps[event.name] = _ended(state.steps.get(event.name, StepState()), event)
    return state


def _ended(step: StepState, event: events.StepFinished | events.StepFailed) -> StepState:
    if isinstance(event, events.StepFinished):
        return StepState("finished", step.attempts, event.result)
    return StepState("failed", step.attempts, message=event.message, hint=event.hint)


def _count_time(state: RunState, event: events.Event) -> None:
    """Adds the time since the event before to the phase at work, where somebody was at work."""
    if isinstance(state.lifecycle, (events.RunStarted, events.RunResumed)) and not isinstance(
        event, (events.RunQueued, events.RunResumed)
    ):
        phase = state.phases[-1].name if state.phases else ""
        # A clock that was set back meanwhile must not make time negative.
        state.spent_s[phase] = state.spent_s.get(phase, 0.0) + max(0.0, event.time - state.last_time)
    state.last_time = event.time
