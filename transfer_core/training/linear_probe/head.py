"""The head: softmax regression on cached features. numpy only, so that a frozen run never waits for torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

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
        return softmax(self.logits(features))

    def logits(self, features: np.ndarray) -> np.ndarray:
        """float32 (n, classes)."""
        return features @ self.weight.T + self.bias

    def sharpened(self, sharpness: float) -> "Head":
        """Names the same classes, more or less sure of them."""
        return Head(np.float32(sharpness) * self.weight, np.float32(sharpness) * self.bias)


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
    def of(cls, features: np.ndarray, widths: tuple[int, ...] = ()) -> "Scaler":
        """Of training photos' features (n, d).

        Args:
            widths: Of the blocks of features that come from different layers, adding up to d; what hardly varies is
                told apart within each. None for one block.
        """
        blocks = [features[start : start + _BLOCK] for start in range(0, len(features), _BLOCK)]
        mean = sum(block.sum(0, np.float64) for block in blocks) / len(features)
        deviation = np.sqrt(sum(((block - mean) ** 2).sum(0) for block in blocks) / len(features))
        # Features that hardly vary are damped, not blown up: they would be noise at full strength. The last two keep
        # what is no more than float32's rounding from being taken for a difference.
        ends = np.cumsum(widths or (len(mean),))[:-1]
        factor = np.concatenate(
            [
                1 / (own + 0.1 * own.mean() + 1e-4 * np.abs(centre).max() + 1e-12)
                for own, centre in zip(np.split(deviation, ends), np.split(mean, ends), strict=True)
            ]
        )
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
    strengths: Sequence[float] | np.ndarray,
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
