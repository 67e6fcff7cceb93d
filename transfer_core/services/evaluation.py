"""How good a run's model is: on photos it is given, on the test photos, and in its own answers. Imports no torch.

What needs no composing is handed on from `transfer_core.evaluation` and `transfer_core.metrics` as it is.
"""

import hashlib
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transfer_core import runs
from transfer_core.data.ingest.arrivals import Rejected
from transfer_core.data.ingest.folder_layout import ParsedLabel
from transfer_core.data.ingest.label_source import read_entries
from transfer_core.data.ingest.sources import Entry, is_junk, open_source
from transfer_core.data.labels.dataset import LabelledItem, labelled, new_item
from transfer_core.data.splits.groups import name_groups
from transfer_core.data.splits.split import Split
from transfer_core.errors import DataError, RunError
from transfer_core.evaluation import result as results
from transfer_core.evaluation.compare_runs import check_photos
from transfer_core.evaluation.evidence import measure, weigh
from transfer_core.evaluation.result import ValAnswers
from transfer_core.evaluation.test_set import Opening, count_looks, load_opening
from transfer_core.inference.predictor import Prediction, Predictor
from transfer_core.jobs.launch import ensure_runner
from transfer_core.metrics.classification import class_scores
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.services.export import is_intact, is_ready, need_model, renew
from transfer_core.services.runs import Watch, silent, wait
from transfer_core.support.class_order import in_class_order

__all__ = [
    "Evaluation",
    "Opening",
    "ValAnswers",
    "class_scores",
    "count_looks",
    "different_rows",
    "evaluate",
    "evaluate_test_set",
    "is_opened",
    "load_answers",
    "load_opening",
    "open_test_set",
    "opening_failure",
]


@dataclass(frozen=True)
class Evaluation:
    """What a model made of labelled photos.

    Args:
        accuracy: In [0, 1].
        interval: 95%, (low, high); None where some of these were training photos, which makes the accuracy too high.
        count: Different photos that were answered.
        units: How many of these are independent of each other; photos of a group are not.
        class_names: Of the model.
        confusion_matrix: Rows = true class.
        learned: How many of these were training photos.
        copies: How many further photos are copies of these.
        left_out: Files that are no photos, with the reason; untrusted text.
        unknown: Photos left out because the model does not know their class.
        opened: Unix seconds at which these test photos were first answered; None of photos that were given.
        looks: How many other runs were tested on some of the same test photos before.
    """

    accuracy: float
    interval: tuple[float, float] | None
    count: int
    units: int
    class_names: tuple[str, ...]
    confusion_matrix: list[list[int]]
    learned: int
    copies: int = 0
    left_out: tuple[Rejected, ...] = ()
    unknown: int = 0
    opened: float | None = None
    looks: int = 0

    def to_json(self) -> dict:
        """The answer of the command `evaluate`; `copies` only where there are some."""
        names = ("accuracy", "interval", "count", "units", "learned", "class_names", "confusion_matrix")
        return {name: getattr(self, name) for name in (*names, *(("copies",) if self.copies else ()))}


def evaluate(run: Run, data: Path) -> Evaluation:
    """The run's model on the photos of a folder or zip with class folders.

    Raises:
        RunError: The run has no model yet, or its training photos are no longer known.
        DataError: There is no photo, or a class that the model does not know.
    """
    need_model(run)
    predictor = Predictor.of_run(run, threads=1)
    names = predictor.class_names
    placed = _labelled_photos(data, names)
    learned = runs.learned_photos(run)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        answers = list(pool.map(lambda photo: _answer(predictor, photo[0]), placed))
    left_out = tuple(answer for answer in answers if isinstance(answer, Rejected))
    answered = [
        (_item(run, entry, place, answer[1]), answer[0].class_id)
        for (entry, place), answer in zip(placed, answers, strict=True)
        if not isinstance(answer, Rejected)
    ]
    if not answered:
        raise DataError(f"There are no readable photos in '{data}'. Put photos into its class folders.")
    items, said = [item for item, _ in answered], np.array([class_id for _, class_id in answered], np.int64)
    true_ids = np.array([names.index(item.class_name) for item in items], np.int64)
    found = measure(weigh(items, learned), true_ids, said, len(names))
    return Evaluation(
        found.accuracy,
        found.interval,
        found.count,
        found.units,
        names,
        found.confusion_matrix,
        found.learned,
        found.copies,
        left_out,
    )


def _item(run: Run, entry: Entry, place: ParsedLabel, digest: str) -> LabelledItem:
    """A photo that was answered, with its group as the run would have found it."""
    item = new_item(digest, entry.path, entry.path, place.class_name, None, (1, 1), place.group)
    [found] = name_groups(labelled([item]), run.config.group_pattern)
    return found


def load_answers(run: Run, split: Split, result: dict) -> ValAnswers:
    """What the run's model said of its validation photos.

    Args:
        result: Of the run, as its log tells it.

    Raises:
        RunError: They cannot be read, or are not those that the result was told of.
    """
    answers = results.load_answers(run.evaluation_dir, result, split)
    check_photos(run, split, answers)
    return answers


def different_rows(split: Split, result: dict) -> np.ndarray:
    """Row numbers, rising, of the validation photos that count in the run's result: copies of a photo count once."""
    return weigh(split.val).rows if result.get("val_copies") else np.arange(len(split.val))


def evaluate_test_set(run: Run, watch: Watch = silent) -> Evaluation:
    """The run's model on the test photos; asked again, it gives the first result.

    Raises:
        RunError: There are none, there is no model yet, or they cannot be answered.
    """
    need_model(run, watch)
    open_test_set(run)
    state = wait(run, lambda state: not state.is_pending("test_set"), watch)
    if failure := opening_failure(state):
        raise RunError(f"The test photos of run '{run.id}' could not be evaluated. {failure}")
    found = load_opening(run)
    return Evaluation(
        found.accuracy,
        found.interval,
        found.count,
        found.units,
        found.class_names,
        found.confusion_matrix,
        found.learned,
        found.copies,
        unknown=found.left_out,
        opened=found.opened,
        looks=count_looks(run),
    )


def open_test_set(run: Run) -> None:
    """Has the test photos answered by the run's model, and sees to it that a runner does so.

    Raises:
        RunError: There are none, or there is no model yet; one that is damaged is made anew first.
    """
    state = runs.read_state(run)
    if is_ready(state) and not is_intact(run, state):
        renew(run)
    runs.request_test_set(run)
    ensure_runner(run.workspace)


def is_opened(state: RunState) -> bool:
    """Whether the test photos were answered."""
    return state.has_finished("test_set")


def opening_failure(state: RunState) -> str | None:
    """Why they could not be answered; None where nothing has failed. Untrusted text."""
    return state.failure_of("test_set")


def _labelled_photos(data: Path, names: Sequence[str]) -> list[tuple[Entry, ParsedLabel]]:
    """Every file in a class folder, with what the folders say of it."""
    entries = [entry for entry in open_source(data.expanduser().resolve()) if not entry.refusal]
    entries = [entry for entry in entries if not is_junk(entry.path)]
    reading = read_entries(entries)
    placed = [(entry, place) for entry in entries if (place := reading.place(entry.path))]
    unknown = in_class_order({place.class_name for _, place in placed} - set(names))
    if unknown:
        raise DataError(
            f"The model does not know these classes: {', '.join(unknown[:5])}. It knows: {', '.join(names[:20])}. "
            "Rename the folders or leave them out."
        )
    return placed


def _answer(predictor: Predictor, entry: Entry) -> tuple[Prediction, str] | Rejected:
    """The model's answer and the photo's digest."""
    try:
        content = entry.read()
        return predictor.predict(io.BytesIO(content)), hashlib.sha256(content).hexdigest()
    except DataError as error:
        return Rejected(entry.path, str(error))
