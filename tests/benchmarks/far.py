"""What transfer is worth far from photographs, on two drawn sets with 20 photos per class to learn from.

    python -m tests.benchmarks.far [--set slides signs] [--seed 0] [--home DIR] [--keep DIR]

"slides" are many faint particles on a mottled ground, told apart by their outline alone: what the pretrained network
looks for does not suffice, and 160 pictures are too few to learn to see. "signs" show one large, clear shape each, of
six kinds that it tells apart as it is: there is nothing to gain. The strategies answer the same pictures, and are
compared as the pages do (McNemar's exact test, over all their pairs).
"""

import argparse
import itertools
import math
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tests.benchmarks.strategies import fit, row
from tests.helpers import kill_all
from transfer_core import runs
from transfer_core.evaluation.compare_runs import compare_right, load_right
from transfer_core.metrics.paired_test import corrected, in_points
from transfer_core.workspace import Workspace

STRATEGIES = {"slides": ("feature_extraction", "lp_ft", "scratch"), "signs": ("feature_extraction", "lp_ft")}
TRAIN, VAL = 20, 30  # pictures per class
SIDE = 224
ALIKE = ("ell", "tee")  # turned and mirrored at will these two are hard to tell apart; no signs
_FINER = 2  # drawn so many times as large, against stairs at the edges

Outline = list[tuple[float, float]]


def _regular(corners: int, dent: float | None = None) -> Outline:
    """A polygon of radius 1; with a dent, a star whose inner corners lie that near to the middle."""
    count = corners if dent is None else 2 * corners
    radii = [1.0 if dent is None or i % 2 == 0 else dent for i in range(count)]
    return [(r * math.cos(2 * math.pi * i / count), r * math.sin(2 * math.pi * i / count)) for i, r in enumerate(radii)]


def _mirrored(half: Outline) -> Outline:
    """The right half of an outline, from top to bottom, made whole."""
    return half + [(-x, y) for x, y in reversed(half)]


OUTLINES = {
    "bar": _mirrored([(1.2, -0.4), (1.2, 0.4)]),
    "ell": [(-0.7, -1), (-0.1, -1), (-0.1, 0.4), (0.9, 0.4), (0.9, 1), (-0.7, 1)],
    "hexagon": _regular(6),
    "plus": _mirrored([(0.33, -1), (0.33, -0.33), (1, -0.33), (1, 0.33), (0.33, 0.33), (0.33, 1)]),
    "square": _regular(4),
    "star": _regular(5, 0.45),
    "tee": _mirrored([(1, -0.9), (1, -0.3), (0.3, -0.3), (0.3, 1)]),
    "triangle": _regular(3),
}


def draw_slide(rng: np.random.Generator, outline: Outline) -> Image.Image:
    """Many small particles, each a little lighter or darker than the ground, turned at random."""
    ground = rng.uniform(60, 195, 3)
    image = Image.new("RGB", (SIDE * _FINER,) * 2, _colour(ground))
    for _ in range(rng.integers(14, 26)):
        colour = ground + rng.choice([-1, 1]) * rng.uniform(25, 60) + rng.normal(0, 12, 3)
        _stamp(image, outline, rng.uniform(0, SIDE, 2), rng.uniform(6, 12), rng.uniform(0, 2 * math.pi), colour)
    return _mottle(rng, image, 18)


def draw_sign(rng: np.random.Generator, outline: Outline) -> Image.Image:
    """One shape, almost as large as the picture, far lighter or darker than the ground."""
    ground = rng.uniform(60, 195, 3)
    image = Image.new("RGB", (SIDE * _FINER,) * 2, _colour(ground))
    colour = np.where(ground > 128, ground - 110, ground + 110) + rng.normal(0, 20, 3)
    _stamp(image, outline, rng.uniform(90, 134, 2), rng.uniform(45, 75), rng.uniform(0, 2 * math.pi), colour)
    return _mottle(rng, image, 8)


def _stamp(image: Image.Image, outline: Outline, middle: np.ndarray, radius: float, turn: float, colour) -> None:
    """Draws an outline, filled; lengths in pixels of the picture that comes of it, the turn in radians."""
    cos, sin, size = math.cos(turn), math.sin(turn), radius * _FINER
    x, y = middle * _FINER
    points = [(x + size * (u * cos - v * sin), y + size * (u * sin + v * cos)) for u, v in outline]
    ImageDraw.Draw(image).polygon(points, fill=_colour(colour))


def _mottle(rng: np.random.Generator, image: Image.Image, noise: float) -> Image.Image:
    """The picture in its final size, with large soft blotches and fine noise on it."""
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float32)
    coarse = Image.fromarray(rng.normal(0, 1, (6, 6)).astype(np.float32))
    blotches = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))[..., np.newaxis]
    pixels = pixels + 25 * blotches * rng.uniform(-1, 1, 3)
    pixels += rng.normal(0, noise, (SIDE, SIDE, 1)) + rng.normal(0, noise / 2, (SIDE, SIDE, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _colour(value: np.ndarray) -> tuple[int, ...]:
    return tuple(int(part) for part in np.clip(value, 0, 255))


def draw_set(folder: Path, name: str, seed: int) -> Path:
    """train/ and val/ with a folder per class."""
    rng, draw = np.random.default_rng(seed), {"slides": draw_slide, "signs": draw_sign}[name]
    names = [class_name for class_name in OUTLINES if name == "slides" or class_name not in ALIKE]
    for part, count in (("train", TRAIN), ("val", VAL)):
        for class_name in names:
            place = folder / part / class_name
            place.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                draw(rng, OUTLINES[class_name]).save(place / f"{number:02}.png")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", default=list(STRATEGIES), choices=list(STRATEGIES), dest="names")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures and of the training")
    parser.add_argument("--home", type=Path, help="kept, where given")
    parser.add_argument("--keep", type=Path, help="folder for the pictures, to look at")
    options = parser.parse_args()
    print("| Photos | Strategy | Right | 95% interval | Seconds | Learns |\n|--|--|--|--|--|--|", flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = Workspace(options.home or Path(folder) / "home")
        for name in options.names:
            data = draw_set((options.keep or Path(folder)) / name, name, options.seed)
            answered = {}
            for strategy in STRATEGIES[name]:
                answer = fit(workspace, data, strategy, options.seed)
                answered[strategy] = load_right(runs.open_run(workspace, answer["run_id"]))
                print(row(workspace, data, strategy, answer), flush=True)
            for one, other in itertools.combinations(answered, 2):
                paired = corrected(compare_right(answered[other], answered[one]), len(answered))
                print(f"{other} against {one}: {paired.verdict} ({in_points(paired)}, p {paired.p:.2g})", flush=True)
        kill_all(workspace)


if __name__ == "__main__":
    main()
