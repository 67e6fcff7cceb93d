"""Which photos show the same: copies that were resized, saved anew, mirrored, recoloured or cropped, and bursts.

Candidates are the nearest photos by the backbone's features and by their outlines; each pair is then held against the
other pixel by pixel. A pair counts only with enough to tell it by: two pictures of a thing on plain ground may look
alike without being copies. Imports no torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dct, irfft2, rfft2
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from transfer_core.doctor.fingerprints import LONG_SIDE, SIDE, Fingerprint, high_pass, stack
from transfer_core.support.parallel import map_ahead

_NEAREST = 4  # candidates of each photo, by each measure
_BLOCK = 1024  # photos held against all others at once
_DIMENSIONS = 64  # that the features are brought down to for the search
_SAMPLE = 512  # photos that say which dimensions these are
# Of pairs of different photos in `ants_bees` and `flowers5` (190,000 pairs), the highest likeness of outlines is 0.70;
# 95 % of copies at half the size and JPEG quality 40 or brightened by half have more than 0.90. See the benchmark
# `doctor`.
_WHOLE = 0.82
# The same for a part: 0.65 of the nearest 600 pairs, and 95 % of crops to 0.64 of the area have more than 0.73.
_PART = 0.68
_PLAIN = 0.95  # asked of pictures with little to tell them by, and then their colours must agree, too
_COLOUR_LEVELS = 6.0
_ENOUGH = 0.4  # of `Fingerprint.detail`; 99 of 100 photos have 0.53 and more, a disc on plain ground 0.16
_BLUR, _LEAST_SIDE = 2.5, 10  # pixels: what is smoother is light; the shorter side of a part that can be told
_PART_COSINE = 0.55  # of features, below which nobody looks for a part
_SCALES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)  # longer side of a part, over that of the whole
_FINER = (-0.025, 0.025)  # tried around the best of them


@dataclass(frozen=True)
class Pair:
    """Two photos that show the same.

    Args:
        first, second: Their numbers, `first` the smaller.
        kind: "copy", "mirrored" or "part".
        likeness: From 0 to 1, of the pixels.
    """

    first: int
    second: int
    kind: str
    likeness: float


def find_pairs(features: np.ndarray, prints: Sequence[Fingerprint]) -> list[Pair]:
    """The near-duplicates among n photos, by number.

    Args:
        features: float32 (n, d), of a frozen backbone; may be a file mapped into memory.
        prints: Of the same photos.
    """
    if len(prints) < 2:
        return []
    outlines = stack([one.outline for one in prints])
    near = _nearest_by_features(features)
    pairs = {_ordered(i, int(j)) for i, row in enumerate(near) for j in row} | set(_nearest_by_outline(outlines))
    found = {}
    for first, second in sorted(pairs):
        if pair := _compare_whole(first, second, prints, outlines):
            found[first, second] = pair
    maybe = [pair for pair in _mutual(near) if pair not in found and _cosine(features, *pair) > _PART_COSINE]
    for pair in map_ahead(lambda pair: _compare_parts(*pair, prints), maybe):
        if pair:
            found[pair.first, pair.second] = pair
    return [found[key] for key in sorted(found)]


def find_clusters(pairs: Sequence[Pair], count: int) -> np.ndarray:
    """The cluster of each photo, int (count,): those that are connected by pairs have the same number."""
    rows = [pair.first for pair in pairs], [pair.second for pair in pairs]
    return connected_components(coo_matrix((np.ones(len(pairs)), rows), (count, count)), directed=False)[1]


# --- candidates ----------------------------------------------------------------------------------------------------


def _nearest_by_features(features: np.ndarray) -> np.ndarray:
    """Numbers of each photo's nearest, int (n, k), by the features' main directions."""
    rows = np.random.default_rng(0).permutation(len(features))[:_SAMPLE]
    sample = _unit(np.asarray(features[np.sort(rows)], np.float32))
    mean = sample.mean(0)
    directions = np.linalg.svd(sample - mean, full_matrices=False)[2][:_DIMENSIONS].T
    low = np.concatenate(
        [
            (_unit(np.asarray(features[start : start + _BLOCK], np.float32)) - mean) @ directions
            for start in range(0, len(features), _BLOCK)
        ]
    )
    low = _unit(low)
    return _nearest(low, low, themselves=True)


def _nearest_by_outline(outlines: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs whose outlines are alike in their low frequencies, as they are or mirrored."""
    waves = dct(dct(outlines.reshape(-1, SIDE, SIDE), axis=1, norm="ortho"), axis=2, norm="ortho")[:, :10, :10]
    mirrored = waves * (-1.0) ** np.arange(10, dtype=np.float32)  # a mirrored cosine of odd frequency changes its sign
    low, other = (_unit(kind.reshape(len(kind), -1)) for kind in (waves, mirrored))
    for near in (_nearest(low, low, themselves=True), _nearest(low, other, themselves=False)):
        yield from (_ordered(i, int(j)) for i, row in enumerate(near) for j in row if i != j)


def _nearest(low: np.ndarray, others: np.ndarray, themselves: bool) -> np.ndarray:
    """Numbers of the `others` that are nearest to each row, int (n, k); rows of both are of length 1.

    Every photo is held against every other, in blocks: for 50,000 photos that is a minute on one core, a tenth of what
    the backbone takes for them, and no index finds all.
    """
    count = min(_NEAREST, len(low) - 1)
    found = []
    for start in range(0, len(low), _BLOCK):
        likeness = low[start : start + _BLOCK] @ others.T
        if themselves:
            likeness[np.arange(len(likeness)), start + np.arange(len(likeness))] = -np.inf
        found.append(np.argpartition(-likeness, count - 1, axis=1)[:, :count])
    return np.concatenate(found)


def _mutual(near: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of which each has the other among its nearest."""
    said = {(i, int(j)) for i, row in enumerate(near) for j in row}
    return sorted((i, j) for i, j in said if i < j and (j, i) in said)


def _ordered(first: int, second: int) -> tuple[int, int]:
    return (first, second) if first < second else (second, first)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _cosine(features: np.ndarray, first: int, second: int) -> float:
    one, other = np.asarray(features[first], np.float32), np.asarray(features[second], np.float32)
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))


# --- pixel by pixel ------------------------------------------------------------------------------------------------


def _compare_whole(first: int, second: int, prints: Sequence[Fingerprint], outlines: np.ndarray) -> Pair | None:
    """The pair, if one is a copy of the other or of its mirror image."""
    one, other = outlines[first], outlines[second]
    flipped = other.reshape(SIDE, SIDE)[:, ::-1].ravel()
    as_it_is, mirrored = float(one @ other), float(one @ flipped)
    kind, likeness = ("copy", as_it_is) if as_it_is >= mirrored else ("mirrored", mirrored)
    if likeness < _WHOLE:
        return None
    if min(prints[first].detail, prints[second].detail) < _ENOUGH:
        turned = prints[second].colours[:, ::-1] if kind == "mirrored" else prints[second].colours
        apart = np.abs(prints[first].colours.astype(np.int16) - turned).mean()
        if likeness < _PLAIN or apart > _COLOUR_LEVELS:
            return None
    return Pair(first, second, kind, likeness)


def _compare_parts(first: int, second: int, prints: Sequence[Fingerprint]) -> Pair | None:
    """The pair, if one shows a part of the other, as after cropping, or of a scene that moved a little."""
    if min(prints[first].detail, prints[second].detail) < _ENOUGH:
        return None
    one, other = prints[first].grey, prints[second].grey
    likeness = max(_likeness_of_part(one, other), _likeness_of_part(other, one))
    return Pair(first, second, "part", likeness) if likeness >= _PART else None


def _likeness_of_part(whole: np.ndarray, part: np.ndarray) -> float:
    """The highest correlation, wherever and at whichever scale `part` is laid on `whole`; both uint8 grey levels."""
    ground, picture = _Ground(whole), Image.fromarray(part)
    found = {scale: ground.match(picture, scale) for scale in _SCALES}
    best = max(found, key=lambda scale: found[scale])
    return max(found[best], *(ground.match(picture, best + step) for step in _FINER))


class _Ground:
    """A photo on which others are laid; grey levels uint8 (height, width), no side longer than `LONG_SIDE`.

    Source of the way: J. P. Lewis, "Fast normalized cross-correlation", 1995.
    """

    _SHAPE = (LONG_SIDE, LONG_SIDE)

    def __init__(self, grey: np.ndarray):
        sharp = high_pass(grey.astype(np.float32), _BLUR)
        self._height, self._width = sharp.shape
        self._values, self._squares = rfft2(sharp, self._SHAPE), rfft2(sharp * sharp, self._SHAPE)

    def match(self, picture: Image.Image, scale: float) -> float:
        """The highest correlation with the picture at that scale; 0 where it does not fit or shows nothing."""
        width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        if width > self._width or height > self._height or min(width, height) < _LEAST_SIDE:
            return 0.0
        template = high_pass(np.asarray(picture.resize((width, height), Image.Resampling.BOX), np.float32), _BLUR)
        length = float(np.linalg.norm(template))
        if length < 1:
            return 0.0
        ones = rfft2(np.ones((height, width), np.float32), self._SHAPE)
        sums, squares = self._slide(self._values, ones), self._slide(self._squares, ones)
        deviation = np.sqrt(np.maximum(squares - sums * sums / (height * width), height * width))
        matched = self._slide(self._values, rfft2(template, self._SHAPE))
        places = (slice(0, self._height - height + 1), slice(0, self._width - width + 1))
        return float((matched / deviation)[places].max()) / length

    def _slide(self, ground: np.ndarray, template: np.ndarray) -> np.ndarray:
        """Sum of their product with the template at each place, of the spectra of both."""
        return irfft2(ground * np.conj(template), self._SHAPE)
