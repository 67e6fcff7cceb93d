"""A run's exported model at work on single photos. Imports no torch."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from transfer_core.data.images import decode
from transfer_core.data.images.thumbnails import ensure_thumbnail
from transfer_core.data.labels.dataset import Item
from transfer_core.errors import DataError
from transfer_core.inference.predictor import Prediction, Predictor, predictions_csv
from transfer_core.runs import Run
from transfer_core.services.export import need_model
from transfer_core.workspace import Project, Workspace

__all__ = ["Answer", "Prediction", "Predictor", "ask", "ask_item", "load_predictor", "predict", "predictions_csv"]


@dataclass(frozen=True)
class Answer:
    """A photo that was asked about, with what the model says.

    Args:
        picture: Upright and small; the path of a file, its bytes, an image, or pixels uint8 (height, width, 3).
    """

    picture: str | bytes | Image.Image | np.ndarray
    prediction: Prediction


def load_predictor(run: Run) -> Predictor:
    """The run's exported model, loaded; one that is just being checked is waited for, a damaged one is made anew.

    Raises:
        RunError: It has none, and why.
    """
    need_model(run)
    return Predictor.of_run(run)


def predict(run: Run, photos: Sequence[Path]) -> list[Prediction]:
    """What the run's model says of each photo, in their order.

    Raises:
        RunError: The run has no model yet.
        DataError: One of them is no photo that can be read.
    """
    predictor, answers = load_predictor(run), []
    for photo in photos:
        if not photo.is_file():
            problem = "is not a plain file" if photo.exists() else "does not exist"
            raise DataError(f"'{photo}' {problem}. Leave it out or name another file.")
        try:
            answers.append(predictor.predict(photo))
        except (DataError, OSError) as error:
            raise DataError(f"'{photo}' cannot be used: {error}. Leave it out or name another file.") from error
    return answers


def ask(predictor: Predictor, content: bytes) -> Answer:
    """What the model says of an image file's bytes.

    Raises:
        DataError: They are no photo that can be read.
    """
    with decode.open_image(io.BytesIO(content), predictor.rendering) as image:
        upright = decode.decode(image, predictor.rendering)
    return Answer(decode.thumbnail(upright), predictor.predict(np.asarray(upright)))


def ask_item(workspace: Workspace, project: Project, predictor: Predictor, item: Item) -> Answer:
    """What the model says of a photo of the project.

    Raises:
        DataError: Its file is gone or cannot be read.
    """
    upright = decode.load_stored(project.photos_dir / item.file, predictor.rendering)
    small = ensure_thumbnail(workspace, project, item)
    picture = str(small) if small.is_file() else upright  # unless the disk is full
    return Answer(picture, predictor.predict(upright))
