"""Photos that show little: blurred, dark, washed out. Held against the set that they belong to; imports no torch."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from transfer_core.support.parallel import map_ahead

_DARK, _BRIGHT = 40.0, 215.0  # grey levels that the lightest or darkest twentieth does not pass
_FLAT = 12.0  # grey levels between the 5th and the 95th percentile
# Sharpness of thumbnails of `flowers5` and `ants_bees`, 400 photos: 0.40 and more; blurred with a radius of 2 pixels or
# more: 0.32 and less.
_BLURRED = 0.34
_LESS, _BEYOND = 0.6, 3.5  # of the set's middle, and deviations (of logarithms) below it: in a soft set, none is worse
_SMOOTH = 0.5  # grey levels of medium detail, below which there is nothing to be sharp


@dataclass(frozen=True)
class Look:
    """Of one photo.

    Args:
        low, high: 5th and 95th percentile of the grey levels, 0 to 255.
        sharpness: Fine detail (below a pixel) over medium detail (one to three pixels) of the thumbnail, 0 or more; NaN
            where there is neither.
    """

    low: float
    high: float
    sharpness: float


def take_looks(count: int, thumbnail: Callable[[int], bytes]) -> list[Look]:
    """At the thumbnails of so many photos, JPEGs, which `thumbnail` gives by number."""

    def look(number: int) -> Look:
        with Image.open(io.BytesIO(thumbnail(number))) as image:
            return look_at(np.asarray(image.convert("L"), np.float32))

    return list(map_ahead(look, range(count)))


def look_at(grey: np.ndarray) -> Look:
    """At grey levels float32 (height, width)."""
    low, high = np.percentile(grey, (5, 95))
    soft = gaussian_filter(grey, 1.0)
    fine, medium = (grey - soft).std(), (soft - gaussian_filter(soft, 3.0)).std()
    return Look(float(low), float(high), float(max(fine, 1e-6) / medium) if medium > _SMOOTH else float("nan"))


def find_blurred(looks: Sequence[Look]) -> list[int]:
    """Numbers of the photos that are less sharp than the set's others by far."""
    values = np.array([one.sharpness for one in looks])
    if np.isnan(values).all():
        return []
    middle = float(np.nanmedian(np.log(values)))
    spread = 1.4826 * float(np.nanmedian(np.abs(np.log(values) - middle)))
    limit = min(_BLURRED, _LESS * np.exp(middle), np.exp(middle - _BEYOND * spread))
    return [number for number, value in enumerate(values) if value < limit]


def find_dark(looks: Sequence[Look]) -> list[int]:
    """Numbers of the photos that are nearly black."""
    return [number for number, one in enumerate(looks) if one.high < _DARK]


def find_washed_out(looks: Sequence[Look]) -> list[int]:
    """Numbers of the photos that are overexposed, or nearly without contrast."""
    return [
        number
        for number, one in enumerate(looks)
        if one.high >= _DARK and (one.low > _BRIGHT or one.high - one.low < _FLAT)
    ]
