"""Runs side by side: who answered which photo rightly, and which settings differ. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from transfer_core import runs, strategies
from transfer_core.backbones import catalog
from transfer_core.config import TrainConfig, setting
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.evaluation.evidence import weigh
from transfer_core.evaluation.result import ValAnswers, load_answers
from transfer_core.metrics.paired_test import Paired, compare
from transfer_core.runs import Run
from transfer_core.training.plan import load_plan

# What matters to a run that trains only the head; the other settings say how the backbone learns.
_OF_THE_HEAD = ("backbone", "strategy", "epochs", "val_fraction", "test_fraction", "group_pattern", "seed")


def val_photos(split: Split) -> frozenset[str]:
    """Ids of the validation photos: runs with the same ones can be compared."""
    return frozenset(item.id for item in split.val)


def group_by_photos(splits: dict[str, Split]) -> list[list[str]]:
    """Run ids whose runs have the same validation photos, in the order given; the largest group first."""
    groups: dict[frozenset[str], list[str]] = {}
    for run_id, split in splits.items():
        groups.setdefault(val_photos(split), []).append(run_id)
    return sorted(groups.values(), key=len, reverse=True)


@dataclass(frozen=True)
class RightAnswers:
    """Which validation photos a run got right, by item id.

    Args:
        right: Of each different photo: copies count once.
        units: Photos with the same name here depend on each other, as those of a group do.
        learned: Those that were training photos, too.
    """

    right: dict[str, bool]
    units: dict[str, int]
    learned: frozenset[str]


def load_own_answers(run: Run, split: Split | None = None) -> ValAnswers:
    """What the run's model said of its validation photos.

    Args:
        split: As of `load_answers`.

    Raises:
        RunError: That cannot be read, for example because the run was deleted meanwhile, or is not its result.
    """
    return load_answers(run.evaluation_dir, runs.read_state(run).result, split)


def load_right(run: Run, split: Split | None = None) -> RightAnswers:
    """What the run got right; RunError as `load_own_answers`."""
    split = split or runs.load_split(run)
    answers = load_own_answers(run, split)
    right = answers.predicted_ids == answers.true_ids
    check_photos(run, split, answers)
    evidence = weigh(split.val, {item.photo for item in split.train})
    items = [split.val[row] for row in evidence.rows]
    return RightAnswers(
        {item.id: bool(right[row]) for item, row in zip(items, evidence.rows, strict=True)},
        {item.id: int(unit) for item, unit in zip(items, evidence.units, strict=True)},
        frozenset(item.id for item, learned in zip(items, evidence.learned, strict=True) if learned),
    )


def check_photos(run: Run, split: Split, answers: ValAnswers) -> None:
    """Raises RunError where the answers are not about the split's validation photos."""
    place = {name: class_id for class_id, name in enumerate(split.class_names)}
    if [place.get(item.class_name) for item in split.val] != answers.true_ids.tolist():
        raise RunError(f"The answers of run '{run.id}' do not match its photos. Train again.")


def load_said(run: Run, split: Split) -> dict[str, str]:
    """The class that the run named, by photo (item id); untrusted text. RunError as `load_own_answers`."""
    answers = load_own_answers(run, split)
    check_photos(run, split, answers)
    said = answers.predicted_ids
    return {item.id: split.class_names[class_id] for item, class_id in zip(split.val, said, strict=True)}


def compare_right(first: RightAnswers, second: RightAnswers) -> Paired:
    """The paired comparison of two runs on the photos that neither of them was trained on.

    Raises:
        RunError: They have different validation photos.
    """
    if first.right.keys() != second.right.keys():
        raise RunError(
            "These runs have different validation photos, so their results cannot be compared. Train with "
            "the same photos, the same seed and the same share of validation photos."
        )
    order = sorted(first.right.keys() - first.learned - second.learned)
    units = np.array([first.units[photo] for photo in order], np.int64)
    one, other = (np.array([each.right[photo] for photo in order], bool) for each in (first, second))
    return compare(one, other, units)


def settings_that_differ(compared: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """(label, value of each run in words) of every setting in which two runs that use it differ; untrusted text.

    What was left to a rule counts as that decided; "not used" where the setting plays no part in a run.
    """
    plans = [_resolved(run) for run in compared]
    rows = []
    for entry in fields(TrainConfig):
        values = [
            _in_words(entry.name, getattr(config, entry.name)) if tunes or entry.name in _OF_THE_HEAD else None
            for config, tunes in plans
        ]
        if len({value for value in values if value is not None}) > 1:
            rows.append((setting(entry.name)["label"], [value or "not used" for value in values]))
    return rows


def backbone_title(name: str) -> str:
    """What a person calls it; the name itself where the catalogue has none. Untrusted text."""
    row = catalog.BUILT_IN.get(name)
    return row.title if row else name


def strategy_title(name: str) -> str:
    row = strategies.STRATEGIES.get(name)
    return row.title if row else name


def _resolved(run: Run) -> tuple[TrainConfig, bool]:
    """The settings as they were carried out, else as asked for; and whether the backbone learned."""
    try:
        plan = load_plan(run.plan_path)
    except RunError:  # somebody changed the file; what was asked for is still known
        plan = None
    if plan is None:
        return run.config, run.config.strategy != "feature_extraction"
    return plan.settings, any(phase.trains != strategies.HEAD for phase in plan.phases)


def _in_words(name: str, value: str | float | None) -> str:
    if value is None:
        return "none" if name in ("continue_from", "group_pattern") else "automatic"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        titles = {"backbone": backbone_title, "strategy": strategy_title}
        return titles[name](value) if name in titles else value
    return f"{value:g}" if isinstance(value, float) else str(value)
