"""How to speak of a run's result: its headline, and one suggestion for the next step. Imports no torch."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from transfer_core import runs
from transfer_core.advice.coach import FrozenRival, Suggestion, suggest
from transfer_core.data.labels.dataset import count_classes
from transfer_core.data.labels.edits import changes_since
from transfer_core.data.splits.groups import name_groups
from transfer_core.data.splits.split import Split
from transfer_core.errors import TransferError
from transfer_core.evaluation.baselines import load_baselines
from transfer_core.evaluation.compare_runs import compare_right, load_own_answers, load_right, val_photos
from transfer_core.evaluation.evidence import weigh
from transfer_core.evaluation.headline import FEW, ClassShare, Headline, class_shares, make_headline
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.services.runs import name_runs, read_state
from transfer_core.support.wording import percent
from transfer_core.workspace import Project

if TYPE_CHECKING:
    from transfer_core.evaluation.test_set import Opening

__all__ = [
    "FEW",
    "ClassShare",
    "Headline",
    "Suggestion",
    "class_shares",
    "final_of",
    "headline_of",
    "outcome_of",
    "suggestion_for",
]

_FROZEN, _FINE_TUNED = "feature_extraction", ("partial", "lp_ft", "full", "gradual")


def headline_of(run: Run, state: RunState) -> Headline:
    """The headline of a run that has a result, held against guessing and, once that was measured, colours alone."""
    result = state.result or {}
    return make_headline(result, _share_by_colours(run, result))


def final_of(run: Run, state: RunState) -> "Opening | None":
    """The run's final test; None where it was not run.

    Raises:
        RunError: Its result can no longer be read.
    """
    if not state.has_finished("test_set"):
        return None
    from transfer_core.evaluation.test_set import load_opening  # which imports onnxruntime; the first page needs none

    return load_opening(run)


def outcome_of(run: Run, state: RunState) -> str:
    """In few words how good the run is: its final test, named, before its validation photos; else how it stands."""
    try:
        if final := final_of(run, state):
            return f"final test {percent(final.accuracy)}"
    except TransferError:  # another figure must not pass for it
        return "final test that cannot be read"
    return percent(state.result["val_accuracy"]) if state.result else state.status


def suggestion_for(
    project: Project,
    run: Run,
    state: RunState,
    split: Split,
    read_state: Callable[[Run], RunState] = read_state,
) -> Suggestion | None:
    """The most useful next step after a run that has a result; None where nothing stands out.

    Args:
        read_state: Of a run; who asks often may read on from where it was.
    """
    changes = changes_since(project, run.labels_version)
    return suggest(
        state.result or {},
        headline_of(run, state),
        count_classes(split.train),
        changed_labels=str(changes) if changes else "",
        parted=_parted_by(project.group_pattern, run, split),
        # Of the model that is kept: a solved new layer has no epochs.
        last_epoch=state.epochs[-1] if state.epochs and not state.keeps_solved else None,
        rival=_frozen_rival(project, run, split, read_state),
    )


def _parted_by(pattern: str | None, run: Run, split: Split) -> int:
    """Validation photos whose group, by the pattern that the project has now, is also among the training photos.

    The run keeps the parts that it had; 0 where it was asked for these groups, or came with parts of its own.
    """
    if not pattern or pattern == run.config.group_pattern or split.given:
        return 0
    learned = {item.group for item in name_groups(split.train, pattern)} - {None}
    return sum(item.group in learned for item in name_groups(split.val, pattern))


def _share_by_colours(run: Run, result: dict) -> float | None:
    """Of the validation photos, those whose class the baseline "colours" names; None where it was not measured."""
    try:
        if (baselines := load_baselines(run.evaluation_dir)) is None:
            return None
        split = runs.load_split(run) if result.get("val_copies") else None
        true_ids, said = load_own_answers(run, split).true_ids, np.array(baselines.colours)
    except TransferError:
        return None
    if len(said) != len(true_ids) or not len(said):
        return None
    right = said == true_ids
    return float((right[weigh(split.val).rows] if split else right).mean())


def _frozen_rival(
    project: Project, run: Run, split: Split, read_state: Callable[[Run], RunState]
) -> FrozenRival | None:
    """The newest run on the same validation photos that trained only a new layer on the same backbone."""
    if run.config.strategy not in _FINE_TUNED:
        return None
    everything = runs.list_runs(run.workspace, project)
    for other in everything:
        if other.config.strategy != _FROZEN or other.config.backbone != run.config.backbone:
            continue
        result = read_state(other).result
        try:
            if result and val_photos(runs.load_split(other)) == val_photos(split):
                paired = compare_right(load_right(run, split), load_right(other))
                name, seconds = name_runs(everything)[other.id], result["seconds"].get("total", 0.0)
                return FrozenRival(other.id, name, result["val_accuracy"], seconds, paired)
        except TransferError:
            continue
    return None
