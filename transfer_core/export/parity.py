"""Compares the exported model's answers with the trained one's, on the validation photos' original files."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transfer_core.evaluation.result import ValAnswers
from transfer_core.inference.predictor import Predictor


@dataclass(frozen=True)
class Parity:
    """The comparison.

    Args:
        changed_labels: Number of photos on which the two name different classes.
        max_difference: The largest difference of a confidence, in [0, 1].
        checked: Number of photos compared.
    """

    changed_labels: int
    max_difference: float
    checked: int


def check_parity(model_path: Path, class_names: tuple[str, ...], photos: list[Path], answers: ValAnswers) -> Parity:
    """Compares the exported model's answers on `photos` with the trained model's, in the same order."""
    if len(photos) != len(answers.true_ids):
        raise ValueError(f"{len(photos)} photos, but answers for {len(answers.true_ids)}")
    predictor = Predictor(model_path, class_names, threads=1)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = np.stack(list(pool.map(lambda path: predictor.predict(path).confidences, photos)))
    changed = int((found.argmax(1) != answers.predicted_ids).sum())
    return Parity(changed, float(np.abs(found - answers.confidences).max()), len(photos))
