"""The exported model at work: photo in, confidences out. onnxruntime alone, no torch."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnxruntime

from transfer_core.data.images import decode
from transfer_core.data.images.rendering import Rendering
from transfer_core.errors import DataError, RunError
from transfer_core.inference.model_file import read_model
from transfer_core.runs import Run, load_split, read_state
from transfer_core.support.text import csv_cell

onnxruntime.disable_telemetry_events()  # as in backbones/preprocess.py


@dataclass(frozen=True)
class Prediction:
    """What the model says of one photo.

    Args:
        class_names: Of the model.
        confidences: float32 (classes,) in [0, 1], adding up to 1.
    """

    class_names: tuple[str, ...]
    confidences: np.ndarray

    def __post_init__(self) -> None:
        if self.confidences.shape != (len(self.class_names),):
            raise ValueError(f"{len(self.class_names)} classes, but confidences of shape {self.confidences.shape}")

    @property
    def class_id(self) -> int:
        return int(self.confidences.argmax())

    @property
    def class_name(self) -> str:
        return self.class_names[self.class_id]

    @property
    def confidence(self) -> float:
        return float(self.confidences[self.class_id])

    def by_class(self) -> dict[str, float]:
        """Confidence of every class."""
        return dict(zip(self.class_names, map(float, self.confidences), strict=True))

    def to_json(self) -> dict:
        """Class, confidence, and the confidences of all classes."""
        return {"class_name": self.class_name, "confidence": self.confidence, "confidences": self.by_class()}


def predictions_csv(answers: Sequence[tuple[str, Prediction]]) -> bytes:
    """A table of (photo, prediction) pairs, readable by spreadsheets: UTF-8 with a mark, formulas made harmless."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    names = answers[0][1].class_names if answers else ()
    table.writerow(["photo", "class_name", "confidence", *map(csv_cell, names)])
    for photo, answer in answers:
        shares = [f"{value:.6f}" for value in answer.confidences]
        table.writerow([csv_cell(photo), csv_cell(answer.class_name), f"{answer.confidence:.6f}", *shares])
    return text.getvalue().encode("utf-8-sig", "replace")


class Predictor:
    """An exported model, loaded.

    Args:
        model: What is in the ONNX file; preparation of the photo is inside it.
        class_names: In the order of its output.
        threads: Of onnxruntime; 1 where the caller predicts several photos at once.
        rendering: As which it learned its photos, so that it sees others likewise.
    """

    def __init__(
        self, model: bytes, class_names: Sequence[str], threads: int = 0, rendering: Rendering = decode.AS_IT_IS
    ):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.class_names = tuple(class_names)
        self.rendering = rendering

    @classmethod
    def of_run(cls, run: Run, threads: int = 0) -> "Predictor":
        """The exported model of a run, as it was checked.

        Raises:
            RunError: It has none yet, or it is damaged.
        """
        state = read_state(run)
        if not state.has_finished("export"):
            raise RunError("This run has no model yet. Wait until it has finished, or resume it if it was interrupted.")
        model = read_model(run, state.steps["export"].result.get("sha256"))
        return cls(model, load_split(run).class_names, threads, run.rendering)

    def predict(self, photo: Path | BinaryIO | np.ndarray) -> Prediction:
        """The model's answer.

        Args:
            photo: A file, or pixels uint8 (height, width, 3), upright.

        Raises:
            DataError: The photo cannot be read, or the model's answer is no number.
        """
        confidences = self.confidences(photo)
        if not np.isfinite(confidences).all():
            raise DataError("the model has no answer to it: its confidences are not numbers (NaN)")
        return Prediction(self.class_names, confidences)

    def confidences(self, photo: Path | BinaryIO | np.ndarray) -> np.ndarray:
        """float32 (classes,), as the model gives them, numbers or not; photo and errors as those of `predict`."""
        pixels = photo if isinstance(photo, np.ndarray) else decode.load_rgb(photo, self.rendering)
        try:
            return self._session.run(["confidences"], {"photo": pixels[np.newaxis]})[0][0]
        except Exception as error:  # onnxruntime's have no class in common; mostly for want of memory
            height, width, _ = pixels.shape
            raise DataError(f"the model failed at its {width} x {height} pixels") from error
