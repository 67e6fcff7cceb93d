"""How sure a head may be: one factor on what it says, found on photos left out. numpy only."""

import numpy as np

from transfer_core.training.linear_probe.head import softmax

_SHARPNESS = np.geomspace(1e-4, 1e2, 128)  # candidates; a power of two of them, to be halved
_HALVINGS = 7


def sharpen(
    told: np.ndarray, fixed: np.ndarray, class_ids: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The factor (heads,) on what each head tells that gives the smallest mean loss, and each photo's loss (heads, n).

    The loss is the log loss, for answers that are only nearly certain to be right: of n photos, one more that is
    answered wrongly is thought of. Where all of few photos are answered rightly, nothing else would keep a head from
    being quite sure of everything. Source: Platt, "Probabilistic outputs for support vector machines" (1999), 2.2.

    Args:
        told: float64 (heads, n, classes), of photos left out.
        fixed: float64 (n, classes), is added after the factor.
        class_ids: (n,).
        weights: (n,), how much each photo counts, in any unit.
    """
    # The loss is convex in the factor: halving what lies between a falling and a rising place finds the lowest.
    low, high = np.zeros(len(told), int), np.full(len(told), len(_SHARPNESS) - 1)
    for _ in range(_HALVINGS):
        middle = (low + high) // 2
        here, next_to_it = (_losses(told, fixed, class_ids, places) @ weights for places in (middle, middle + 1))
        falls = next_to_it < here
        low, high = np.where(falls, middle + 1, low), np.where(falls, high, middle)
    return _SHARPNESS[low], _losses(told, fixed, class_ids, low)


def _losses(told: np.ndarray, fixed: np.ndarray, class_ids: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(heads, n); head by head, for with many classes there are many numbers."""
    factors = _SHARPNESS[np.minimum(places, len(_SHARPNESS) - 1)]
    return np.stack([_loss(factor * own + fixed, class_ids) for factor, own in zip(factors, told, strict=True)])


def _loss(logits: np.ndarray, class_ids: np.ndarray) -> np.ndarray:
    """(n,)."""
    logs = np.log(np.maximum(softmax(logits), 1e-12))
    count, classes = logs.shape
    doubt = 1 / (count + 2)
    own = logs[np.arange(count), class_ids]
    others = (logs.sum(1) - own) / max(1, classes - 1)
    return -(1 - doubt) * own - doubt * others
