"""Five drawn photo sets of different kinds, each a few hundred pictures, for benchmarks.

"leaves" is the sample set; "slides" and "signs" are those of `far`. "textures" are grounds without any object, told
apart by how they repeat; "cells" are round things of one kind, told apart by what lies inside.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.benchmarks.far import ALIKE, OUTLINES, SIDE, draw_sign, draw_slide
from transfer_core.data.sample_set import draw_sample_set

PER_CLASS = 50
NAMES = ("leaves", "slides", "signs", "textures", "cells")
_CELLS = ("empty", "single", "double", "granular", "ring")


def draw_set(folder: Path, name: str, seed: int = 0, per_class: int = PER_CLASS) -> Path:
    """A folder per class with so many pictures in each."""
    if name == "leaves":
        for path, content in draw_sample_set(per_class, seed):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return folder
    rng = np.random.default_rng((seed, NAMES.index(name)))
    for class_name, draw in _KINDS[name].items():
        (folder / class_name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            draw(rng).save(folder / class_name / f"{number:03}.jpg", quality=90)
    return folder


def _texture(rng: np.random.Generator, wave: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Image.Image:
    """A wave turned and scaled at random, in two colours, under noise and uneven light."""
    y, x = np.indices((SIDE, SIDE)) * rng.uniform(0.16, 0.32)
    turn = rng.uniform(0, 2 * math.pi)
    level = wave(x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn))[..., np.newaxis]
    level = level * rng.uniform(0.5, 1)
    first, second = rng.uniform(40, 215, (2, 3))
    pixels = first + (second - first) * (0.5 + 0.5 * level) + rng.normal(0, 16, (SIDE, SIDE, 1))
    return _finished(rng, pixels)


def _cell(rng: np.random.Generator, kind: str) -> Image.Image:
    """A few cells, slightly out of focus, on a pale ground; all of one kind."""
    ground = rng.uniform(190, 235, 3)
    colour = ground - rng.uniform(20, 60, 3)
    image = Image.new("RGB", (SIDE, SIDE), _rgb(ground))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(4, 9)):
        middle, radius = rng.uniform(10, SIDE - 10, 2), rng.uniform(16, 28)
        _disc(draw, middle, radius * rng.uniform(0.85, 1.15, 2), colour + rng.normal(0, 6, 3))
        dark = colour - rng.uniform(50, 90)
        if kind in ("single", "double"):
            for way in (0,) if kind == "single" else (-1, 1):
                turn = rng.uniform(0, math.pi)
                shift = way * 0.45 * radius * np.array([math.cos(turn), math.sin(turn)])
                _disc(draw, middle + shift, np.full(2, radius * rng.uniform(0.25, 0.35)), dark)
        elif kind == "granular":
            for _ in range(14):
                _disc(draw, middle + rng.uniform(-0.55, 0.55, 2) * radius, np.full(2, radius * 0.08), dark)
        elif kind == "ring":
            _disc(draw, middle, np.full(2, radius * 0.62), dark)
            _disc(draw, middle, np.full(2, radius * 0.45), colour)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2.2)))
    return _finished(rng, np.asarray(image, float) + rng.normal(0, 10, (SIDE, SIDE, 1)))


def _disc(draw: ImageDraw.ImageDraw, middle: np.ndarray, radii: np.ndarray, colour: np.ndarray) -> None:
    draw.ellipse([*(middle - radii), *(middle + radii)], _rgb(colour))


def _rgb(colour: np.ndarray) -> tuple[int, ...]:
    return tuple(int(part) for part in np.clip(colour, 0, 255))


def _finished(rng: np.random.Generator, pixels: np.ndarray) -> Image.Image:
    light = 1 + rng.uniform(-0.25, 0.25) * np.linspace(-1, 1, SIDE)[:, np.newaxis, np.newaxis]
    return Image.fromarray(np.clip(pixels * light, 0, 255).astype(np.uint8))


def _with(draw: Callable, what: object) -> Callable[[np.random.Generator], Image.Image]:
    return lambda rng: draw(rng, what)


_WAVES = {
    "stripes": lambda x, y: np.sin(x),
    "waves": lambda x, y: np.sin(x + 1.5 * np.sin(0.6 * y)),
    "checks": lambda x, y: np.sign(np.sin(x) * np.sin(y)),
    "dots": lambda x, y: np.where(np.cos(x) + np.cos(y) > 1.1, 1.0, -1.0),
    "weave": lambda x, y: np.where(np.sin(x / 2) > 0, np.sin(2 * x), np.sin(2 * y)),
    "rings": lambda x, y: np.sin(np.hypot((x + 7) % 14 - 7, (y + 7) % 14 - 7) * 1.6),
}
_KINDS: dict[str, dict[str, Callable[[np.random.Generator], Image.Image]]] = {
    "slides": {name: _with(draw_slide, outline) for name, outline in OUTLINES.items()},
    "signs": {name: _with(draw_sign, outline) for name, outline in OUTLINES.items() if name not in ALIKE},
    "textures": {name: _with(_texture, wave) for name, wave in _WAVES.items()},
    "cells": {name: _with(_cell, name) for name in _CELLS},
}
