"""The catalogue as people look at it: searched, filtered, sorted, with speeds and results. Imports no torch.

What a row says stands in `transfer_core.backbones.catalog`; here is what this machine and this project add.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from transfer_core.backbones import catalog, weights
from transfer_core.backbones.catalog import GROUPS, Backbone
from transfer_core.backbones.licences import Permission, permission
from transfer_core.errors import BackboneError
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.strategies import SCRATCH
from transfer_core.workspace import Workspace

__all__ = ["FAMILIES", "GROUPS", "SIZES_MB", "SORTS", "Entry", "Point", "Wanted", "list_entries", "measure", "points"]

FAMILIES = {"cnn": "Convolutional network", "transformer": "Transformer"}
SIZES_MB = (25, 100)  # limits that people may set on what a model weighs


@dataclass(frozen=True)
class Entry:
    """A backbone, and what is known of it on this machine.

    Args:
        state: "bundled", "local" (on this machine) or "download" (must be fetched first).
        photos_per_s: That it looks at, frozen, on this machine; None as long as nobody has measured it.
        is_measuring: Whether a trial was asked for that will tell.
    """

    row: Backbone
    state: str
    permission: Permission
    photos_per_s: float | None = None
    is_measuring: bool = False

    @property
    def is_here(self) -> bool:
        return self.state != "download"

    @property
    def is_checked(self) -> bool:
        """Whether it is one of the catalogue's own; others were named or added by somebody here."""
        return self.row.name in catalog.BUILT_IN

    @property
    def size_mb(self) -> float:
        """Of a model that is built on it: four bytes a parameter."""
        return self.row.parameters * 4 / 1e6


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for; what is left out does not matter.

    Args:
        text: Words, each of which has to occur somewhere in the row.
        group: One of `GROUPS`.
        family: One of `FAMILIES`.
        most_mb: Of a model that is built on it.
        is_free: Whether its licence has to allow commercial use without further terms.
        is_here: Whether it has to be on this machine.
        sort: One of `SORTS`.
    """

    text: str = ""
    group: str | None = None
    family: str | None = None
    most_mb: float | None = None
    is_free: bool = False
    is_here: bool = False
    sort: str = "Suggested"

    def find(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries that fit, sorted."""
        fitting = [entry for entry in entries if self._fits(entry)]
        key = SORTS[self.sort]
        return sorted(fitting, key=key) if key else fitting

    def _fits(self, entry: Entry) -> bool:
        row = entry.row
        said = " ".join((row.title, row.name, row.series, row.summary, row.pretraining, row.good_for, row.licence))
        return (
            all(word in said.casefold() for word in self.text.casefold().split())
            and self.group in (None, row.group)
            and self.family in (None, row.family)
            and (self.most_mb is None or entry.size_mb <= self.most_mb)
            and (entry.permission.kind == "free" or not self.is_free)
            and (entry.is_here or not self.is_here)
        )


# By the words that people choose; None leaves the catalogue's own order. What nobody has measured comes last.
SORTS: dict[str, Callable[[Entry], tuple] | None] = {
    "Suggested": None,
    "Smallest first": lambda entry: (entry.size_mb,),
    "Fastest here first": lambda entry: (entry.photos_per_s is None, -(entry.photos_per_s or 0)),
    "Smallest download first": lambda entry: (0 if entry.is_here else entry.row.download_mb,),
    "Name": lambda entry: (entry.row.title.casefold(),),
}


@dataclass(frozen=True)
class Point:
    """A run in the picture of accuracy against speed.

    Args:
        accuracy, low, high: Of its validation photos, in [0, 1], with the 95 % interval; the latter None where the run
            has none.
    """

    name: str
    photos_per_s: float
    accuracy: float
    low: float | None
    high: float | None


def list_entries(workspace: Workspace) -> list[Entry]:
    """Every backbone, in the catalogue's order, then those that were added by hand."""
    return [_entry(workspace, row) for row in catalog.rows(workspace.weights_dir)]


def measure(workspace: Workspace) -> bool:
    """Asks for a trial of every backbone that is here and was not measured yet; the runner does them when it is idle.

    Returns:
        Whether there will be any; none of those that failed within the last day.
    """
    from transfer_core.advice.machine_speed import request_benchmark

    coming = False
    for entry in list_entries(workspace):
        if entry.is_here and entry.photos_per_s is None:
            with suppress(BackboneError):  # its weights are damaged, as a run on it will say
                coming |= request_benchmark(workspace, entry.row)
    ensure_runner(workspace)
    return coming


def points(entries: Iterable[Entry], named: Sequence[tuple[str, Run, RunState]]) -> list[Point]:
    """The project's results whose backbone was measured here; training from scratch says nothing of a backbone.

    Args:
        named: (name for people, run, its state).
    """
    speeds = {entry.row.name: entry.photos_per_s for entry in entries}
    found = []
    for name, run, state in named:
        speed = speeds.get(run.config.backbone)
        if speed and state.result and run.config.strategy not in SCRATCH:
            low, high = state.result.get("val_interval") or (None, None)
            title = catalog.BUILT_IN[run.config.backbone].title if run.config.backbone in catalog.BUILT_IN else ""
            label = name if title in name else f"{title}, {name}"
            found.append(Point(label, speed, state.result["val_accuracy"], low, high))
    return found


def _entry(workspace: Workspace, row: Backbone) -> Entry:
    state, allowed = weights.state(row, workspace.weights_dir), permission(row.licence)
    if state == "download":
        return Entry(row, state, allowed)
    from transfer_core.advice.machine_speed import is_requested, load_speed  # these import onnx

    try:
        speed, coming = load_speed(workspace, row), is_requested(workspace, row)
    except BackboneError:
        speed, coming = None, False
    return Entry(row, state, allowed, 1 / speed.look_s if speed and speed.look_s else None, coming and speed is None)
