"""A run's exported model at work on single photos. Imports no torch."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from transfer_core.data.images import decode
from transfer_core.data.images.thumbnails import ensure_thumbnail
from transfer_core.data.ingest.arrivals import Rejected
from transfer_core.data.ingest.refusals import NO_MEMORY, nothing_came, why_no_photo
from transfer_core.data.ingest.sources import (
    Entry,
    folder_entries,
    is_archive,
    is_junk,
    open_archive,
    read_file,
    upload_entries,
)
from transfer_core.data.labels.dataset import Item
from transfer_core.errors import DataError
from transfer_core.inference.class_folders import ClassFolders
from transfer_core.inference.predictor import Prediction, Predictor, predictions_csv
from transfer_core.runs import Run
from transfer_core.services.export import need_model
from transfer_core.support.encodings import UnclearEncoding
from transfer_core.support.parallel import CORES, map_ahead
from transfer_core.workspace import Project, Workspace

__all__ = [
    "Answer",
    "Predicted",
    "Prediction",
    "Predictor",
    "Rejected",
    "ask",
    "ask_item",
    "handed_in",
    "load_predictor",
    "predict",
    "predict_files",
    "predictions_csv",
]

_AHEAD = 2 * CORES  # photos answered and not taken yet; each holds its bytes
_WANTED = "Name photos, or a folder or zip with photos in it."


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


@dataclass
class Predicted:
    """What the model says of many files.

    Args:
        answers: (photo, prediction) of each that is one, in order; a photo in a folder or zip has its path before it.
        rejected: Every other file, with the reason; untrusted text.
        sorted_into: Where copies of the photos lie, if that was asked for.
    """

    answers: list[tuple[str, Prediction]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    sorted_into: ClassFolders | None = None

    @property
    def problem(self) -> str | None:
        """Why there is no answer at all, and what to do; None where there is one."""
        return None if self.answers else nothing_came(self.rejected, remedy=_WANTED, place="")

    def to_json(self) -> dict:
        """The answer of the command `predict`."""
        found = {
            "predictions": [{"photo": photo, **answer.to_json()} for photo, answer in self.answers],
            "rejected": [{"file": entry.file, "reason": entry.reason} for entry in self.rejected],
        }
        return found | ({"sorted": self.sorted_into.to_json()} if self.sorted_into else {})


def predict_files(
    run: Run, named: Sequence[Path], report: Callable[[int, int], None], sort_into: Path | None = None
) -> Predicted:
    """What the run's model says of photos and of all those in folders and archives; a bad file costs itself alone.

    Args:
        named: Photos, folders (which are walked to their ends), zips and other archives.
        report: Called with (files done, files in all).
        sort_into: Where to copy the photos, each into a folder of its class; what lies there is not asked about.

    Raises:
        RunError: The run has no model yet.
        OSError: A photo cannot be copied.
    """
    need_model(run)
    entries = [entry for path in named for entry in _entries_named(path, sort_into)]
    predictor = Predictor.of_run(run, threads=1 if len(entries) > 1 else 0)
    found = Predicted()
    if sort_into is not None:
        found.sorted_into = ClassFolders.make(sort_into, predictor.class_names)
    report(0, len(entries))
    with closing(map_ahead(partial(_answer, predictor), entries, _AHEAD)) as outcomes:
        for done, (entry, outcome) in enumerate(zip(entries, outcomes, strict=True), 1):
            if isinstance(outcome, Rejected):
                found.rejected.append(outcome)
            else:
                prediction, content = outcome
                found.answers.append((entry.path, prediction))
                if found.sorted_into:
                    found.sorted_into.put(entry.path, content, prediction.class_name)
            report(done, len(entries))
    return found


def _entries_named(path: Path, without: Path | None) -> Iterator[Entry]:
    """What a path stands for: itself, or what is in it, each with its whole path; what lies in `without` left out."""
    if path.is_dir():
        for entry in folder_entries(path):
            whole = os.path.join(path, *entry.path.split("/"))
            if without is None or not Path(whole).resolve().is_relative_to(without.resolve()):
                yield replace(entry, path=whole, refusal="junk" if is_junk(entry.path) else entry.refusal)
    elif not path.is_file():
        yield Entry(str(path), bytes, "not a plain file" if path.exists() else "it does not exist")
    elif is_archive(path.name, path):
        inside: Sequence[Entry]
        try:
            try:
                inside = open_archive(path, path.name)
            except UnclearEncoding as error:  # no class depends on it: the likeliest will do
                inside = open_archive(path, path.name, next(iter(error.readings)))
        except DataError as error:
            inside = [Entry("", bytes, str(error))]
        for entry in inside:
            whole = f"{path}/{entry.path}".rstrip("/")
            yield replace(entry, path=whole, refusal="junk" if is_junk(entry.path) else entry.refusal)
    else:
        yield Entry(str(path), partial(read_file, path), size=path.stat().st_size)


def _answer(predictor: Predictor, entry: Entry) -> tuple[Prediction, bytes] | Rejected:
    """The model's answer, and the file's bytes."""
    if entry.refusal:
        return Rejected(entry.path, entry.refusal)
    content = None
    try:
        content = entry.read()
        with decode.open_image(io.BytesIO(content), predictor.rendering) as image, decode.taking_turns(image):
            return predictor.predict(io.BytesIO(content)), content
    except DataError as error:
        return Rejected(entry.path, why_no_photo(str(error), content, entry.path))
    except MemoryError:
        return Rejected(entry.path, NO_MEMORY)


def handed_in(files: Sequence[tuple[str, BinaryIO]]) -> list[Entry]:
    """Photos among uploaded (name, content) pairs, those in archives included; what systems leave is passed over.

    Raises:
        DataError: There is one file, an archive, and it cannot be opened.
    """
    try:
        entries = upload_entries(files)
    except UnclearEncoding as error:  # as above
        entries = upload_entries(files, next(iter(error.readings)))
    return [entry for entry in entries if not is_junk(entry.path)]


def ask(predictor: Predictor, entry: Entry) -> Answer | Rejected:
    """What the model says of a file that was handed in; or why it has no answer."""
    if entry.refusal:
        return Rejected(entry.path, entry.refusal)
    content = None
    try:
        content = entry.read()
        with decode.open_image(io.BytesIO(content), predictor.rendering) as image:
            upright = decode.decode(image, predictor.rendering)
        return Answer(decode.thumbnail(upright), predictor.predict(np.asarray(upright)))
    except DataError as error:
        return Rejected(entry.path, why_no_photo(str(error), content, entry.path))
    except MemoryError:
        return Rejected(entry.path, NO_MEMORY)


def ask_item(workspace: Workspace, project: Project, predictor: Predictor, item: Item) -> Answer:
    """What the model says of a photo of the project.

    Raises:
        DataError: Its file is gone or cannot be read.
    """
    upright = decode.load_stored(project.photos_dir / item.file, predictor.rendering)
    small = ensure_thumbnail(workspace, project, item)
    picture = str(small) if small.is_file() else upright  # unless the disk is full
    return Answer(picture, predictor.predict(upright))
