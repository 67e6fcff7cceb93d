"""Draws the built-in sample set: four kinds of leaf, two of them easy to confuse. Numpy and Pillow only.

Points are complex numbers. A leaf has its own space, base of the blade at 0, tip at 1j; a pose places it on a
picture. Colours and backdrops run through the same sequence in every class: only the shape tells them apart.
"""

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

SAMPLE_NAME = "Four kinds of leaf"

_SUPERSAMPLE = 2  # shapes are drawn this much larger and then reduced, which smooths their edges
_COARSE = 3  # a strongly blurred mask is blurred so much smaller
_AROUND_PX = 32  # what a leaf's shadow reaches beyond the leaf
_CENTRE = 0.4  # a pose turns a leaf about this point of its axis
# From summer to late autumn, in 256 steps; a leaf takes a stretch of them.
_SEASONS = ("#32582a", "#548030", "#8ea038", "#deb83e", "#d67e2c", "#ac3a2a", "#764830")
_SEASON_RGB = np.array([[ImageColor.getrgb(colour) for colour in _SEASONS]], np.uint8)
_BLADE_RGB = np.asarray(Image.fromarray(_SEASON_RGB).resize((256, 1)))[0]
_RIB_RGB = [tuple(rgb) for rgb in (_BLADE_RGB // 2 + np.array([110, 104, 66])).tolist()]
# Colours to choose from; layers of noise: strength, bumps across, bumps down, power (3 leaves specks only).
_GROUNDS = {
    "paper": (["#ece5d6"], [(0.02, 5, 5, 1), (0.025, 150, 150, 1)]),
    "wood": (["#b08458", "#78563c", "#caaa80"], [(0.12, 1, 5, 1), (0.1, 4, 130, 1), (0.08, 9, 220, 1)]),
    "stone": (["#969490"], [(0.09, 6, 6, 1), (0.05, 40, 40, 1), (0.18, 190, 190, 3)]),
    "plain": (["#b0c6d0", "#d6baaa", "#bec8ac", "#54606e", "#cec8d8"], [(0.16, 2, 2, 1)]),
    "soil": (["#604836"], [(0.3, 50, 50, 3), (0.16, 150, 150, 1), (0.15, 6, 6, 1)]),
}
_BACKDROPS = (*_GROUNDS, "grass")


@dataclass(frozen=True)
class _Leaf:
    """A leaf in its own space; every shape is a polygon, complex (n,)."""

    blade: np.ndarray
    ribs: list[np.ndarray]
    stalk: np.ndarray


@dataclass(frozen=True)
class _Pose:
    """Where and how a leaf lies on the picture."""

    length_px: float
    turn: float  # radians
    squash: float  # the width seen, as a share of the true width
    bend: float  # sideways drift of the tip, in leaf lengths
    middle_px: complex

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Maps points of the leaf to the picture."""
        bent = (points.real + self.bend * points.imag**2) * self.squash + 1j * (points.imag - _CENTRE)
        return bent * self.length_px * np.exp(1j * self.turn) + self.middle_px

    def to_leaf(self, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the leaf's x and y at every pixel, each float32 (height, width)."""
        down, across = np.ogrid[: size[1], : size[0]]
        pixels = (across + 1j * down).astype(np.complex64) - np.complex64(self.middle_px)
        bent = pixels * np.complex64(np.exp(-1j * self.turn) / self.length_px)
        y = bent.imag + _CENTRE
        return bent.real / self.squash - self.bend * y**2, y


def _ribbon(line: np.ndarray, start: float, end: float) -> np.ndarray:
    """Returns the outline of a line whose half-width goes from `start` to `end`."""
    along = np.gradient(line)
    offset = 1j * along / np.abs(along) * np.linspace(start, end, len(line))
    return np.concatenate([line + offset, (line - offset)[::-1]])


def _stalk(rng: Generator, base: float, length: float) -> np.ndarray:
    s = np.linspace(0, 1, 12)
    return _ribbon(rng.uniform(-0.12, 0.12) * s**2 + 1j * (base - length * s), 0.009, 0.013)


def _pinnate(rng: Generator, sides: list[np.ndarray], tips: np.ndarray, rise: float, bow: float) -> _Leaf:
    """Builds a leaf with one midrib and side veins that run to the margin.

    Args:
        rng: The picture's own generator.
        sides: The right and the left margin, both from base to tip.
        tips: How far along a margin its side veins end, each in (0, 1).
        rise: How far a side vein climbs on its way, in leaf lengths.
        bow: 1 for straight side veins; above 1 they curve towards the tip.
    """
    s = np.linspace(0, 1, 8)
    ribs = [_ribbon(0.97j * s, 0.009, 0.002)]
    for side in sides:
        for tip in np.clip(tips + rng.normal(0, 0.008, len(tips)), 0.02, 0.98):
            end = side[int(tip * (len(side) - 1))]
            start = max(0.01, end.imag - rise * (1.1 - 0.4 * tip))
            line = 0.96 * end.real * s + 1j * (start + (end.imag - start) * s**bow)
            ribs.append(_ribbon(line, 0.0045, 0.0015))
    return _Leaf(np.concatenate([sides[0], sides[1][::-1]]), ribs, _stalk(rng, 0.03, rng.uniform(0.18, 0.3)))


def _halves(rng: Generator, low: float, high: float) -> np.ndarray:
    """Returns how wide the right and the left half are, the left one negative."""
    return rng.uniform(low, high) * rng.uniform(0.94, 1.06, 2) * (1, -1)


def _oval(widest: float, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns 280 places from base to tip and the half-width there: 0 at both ends, 1 at `widest`."""
    t, a, b = np.linspace(0, 1, 280), widest * sharpness, (1 - widest) * sharpness
    return t, t**a * (1 - t) ** b / (widest**a * (1 - widest) ** b)


def _beech(rng: Generator) -> _Leaf:
    """Builds an oval leaf with a wavy margin and straight veins: the one that is taken for birch."""
    count, depth, sides = rng.integers(8, 11), rng.uniform(0.015, 0.042), []
    t, half = _oval(rng.uniform(0.38, 0.48), 1.5)
    for width in _halves(rng, 0.29, 0.36):
        wave = depth * (1 - np.cos(2 * np.pi * (t * count + rng.uniform(0, 0.2)))) * np.sin(np.pi * t)
        sides.append(width * (half + wave) + 1j * t)
    return _pinnate(rng, sides, (np.arange(count) + 0.6) / count * 0.9, rng.uniform(0.17, 0.24), 1.05)


def _birch(rng: Generator) -> _Leaf:
    """Builds a leaf a little wider at the base, with large and small teeth and veins that bow."""
    count, depth, sides = rng.integers(6, 9), rng.uniform(0.052, 0.102), []
    t, half = _oval(rng.uniform(0.32, 0.43), 1.6)
    for width in _halves(rng, 0.29, 0.36):
        large, small = (t * count + rng.uniform(0, 0.2)) % 1, (t * count * 3 + rng.uniform(0, 1)) % 1
        tooth = depth * (large + 0.6 * small) * np.sqrt(np.sin(np.pi * t)) * (t < 0.98)
        sides.append(width * (half + tooth) + 1j * (t + 0.16 * tooth))
    return _pinnate(rng, sides, (np.arange(count) + 0.9) / count * 0.88, rng.uniform(0.18, 0.26), 1.25)


def _oak(rng: Generator) -> _Leaf:
    """Builds a leaf widest near the tip, with round lobes."""
    count, depth, sides = rng.integers(3, 6), rng.uniform(0.42, 0.6), []
    t, half = _oval(rng.uniform(0.56, 0.66), 1.2)
    for width in _halves(rng, 0.3, 0.38):
        lobes = np.abs(np.sin(np.pi * (count + 0.5) * (t + rng.uniform(-0.01, 0.01) * (1 - t))))
        swing = 0.05 * (lobes - 0.6) * np.sin(np.pi * t)
        sides.append(width * half * (1 - depth * (1 - lobes**0.85)) + 1j * (t + swing))
    return _pinnate(rng, sides, (np.arange(count) + 0.5) / (count + 0.5), rng.uniform(0.14, 0.2), 1.1)


def _maple(rng: Generator) -> _Leaf:
    """Builds a hand-shaped leaf: five toothed lobes round a hub, each with a vein of its own."""
    tooth, depth = rng.uniform(0.2, 0.26), rng.uniform(0.36, 0.46)
    flank = np.array([0.66 + 1j * tooth, 0.72 + 0.13j, 0.86 + 0.11j, 0.87 + 0.055j])
    lobe, s = np.concatenate([flank, [1], flank[::-1].conj()]), np.linspace(0, 1, 8)
    corners, ribs = [-0.02j, -0.13 - 0.15j], []
    for angle, reach in ((-100, 0.6), (-50, 0.84), (0, 1.0), (50, 0.84), (100, 0.6)):
        axis = 1j * np.exp(-1j * math.radians(angle + rng.normal(0, 2.5))) * reach * rng.uniform(0.95, 1.05)
        sinus = 1j * np.exp(-1j * math.radians(angle + 25)) * depth * rng.uniform(0.92, 1.08)
        corners.extend([*(axis * lobe * rng.normal(1, 0.015, len(lobe))), sinus])
        ribs.append(_ribbon(0.95 * axis * s, 0.009, 0.002))
        ribs.extend(_ribbon(axis * (0.36 + s * (0.3 + 0.9j * tooth * way)), 0.004, 0.0015) for way in (1, -1))
    outline = np.array([*corners[:-1], 0.13 - 0.15j])
    sagging = (outline + np.roll(outline, -1)) / 2 * 0.97  # edges between two corners hang inwards
    blade = np.stack([outline, sagging], axis=1).ravel()
    stalk = _stalk(rng, 0.14, rng.uniform(0.35, 0.5))
    return _Leaf(0.14j + 0.86 * blade, [0.14j + 0.86 * rib for rib in ribs], stalk)


_KINDS = {"beech": _beech, "birch": _birch, "maple": _maple, "oak": _oak}
class_names = tuple(_KINDS)


def _noise(
    rng: Generator,
    size: tuple[int, int],
    across: int,
    down: int,
    power: int = 1,
    *,
    share: tuple[float, float] = (1, 1),
) -> np.ndarray:
    """Returns smooth noise in about [-1, 1], float32 (height, width), with so many bumps across and down.

    Args:
        share: Of the picture's width and height that `size` is; the bumps are those of the whole picture.
    """
    coarse = rng.uniform(-1, 1, (down, across)).astype(np.float32) ** power
    cut = Image.fromarray(coarse[: math.ceil(down * share[1]), : math.ceil(across * share[0])])
    box = (0, 0, min(cut.width, across * share[0]), min(cut.height, down * share[1]))
    return np.asarray(cut.resize(size, Image.Resampling.BICUBIC, box))


def _shade(colour: Image.Image | tuple[int, ...], brightness: np.ndarray) -> Image.Image:
    """Multiplies a colour or a picture by a brightness for each pixel."""
    pixels = np.asarray(colour, np.float32) * brightness.astype(np.float32, copy=False)[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))


def _draw_ground(rng: Generator, size: tuple[int, int], kind: str) -> Image.Image:
    colours, layers = _GROUNDS[kind]
    light = 1 + sum(strength * _noise(rng, size, *bumps) for strength, *bumps in layers)
    return _shade(ImageColor.getrgb(colours[rng.integers(len(colours))]), np.asarray(light))


def _draw_grass(rng: Generator, size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, (44, 66, 32))
    draw = ImageDraw.Draw(picture)
    for nearness in np.linspace(0, 1, 260):  # far blades first, darker
        x, y = rng.uniform(-20, size[0] + 20), rng.uniform(0, size[1] * 1.25)
        brightness = (0.55 + 0.5 * nearness) * rng.uniform(0.8, 1.2)
        colour = tuple(int(brightness * band) for band in (96, 132, 54))
        draw.polygon([x - 4, y, x + 4, y, x + rng.normal(0, 35), y - rng.uniform(60, 150)], fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(2, 4)))


def _choose_pose(rng: Generator, size: tuple[int, int]) -> _Pose:
    """Places the leaf; about one in eight may run over the edge of the picture."""
    drift = 0.3 if rng.random() < 0.12 else 0.06
    x, y = (side * (0.5 + rng.uniform(-drift, drift)) for side in size)
    length_px, turn = min(size) * rng.uniform(0.55, 0.86), rng.uniform(0, 2 * math.pi)
    return _Pose(length_px, turn, rng.uniform(0.84, 1.0), bend=rng.normal(0, 0.07), middle_px=complex(x, y))


def _fill(size: tuple[int, int], pose: _Pose, shapes: list[np.ndarray]) -> Image.Image:
    """Returns how much of each pixel the shapes cover, 0 to 255."""
    if not shapes:
        return Image.new("L", size)
    mask = Image.new("L", (size[0] * _SUPERSAMPLE, size[1] * _SUPERSAMPLE))
    draw = ImageDraw.Draw(mask)
    for shape in shapes:
        draw.polygon((pose.to_pixels(shape) * _SUPERSAMPLE).view(float).tolist(), fill=255)
    return mask.reduce(_SUPERSAMPLE)


def _blots(rng: Generator, leaf: _Leaf, most: int, radii: tuple[float, float]) -> list[np.ndarray]:
    """Returns 1 to `most` uneven discs on the blade, for bites and spots."""
    angle, blots = np.linspace(0, 2 * math.pi, 20, endpoint=False), []
    for edge in rng.choice(leaf.blade, rng.integers(1, most + 1)):
        radius = rng.uniform(*radii) * (1 + 0.15 * np.sin(3 * angle + rng.uniform(0, 6)))
        blots.append(edge.real * rng.uniform(0.2, 1) + 1j * edge.imag + radius * np.exp(1j * angle))
    return blots


def _blurred(mask: Image.Image, radius_px: float) -> np.ndarray:
    """Returns the blurred mask as float32 in [0, 1]; where little detail is left, a small one says the same."""
    small = mask.reduce(_COARSE) if radius_px > 2 * _COARSE else mask
    blurred = small.filter(ImageFilter.GaussianBlur(radius_px * small.width / mask.width))
    return np.asarray(blurred.resize(mask.size, Image.Resampling.BILINEAR), np.float32) / np.float32(255)


def _lay(canvas: Image.Image, paint: Image.Image | tuple, mask: Image.Image, share: float = 1) -> None:
    """Lays a picture or a colour on the canvas where the mask is, as strongly as `share`."""
    canvas.paste(paint, (0, 0), mask if share == 1 else mask.point([int(level * share) for level in range(256)]))


def _paint_blade(
    rng: Generator,
    blade: Image.Image,
    ribs: Image.Image,
    pose: _Pose,
    season: int,
    light: tuple[float, float],
    share: tuple[float, float],
) -> Image.Image:
    """Returns the leaf's surface; `light` is a unit vector, across and down, `share` as in `_noise`."""
    x, y = pose.to_leaf(blade.size)
    margin = 1 - np.clip(2 * _blurred(blade, 0.06 * pose.length_px) - 1, 0, 1)
    ahead = rng.uniform(0.05, 0.28) * margin  # a leaf turns from the margin inwards
    mottle = 0.08 * _noise(rng, blade.size, 9, 9, share=share) + 0.03 * _noise(rng, blade.size, 60, 60, share=share)
    place = np.clip(season / 270 - 0.04 + ahead + mottle + rng.normal(0, 0.1) * x, 0, 1)
    surface = Image.fromarray(_BLADE_RGB[(place * 255).astype(np.uint8)])
    _lay(surface, _RIB_RGB[season], ribs, rng.uniform(0.35, 0.6))
    # The blade swells between its veins; slopes towards the light are brighter.
    down, across = np.gradient(7 * _blurred(blade, 7) - 5.5 * _blurred(ribs, 2.5))
    swell = np.clip(-across * light[0] - down * light[1], -1, 1)
    fold = rng.uniform(-0.1, 0.1) * np.clip(30 * x, -1, 1) + rng.uniform(-0.12, 0.12) * (y - 0.5)
    return _shade(surface, rng.uniform(0.9, 1.1) + fold + rng.uniform(0.4, 0.6) * swell)


def _add_leaf(rng: Generator, picture: Image.Image, leaf: _Leaf, whole_pose: _Pose, season: int) -> None:
    """Draws the leaf and its shadow; `season` is 0 (summer) to 255. Some leaves are bitten, some spotted.

    Only the part of the picture that they lie on is worked on: half of it, in half the time.
    """
    box = _box_of(leaf, whole_pose, picture.size)
    pose = replace(whole_pose, middle_px=whole_pose.middle_px - complex(*box[:2]))
    canvas = picture.crop(box)
    bites = _blots(rng, leaf, 3, (0.025, 0.06)) if rng.random() < 0.2 else []
    spots = _blots(rng, leaf, 8, (0.006, 0.024)) if rng.random() < 0.35 else []
    groups = ([leaf.blade], bites, leaf.ribs, [leaf.stalk], spots)
    blade, bitten, ribs, stalk, spotted = (_fill(canvas.size, pose, shapes) for shapes in groups)
    blade = ImageChops.subtract(blade, bitten)
    angle, lift_px = rng.uniform(0, 2 * math.pi), rng.uniform(3, 9)
    light = (math.cos(angle), math.sin(angle))
    shadow = Image.new("L", canvas.size)
    shadow.paste(ImageChops.lighter(blade, stalk), (int(-lift_px * light[0]), int(-lift_px * light[1])))
    shadow = shadow.filter(ImageFilter.GaussianBlur(0.7 * lift_px))
    _lay(canvas, (16, 14, 12), shadow, rng.uniform(0.35, 0.6))
    _lay(canvas, tuple(int(0.75 * band) for band in _RIB_RGB[season]), stalk)
    share = canvas.width / picture.width, canvas.height / picture.height
    surface = _paint_blade(rng, blade, ribs, pose, season, light, share)
    _lay(surface, (92, 62, 40), spotted, 0.75)
    _lay(canvas, surface, blade)
    picture.paste(canvas, box[:2])


def _box_of(leaf: _Leaf, pose: _Pose, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Returns the part of the picture that the leaf and its shadow lie on: left, top, right, bottom."""
    points = pose.to_pixels(np.concatenate([leaf.blade, leaf.stalk]))
    low = [max(0, math.floor(least) - _AROUND_PX) for least in (points.real.min(), points.imag.min())]
    most = points.real.max(), points.imag.max()
    high = [min(side, math.ceil(far) + _AROUND_PX) for side, far in zip(size, most, strict=True)]
    return low[0], low[1], high[0], high[1]


def _draw_picture(name: str, index: int, seed: int) -> bytes:
    """Returns picture `index` of a class as JPEG; it depends on nothing but the arguments."""
    class_id = class_names.index(name)
    rng = np.random.default_rng((seed, class_id, index))
    size = tuple(rng.integers(320, 401, 2).tolist())
    backdrop = _BACKDROPS[(index + class_id) % len(_BACKDROPS)]
    canvas = _draw_grass(rng, size) if backdrop == "grass" else _draw_ground(rng, size, backdrop)
    season = int(256 * ((0.618 * index + class_id / 4) % 1))  # such steps cover the seasons evenly
    _add_leaf(rng, canvas, _KINDS[name](rng), _choose_pose(rng, size), season)
    grain = rng.uniform(0.01, 0.03) * rng.standard_normal(size[::-1], np.float32)
    jpeg = io.BytesIO()
    _shade(canvas, 1 + grain + 0.12 * _noise(rng, size, 2, 2)).save(jpeg, "JPEG", quality=88)
    return jpeg.getvalue()


def draw_sample_set(per_class: int = 40, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yields the path ("birch/birch-001.jpg") and the JPEG bytes of each picture, class by class.

    Asking for more per class leaves the first ones as they are; another seed draws another set. The bytes are
    the same on every call, as long as numpy and Pillow are.
    """
    for path, draw in sample_pictures(per_class, seed):
        yield path, draw()


def sample_pictures(per_class: int = 40, seed: int = 0) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """As `draw_sample_set`, with what draws each picture in place of its bytes: threads can share the work."""
    for name in class_names:
        for index in range(per_class):
            yield f"{name}/{name}-{index + 1:03d}.jpg", partial(_draw_picture, name, index, seed)
