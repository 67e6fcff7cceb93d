"""What happens in a run, as typed facts appended to `events.jsonl`: one writer, any number of readers."""

import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

from transfer_core.support import log_lines


@dataclass(frozen=True, kw_only=True)
class Event:
    """One fact; `time` in Unix seconds (UTC)."""

    time: float = field(default_factory=time.time)


@dataclass(frozen=True, kw_only=True)
class RunQueued(Event):
    """The run waits for the runner.

    Args:
        order: Of two runs that wait, the one with less is done first; by the time alone, a clock that was set back
            would let the later one pass. None in logs of earlier versions.
    """

    order: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A worker has taken the run."""


@dataclass(frozen=True, kw_only=True)
class RunResumed(Event):
    """A worker goes on after an interruption; what later steps than `from_step` reported no longer holds."""

    from_step: int


@dataclass(frozen=True, kw_only=True)
class PhaseStarted(Event):
    """A named part of the work begins.

    Args:
        name: "download", "export_trunk", "features", or a phase of the strategy.
        title: The same for a person.
        epochs: How many are planned; 0 where the phase has none.
    """

    name: str
    title: str
    epochs: int = 0


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """Work inside a phase: `done` of `total`, in `unit` ("photos", "MB", "batches"); at most two per second."""

    done: int
    total: int
    unit: str = "photos"


@dataclass(frozen=True, kw_only=True)
class EpochFinished(Event):
    """One pass over the training photos.

    Args:
        step: Epochs of all phases so far; rises by one per event.
        train_accuracy, val_accuracy: In [0, 1].
        confusion_matrix: Of the validation photos, rows = true class; None where there are many classes.
        confusion_cells: Its cells that are not 0, where there are: true class, predicted class, count, and so on.
        spared_loss: On training photos that were spared to choose the epoch by; None where none were.
    """

    phase: str
    epoch: int
    epochs: int
    step: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    confusion_matrix: list[list[int]] | None = None
    confusion_cells: list[int] | None = None
    spared_loss: float | None = None

    @property
    def hits(self) -> int:
        """Validation photos that were answered rightly."""
        if self.confusion_matrix is not None:
            return sum(row[class_id] for class_id, row in enumerate(self.confusion_matrix))
        return sum(count for true_id, predicted_id, count in self._cells() if true_id == predicted_id)

    def matrix(self, class_count: int) -> list[list[int]]:
        """The confusion matrix, in whichever form it was logged."""
        if self.confusion_matrix is not None:
            return self.confusion_matrix
        rows = [[0] * class_count for _ in range(class_count)]
        for true_id, predicted_id, count in self._cells():
            rows[true_id][predicted_id] = count
        return rows

    def _cells(self) -> Iterator[tuple[int, int, int]]:
        numbers = iter(self.confusion_cells or ())
        return zip(numbers, numbers, numbers, strict=True)


@dataclass(frozen=True, kw_only=True)
class HeadChosen(Event):
    """Two kinds of new layer were tried on training photos left out; one is kept. Epochs are of the trained one.

    Args:
        kept: "solved" or "trained".
        solved_loss, trained_loss: Mean log losses on the photos left out.
    """

    kept: str
    solved_loss: float | None
    trained_loss: float | None


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    step: int


@dataclass(frozen=True, kw_only=True)
class Notice(Event):
    """Something a person should know, in one sentence."""

    message: str


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    """The result stands, whatever comes after.

    Args:
        result: Fields of `evaluation.result.Result`; of other kinds of runs a few words.
        steps: Names of what is to be done next with it, in this order, without anybody asking (`jobs.kinds.STEPS`).
    """

    result: dict
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunStopped(Event):
    """Stopped on request; `result` is that of what was learned until then, None before there was a head."""

    result: dict | None
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunFailed(Event):
    """What happened, and what to do about it."""

    message: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class StepQueued(Event):
    """Somebody asked for a step: for the first time, or to try once more one that failed."""

    name: str


@dataclass(frozen=True, kw_only=True)
class StepStarted(Event):
    """A worker is at the step; the run's result stands already."""

    name: str


@dataclass(frozen=True, kw_only=True)
class StepFinished(Event):
    """The step is done.

    Args:
        result: What a page shows of it; larger things stand in the run's folder.
    """

    name: str
    result: dict = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StepFailed(Event):
    """What went wrong in the step, and what to do; the run's result stands, and the step may be asked for again."""

    name: str
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class LineLost(Event):
    """A line of the log that cannot be read; found when reading, never written."""


_KINDS = {kind.__name__: kind for kind in Event.__subclasses__() if kind is not LineLost}
_SYNCED = (RunQueued, RunFinished, RunStopped, RunFailed, StepFinished)
# What earlier versions wrote of the two steps that they had.
_EARLIER_STEPS = {"Export": "export", "Opening": "test_set"}


class EventLog:
    """Appends events to a run's file; one process at a time may hold one (it holds the run's lock)."""

    def __init__(self, path: Path):
        self.path = path
        _cut_torn_line(path)

    def append(self, event: Event) -> None:
        """Writes one line; ends of runs are synced to the disk, so that a power cut does not undo them."""
        fields_ = {entry.name: getattr(event, entry.name) for entry in fields(event)}
        content = {"kind": type(event).__name__, **{name: finite(value) for name, value in fields_.items()}}
        line = log_lines.encode(content, _owner(self.path), ensure_ascii=False)
        # Unbuffered: a buffer would try once more to write its rest, when it is closed, after the cut below.
        with self.path.open("ab", buffering=0) as file:
            size, rest = file.tell(), memoryview(line)
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:  # a full disk must not leave half a line for the next event to be glued to
                file.truncate(size)
                raise
            if isinstance(event, _SYNCED):
                os.fsync(file.fileno())


def read_events(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Events from a byte offset on, and the offset to go on from; unknown kinds and a torn last line are left out.

    In the place of a line that is damaged, or another run's, stands `LineLost`.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read()
    except FileNotFoundError:
        return [], offset
    whole = content[: content.rfind(b"\n") + 1]
    return list(_parse(whole.split(b"\n")[:-1], _owner(path))), offset + len(whole)


def finite(value: object) -> object:
    """The same with every non-finite number as None: JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(entry) for entry in value]
    return value


def _owner(path: Path) -> str:
    """The run's id, which is its folder's name."""
    return path.parent.name


def _parse(lines: Iterable[bytes], owner: str) -> Iterable[Event]:
    for line in lines:
        try:
            content = log_lines.decode(line + b"\n", owner)
            if content is None:
                if not log_lines.is_unfinished(line):
                    yield LineLost(time=0.0)
                continue
            content = _modernize(content)
            kind = _KINDS.get(content.pop("kind"))
            if kind is None:  # of a later version
                continue
            known = {entry.name for entry in fields(kind)}
            given = {key: value for key, value in content.items() if key in known}
            if not _fits(kind, given):
                yield LineLost(time=0.0)
                continue
            yield kind(**(given | {"steps": tuple(given["steps"])} if "steps" in given else given))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            yield LineLost(time=0.0)


def _fits(kind: type[Event], given: dict) -> bool:
    """Whether the values are what readers rely on: a damaged line must harm nothing but itself."""
    if not isinstance(given.get("time", 0.0), (int, float)) or not isinstance(given.get("steps", []), list):
        return False
    for entry in fields(kind):
        value = given.get(entry.name)
        if entry.name in given and (
            (entry.type is str and not isinstance(value, str))
            or (entry.type is dict and not isinstance(value, dict))
            or (entry.type == dict | None and not isinstance(value, dict | None))
        ):
            return False
    return True


def _modernize(content: dict) -> dict:
    """An event of an earlier version as this one would have written it: each step had four kinds of its own."""
    kind = content["kind"]
    for earlier, name in _EARLIER_STEPS.items():
        if kind.startswith(earlier):
            result = {key: value for key, value in content.items() if key not in ("kind", "time", "message")}
            return content | {"kind": f"Step{kind.removeprefix(earlier)}", "name": name, "result": result}
    if kind in ("RunFinished", "RunStopped") and "steps" not in content and "val_count" in (content["result"] or {}):
        return content | {"steps": ["export"]}
    return content


def _cut_torn_line(path: Path) -> None:
    """Removes what a killed writer left of its last line."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
