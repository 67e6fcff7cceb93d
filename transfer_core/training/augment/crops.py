"""Training photos, shown a little differently every time; a function of (seed, epoch, photo) and of nothing else."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from transfer_core.backbones.catalog import Preparation
from transfer_core.config import TrainConfig
from transfer_core.data.images.rendering import Rendering
from transfer_core.data.images.thumbnails import load_for_training

# A crop keeps at least this share of the area: enough variety, and small subjects seldom fall out of the picture.
_SMALLEST_AREA = 0.35
_LIGHT = 0.2  # brightness, contrast and colour change by up to this share
NEUTRAL = np.array([0, 1, 1, 1], np.float32)  # an augmentation that changes nothing


@dataclass(frozen=True)
class Augmentation:
    """What of a photo may vary.

    Args:
        preset: "none" (the centre, as in validation but by Pillow), "light" (crop, mirror, brightness, contrast and
            colour) or "strong" (see `strong`, too).
        mirror: Whether half of the photos are mirrored.
        upside_down: Whether half of the photos are flipped, top to bottom.
    """

    preset: str = "light"
    mirror: bool = True
    upside_down: bool = False

    @classmethod
    def of(cls, config: TrainConfig) -> "Augmentation":
        return cls(config.augmentation, config.mirror, config.upside_down)


class Varied(NamedTuple):
    """A training photo, cropped; what else varies is left to the device that learns.

    Args:
        pixels: uint8 (3, side, side).
        variation: float32 (4,): 1 if to be mirrored, else 0; then factors of brightness, contrast and colour.
    """

    pixels: np.ndarray
    variation: np.ndarray


def load_varied(
    path: Path,
    photo: str,
    prepared_dir: Path,
    preparation: Preparation,
    augmentation: Augmentation,
    seed: int,
    epoch: int,
    rendering: Rendering | None = None,
) -> Varied:
    """A stored photo as this epoch shows it.

    Args:
        photo: Its digest.
        prepared_dir: Where the smaller copies of large photos are.
    """
    picture = load_for_training(prepared_dir, photo, path, preparation.size_px, rendering or Rendering())
    return crop(picture, photo, preparation, augmentation, seed, epoch)


def crop(
    image: Image.Image, digest: str, preparation: Preparation, augmentation: Augmentation, seed: int, epoch: int
) -> Varied:
    """An upright RGB picture as this epoch shows it; digest, seed and epoch decide every random choice."""
    side_px = preparation.size_px
    if augmentation.preset == "none":
        box = _centre_box(image.size, preparation.crop_share)
        return Varied(_planes(image.resize((side_px, side_px), Image.Resampling.BICUBIC, box)), NEUTRAL)
    generator = _generator(seed, epoch, digest)
    box = _random_box(image.size, generator)
    image = image.resize((side_px, side_px), Image.Resampling.BICUBIC, box)
    variation = np.array([generator.random() < 0.5, *generator.uniform(1 - _LIGHT, 1 + _LIGHT, 3)], np.float32)
    variation[0] *= augmentation.mirror
    flipped = augmentation.upside_down and generator.random() < 0.5
    if augmentation.preset == "light":
        return Varied(_planes(image, flipped), variation)
    from transfer_core.training.augment import strong  # here, because a run that only trains a head does without torch

    pixels = _planes(strong.change(image, generator), flipped)
    strong.cover(pixels, generator)
    return Varied(pixels, variation)


def _generator(seed: int, epoch: int, photo: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}:{epoch}:{photo}".encode()).digest()[:8]))


def _random_box(size: tuple[int, int], generator: np.random.Generator) -> tuple[float, float, float, float]:
    """A crop of random area, shape (3:4 to 4:3) and place, inside the picture.

    Source: Szegedy et al. 2014, arXiv 1409.4842, section 6.
    """
    width, height = size
    area = width * height * generator.uniform(_SMALLEST_AREA, 1)
    shape = np.exp(generator.uniform(np.log(3 / 4), np.log(4 / 3)))
    crop_width, crop_height = min(width, np.sqrt(area * shape)), min(height, np.sqrt(area / shape))
    left, top = generator.uniform(0, width - crop_width), generator.uniform(0, height - crop_height)
    return left, top, left + crop_width, top + crop_height


def _centre_box(size: tuple[int, int], share: float) -> tuple[float, float, float, float]:
    width, height = size
    side = min(width, height) * share
    return (width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2


def _planes(image: Image.Image, flipped: bool = False) -> np.ndarray:
    rows = np.asarray(image)[::-1] if flipped else np.asarray(image)
    return np.ascontiguousarray(rows.transpose(2, 0, 1))
