"""Variations: a function of seed, epoch and photo, and of nothing else."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import draw_photo
from transfer_core.backbones.catalog import Preparation
from transfer_core.errors import DataError
from transfer_core.training.augment import load_varied
from transfer_core.training.learner import vary


@pytest.fixture
def path(tmp_path):
    return draw_photo(tmp_path / "x.jpg", (200, 40, 40), 1, (301, 199))


def varied(path, photo="p", augmentation="light", seed=0, epoch=0, side=32):
    preparation = Preparation(side, 0.875, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    shown = load_varied(path, photo, path.parent / "prepared", preparation, augmentation, seed, epoch)
    pixels = torch.from_numpy(shown.pixels[np.newaxis])
    return vary(pixels, shown.variation[np.newaxis])[0].round().to(torch.uint8).numpy()


def test_shape_and_kind(path):
    found = varied(path)
    assert (found.shape, found.dtype, found.flags.c_contiguous) == ((3, 32, 32), np.uint8, True)


def test_the_same_three_give_the_same_pixels(path):
    np.testing.assert_array_equal(varied(path, epoch=3), varied(path, epoch=3))


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}, {"photo": "q"}])
def test_another_seed_epoch_or_photo_gives_others(path, other):
    assert (varied(path) != varied(path, **other)).mean() > 0.2


def test_without_variation_only_the_photo_counts(path):
    first = varied(path, augmentation="none")
    np.testing.assert_array_equal(first, varied(path, "q", "none", 5, 6))


@pytest.mark.parametrize("augmentation", ["none", "light"])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2000, 1500), (31, 33)])
def test_every_size_works(tmp_path, size, augmentation):
    Image.new("RGB", size, (10, 200, 30)).save(tmp_path / "x.png")
    for epoch in range(5):
        found = varied(tmp_path / "x.png", augmentation=augmentation, epoch=epoch)
        assert found.shape == (3, 32, 32)
        assert found[1].mean() > found[0].mean()  # still green


@pytest.mark.parametrize("augmentation", ["none", "light"])
def test_of_a_large_photo_the_same_pixels_come_from_a_copy_made_before_or_now(tmp_path, augmentation):
    path = draw_photo(tmp_path / "large.jpg", (200, 40, 40), 1, (1200, 900))
    first = varied(path, augmentation=augmentation)
    assert list((tmp_path / "prepared").rglob("*.jpg"))
    np.testing.assert_array_equal(varied(path, augmentation=augmentation), first)
    shutil.rmtree(tmp_path / "prepared")
    np.testing.assert_array_equal(varied(path, augmentation=augmentation), first)


def test_colours_change_a_little_and_mirrors_occur(tmp_path):
    half = np.zeros((100, 100, 3), np.uint8)
    half[:, :50] = [200, 100, 100]
    Image.fromarray(half).save(tmp_path / "x.png")
    sides = [varied(tmp_path / "x.png", epoch=epoch).astype(int) for epoch in range(40)]
    brighter_left = np.mean([side[:, :, :8].mean() > side[:, :, -8:].mean() for side in sides])
    assert 0.2 < brighter_left < 0.8
    assert np.std([side.max() for side in sides]) > 3


def test_a_damaged_photo_is_named(path):
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError) as caught:
        varied(path)
    assert str(path) in str(caught.value)
