"""Runs held against each other, and against what goes without pretrained weights. Imports no torch.

What needs no composing is handed on from `transfer_core.evaluation` and `transfer_core.metrics` as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from transfer_core import runs
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.evaluation.baselines import baselines_path
from transfer_core.evaluation.compare_runs import (
    RightAnswers,
    compare_right,
    group_by_photos,
    load_right,
    load_said,
    settings_that_differ,
)
from transfer_core.evaluation.result import Result
from transfer_core.evaluation.transfer_gain import (
    NAMES,
    TransferGain,
    control_config,
    find_controls,
    load_knowledge,
    verdict_sentence,
)
from transfer_core.metrics.paired_test import Paired, corrected, in_points, in_words, pairs_of
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.services import training
from transfer_core.services.runs import read_state
from transfer_core.workspace import Project, Workspace

if TYPE_CHECKING:
    from transfer_core.advice.cost import Estimate

__all__ = [
    "NAMES",
    "Comparison",
    "Gain",
    "Pair",
    "Paired",
    "compare",
    "compare_answers",
    "estimate_control",
    "find_gain",
    "group_by_photos",
    "has_baselines",
    "in_points",
    "in_words",
    "load_right",
    "load_said",
    "pairs_of",
    "settings_that_differ",
    "start_control",
    "verdict_sentence",
]


@dataclass(frozen=True)
class Pair:
    """Two runs photo by photo, seen from the first.

    Args:
        first, second: Ids.
        paired: With p corrected for the number of pairs that were compared.
    """

    first: str
    second: str
    paired: Paired

    def to_json(self) -> dict:
        paired = self.paired
        figures = {"difference": paired.difference, "interval": paired.interval, "p": paired.p}
        counts = {"verdict": paired.verdict, "count": paired.count, "units": paired.units}
        return {"first": self.first, "second": self.second, **figures, **counts}


@dataclass(frozen=True)
class Comparison:
    """Several runs that were checked with the same photos, each with its result, and every two of them."""

    results: tuple[tuple[Run, Result], ...]
    pairs: tuple[Pair, ...]

    def to_json(self) -> dict:
        """The answer of the command `compare`."""
        return {
            "runs": [
                {
                    "run_id": run.id,
                    "accuracy": result.val_accuracy,
                    "interval": result.val_interval,
                    "count": result.val_count,
                    "units": result.val_units,
                    "strategy": run.config.strategy,
                    "backbone": run.config.backbone,
                    "seconds": result.seconds,
                }
                for run, result in self.results
            ],
            "pairs": [pair.to_json() for pair in self.pairs],
        }


def compare(compared: Sequence[Run]) -> Comparison:
    """Every run with its result, and every two of them photo by photo, the first against the second.

    Of three runs or more, p is corrected for the number of pairs.

    Raises:
        RunError: They are fewer than two, one has no result, or they were checked with different photos.
    """
    different = list({run.id: run for run in compared}.values())
    if len(different) < 2:
        raise RunError("Name at least two different runs. `runs` lists all runs.")
    results = []
    for run in different:
        if (result := read_state(run).result) is None:
            raise RunError(f"Run '{run.id}' has no result to compare. Resume it, or leave it out.")
        results.append((run, result))
    rights = {run.id: load_right(run) for run in different}
    pairs = [
        Pair(first, second, compare_answers(rights[first], rights[second], len(rights)))
        for first, second in combinations(rights, 2)
    ]
    return Comparison(tuple((run, Result.from_json(result)) for run, result in results), tuple(pairs))


def compare_answers(first: RightAnswers, second: RightAnswers, among: int) -> Paired:
    """The paired comparison of two runs by their right answers, with p corrected for all pairs of so many runs.

    Args:
        first, second: As from `load_right`.

    Raises:
        RunError: They were checked with different photos.
    """
    return corrected(compare_right(first, second), among)


@dataclass(frozen=True)
class Gain:
    """What is known of what the pretrained weights did for a run.

    Args:
        knowledge: The figures and what they say.
        control: The finished run trained from scratch, for comparison; None without one.
        under_way: One that is at work or waits for its turn; None without one.
    """

    knowledge: TransferGain
    control: Run | None
    under_way: Run | None


def find_gain(
    workspace: Workspace,
    project: Project,
    run: Run,
    split: Split,
    read_state: Callable[[Run], RunState] = runs.read_state,
) -> Gain:
    """What the project's runs say of what the pretrained weights did for this one.

    Args:
        read_state: Of a run; who asks often may read on from where it was.

    Raises:
        RunError: The run's own answers cannot be read.
    """
    controls = [(other, read_state(other)) for other in find_controls(run, split, runs.list_runs(workspace, project))]
    done = next((other for other, state in controls if state.status == "finished"), None)
    under_way = next((other for other, state in controls if state.status in ("queued", "running")), None)
    return Gain(load_knowledge(run, split, done), done, under_way)


def has_baselines(run: Run) -> bool:
    """Whether what goes without a network was measured for this run."""
    return baselines_path(run.evaluation_dir).exists()


def estimate_control(workspace: Workspace, run: Run, split: Split) -> "Estimate | None":
    """Seconds that training the same network from scratch will take; None if unknown."""
    items = [*split.train, *split.val, *split.test]
    return training.estimate_run(workspace, items, control_config(run.config))[0]


def start_control(workspace: Workspace, project: Project, run: Run, split: Split) -> Run:
    """Trains the same network on the same photos from nothing; errors as those of `training.start`."""
    ids = {item.id for item in (*split.train, *split.val, *split.test)}
    return training.start(workspace, project, control_config(run.config), ids)
