"""The result of a run: its answers to the validation photos, and the interval of its accuracy. Imports no torch."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.evaluation.evidence import measure, weigh
from transfer_core.metrics.classification import confusion_matrix
from transfer_core.support.arrays import read_arrays, write_arrays
from transfer_core.support.checked_json import in_words, write_checked


@dataclass(frozen=True)
class Result:
    """What `fit` answers, and the pages show.

    Args:
        class_names: In the order of classes.
        val_count: Different validation photos.
        val_accuracy: In [0, 1].
        val_interval: 95%, (low, high); None where some of these photos were training photos, too.
        val_units: How many of these photos are independent of each other; photos of a group are not.
        confusion_matrix: Different validation photos, rows = true class.
        epochs: Done in all phases.
        seconds: total, features, train; imports left out.
        val_learned: How many validation photos were training photos, too, in a split that came with the data.
        val_copies: How many further validation photos are copies of these.
        recall_intervals, recall_units: By class, as of `evidence.Figures`.
    """

    class_names: tuple[str, ...]
    train_count: int
    val_count: int
    val_accuracy: float
    val_interval: tuple[float, float] | None
    val_units: int
    confusion_matrix: list[list[int]]
    epochs: int
    seconds: dict[str, float]
    val_learned: int
    val_copies: int
    recall_intervals: list[tuple[float, float] | None]
    recall_units: list[int]

    def to_json(self) -> dict:
        """All of it; `val_learned` and `val_copies` only where there are some."""
        content = asdict(self)
        return {name: value for name, value in content.items() if value or name not in ("val_learned", "val_copies")}

    @classmethod
    def from_json(cls, content: dict) -> "Result":
        """A result as `to_json` wrote it and `recount` returns it; what a newer version added is left out."""
        known = {entry.name for entry in fields(cls)}
        found = {"val_learned": 0, "val_copies": 0} | {name: content[name] for name in content if name in known}
        found["class_names"], interval = tuple(found["class_names"]), found["val_interval"]
        return cls(**found | {"val_interval": interval and tuple(interval)})


@dataclass(frozen=True)
class ValAnswers:
    """What the trained model said of each validation photo.

    Args:
        confidences: float64 (n, classes) in [0, 1].
        true_ids: int64 (n,).
    """

    confidences: np.ndarray
    true_ids: np.ndarray

    def __post_init__(self) -> None:
        if self.confidences.ndim != 2 or len(self.confidences) != len(self.true_ids):
            raise ValueError(f"shapes do not match: {self.confidences.shape} and {self.true_ids.shape}")
        if not np.isfinite(self.confidences).all():  # the largest of these would be any, and so would every figure
            raise ValueError("some confidences are not numbers")

    @property
    def predicted_ids(self) -> np.ndarray:
        """int64 (n,)."""
        return self.confidences.argmax(1)

    def mistakes(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Row numbers of the photos it got wrong, the surest mistakes first.

        Args:
            rows: Those to look at, such as `Evidence.rows`; None for all.
        """
        asked = np.arange(len(self.true_ids)) if rows is None else rows
        wrong = asked[self.predicted_ids[asked] != self.true_ids[asked]]
        return wrong[np.argsort(-self.confidences[wrong].max(1), kind="stable")]


def evaluate(split: Split, answers: ValAnswers, epochs: int, seconds: dict[str, float]) -> Result:
    """The result of a model from its answers on the validation photos."""
    evidence = weigh(split.val, {item.photo for item in split.train})
    found = measure(evidence, answers.true_ids, answers.predicted_ids, len(split.class_names))
    return Result(
        split.class_names,
        len(split.train),
        found.count,
        found.accuracy,
        found.interval,
        found.units,
        found.confusion_matrix,
        epochs,
        seconds,
        found.learned,
        found.copies,
        found.recall_intervals,
        found.recall_units,
    )


def save_evaluation(folder: Path, result: Result, answers: ValAnswers) -> None:
    """Writes `result.json` for people and `val.safetensors` for programs."""
    arrays = {"confidences": answers.confidences, "true_ids": answers.true_ids}
    write_arrays(folder / "val.safetensors", arrays, owner=folder.parent.name)
    write_checked(folder / "result.json", result.to_json(), folder.parent.name)


def load_answers(folder: Path, result: dict | None = None, split: Split | None = None) -> ValAnswers:
    """The answers as `save_evaluation` wrote them, in the order of the split's val part.

    Args:
        result: The run's result from its log; answers that do not add up to it are refused.
        split: The run's; without it answers of which some are to copies are not held against the result.

    Raises:
        RunError: They are missing, were changed, are another run's, or do not come to this result.
    """
    path = folder / "val.safetensors"
    try:
        answers = ValAnswers(**read_arrays(path, folder.parent.name)[0])
        if result and not _agree(answers, result, split):
            raise ValueError("they do not come to the run's result")
        return answers
    except (OSError, SafetensorError, TypeError, ValueError, IndexError, KeyError) as error:
        raise RunError(
            f"The answers of run '{folder.parent.name}' are missing or cannot be read from {path} "
            f"({in_words(error)}), so nobody knows which photos it got right. Train again."
        ) from error


def _agree(answers: ValAnswers, result: dict, split: Split | None) -> bool:
    """Whether the answers come to the confusion matrix and the accuracy of the result."""
    matrix, true_ids, said_ids = result.get("confusion_matrix"), answers.true_ids, answers.predicted_ids
    if matrix is None or (result.get("val_copies") and split is None):
        return True
    if result.get("val_copies") and split is not None:
        rows = weigh(split.val).rows
        true_ids, said_ids = true_ids[rows], said_ids[rows]
    confusion = confusion_matrix(true_ids, said_ids, len(matrix))
    hits, count = int(np.trace(confusion)), len(true_ids)
    return confusion.tolist() == matrix and abs(result["val_accuracy"] - hits / max(1, count)) < 1e-9
