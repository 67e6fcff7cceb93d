"""Compares the exported model's answers with the trained one's, on the validation photos' original files."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transfer_core.data.images.rendering import Rendering
from transfer_core.errors import RunError
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


def check_parity(
    model: bytes,
    class_names: tuple[str, ...],
    photos: list[Path],
    answers: ValAnswers,
    rendering: Rendering | None = None,
) -> Parity:
    """Compares the exported model's answers on `photos` with the trained model's, in the same order.

    Args:
        model: What is in the ONNX file.
        rendering: As which the run learned its photos.

    Raises:
        RunError: The exported model has answers that are no numbers: no comparison finds a difference from these. The
            trained one has none, or `ValAnswers` could not be.
    """
    if len(photos) != len(answers.true_ids):
        raise ValueError(f"{len(photos)} photos, but answers for {len(answers.true_ids)}")
    predictor = Predictor(model, class_names, 1, rendering or Rendering())
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = np.stack(list(pool.map(predictor.confidences, photos)))
    if bad := int((~np.isfinite(found)).any(1).sum()):
        raise RunError(
            f"The exported model's confidences are not numbers (NaN) for {bad} of {len(found)} validation photos, so "
            "it cannot be used. Train again; if that does not help, report it with the run's file worker.log."
        )
    changed = int((found.argmax(1) != answers.predicted_ids).sum())
    return Parity(changed, float(np.abs(found - answers.confidences).max()), len(photos))
