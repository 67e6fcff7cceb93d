"""Cross-validation of the head: the L2 strength that suits, and answers to photos left out. Imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from transfer_core.errors import TransferError
from transfer_core.support.parallel import CORES, map_ahead
from transfer_core.training.linear_probe.basis import Basis
from transfer_core.training.linear_probe.folds import fold_per_row, usable_folds
from transfer_core.training.linear_probe.head import Scaler, balance, softmax, train_epochs

# Candidates for the L2 strength, on features of mean norm 1: from very firm to nearly free.
_L2_CANDIDATES = np.geomspace(1e-1, 1e-5, 9)
DEFAULT_L2 = 1e-3  # of these, for where nothing can be left out to choose by
# The best strength hardly moves beyond this many photos, while the search would take minutes.
SEARCH_PHOTOS = 1000


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions: of each photo by a head that was not trained on it.

    Args:
        strength: The L2 strength of all of them.
        confidences: float64 (n, classes) in [0, 1], rows adding up to 1; NaN in the rows that no fold leaves out.
        folds: int64 (n,), the fold that leaves the row out; -1 where none does: all of its class is one unit.
    """

    strength: float
    confidences: np.ndarray
    folds: np.ndarray


def search_l2(
    features: np.ndarray,
    class_ids: np.ndarray,
    units: Sequence[str],
    class_count: int,
    epochs: int,
    seed: int,
    weighted: bool = False,
) -> float | None:
    """The L2 strength with the smallest mean log loss on photos left out, by five-fold cross-validation.

    None where nothing can be left out, because every class has but one unit.

    Args:
        features: float32 (n, d), of training photos alone.
        units: Key per row: rows of one unit, such as copies of a photo or those of a group, are left out together.
        epochs: As many as the head will then be trained for: stopping early is a penalty too.
        weighted: Whether every class counts the same, while training and in the loss.
    """
    generator = np.random.default_rng(seed)
    if len(features) > SEARCH_PHOTOS:
        chosen = np.sort(generator.choice(len(features), SEARCH_PHOTOS, replace=False))
        features, class_ids, units = features[chosen], class_ids[chosen], [units[i] for i in chosen]
    fold_of = fold_per_row(class_ids, units, generator)
    coordinates = Basis.of(features).coordinates(features)
    found = cross_validate(coordinates, class_ids, fold_of, class_count, _L2_CANDIDATES, epochs, weighted)
    return found.best if found else None


def predict_out_of_fold(
    features: np.ndarray,
    class_ids: np.ndarray,
    units: Sequence[str],
    class_count: int,
    epochs: int,
    seed: int,
    weighted: bool = False,
) -> OutOfFold | None:
    """What heads of the strength that `search_l2` finds say of the photos left out.

    Up to `SEARCH_PHOTOS` it takes hardly longer than the search alone, whose heads then answer; with more photos the
    folds are made once more of all of them. Arguments, and None, as in `search_l2`.
    """
    fold_of = fold_per_row(class_ids, units, np.random.default_rng(seed))
    if len(features) > SEARCH_PHOTOS:
        strength = search_l2(features, class_ids, units, class_count, epochs, seed, weighted)
        if strength is None:
            return None
        return _predict_many(features, class_ids, fold_of, class_count, strength, epochs, weighted)
    coordinates = Basis.of(features).coordinates(features)
    found = cross_validate(coordinates, class_ids, fold_of, class_count, _L2_CANDIDATES, epochs, weighted)
    return found.out_of_fold(fold_of) if found else None


def _predict_many(
    features: np.ndarray,
    class_ids: np.ndarray,
    fold_of: np.ndarray,
    class_count: int,
    strength: float,
    epochs: int,
    weighted: bool,
) -> OutOfFold:
    """One fold after the other, by weights of 0 for what it leaves out: features of many photos are never copied."""
    counts = balance(class_ids, class_count)[class_ids] if weighted else np.ones(len(class_ids), np.float32)
    scaler = Scaler.of(features)
    confidences, folds = np.full((len(class_ids), class_count), np.nan), usable_folds(class_ids, fold_of)
    for fold in folds:
        weights = np.where(fold_of == fold, np.float32(0), counts)
        *_, last = train_epochs(features, scaler, class_ids, class_count, [strength], epochs, weights=weights)
        rows = np.flatnonzero(fold_of == fold)
        confidences[rows] = last.head(scaler).confidences(features[rows])
    return OutOfFold(strength, confidences, np.where(np.isin(fold_of, folds), fold_of, -1))


@dataclass(frozen=True)
class _Validation:
    """The heads of all folds and strengths.

    Args:
        strengths, losses: (strengths,); the losses are sums over the photos left out.
        folds: By number.
        weights: Of each fold's heads, float32 (k + 1, strengths, classes).
    """

    strengths: np.ndarray
    losses: np.ndarray
    folds: "Mapping[int, _Fold]"
    weights: Mapping[int, np.ndarray]

    @property
    def best(self) -> float:
        return float(self.strengths[self.losses.argmin()])

    def out_of_fold(self, fold_of: np.ndarray) -> OutOfFold:
        """What the heads of the best strength say; `fold_of` as the folds were made, (n,)."""
        place = int(self.losses.argmin())
        confidences = np.full((len(fold_of), next(iter(self.weights.values())).shape[-1]), np.nan)
        for number, fold in self.folds.items():
            rows, own = np.flatnonzero(fold_of == number), self.weights[number][:, place]
            confidences[rows] = softmax(fold.outside[: len(rows)] @ own[:-1] + own[-1])
        return OutOfFold(self.best, confidences, np.where(np.isin(fold_of, list(self.folds)), fold_of, -1))


def cross_validate(
    coordinates: np.ndarray,
    class_ids: np.ndarray,
    fold_of: np.ndarray,
    class_count: int,
    strengths: np.ndarray,
    epochs: int,
    weighted: bool,
) -> _Validation | None:
    """Heads of every fold and strength; None where no fold leaves anything out.

    Args:
        coordinates: float32 (n, k), see `Basis`: of all photos, which costs a fifth more than a basis per fold would,
            and is made once. Scaling and directions know no classes, so that those left out stay unknown.

    Raises:
        TransferError: Their losses are no numbers.
    """
    weights = balance(class_ids, class_count)[class_ids] if weighted else np.ones(len(class_ids), np.float32)
    folds = _make_folds(coordinates, class_ids, weights, fold_of)
    if not folds:
        return None
    # The matrices are small, and to step through all folds at once saves most of the time; with more than one core,
    # each takes some of them.
    heaps = [list(folds)[core::CORES] for core in range(min(CORES, len(folds)))]

    def train(heap: list[int]) -> tuple[np.ndarray, np.ndarray]:
        return _train_folds([folds[number] for number in heap], class_count, strengths, epochs)

    weights_of: dict[int, np.ndarray] = {}
    losses = np.zeros(len(strengths))
    for heap, (weights_of_heap, losses_of_heap) in zip(heaps, map_ahead(train, heaps), strict=True):
        weights_of |= zip(heap, weights_of_heap, strict=True)
        losses += losses_of_heap
    if not np.isfinite(losses).all():  # the smallest of these would be any
        raise TransferError(
            "Graft could not test how closely the new layer should follow your photos: what it computes from them are "
            "not numbers, or far too large ones. Choose another backbone."
        )
    return _Validation(strengths, losses, folds, weights_of)


def _train_folds(
    folds: "Sequence[_Fold]", class_count: int, strengths: np.ndarray, epochs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (folds, k + 1, strengths, classes), and sums of log losses (strengths,) on the photos left out."""
    stacked = _Fold(*(np.stack(arrays) for arrays in zip(*folds, strict=True)))
    plain = Scaler.identity(stacked.inside.shape[-1])
    *_, last = train_epochs(
        stacked.inside, plain, stacked.inside_ids, class_count, strengths, epochs, weights=stacked.inside_weights
    )
    losses = np.zeros(len(strengths))
    for fold, now in zip(folds, last.now, strict=True):
        confidences = softmax(np.tensordot(fold.outside, now[:-1], 1) + now[-1])
        picked = confidences[np.arange(len(fold.outside)), :, fold.outside_ids]
        losses -= fold.outside_weights @ np.log(np.maximum(picked, 1e-12))
    return last.now, losses


class _Fold(NamedTuple):
    """Photos to train on and photos left out, features scaled; all folds have equal shapes, filled up by weights of 0.

    Args:
        inside, outside: float32 (n, k), (m, k).
        inside_ids, outside_ids: (n,), (m,).
        inside_weights, outside_weights: float32 (n,), (m,).
    """

    inside: np.ndarray
    inside_ids: np.ndarray
    inside_weights: np.ndarray
    outside: np.ndarray
    outside_ids: np.ndarray
    outside_weights: np.ndarray


def _make_folds(
    coordinates: np.ndarray, class_ids: np.ndarray, weights: np.ndarray, fold_of: np.ndarray
) -> dict[int, _Fold]:
    """By number."""

    def part(fold: int) -> _Fold:
        out = fold_of == fold
        return _Fold(coordinates[~out], class_ids[~out], weights[~out], coordinates[out], class_ids[out], weights[out])

    found = {number: part(number) for number in usable_folds(class_ids, fold_of)}
    if not found:
        return {}
    most = [np.max([array.shape for array in arrays], 0) for arrays in zip(*found.values(), strict=True)]
    return {
        number: _Fold(*(_pad(array, shape) for array, shape in zip(fold, most, strict=True)))
        for number, fold in found.items()
    }


def _pad(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array with zeros behind it, up to that shape."""
    return np.pad(array, [(0, wanted - own) for own, wanted in zip(array.shape, shape, strict=True)])
