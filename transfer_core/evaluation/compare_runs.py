"""Runs side by side: who answered which photo rightly, and which settings differ. Imports no torch."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from transfer_core import runs, strategies
from transfer_core.backbones import catalog
from transfer_core.config import TrainConfig, setting
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
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


def load_own_answers(run: Run) -> ValAnswers:
    """What the run's model said of its validation photos.

    Raises:
        RunError: That cannot be read, for example because the run was deleted meanwhile, or is not its result.
    """
    return load_answers(run.evaluation_dir, runs.read_state(run).result)


def load_right(run: Run, split: Split | None = None) -> dict[str, bool]:
    """Whether the run was right, by photo (item id); RunError as `load_own_answers`."""
    split, answers = split or runs.load_split(run), load_own_answers(run)
    right = answers.predicted_ids == answers.true_ids
    check_photos(run, split, answers)
    return {item.id: bool(hit) for item, hit in zip(split.val, right, strict=True)}


def check_photos(run: Run, split: Split, answers: ValAnswers) -> None:
    """Raises RunError where the answers are not about the split's validation photos."""
    place = {name: class_id for class_id, name in enumerate(split.class_names)}
    if [place.get(item.class_name) for item in split.val] != answers.true_ids.tolist():
        raise RunError(f"The answers of run '{run.id}' do not match its photos. Train again.")


def load_said(run: Run, split: Split) -> dict[str, str]:
    """The class that the run named, by photo (item id); untrusted text. RunError as `load_own_answers`."""
    answers = load_own_answers(run)
    check_photos(run, split, answers)
    said = answers.predicted_ids
    return {item.id: split.class_names[class_id] for item, class_id in zip(split.val, said, strict=True)}


def compare_right(first: dict[str, bool], second: dict[str, bool]) -> Paired:
    """The paired comparison of two runs by their right answers, from `load_right`.

    Raises:
        RunError: They have different validation photos.
    """
    if first.keys() != second.keys():
        raise RunError(
            "These runs have different validation photos, so their results cannot be compared. Train with "
            "the same photos, the same seed and the same share of validation photos."
        )
    order = sorted(first)
    return compare(*(np.array([right[photo] for photo in order], bool) for right in (first, second)))


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
