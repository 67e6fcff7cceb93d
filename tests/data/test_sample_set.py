"""Tests of the built-in sample set."""

import io
import itertools
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from transfer_core.data import sample_set

PER_CLASS = 12  # two rounds of the six backdrops, and colours from the whole year


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    return dict(sample_set.draw_sample_set(PER_CLASS))


def _open(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


def _of_class(pictures: dict[str, bytes], name: str) -> list[bytes]:
    return [jpeg for path, jpeg in pictures.items() if path.startswith(f"{name}/")]


def test_each_class_has_its_folder_and_numbered_pictures(pictures):
    expected = [f"{name}/{name}-{n:03d}.jpg" for name in sample_set.class_names for n in range(1, PER_CLASS + 1)]
    assert list(pictures) == expected
    assert len(set(sample_set.class_names)) == 4


def test_default_is_forty_pictures_per_class(monkeypatch):
    monkeypatch.setattr(sample_set, "_draw_picture", lambda name, index, seed: b"")  # only the paths matter here
    folders = Counter(path.split("/")[0] for path, _ in sample_set.draw_sample_set())
    assert folders == dict.fromkeys(sample_set.class_names, 40)


def test_pictures_are_rgb_jpegs_of_varied_shape(pictures):
    opened = [_open(jpeg) for jpeg in pictures.values()]
    for picture in opened:
        picture.load()  # a torn file would fail here
    assert {(picture.format, picture.mode) for picture in opened} == {("JPEG", "RGB")}
    sides = [side for picture in opened for side in picture.size]
    assert min(sides) >= 320 and max(sides) <= 400
    aspects = [picture.width / picture.height for picture in opened]
    assert min(aspects) < 0.95 and max(aspects) > 1.05


def test_pictures_do_not_depend_on_how_many_are_drawn(pictures):
    few = dict(sample_set.draw_sample_set(3))
    assert len(few) == 3 * len(sample_set.class_names)
    assert all(jpeg == pictures[path] for path, jpeg in few.items())


def test_another_seed_draws_other_pictures(pictures):
    other = dict(sample_set.draw_sample_set(1, seed=1))
    assert all(jpeg != pictures[path] for path, jpeg in other.items())


def test_pictures_of_a_class_are_clearly_different(pictures):
    for name in sample_set.class_names:
        opened = [_open(jpeg).convert("L").resize((16, 16)) for jpeg in _of_class(pictures, name)]
        small = [np.asarray(picture, float) for picture in opened]
        gaps = [np.abs(one - other).mean() for one, other in itertools.combinations(small, 2)]
        assert min(gaps) > 4, name  # grey levels of 255; JPEG and noise alone stay below 1


@pytest.mark.parametrize("cut", [0, 0.4], ids=["whole picture", "middle, mostly leaf"])
def test_colour_does_not_give_the_class_away(pictures, cut):
    """The class means differ by less than the spread within a class, in every colour band."""
    colours = []
    for name in sample_set.class_names:
        colours.append([])
        for picture in map(_open, _of_class(pictures, name)):
            width, height = picture.size
            part = picture.crop((cut * width, cut * height, (1 - cut) * width, (1 - cut) * height))
            colours[-1].append(np.asarray(part, float).mean(axis=(0, 1)))
    means, spread = np.mean(colours, axis=1), np.std(colours, axis=1).mean(axis=0)
    assert (np.ptp(means, axis=0) < spread).all(), (means, spread)
