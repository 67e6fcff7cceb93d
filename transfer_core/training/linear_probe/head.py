"""The head: softmax regression on cached features. numpy only, so that a frozen run never waits for torch."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from transfer_core.support.parallel import CORES, map_ahead

# Candidates for the L2 strength, on features of mean norm 1: from very firm to nearly free.
_L2_CANDIDATES = np.geomspace(1e-1, 1e-5, 9)
DEFAULT_L2 = 1e-3  # of these, for where nothing can be left out to choose by
_FOLDS = 5
# The best strength hardly moves beyond this many photos, while the search would take minutes.
SEARCH_PHOTOS = 1000
_BLOCK = 256  # rows that are worked on at a time where a copy of all would fill the memory


@dataclass(frozen=True)
class Head:
    """A linear classifier on raw features.

    Args:
        weight: float32 (classes, d).
        bias: float32 (classes,).
    """

    weight: np.ndarray
    bias: np.ndarray

    def confidences(self, features: np.ndarray) -> np.ndarray:
        """float64 (n, classes) in [0, 1], rows adding up to 1, of features (n, d)."""
        return softmax(features @ self.weight.T + self.bias)


@dataclass(frozen=True)
class Scaler:
    """Centres features and scales them to rows of mean norm 1, which makes one strength fit every backbone.

    Args:
        mean: float32 (d,).
        factor: float32 (d,).
    """

    mean: np.ndarray
    factor: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> "Scaler":
        blocks = [features[start : start + _BLOCK] for start in range(0, len(features), _BLOCK)]
        mean = sum(block.sum(0, np.float64) for block in blocks) / len(features)
        deviation = np.sqrt(sum(((block - mean) ** 2).sum(0) for block in blocks) / len(features))
        # Features that hardly vary are damped, not blown up: they would be noise at full strength. The last two keep
        # what is no more than float32's rounding from being taken for a difference.
        factor = 1 / (deviation + 0.1 * deviation.mean() + 1e-4 * np.abs(mean).max() + 1e-12)
        factor /= np.sqrt(features.shape[1])
        return cls(mean.astype(np.float32), factor.astype(np.float32))

    @classmethod
    def identity(cls, size: int) -> "Scaler":
        """Leaves features (n, size) as they are."""
        return cls(np.zeros(size, np.float32), np.ones(size, np.float32))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return (features - self.mean) * self.factor

    def unscale(self, weight: np.ndarray, bias: np.ndarray) -> Head:
        """The head on raw features that equals this weight (d, classes) and bias (classes,) on scaled ones."""
        raw = weight * self.factor[:, np.newaxis]
        return Head(raw.T.astype(np.float32), (bias - self.mean @ raw).astype(np.float32))


@dataclass(frozen=True)
class _Inputs:
    """The matrix (..., n, d + 1) of scaled features with a last column of ones, known by its products alone.

    Scaling is done to the other factor, so that features may lie in a mapped file and are never copied. In what is
    multiplied with it photos come last, which lets numpy work along them.
    """

    features: np.ndarray
    scaler: Scaler

    @property
    def shape(self) -> tuple[int, ...]:
        return *self.features.shape[:-1], self.features.shape[-1] + 1

    def times(self, weights: np.ndarray) -> np.ndarray:
        """(..., k, n) of weights (..., d + 1, k)."""
        raw = np.swapaxes(weights[..., :-1, :] * self.scaler.factor[:, np.newaxis], -1, -2)
        shift = weights[..., -1, :] - raw @ self.scaler.mean
        return raw @ np.swapaxes(self.features, -1, -2) + shift[..., np.newaxis]

    def transposed_times(self, rows: np.ndarray) -> np.ndarray:
        """(..., d + 1, k) of rows (..., k, n)."""
        total = rows.sum(-1)[..., np.newaxis, :]
        products = np.swapaxes(rows @ self.features, -1, -2)
        centred = (products - self.scaler.mean[:, np.newaxis] * total) * self.scaler.factor[:, np.newaxis]
        return np.concatenate([centred, total], -2)


@dataclass(frozen=True)
class HeadState:
    """Where the training stands, for one or several strengths at once.

    Args:
        now, before: Weights float32 (..., d + 1, strengths, classes) on scaled features, the last row being the bias,
            after this epoch and after the one before.
        momentum_steps: float32 (..., strengths), epochs since the momentum was last dropped.
    """

    now: np.ndarray
    before: np.ndarray
    momentum_steps: np.ndarray

    def head(self, scaler: Scaler) -> Head:
        """The head of the first strength."""
        return scaler.unscale(self.now[:-1, 0], self.now[-1, 0])


def softmax(logits: np.ndarray) -> np.ndarray:
    """float64, along the last axis."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def train_epochs(
    features: np.ndarray,
    scaler: Scaler,
    class_ids: np.ndarray,
    class_count: int,
    strengths: Sequence[float],
    epochs: int,
    start: HeadState | None = None,
    weights: np.ndarray | None = None,
) -> Iterator[HeadState]:
    """Yields the state after each epoch, one accelerated gradient step on all photos each.

    The problem is convex with one optimum, so the step size follows from the data and nothing needs tuning; momentum
    is dropped whenever it points uphill, which keeps the curve from swinging.

    Args:
        features: float32 (..., n, d), raw; what comes before n is trained side by side.
        class_ids: (..., n).
        strengths: L2 penalty on the weights, not on the bias; all are trained side by side, too.
        start: Where to go on; None starts at zero.
        weights: float32 (..., n), how much each photo counts, in any unit; None lets all count the same.

    Source: O'Donoghue and Candes, Adaptive restart for accelerated gradient schemes, arXiv 1204.3982, section 3.2.
    """
    inputs = _Inputs(np.asarray(features), scaler)
    *many, count, width = inputs.shape
    shape = (*many, width, len(strengths), class_count)
    one_hot = np.swapaxes(np.eye(class_count, dtype=np.float32)[class_ids], -1, -2)[..., np.newaxis, :, :]
    weights = np.ones(inputs.shape[:-1], np.float32) if weights is None else weights
    sample_weights = (weights / weights.sum(-1, keepdims=True, dtype=np.float64)).astype(np.float32)[..., np.newaxis, :]
    penalty = np.asarray(strengths, np.float32)[:, np.newaxis] * np.ones((width, 1, 1), np.float32)
    penalty[-1] = 0
    # The softmax loss bends at most half as much as the squares of its inputs (Boehning 1992).
    lipschitz = np.float32(0.5) * _largest_eigenvalue(inputs, sample_weights)[..., np.newaxis, np.newaxis, np.newaxis]
    step = 1 / (lipschitz + penalty[0])
    zero = np.zeros(shape, np.float32)
    state = start or HeadState(zero, zero, np.zeros((*many, len(strengths)), np.float32))
    for _ in range(epochs):
        momentum = (state.momentum_steps / (state.momentum_steps + 3))[..., np.newaxis, :, np.newaxis]
        ahead = state.now + momentum * (state.now - state.before)
        logits = inputs.times(ahead.reshape(*many, width, -1)).reshape(*many, *shape[-2:], count)
        error = np.exp(logits - logits.max(-2, keepdims=True))
        error = (error / error.sum(-2, keepdims=True) - one_hot) * sample_weights[..., np.newaxis, :]
        gradient = inputs.transposed_times(error.reshape(*many, -1, count)).reshape(shape) + penalty * ahead
        now = ahead - step * gradient
        restart = np.einsum("...dsc,...dsc->...s", gradient, now - state.now) > 0  # momentum points uphill
        state = HeadState(now, state.now, np.where(restart, 0, state.momentum_steps + 1).astype(np.float32))
        yield state


def balance(class_ids: np.ndarray, class_count: int) -> np.ndarray:
    """Weights float32 (classes,), of mean 1 over these photos (n,), that let every class with photos count the same."""
    counts = np.bincount(class_ids, minlength=class_count)
    return (len(class_ids) / ((counts > 0).sum() * np.maximum(counts, 1))).astype(np.float32)


def search_l2(
    features: np.ndarray,
    class_ids: np.ndarray,
    units: list[str],
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
    weights = balance(class_ids, class_count)[class_ids] if weighted else np.ones(len(class_ids), np.float32)
    folds = _make_folds(features, class_ids, weights, _fold_per_row(class_ids, units, generator))
    if not folds:
        return None
    # The matrices are small, and to step through all folds at once saves most of the time; with more than one core,
    # each takes some of them.
    heaps = [folds[core::CORES] for core in range(min(CORES, len(folds)))]
    losses = map_ahead(lambda heap: _held_out_losses(heap, class_count, epochs), heaps)
    return float(_L2_CANDIDATES[sum(losses, np.zeros(len(_L2_CANDIDATES))).argmin()])


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


def _make_folds(features: np.ndarray, class_ids: np.ndarray, weights: np.ndarray, fold_of: np.ndarray) -> list[_Fold]:
    """The folds that leave something out and leave two classes in."""

    def part(fold: int) -> _Fold | None:
        out = fold_of == fold
        if not out.any() or len(np.unique(class_ids[~out])) < 2:
            return None
        scaler = Scaler.of(features[~out])
        inside, outside = _project(scaler(features[~out]), scaler(features[out]))
        return _Fold(inside, class_ids[~out], weights[~out], outside, class_ids[out], weights[out])

    found = [fold for fold in map_ahead(part, range(_FOLDS), _FOLDS) if fold]
    if not found:
        return []
    most = [np.max([array.shape for array in arrays], 0) for arrays in zip(*found, strict=True)]
    return [_Fold(*(_pad(array, shape) for array, shape in zip(fold, most, strict=True))) for fold in found]


def _pad(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array with zeros behind it, up to that shape."""
    return np.pad(array, [(0, wanted - own) for own, wanted in zip(array.shape, shape, strict=True)])


def _held_out_losses(folds: Sequence[_Fold], class_count: int, epochs: int) -> np.ndarray:
    """Sums of log losses (strengths,) on the photos left out, of heads trained on the others."""
    stacked = _Fold(*(np.stack(arrays) for arrays in zip(*folds, strict=True)))
    plain = Scaler.identity(stacked.inside.shape[-1])
    *_, last = train_epochs(
        stacked.inside, plain, stacked.inside_ids, class_count, _L2_CANDIDATES, epochs, weights=stacked.inside_weights
    )
    losses = np.zeros(len(_L2_CANDIDATES))
    for fold, now in zip(folds, last.now, strict=True):
        confidences = softmax(np.tensordot(fold.outside, now[:-1], 1) + now[-1])
        picked = confidences[np.arange(len(fold.outside)), :, fold.outside_ids]
        losses -= fold.outside_weights @ np.log(np.maximum(picked, 1e-12))
    return losses


def _project(inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in the basis that the training rows span: with fewer photos than features, same answers, less work."""
    if len(inside) >= inside.shape[1]:
        return inside, outside
    basis = np.linalg.qr(inside.T)[0]
    return inside @ basis, outside @ basis


def _fold_per_row(class_ids: np.ndarray, units: list[str], generator: np.random.Generator) -> np.ndarray:
    """Fold per row (n,), each class spread evenly, rows of one unit together.

    What holds all rows of a class is in no fold (-1): without it nothing could be learned of that class.
    """
    rows = [Counter(units[i] for i in np.flatnonzero(class_ids == class_id)) for class_id in np.unique(class_ids)]
    fold_of_unit = {unit: -1 for sizes in rows if len(sizes) == 1 for unit in sizes}
    for sizes in rows:
        filled = [sum(size for unit, size in sizes.items() if fold_of_unit.get(unit) == fold) for fold in range(_FOLDS)]
        own = sorted(sizes.keys() - fold_of_unit.keys())
        # The largest first, each where there is least; of equal ones as the seed has it.
        for i in sorted(generator.permutation(len(own)), key=lambda i: -sizes[own[i]]):
            fold = fold_of_unit[own[i]] = filled.index(min(filled))
            filled[fold] += sizes[own[i]]
    return np.array([fold_of_unit[unit] for unit in units])


def _largest_eigenvalue(inputs: _Inputs, sample_weights: np.ndarray) -> np.ndarray:
    """float32 (...), of the inputs' weighted second moments, by power iteration, a little too large on purpose.

    Args:
        sample_weights: float32 (..., 1, n), adding up to 1.
    """
    vector = np.ones((*inputs.shape[:-2], inputs.shape[-1], 1), np.float32)
    for _ in range(30):
        vector = inputs.transposed_times(sample_weights * inputs.times(vector))
        value = np.sqrt((vector**2).sum((-2, -1)))
        vector /= value[..., np.newaxis, np.newaxis]
    return np.float32(1.02) * value
