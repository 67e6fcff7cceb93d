"""The result of a run: its answers to the validation photos, and the interval of its accuracy. Imports no torch."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.metrics.classification import confusion_matrix
from transfer_core.metrics.wilson import wilson
from transfer_core.support.arrays import read_arrays, write_arrays
from transfer_core.support.checked_json import in_words, write_checked


@dataclass(frozen=True)
class Result:
    """What `fit` answers, and the pages show.

    Args:
        class_names: In the order of classes.
        val_accuracy: In [0, 1].
        val_interval: 95%, (low, high).
        confusion_matrix: Validation photos, rows = true class.
        epochs: Done in all phases.
        seconds: total, features, train; imports left out.
        val_learned: How many validation photos were training photos, too, in a split that came with the data.
    """

    class_names: tuple[str, ...]
    train_count: int
    val_count: int
    val_accuracy: float
    val_interval: tuple[float, float]
    confusion_matrix: list[list[int]]
    epochs: int
    seconds: dict[str, float]
    val_learned: int

    def to_json(self) -> dict:
        """All of it; `val_learned` only where there are some."""
        content = asdict(self)
        if not self.val_learned:
            del content["val_learned"]
        return content

    @classmethod
    def from_json(cls, content: dict) -> "Result":
        """A result as `to_json` wrote it; what a newer version added is left out."""
        known = {entry.name for entry in fields(cls)}
        found = {"val_learned": 0} | {name: value for name, value in content.items() if name in known}
        return cls(**found | {name: tuple(found[name]) for name in ("class_names", "val_interval")})


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

    def mistakes(self) -> np.ndarray:
        """Row numbers of the photos it got wrong, the surest mistakes first."""
        wrong = np.flatnonzero(self.predicted_ids != self.true_ids)
        return wrong[np.argsort(-self.confidences[wrong].max(1), kind="stable")]


def evaluate(split: Split, answers: ValAnswers, epochs: int, seconds: dict[str, float]) -> Result:
    """The result of a model from its answers on the validation photos."""
    confusion = confusion_matrix(answers.true_ids, answers.predicted_ids, len(split.class_names))
    hits, count = int(np.trace(confusion)), len(answers.true_ids)
    learned = {item.photo for item in split.train}
    return Result(
        split.class_names,
        len(split.train),
        count,
        hits / max(1, count),
        wilson(hits, count),
        confusion.tolist(),
        epochs,
        seconds,
        sum(item.photo in learned for item in split.val),
    )


def save_evaluation(folder: Path, result: Result, answers: ValAnswers) -> None:
    """Writes `result.json` for people and `val.safetensors` for programs."""
    arrays = {"confidences": answers.confidences, "true_ids": answers.true_ids}
    write_arrays(folder / "val.safetensors", arrays, owner=folder.parent.name)
    write_checked(folder / "result.json", result.to_json(), folder.parent.name)


def load_answers(folder: Path, result: dict | None = None) -> ValAnswers:
    """The answers as `save_evaluation` wrote them, in the order of the split's val part.

    Args:
        result: The run's result from its log; answers that do not add up to it are refused.

    Raises:
        RunError: They are missing, were changed, are another run's, or do not come to this result.
    """
    path = folder / "val.safetensors"
    try:
        answers = ValAnswers(**read_arrays(path, folder.parent.name)[0])
        if result and not _agree(answers, result):
            raise ValueError("they do not come to the run's result")
        return answers
    except (OSError, SafetensorError, TypeError, ValueError, IndexError, KeyError) as error:
        raise RunError(
            f"The answers of run '{folder.parent.name}' are missing or cannot be read from {path} "
            f"({in_words(error)}), so nobody knows which photos it got right. Train again."
        ) from error


def _agree(answers: ValAnswers, result: dict) -> bool:
    """Whether the answers come to the confusion matrix and the accuracy of the result."""
    matrix = result.get("confusion_matrix")
    if matrix is None:
        return True
    confusion = confusion_matrix(answers.true_ids, answers.predicted_ids, len(matrix))
    hits, count = int(np.trace(confusion)), len(answers.true_ids)
    return confusion.tolist() == matrix and abs(result["val_accuracy"] - hits / max(1, count)) < 1e-9
