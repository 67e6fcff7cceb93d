"""A head that is solved and not trained: linear discriminant analysis with a shrunken covariance. numpy only.

Each class is taken for a cloud of its own mean and of a shape that all classes share. With fewer photos than features
that shape is known in few directions; a multiple of the identity, as `shrinkage` says, fills up the others.
Sources: Friedman, "Regularized Discriminant Analysis" (JASA 84, 1989); Ledoit and Wolf, "A well-conditioned estimator
for large-dimensional covariance matrices" (2004). The strength is tried out on photos left out, as for any head.
"""

from dataclasses import dataclass

import numpy as np

from transfer_core.training.linear_probe.basis import Basis
from transfer_core.training.linear_probe.folds import usable_folds
from transfer_core.training.linear_probe.head import Head, Scaler

SHRINKAGES = np.geomspace(1e-4, 1, 9)  # variance added in every direction, as shares of all variance within classes
# Of scaled features, whose variance is about 1 in all: where photos of a class hardly differ, as drawn ones may, the
# little that they do is rounding, and dividing by it would make any head quite sure of everything.
_LEAST_SPREAD = 1e-3
_RIDGE = 0.01  # of the mean variance: enough for photos that are there twice
_BLOCK = 256  # rows at a time
_LEAST_SHARE = 1e-6  # of the photos that a class is taken to have; of some there is none to learn from


@dataclass(frozen=True)
class Solved:
    """What is solved for, before it is made sharper or softer.

    Args:
        weight: float64 (k, classes), on coordinates.
        offset: float64 (classes,).
        log_shares: float64 (classes,), how common each class is; no sharpness touches it.
    """

    weight: np.ndarray
    offset: np.ndarray
    log_shares: np.ndarray

    def sharpened(self, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
        """Weight (k, classes) and bias (classes,) of a linear head on the coordinates."""
        return sharpness * self.weight, sharpness * self.offset + self.log_shares


def solve(
    features: np.ndarray,
    scaler: Scaler,
    class_ids: np.ndarray,
    class_count: int,
    shrinkage: float,
    weights: np.ndarray | None = None,
) -> Solved:
    """The head on `scaler(features)`.

    Args:
        features: float32 (n, k), may lie in a mapped file.
        shrinkage: One of `SHRINKAGES`.
        weights: float32 (n,), how much each photo counts, in any unit; None lets all count the same.
    """
    weights = _normalized(weights, len(class_ids))
    shares = np.bincount(class_ids, weights, class_count)
    width = features.shape[1]
    means, scatter = np.zeros((class_count, width)), np.zeros((width, width))
    for rows in _blocks(len(class_ids)):
        own = np.eye(class_count)[class_ids[rows]] * weights[rows, np.newaxis]
        means += own.T @ scaler(features[rows])
    means /= np.maximum(shares, 1e-300)[:, np.newaxis]
    for rows in _blocks(len(class_ids)):
        own = (scaler(features[rows]) - means[class_ids[rows]]) * np.sqrt(weights[rows, np.newaxis])
        scatter += own.T @ own
    scatter[np.diag_indices(width)] += shrinkage * max(np.trace(scatter), _LEAST_SPREAD)
    weight = np.linalg.solve(scatter, means.T)
    return Solved(weight, -0.5 * (means.T * weight).sum(0), _log(shares))


def imitate(head: Head, features: np.ndarray, width: int) -> Head:
    """A head on the first `width` features alone that says of these photos nearly what `head` says of all (n, d).

    By ridge regression on its logits.
    """
    basis, wanted = Basis.of(features[:, :width]), head.logits(features)
    middle = wanted.mean(0)
    size = min(len(features), width)
    products, shares = np.zeros((size, size)), np.zeros((size, len(middle)))
    for block in _blocks(len(features)):
        rows = basis.coordinates(features[block, :width]).astype(np.float64)
        products += rows.T @ rows
        shares += rows.T @ (wanted[block] - middle)
    products += _RIDGE * (np.trace(products) / len(products) or 1.0) * np.eye(len(products))
    return basis.head(np.linalg.solve(products, shares), middle)


def discriminants_left_out(
    coordinates: np.ndarray,
    class_ids: np.ndarray,
    fold_of: np.ndarray,
    class_count: int,
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What heads of every shrinkage say of photos that they have not seen.

    Solved among photos and not among features, so that one decomposition per fold serves all of `SHRINKAGES`.

    Args:
        coordinates: float32 (n, k), see `Basis`.
        fold_of: (n,), see `fold_per_row`.

    Returns:
        Discriminants float64 (shrinkages, n, classes), to be sharpened, and logarithms of how common each class was
        (n, classes); NaN in the rows that no fold leaves out.
    """
    weights = _normalized(weights, len(class_ids))
    products = coordinates @ coordinates.T
    told = np.full((len(SHRINKAGES), len(class_ids), class_count), np.nan)
    log_shares = np.full((len(class_ids), class_count), np.nan)
    for fold in usable_folds(class_ids, fold_of):
        inside, outside = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        told[:, outside], log_shares[outside] = _answer_fold(
            products[np.ix_(inside, inside)].astype(np.float64),
            products[np.ix_(inside, outside)].astype(np.float64),
            class_ids[inside],
            class_count,
            weights[inside] / weights[inside].sum(),
        )
    return told, log_shares


def _answer_fold(
    inner: np.ndarray, outer: np.ndarray, class_ids: np.ndarray, class_count: int, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Discriminants (shrinkages, m, classes) of the photos left out, and logarithms of the classes' shares (classes,).

    With rows X, deviations W = sqrt(weights) (X - means) and the covariance W'W + a I, by the Woodbury identity
    (W'W + a I)^-1 = (I - W' (WW' + a I)^-1 W) / a: products of photos are all that is needed.

    Args:
        inner, outer: Products of the photos inside with each other (n, n), and with those left out (n, m).
    """
    shares = np.bincount(class_ids, weights, class_count)
    averaging = np.zeros((class_count, len(class_ids)))  # times rows: the means of the classes
    averaging[class_ids, np.arange(len(class_ids))] = weights / shares[class_ids]
    roots = np.sqrt(weights)[:, np.newaxis]
    means_inner, means_outer = averaging @ inner, averaging @ outer
    deviations = (inner - means_inner[class_ids]) * roots  # W X'
    scatter = (deviations - (deviations @ averaging.T)[:, class_ids]) * roots.T  # W W'
    values, vectors = np.linalg.eigh((scatter + scatter.T) / 2)
    values = np.maximum(values, 0)
    by_means = vectors.T @ (deviations @ averaging.T)
    by_outer = vectors.T @ ((outer - means_outer[class_ids]) * roots)
    squares = (means_inner * averaging).sum(1)
    told = []
    for added in SHRINKAGES * max(values.sum(), _LEAST_SPREAD):
        damped = by_means / (added + values)[:, np.newaxis]
        linear = means_outer - damped.T @ by_outer
        told.append((linear - 0.5 * (squares - (damped * by_means).sum(0))[:, np.newaxis]).T / added)
    return np.stack(told), _log(shares)


def _blocks(count: int) -> list[slice]:
    """Of rows, few enough at a time to be copied."""
    return [slice(start, start + _BLOCK) for start in range(0, count, _BLOCK)]


def _normalized(weights: np.ndarray | None, count: int) -> np.ndarray:
    """float64 (n,), adding up to 1."""
    given = np.ones(count) if weights is None else weights.astype(np.float64)
    return given / given.sum()


def _log(shares: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(shares, _LEAST_SHARE))
