"""Which answered photos count in a figure, and how far it can be trusted. Imports no torch."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from transfer_core.data.labels.dataset import LabelledItem
from transfer_core.data.splits.groups import find_units
from transfer_core.metrics.classification import confusion_matrix
from transfer_core.metrics.clustered import clustered_interval, fewest_worth
from transfer_core.metrics.wilson import wilson


@dataclass(frozen=True)
class Evidence:
    """What some photos are worth as evidence: copies of a photo count once, and photos of a group are not independent.

    Args:
        rows: int64 (k,), rising: the places of the photos that count. Of byte copies with the same label one does.
        units: int64 (k,). Those with the same number depend on each other: they are of the same group, or the same
            photo with two labels.
        copies: How many further photos are copies of these.
        learned: bool (k,): the photo was a training photo, too.
    """

    rows: np.ndarray
    units: np.ndarray
    copies: int
    learned: np.ndarray

    @property
    def unit_count(self) -> int:
        """How many independent units the photos make up."""
        return len(np.unique(self.units))


@dataclass(frozen=True)
class Figures:
    """How good a model is on some photos.

    Args:
        accuracy: In [0, 1].
        interval: 95%, (low, high); None where some of the photos were training photos, too.
        count: Photos that count: different ones.
        units: How many of these are independent of each other.
        copies: How many further photos are copies of these.
        learned: How many of these were training photos, too.
        confusion_matrix: Of the photos that count; rows = true class.
        recall_intervals: 95%, (low, high), of each class; None where it has no photo, and where `interval` is None.
        recall_units: Independent units among the photos of each class.
    """

    accuracy: float
    interval: tuple[float, float] | None
    count: int
    units: int
    copies: int
    learned: int
    confusion_matrix: list[list[int]]
    recall_intervals: list[tuple[float, float] | None]
    recall_units: list[int]


def weigh(items: Sequence[LabelledItem], learned: Collection[str] = frozenset()) -> Evidence:
    """What these photos, all of which were answered, are worth.

    Args:
        learned: Digests of the training photos.
    """
    first: dict[tuple[str, str], int] = {}
    for row, item in enumerate(items):
        known = first.setdefault((item.photo, item.class_name), row)
        if _order(item) < _order(items[known]):  # the same one, whatever order the photos are in
            first[item.photo, item.class_name] = row
    rows = sorted(first.values())
    unit_of = find_units(items)
    number: dict[str, int] = {}
    units = [number.setdefault(unit_of[items[row].photo], len(number)) for row in rows]
    seen = np.array([items[row].photo in learned for row in rows], bool)
    return Evidence(np.array(rows, np.int64), np.array(units, np.int64), len(items) - len(rows), seen)


def measure(evidence: Evidence, true_ids: np.ndarray, said_ids: np.ndarray, class_count: int) -> Figures:
    """The figures of a model from the classes, ids (n,), of all the photos and of its answers."""
    true, said, units = true_ids[evidence.rows], said_ids[evidence.rows], evidence.units
    right, own = true == said, [true == class_id for class_id in range(class_count)]
    is_fair = not evidence.learned.any()
    return Figures(
        float(right.mean()) if len(right) else 0.0,
        clustered_interval(right, units) if is_fair else None,
        len(right),
        evidence.unit_count,
        evidence.copies,
        int(evidence.learned.sum()),
        confusion_matrix(true, said, class_count).tolist(),
        [clustered_interval(right[rows], units[rows]) if is_fair and rows.any() else None for rows in own],
        [len(np.unique(units[rows])) for rows in own],
    )


def widest_interval(hits: int, count: int, evidence: Evidence) -> tuple[float, float] | None:
    """As `Figures.interval` where only the counts are still known: as if all photos of a unit had the same answer.

    Args:
        hits, count: Right answers, of all the photos, copies included.
    """
    return None if evidence.learned.any() else wilson(hits, count, fewest_worth(evidence.units))


def _order(item: LabelledItem) -> tuple[int, str]:
    """The original's name is shorter than that of "IMG_2 - Copy (3).jpg"."""
    return len(item.path), item.path
