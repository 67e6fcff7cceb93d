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
from transfer_core.data.ingest.folder_layout import read_layout
from transfer_core.data.ingest.sources import Entry, is_junk, open_source
from transfer_core.data.splits.split import Split
from transfer_core.errors import DataError, RunError
from transfer_core.evaluation import result as results
from transfer_core.evaluation.compare_runs import check_photos
from transfer_core.evaluation.result import ValAnswers
from transfer_core.evaluation.test_set import Opening, count_looks, load_opening
from transfer_core.evaluation.unsure import RULE_OF_THUMB, UnsureMargin, find_margin
from transfer_core.inference.predictor import Prediction, Predictor
from transfer_core.jobs.launch import ensure_runner
from transfer_core.metrics.classification import class_scores, confusion_matrix
from transfer_core.metrics.wilson import wilson
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.services.export import is_intact, is_ready, need_model, renew
from transfer_core.services.runs import Watch, silent, wait

__all__ = [
    "Evaluation",
    "Opening",
    "UnsureMargin",
    "ValAnswers",
    "class_scores",
    "count_looks",
    "evaluate",
    "evaluate_test_set",
    "find_unsure_margin",
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
        interval: 95% Wilson interval, (low, high).
        count: Photos that were answered.
        class_names: Of the model.
        confusion_matrix: Rows = true class.
        learned: How many of these were training photos, which makes the accuracy too high.
        left_out: Files that are no photos, with the reason; untrusted text.
        unknown: Photos left out because the model does not know their class.
        opened: Unix seconds at which these test photos were first answered; None of photos that were given.
        looks: How many other runs were tested on some of the same test photos before.
    """

    accuracy: float
    interval: tuple[float, float]
    count: int
    class_names: tuple[str, ...]
    confusion_matrix: list[list[int]]
    learned: int
    left_out: tuple[Rejected, ...] = ()
    unknown: int = 0
    opened: float | None = None
    looks: int = 0

    def to_json(self) -> dict:
        """The answer of the command `evaluate`."""
        names = ("accuracy", "interval", "count", "class_names", "confusion_matrix")
        return {name: getattr(self, name) for name in names}


def evaluate(run: Run, data: Path) -> Evaluation:
    """The run's model on the photos of a folder or zip with class folders.

    Raises:
        RunError: The run has no model yet, or its training photos are no longer known.
        DataError: There is no photo, or a class that the model does not know.
    """
    need_model(run)
    predictor = Predictor.of_run(run, threads=1)
    names = predictor.class_names
    labelled = _labelled_photos(data, names)
    learned = runs.learned_photos(run)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        answers = list(pool.map(lambda labelled: _answer(predictor, labelled[0]), labelled))
    left_out = tuple(answer for answer in answers if isinstance(answer, Rejected))
    known = [
        (names.index(label), answer[0].class_id, answer[1] in learned)
        for (_, label), answer in zip(labelled, answers, strict=True)
        if not isinstance(answer, Rejected)
    ]
    if not known:
        raise DataError(f"There are no readable photos in '{data}'. Put photos into its class folders.")
    true_ids, predicted_ids, was_learned = np.array(known).T
    hits, count = int((true_ids == predicted_ids).sum()), len(known)
    confusion = confusion_matrix(true_ids, predicted_ids, len(names)).tolist()
    return Evaluation(
        hits / count, wilson(hits, count), count, names, confusion, learned=int(was_learned.sum()), left_out=left_out
    )


def load_answers(run: Run, split: Split, result: dict) -> ValAnswers:
    """What the run's model said of its validation photos.

    Args:
        result: Of the run, as its log tells it.

    Raises:
        RunError: They cannot be read, or are not those that the result was told of.
    """
    answers = results.load_answers(run.evaluation_dir, result)
    check_photos(run, split, answers)
    return answers


def find_unsure_margin(run: Run) -> UnsureMargin:
    """How near its two best classes may come before this run's model is called not sure, wherever it answers."""
    try:
        return find_margin(results.load_answers(run.evaluation_dir))
    except RunError:  # as Understand says; a model whose answers are lost can still be tried
        return UnsureMargin(RULE_OF_THUMB)


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
        found.class_names,
        found.confusion_matrix,
        learned=found.learned,
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


def _labelled_photos(data: Path, names: Sequence[str]) -> list[tuple[Entry, str]]:
    """(entry, class name) of every file in a class folder."""
    entries = [entry for entry in open_source(data.expanduser().resolve()) if not entry.refusal]
    entries = [entry for entry in entries if not is_junk(entry.path)]
    layout = read_layout([entry.path for entry in entries])
    placed = [(entry, place.class_name) for entry in entries if (place := layout.place(entry.path))]
    unknown = sorted({label for _, label in placed} - set(names))
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
