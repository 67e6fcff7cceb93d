"""The final test: the exported model classifies the test photos, once per run. Imports no torch."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from transfer_core.data.images.decode import load_stored
from transfer_core.data.labels.dataset import Item, LabelledItem
from transfer_core.data.splits.split import Split
from transfer_core.errors import DataError, RunError
from transfer_core.evaluation.evidence import measure, weigh, widest_interval
from transfer_core.inference.predictor import Predictor
from transfer_core.runs import Run, load_split
from transfer_core.support.checked_json import in_words, read_checked, write_checked
from transfer_core.support.parallel import map_ahead
from transfer_core.support.wording import dependence_note, percent, right_of, too_good


@dataclass(frozen=True)
class Opening:
    """The result of the final test.

    Args:
        opened: Unix seconds.
        class_names: Of the model.
        accuracy: In [0, 1].
        interval: 95%, (low, high); None where some of the photos were training photos, too.
        count: Different photos that were asked about.
        confusion_matrix: Rows = true class.
        left_out: Photos of classes that the model does not know.
        learned: How many of the tested photos were training photos, too, in a split that came with the data.
        units: How many of these photos are independent of each other; photos of a group are not.
        copies: How many further photos are copies of these.
    """

    opened: float
    class_names: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float] | None
    count: int
    confusion_matrix: list[list[int]]
    left_out: int
    learned: int
    units: int
    copies: int

    def in_words(self) -> str:
        """Such as "46 of 50 test photos right: 92%, probably between 81% and 97% on new photos like these."."""
        hits = sum(row[class_id] for class_id, row in enumerate(self.confusion_matrix))
        right = f"{right_of(hits, self.count, self.copies, 'test photo')}: {percent(self.accuracy)}"
        if self.learned or not self.interval:
            return f"{right}. But {too_good(self.learned)}"
        low, high = map(percent, self.interval)
        note = dependence_note(self.count, self.units)
        return f"{right}, probably between {low} and {high} on new photos like these.{note}"


def open_test_part(run: Run, report: Callable[[int, int], None]) -> None:
    """Writes `evaluation/test.json`, and in the project that these photos were looked at; done before, nothing happens.

    The second note outlives the run: to delete a run does not make anybody forget its figure.

    Raises:
        DataError: A photo cannot be read, or none is of a class that the model knows.
    """
    if _path(run).exists():
        return
    split = load_split(run)
    held = split.test
    predictor = Predictor.of_run(run, threads=1)
    place = {name: class_id for class_id, name in enumerate(predictor.class_names)}
    asked = _known(split, predictor.class_names)
    if not asked:
        raise DataError("None of the test photos belongs to a class that the model knows. Check the class names.")
    true_ids = np.array([place[item.class_name] for item in asked], np.int64)
    evidence = weigh(asked, {item.photo for item in split.train})
    figures = measure(evidence, true_ids, _answers(run, predictor, asked, report), len(place))
    now = time.time()
    write_checked(_look_path(run), {"opened": now, "photos": sorted({item.photo for item in held})}, run.id)
    found = Opening(
        now,
        predictor.class_names,
        figures.accuracy,
        figures.interval,
        figures.count,
        figures.confusion_matrix,
        len(held) - len(asked),
        figures.learned,
        figures.units,
        figures.copies,
    )
    write_checked(_path(run), asdict(found), run.id)


def load_opening(run: Run) -> Opening:
    """The stored result.

    Raises:
        RunError: It was not opened, or somebody changed the file.
    """
    try:
        content = read_checked(_path(run), run.id)
        if "units" not in content:
            content |= _recounted(run, content)
        interval = content["interval"] and tuple(content["interval"])
        return Opening(**content | {"class_names": tuple(content["class_names"]), "interval": interval})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"The result of the final test of run '{run.id}' cannot be read from {_path(run)} ({in_words(error)}). The "
            "test counts as made; put the file back from a backup if you need its figure."
        ) from error


def _recounted(run: Run, content: dict) -> dict:
    """What an earlier version's result lacks: it counted copies, and photos of a group, as evidence of their own.

    Which photos were right is not known any more, so the interval is the widest that the counts allow.
    """
    split = load_split(run)
    evidence = weigh(_known(split, content["class_names"]), {item.photo for item in split.train})
    hits = sum(row[class_id] for class_id, row in enumerate(content["confusion_matrix"]))
    learned = content.get("learned", int(evidence.learned.sum()))
    interval = None if learned else widest_interval(hits, content["count"], evidence)
    return {"units": evidence.unit_count, "copies": 0, "learned": learned, "interval": interval}


def _known(split: Split, class_names: Sequence[str]) -> list[LabelledItem]:
    """The test photos of classes that the model knows."""
    names = set(class_names)
    return [item for item in split.test if item.class_name in names]


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
