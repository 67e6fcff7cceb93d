"""What the preset "strong" does to a photo beyond "light". Imports torch.

Every random number comes from the photo's own generator: photos are loaded by several threads at once, and torch's and
Python's common generators would give each whatever its neighbours left. The operations work on Pillow images, which
leaves torch's threads to the network that learns.
"""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageStat
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

_TURN, _SHEAR = 15.0, 8.0  # degrees, to either side: what a hand that holds a camera does, and a little more
_TILT = 0.2  # of the side, by which an edge that goes back becomes shorter at either end
_BLUR = 0.01  # of the side: 2 pixels of 224
_COVERED = 0.5  # share of the photos of which a patch is covered
_PATCH_AREA, _PATCH_SHAPE = (0.02, 0.2), (0.3, 1 / 0.3)  # of the photo's area; height over width

_Operation = Callable[[Image.Image, float], Image.Image]


def change(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """The photo slightly turned and sheared, and then changed by one operation of the table, of random strength.

    Source: one operation at a random strength: TrivialAugment, Mueller and Hutter 2021, arXiv 2103.10158.
    """
    angle, *shear = generator.uniform(-1, 1, 3) * (_TURN, _SHEAR, _SHEAR)
    image = F.affine(
        image, float(angle), [0, 0], 1.0, [float(by) for by in shear], InterpolationMode.BILINEAR, _mean_colour(image)
    )
    operation = _OPERATIONS[generator.integers(len(_OPERATIONS))]
    return operation(image, float(generator.uniform(-1, 1)))


def cover(pixels: np.ndarray, generator: np.random.Generator) -> None:
    """Covers a patch of half of the photos with noise, in place: what is hidden cannot be the only thing learned.

    Args:
        pixels: uint8 (3, side, side).

    Source: random erasing, Zhong et al. 2017, arXiv 1708.04896; with smaller patches, for a small set's sake.
    """
    if generator.random() >= _COVERED:
        return
    side = pixels.shape[1]
    area, shape = generator.uniform(*_PATCH_AREA), np.exp(generator.uniform(*np.log(_PATCH_SHAPE)))
    height, width = (max(1, int(side * np.sqrt(share))) for share in (area * shape, area / shape))  # shorter than side
    top, left = (int(generator.integers(side - length + 1)) for length in (height, width))
    noise = generator.integers(0, 256, (3, height, width), np.uint8)
    F.erase(torch.from_numpy(pixels), top, left, height, width, torch.from_numpy(noise), inplace=True)


def _mean_colour(image: Image.Image) -> list[float]:
    """What fills the corners: black ones would be edges, which the network would learn."""
    return ImageStat.Stat(image).mean


def _tilt_sideways(image: Image.Image, strength: float) -> Image.Image:
    """Seen from the side: the left edge goes back, or from strength 0 on the right one."""
    end, left, right = image.width, *_shorter(image, strength)
    return _perspective(image, [[0, left], [end, right], [end, end - right], [0, end - left]])


def _tilt_backward(image: Image.Image, strength: float) -> Image.Image:
    """Seen from above or below: the lower edge goes back, or from strength 0 on the upper one."""
    end, lower, upper = image.width, *_shorter(image, strength)
    return _perspective(image, [[upper, 0], [end - upper, 0], [end - lower, end], [lower, end]])


def _shorter(image: Image.Image, strength: float) -> tuple[float, float]:
    """By how many pixels either of two edges is shorter at both of its ends; one of them stays."""
    by = abs(strength) * _TILT * image.width
    return (by, 0.0) if strength < 0 else (0.0, by)


def _perspective(image: Image.Image, corners: list[list[float]]) -> Image.Image:
    end = image.width
    before = [[0, 0], [end, 0], [end, end], [0, end]]
    return F.perspective(image, before, corners, InterpolationMode.BILINEAR, _mean_colour(image))


# One row is one operation: (photo, strength in [-1, 1]) -> photo. Light changes brightness, contrast and colour, too,
# so these go further. Blurring is Pillow's: torchvision's takes 50 times as long.
_OPERATIONS: tuple[_Operation, ...] = (
    lambda image, strength: image,
    _tilt_sideways,
    _tilt_backward,
    lambda image, strength: image.filter(ImageFilter.GaussianBlur(abs(strength) * _BLUR * image.width)),
    lambda image, strength: F.adjust_sharpness(image, 1 + 0.9 * strength),
    lambda image, strength: F.adjust_brightness(image, 1 + 0.5 * strength),
    lambda image, strength: F.adjust_contrast(image, 1 + 0.6 * strength),
    lambda image, strength: F.adjust_saturation(image, 1 + 0.9 * strength),
    lambda image, strength: F.adjust_hue(image, 0.1 * strength),
    lambda image, strength: F.posterize(image, 8 - round(5 * abs(strength))),  # at least 3 bits, 8 levels, are left
    lambda image, strength: F.solarize(image, 255 - 95 * abs(strength)),  # what is brighter than 160 to 255 is inverted
    lambda image, strength: F.autocontrast(image),
    lambda image, strength: F.equalize(image),
)
