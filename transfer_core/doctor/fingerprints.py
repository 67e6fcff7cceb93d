"""What photos are compared by to find near-duplicates: small, and the same after resizing, saving, recolouring.

Imports no torch.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from transfer_core.support.parallel import map_ahead

SIDE = 32
LONG_SIDE = 48
_BLUR = 2.5  # what is smoother than this, in pixels of the small square, is light and no outline
_FLAT = 1e-3
_EVEN = 4.0  # grey levels: standard deviation of a row or column that belongs to a border
_STEP = 2.0  # grey levels from pixel to pixel that are a change
_WIDEST = 0.15  # of a border, as share of the photo's side


@dataclass(frozen=True)
class Fingerprint:
    """Of one photo.

    Args:
        outline: float16 (SIDE, SIDE), the photo squeezed into a square, in grey, without what is smooth; of length 1,
            or all zeros where nothing is left.
        colours: uint8 (SIDE, SIDE, 3).
        grey: uint8 (height, width), the longer side `LONG_SIDE`.
        detail: Share of the small square in which grey levels change, in [0, 1]; plain ground has none.
    """

    outline: np.ndarray
    colours: np.ndarray
    grey: np.ndarray
    detail: float


def take_fingerprints(
    count: int, thumbnail: Callable[[int], bytes], report: Callable[[int, int], None] = lambda done, total: None
) -> list[Fingerprint]:
    """The fingerprints of so many photos, in order.

    Args:
        thumbnail: Gives the JPEG of the photo with that number; called from several threads.
        report: Called with (photos done, photos in all).
    """

    def take(number: int) -> Fingerprint:
        with Image.open(io.BytesIO(thumbnail(number))) as image:
            return fingerprint(image.convert("RGB"))

    found = []
    for number, one in enumerate(map_ahead(take, range(count)), 1):
        found.append(one)
        report(number, count)
    return found


def fingerprint(image: Image.Image) -> Fingerprint:
    """Of an RGB image of any size; a border around it does not count, or all that have one would be alike."""
    image = _without_border(image)
    colours = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    plain = high_pass(np.asarray(colours.convert("L"), np.float32), _BLUR)
    length = float(np.linalg.norm(plain))
    factor = LONG_SIDE / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    grey = np.asarray(image.convert("L").resize(size, Image.Resampling.BOX))
    outline = plain / length if length > _FLAT * SIDE else np.zeros_like(plain)
    return Fingerprint(outline.astype(np.float16), np.asarray(colours), grey, _detail(colours))


def _without_border(image: Image.Image) -> Image.Image:
    """The image without the even strips at its edges."""
    grey = np.asarray(image.convert("L"), np.float32)
    rows, columns = grey.std(1) < _EVEN, grey.std(0) < _EVEN
    (top, bottom), (left, right) = (_even_ends(values) for values in (rows, columns))
    return image.crop((left, top, image.width - right, image.height - bottom))


def _even_ends(even: np.ndarray) -> tuple[int, int]:
    """How many of the first and of the last are even; a strip more, for saving as JPEG blurs where a border ends."""
    most = int(_WIDEST * len(even))
    ends = []
    for values in (even, even[::-1]):
        count = int(np.argmin(values)) if not values.all() else 0
        ends.append(min(count + 1, most) if count else 0)
    return ends[0], ends[1]


def high_pass(grey: np.ndarray, blur: float) -> np.ndarray:
    """Grey levels float32 without what is smoother than `blur` pixels; their mean is 0."""
    sharp = grey - gaussian_filter(grey, blur, mode="nearest")
    return sharp - sharp.mean()


def stack(values: Sequence[np.ndarray]) -> np.ndarray:
    """float32 (n, SIDE * SIDE) of outlines."""
    return np.stack(values).reshape(len(values), -1).astype(np.float32)


def _detail(colours: Image.Image) -> float:
    down, across = np.gradient(np.asarray(colours.convert("L"), np.float32))
    return float((np.hypot(down, across) > _STEP).mean())
