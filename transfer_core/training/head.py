"""The head: softmax regression on cached features. numpy only, so that a frozen run never waits for torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from transfer_core.parallel import map_ahead

# Candidates for the L2 strength, on features of mean norm 1: from very firm to nearly free.
_STRENGTHS = np.geomspace(1e-1, 1e-5, 9)
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
    """The matrix (n, d + 1) of scaled features with a last column of ones, known by its products alone.

    Scaling is done to the other factor, so that features may lie in a mapped file and are never copied.
    """

    features: np.ndarray
    scaler: Scaler

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.features), self.features.shape[1] + 1

    def times(self, weights: np.ndarray) -> np.ndarray:
        """(n, k) of weights (d + 1, k)."""
        raw = weights[:-1] * self.scaler.factor[:, np.newaxis]
        return self.features @ raw + (weights[-1] - self.scaler.mean @ raw)

    def transposed_times(self, rows: np.ndarray) -> np.ndarray:
        """(d + 1, k) of rows (n, k)."""
        total = rows.sum(0, keepdims=True)
        centred = self.features.T @ rows - self.scaler.mean[:, np.newaxis] * total
        return np.concatenate([centred * self.scaler.factor[:, np.newaxis], total])


@dataclass(frozen=True)
class HeadState:
    """Where the training stands, for one or several strengths at once.

    Args:
        now, before: Weights float32 (d + 1, strengths, classes) on scaled features, the last row being the bias,
            after this epoch and after the one before.
        run_up: float32 (strengths,), epochs since the momentum was last dropped.
    """

    now: np.ndarray
    before: np.ndarray
    run_up: np.ndarray

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
) -> Iterator[HeadState]:
    """Yields the state after each epoch, one accelerated gradient step on all photos each.

    The problem is convex with one optimum, so the step size follows from the data and nothing needs tuning; momentum
    is dropped whenever it points uphill, which keeps the curve from swinging.

    Args:
        features: float32 (n, d), raw.
        class_ids: (n,).
        strengths: L2 penalty on the weights, not on the bias; all are trained side by side.
        start: Where to go on; None starts at zero.

    Source: O'Donoghue and Candes, Adaptive restart for accelerated gradient schemes, arXiv 1204.3982, section 3.2.
    """
    inputs = _Inputs(np.asarray(features), scaler)
    count = inputs.shape[0]
    shape = (inputs.shape[1], len(strengths), class_count)
    wanted = np.zeros((count, 1, class_count), np.float32)
    wanted[np.arange(count), 0, class_ids] = 1
    penalty = np.asarray(strengths, np.float32)[:, np.newaxis] * np.ones((shape[0], 1, 1), np.float32)
    penalty[-1] = 0
    # The softmax loss bends at most half as much as the squares of its inputs (Boehning 1992).
    step = 1 / (np.float32(0.5 * _largest_eigenvalue(inputs)) + penalty[0])
    zero = np.zeros(shape, np.float32)
    state = start or HeadState(zero, zero, np.zeros(len(strengths), np.float32))
    for _ in range(epochs):
        momentum = (state.run_up / (state.run_up + 3))[:, np.newaxis]
        ahead = state.now + momentum * (state.now - state.before)
        logits = inputs.times(ahead.reshape(shape[0], -1)).reshape(count, *shape[1:])
        error = np.exp(logits - logits.max(-1, keepdims=True))
        error = error / error.sum(-1, keepdims=True) - wanted
        slope = inputs.transposed_times(error.reshape(count, -1)).reshape(shape) / np.float32(count) + penalty * ahead
        now = ahead - step * slope
        uphill = (slope * (now - state.now)).sum((0, 2)) > 0
        state = HeadState(now, state.now, np.where(uphill, 0, state.run_up + 1).astype(np.float32))
        yield state


def choose_strength(
    features: np.ndarray, class_ids: np.ndarray, photos: list[str], class_count: int, epochs: int, seed: int
) -> float:
    """The L2 strength with the smallest mean log loss on photos left out, by five-fold cross-validation.

    Args:
        features: float32 (n, d), of training photos alone.
        photos: Digest per row: identical photos are left out together.
        epochs: As many as the head will then be trained for: stopping early is a penalty too.
    """
    generator = np.random.default_rng(seed)
    if len(features) > SEARCH_PHOTOS:
        chosen = np.sort(generator.choice(len(features), SEARCH_PHOTOS, replace=False))
        features, class_ids, photos = features[chosen], class_ids[chosen], [photos[i] for i in chosen]
    fold_of = _fold_of(class_ids, photos, generator)

    def losses_of(fold: int) -> np.ndarray:
        return _losses_left_out(features, class_ids, fold_of == fold, class_count, epochs)

    # A fold per core: the matrices are too small for several cores to share one.
    losses = sum(map_ahead(losses_of, range(_FOLDS), ahead=_FOLDS))
    return float(_STRENGTHS[losses.argmin()])


def _losses_left_out(
    features: np.ndarray, class_ids: np.ndarray, left_out: np.ndarray, class_count: int, epochs: int
) -> np.ndarray:
    """Sums of log losses (strengths,) on the rows left out, of heads trained on the others; 0 where that cannot be."""
    if not left_out.any() or len(np.unique(class_ids[~left_out])) < 2:
        return np.zeros(len(_STRENGTHS))
    scaler = Scaler.of(features[~left_out])
    inside, outside = _shorten(scaler(features[~left_out]), scaler(features[left_out]))
    plain = Scaler.identity(inside.shape[1])
    *_, last = train_epochs(inside, plain, class_ids[~left_out], class_count, _STRENGTHS, epochs)
    shares = softmax(np.tensordot(outside, last.now[:-1], 1) + last.now[-1])
    picked = shares[np.arange(len(outside)), :, class_ids[left_out]]
    return -np.log(np.maximum(picked, 1e-12)).sum(0)


def _shorten(inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in the basis that the training rows span: with fewer photos than features, same answers, less work."""
    if len(inside) >= inside.shape[1]:
        return inside, outside
    basis = np.linalg.qr(inside.T)[0]
    return inside @ basis, outside @ basis


def _fold_of(class_ids: np.ndarray, photos: list[str], generator: np.random.Generator) -> np.ndarray:
    """Fold per row (n,), each class spread evenly, rows of one photo together."""
    fold_of_photo: dict[str, int] = {}
    for class_id in np.unique(class_ids):
        own = sorted({photos[i] for i in np.flatnonzero(class_ids == class_id)} - fold_of_photo.keys())
        for place, i in enumerate(generator.permutation(len(own))):
            fold_of_photo[own[i]] = place % _FOLDS
    return np.array([fold_of_photo[photo] for photo in photos])


def _largest_eigenvalue(inputs: _Inputs) -> float:
    """Of inputs^T inputs / n, by power iteration, a little too large on purpose."""
    vector = np.ones((inputs.shape[1], 1), np.float32)
    value = 0.0
    for _ in range(30):
        vector = inputs.transposed_times(inputs.times(vector)) / np.float32(inputs.shape[0])
        value = float(np.linalg.norm(vector))
        vector /= value
    return 1.02 * value
