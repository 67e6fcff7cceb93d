"""The final test: the exported model classifies the test photos, once per run. Imports no torch."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from transfer_core.data.images.decode import load_stored
from transfer_core.data.labels.dataset import Item
from transfer_core.errors import DataError, RunError
from transfer_core.inference.predictor import Predictor
from transfer_core.metrics.classification import confusion_matrix
from transfer_core.metrics.wilson import wilson
from transfer_core.runs import Run, load_split
from transfer_core.support.checked_json import in_words, read_checked, write_checked
from transfer_core.support.parallel import map_ahead
from transfer_core.support.wording import percent, pluralize, too_good


@dataclass(frozen=True)
class Opening:
    """The result of the final test.

    Args:
        opened: Unix seconds.
        class_names: Of the model.
        accuracy: In [0, 1].
        interval: 95%, (low, high).
        count: Photos that were asked about.
        confusion_matrix: Rows = true class.
        left_out: Photos of classes that the model does not know.
        learned: How many of the tested photos were training photos, too, in a split that came with the data.
    """

    opened: float
    class_names: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float]
    count: int
    confusion_matrix: list[list[int]]
    left_out: int
    learned: int = 0  # runs of earlier versions do not know

    def in_words(self) -> str:
        """Such as "46 of 50 test photos right: 92%, probably between 81% and 97% on new photos like these."."""
        hits = sum(row[class_id] for class_id, row in enumerate(self.confusion_matrix))
        right = f"{hits:,} of {pluralize(self.count, 'test photo')} right: {percent(self.accuracy)}"
        if self.learned:
            return f"{right}. But {too_good(self.learned)}"
        low, high = map(percent, self.interval)
        return f"{right}, probably between {low} and {high} on new photos like these."


def open_test_part(run: Run, report: Callable[[int, int], None]) -> None:
    """Writes `evaluation/test.json`, and in the project that these photos were looked at; done before, nothing happens.

    The second note outlives the run: to delete a run does not make anybody forget its figure.

    Raises:
        DataError: A photo cannot be read, or none is of a class that the model knows.
    """
    if _path(run).exists():
        return
    split = load_split(run)
    held, learned = split.test, {item.photo for item in split.train}
    predictor = Predictor.of_run(run, threads=1)
    place = {name: class_id for class_id, name in enumerate(predictor.class_names)}
    asked = [item for item in held if item.class_name in place]
    if not asked:
        raise DataError("None of the test photos belongs to a class that the model knows. Check the class names.")
    true_ids = np.array([place[item.class_name] for item in asked], np.int64)
    confusion = confusion_matrix(true_ids, _answers(run, predictor, asked, report), len(place))
    hits, count, now = int(np.trace(confusion)), len(asked), time.time()
    write_checked(_look_path(run), {"opened": now, "photos": sorted({item.photo for item in held})}, run.id)
    found = Opening(
        now,
        predictor.class_names,
        hits / count,
        wilson(hits, count),
        count,
        confusion.tolist(),
        len(held) - count,
        sum(item.photo in learned for item in asked),
    )
    write_checked(_path(run), asdict(found), run.id)


def load_opening(run: Run) -> Opening:
    """The stored result.

    Raises:
        RunError: It was not opened, or somebody changed the file.
    """
    try:
        content = read_checked(_path(run), run.id)
        return Opening(**content | {name: tuple(content[name]) for name in ("class_names", "interval")})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"The result of the final test of run '{run.id}' cannot be read from {_path(run)} ({in_words(error)}). The "
            "test counts as made; put the file back from a backup if you need its figure."
        ) from error


def count_looks(run: Run) -> int:
    """How many other runs were tested on some of the same photos before this one, or before now.

    Raises:
        RunError: That cannot be said, for what one of them left cannot be read.
    """
    own = {item.photo for item in load_split(run).test}
    until = load_opening(run).opened if _path(run).exists() else math.inf
    looks = [load_look(path) for path in _look_path(run).parent.glob("*.json") if path != _look_path(run)]
    return sum(opened < until and not own.isdisjoint(photos) for opened, photos in looks)


def load_look(path: Path) -> tuple[float, list[str]]:
    """(when, which photos) of a note that test photos were looked at; raises RunError where it is damaged."""
    try:
        content = read_checked(path, path.stem)
        return float(content["opened"]), [str(photo) for photo in content["photos"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"How often these test photos were looked at before cannot be said: {path} cannot be read "
            f"({in_words(error)}). Take the figure with care, or put the file back from a backup."
        ) from error


def _answers(run: Run, predictor: Predictor, items: Sequence[Item], report: Callable[[int, int], None]) -> np.ndarray:
    """Class ids (n,) that the model names for the photos' original files."""

    def answer(item: Item) -> int:
        try:
            return predictor.predict(load_stored(run.photos_dir / item.file, predictor.rendering)).class_id
        except DataError as error:
            raise DataError(f"The test photo '{item.path}' cannot be used: {error}. Put its file back.") from error

    found = []
    with closing(map_ahead(answer, items)) as answers:
        for class_id in answers:
            found.append(class_id)
            report(len(found), len(items))
    return np.array(found, np.int64)


def _path(run: Run) -> Path:
    return run.evaluation_dir / "test.json"


def _look_path(run: Run) -> Path:
    return run.photos_dir.parent / "opened" / f"{run.id}.json"
