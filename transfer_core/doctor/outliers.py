"""Photos that are far from every class. Imports no torch."""

import numpy as np

_NEIGHBOURS = 5
_FAR = 6.0  # robust deviations beyond the middle distance
_FARTHER = 1.35  # and so many times as far as 99 of 100 photos: a set that varies evenly has no outlier
_BLOCK = 1024


def find_outliers(features: np.ndarray) -> list[int]:
    """Numbers of the photos that are farther from their nearest than the set lets expect, the farthest first.

    Args:
        features: float32 (n, d).
    """
    if len(features) < 20:
        return []
    distances = _distances(features)
    middle = float(np.median(distances))
    spread = 1.4826 * float(np.median(np.abs(distances - middle)))
    limit = max(middle + _FAR * spread, _FARTHER * float(np.quantile(distances, 0.99)))
    far = np.flatnonzero(distances > limit)
    return [int(number) for number in far[np.argsort(-distances[far])]]


def _distances(features: np.ndarray) -> np.ndarray:
    """Mean distance float32 (n,) to the nearest, by the cosine of features."""
    rows = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    found = []
    for start in range(0, len(rows), _BLOCK):
        likeness = rows[start : start + _BLOCK] @ rows.T
        likeness[np.arange(len(likeness)), start + np.arange(len(likeness))] = -np.inf
        found.append(np.partition(likeness, -_NEIGHBOURS, axis=1)[:, -_NEIGHBOURS:].mean(1))
    return 1 - np.concatenate(found)
