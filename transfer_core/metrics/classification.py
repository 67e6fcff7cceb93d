"""Counts and shares from true and predicted classes. numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def confusion_matrix(true_ids: np.ndarray, predicted_ids: np.ndarray, class_count: int) -> np.ndarray:
    """Counts int64 (classes, classes), rows = true class, from class ids (n,) each."""
    if true_ids.shape != predicted_ids.shape:
        raise ValueError(f"expected equal shapes, got {true_ids.shape} and {predicted_ids.shape}")
    cells = true_ids.astype(np.int64) * class_count + predicted_ids
    return np.bincount(cells, minlength=class_count**2).reshape(class_count, class_count)


@dataclass(frozen=True)
class ClassScores:
    """Per class, arrays (classes,): `precision`, `recall`, `f1` in [0, 1] (nan where undefined), `count` of photos.

    Precision is undefined for a class that was never said, recall for one without photos.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    count: np.ndarray


def class_scores(confusion: Sequence[Sequence[int]]) -> ClassScores:
    """Scores of every class from a confusion matrix (classes, classes), rows = true class."""
    counts = np.asarray(confusion, np.float64)
    hits, said, true = np.diag(counts), counts.sum(0), counts.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ClassScores(hits / said, hits / true, 2 * hits / (said + true), true.astype(int))


def mean_log_loss(confidences: np.ndarray, true_ids: np.ndarray) -> float:
    """Mean of -log(confidence of the true class); confidences (n, classes) in [0, 1], class ids (n,)."""
    picked = confidences[np.arange(len(true_ids)), true_ids]
    return float(-np.log(np.maximum(picked, np.finfo(np.float64).tiny)).mean())
