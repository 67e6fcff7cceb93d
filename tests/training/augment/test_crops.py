"""Variations: a function of seed, epoch and photo, and of nothing else."""

import hashlib
import random
import shutil
import threading
import time

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import draw_photo, run_python
from transfer_core.backbones.catalog import Preparation
from transfer_core.errors import DataError
from transfer_core.training.augment import strong
from transfer_core.training.augment.crops import NEUTRAL, Augmentation, Varied, load_varied
from transfer_core.training.finetune.learner import vary

PRESETS, VARYING = ("none", "light", "strong"), ("light", "strong")


@pytest.fixture
def path(tmp_path):
    return draw_photo(tmp_path / "x.jpg", (200, 40, 40), 1, (301, 199))


def load(path, photo="p", preset="light", seed=0, epoch=0, side=32, **allowed) -> Varied:
    preparation = Preparation(side, 0.875, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return load_varied(path, photo, path.parent / "prepared", preparation, Augmentation(preset, **allowed), seed, epoch)


def varied(*arguments, **named) -> np.ndarray:
    """uint8 (3, side, side) as the network sees it."""
    shown = load(*arguments, **named)
    pixels = torch.from_numpy(shown.pixels[np.newaxis])
    return vary(pixels, shown.variation[np.newaxis])[0].round().to(torch.uint8).numpy()


def test_shape_and_kind(path):
    found = varied(path)
    assert (found.shape, found.dtype, found.flags.c_contiguous) == ((3, 32, 32), np.uint8, True)


@pytest.mark.parametrize("preset", VARYING)
@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}, {"photo": "q"}])
def test_another_seed_epoch_or_photo_gives_others(path, other, preset):
    assert (varied(path, preset=preset) != varied(path, preset=preset, **other)).mean() > 0.2


@pytest.mark.parametrize("preset", VARYING)
def test_the_same_three_give_the_same_pixels_from_any_thread_and_in_any_order(path, preset):
    """Among others that use torch's and Python's random numbers meanwhile."""
    alone = [varied(path, preset=preset, epoch=epoch) for epoch in range(12)]
    found: dict[int, np.ndarray] = {}

    def load_some(epochs):
        for epoch in epochs:
            torch.rand(3)
            found[epoch] = varied(path, preset=preset, epoch=epoch)

    threads = [threading.Thread(target=load_some, args=(range(11 - first, -1, -3),)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(12))
    for epoch, pixels in found.items():
        np.testing.assert_array_equal(pixels, alone[epoch], err_msg=str(epoch))


_DIGEST = """
import hashlib, sys
from pathlib import Path
from tests.training.augment.test_crops import load
shown = [load(Path(sys.argv[1]), preset=preset, epoch=epoch) for preset in ("light", "strong") for epoch in range(6)]
print(hashlib.sha256(b"".join(part.tobytes() for one in shown for part in one)).hexdigest())
"""


@pytest.mark.full
def test_another_process_gives_the_same_pixels(path):
    here = hashlib.sha256()
    for preset in VARYING:
        for epoch in range(6):
            for part in load(path, preset=preset, epoch=epoch):
                here.update(part.tobytes())
    answer = run_python("-c", _DIGEST, str(path))
    assert answer.stdout.strip() == here.hexdigest(), answer.stderr


@pytest.mark.parametrize("preset", VARYING)
def test_the_common_random_numbers_are_left_alone(path, preset):
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    for epoch in range(20):
        load(path, preset=preset, epoch=epoch)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]


@pytest.fixture
def arrow(tmp_path):
    """Red on the left and blue on the right, light above and dark below."""
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:, :50, 0] = pixels[:, 50:, 2] = np.linspace(250, 90, 100).astype(np.uint8)[:, np.newaxis]
    Image.fromarray(pixels).save(tmp_path / "arrow.png")
    return tmp_path / "arrow.png"


def sides(path, preset: str, **allowed) -> tuple[list[bool], list[bool]]:
    """Whether red is on the right, and whether the light is below, in each of 60 epochs."""
    shown = [varied(path, preset=preset, epoch=epoch, side=64, **allowed).astype(float) for epoch in range(60)]
    mirrored = [(one[0] - one[2])[:, :20].mean() < (one[0] - one[2])[:, -20:].mean() for one in shown]
    return mirrored, [one[:, :20].mean() < one[:, -20:].mean() for one in shown]


def test_what_must_not_be_mirrored_never_is(arrow):
    """With strong variations colours may be inverted, so only what all of them leave is asked: the device's mirror."""
    mirrored, flipped = sides(arrow, "light", mirror=False)
    assert not any(mirrored) and not any(flipped)
    for preset in VARYING:
        assert all(load(arrow, preset=preset, epoch=epoch, mirror=False).variation[0] == 0 for epoch in range(60))
        assert any(load(arrow, preset=preset, epoch=epoch).variation[0] == 1 for epoch in range(60))


def test_mirror_images_and_flips_come_in_half_of_the_epochs(arrow):
    mirrored, flipped = sides(arrow, "light", upside_down=True)
    assert 0.25 < np.mean(mirrored) < 0.75 and 0.25 < np.mean(flipped) < 0.75
    assert mirrored != flipped
    _, flipped = sides(arrow, "strong", upside_down=True)
    assert 0.25 < np.mean(flipped) < 0.75


def test_without_flips_everything_is_as_if_there_were_none(path):
    """Switching mirroring off, or flips on, changes nothing else about a photo."""
    for epoch in range(8):
        first, second = load(path, epoch=epoch), load(path, epoch=epoch, mirror=False, upside_down=True)
        assert first.variation[1:].tolist() == second.variation[1:].tolist()
        same = [np.array_equal(first.pixels, pixels) for pixels in (second.pixels, second.pixels[:, ::-1])]
        assert sum(same) == 1


def test_nothing_varies_where_nothing_is_to(arrow):
    shown = load(arrow, preset="none", mirror=True, upside_down=True, epoch=3)
    assert (shown.variation == NEUTRAL).all()


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "I;16", "CMYK"])
def test_strong_variations_of_odd_pictures_are_pictures(tmp_path, mode):
    path = tmp_path / ("x.tif" if mode in ("I;16", "CMYK") else "x.png")
    Image.fromarray(np.full((40, 60), 7, np.uint8)).convert(mode).save(path)
    for epoch in range(15):
        shown = load(path, preset="strong", epoch=epoch, upside_down=True)
        assert (shown.pixels.shape, shown.pixels.dtype, shown.pixels.flags.c_contiguous) == (
            (3, 32, 32),
            np.uint8,
            True,
        )


@pytest.mark.parametrize("operation", range(len(strong._OPERATIONS)))
@pytest.mark.parametrize("strength", [-1.0, -0.3, 0.0, 1.0])
@pytest.mark.parametrize("side", [1, 2, 33])
def test_every_operation_at_every_strength_gives_a_picture_of_the_same_size(operation, strength, side):
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    for pixels in (noise, np.zeros_like(noise)):
        changed = strong._OPERATIONS[operation](Image.fromarray(pixels), strength)
        assert (changed.size, changed.mode) == ((side, side), "RGB")


def test_a_patch_is_covered_on_about_half_of_the_photos():
    shares = []
    for seed in range(200):
        pixels = np.full((3, 64, 64), 128, np.uint8)
        strong.cover(pixels, np.random.default_rng(seed))
        shares.append((pixels != 128).any(0).mean())
    covered = [share for share in shares if share]
    assert 0.4 < len(covered) / 200 < 0.6
    assert min(covered) > 0.01 and max(covered) <= 0.21


def test_strong_variations_differ_more_than_light_ones(path):
    def spread(preset):
        return np.std([varied(path, preset=preset, epoch=epoch).astype(float) for epoch in range(40)], axis=0).mean()

    assert spread("strong") > 1.1 * spread("light")


@pytest.mark.full
def test_strong_variations_stay_affordable(tmp_path):
    """At most 15 ms of a processor for a photo of usual size, so that loading keeps up; twice that for a busy one."""
    path = draw_photo(tmp_path / "usual.jpg", (200, 40, 40), 1, (500, 375))
    load(path, preset="strong", side=224)
    seconds = []
    for epoch in range(20):
        began = time.thread_time()
        load(path, preset="strong", side=224, epoch=epoch)
        seconds.append(time.thread_time() - began)
    assert np.median(seconds) < 0.03


def test_without_variation_only_the_photo_counts(path):
    first = varied(path, preset="none")
    np.testing.assert_array_equal(first, varied(path, "q", "none", 5, 6))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2000, 1500), (31, 33)])
def test_every_size_works(tmp_path, size, preset):
    Image.new("RGB", size, (10, 200, 30)).save(tmp_path / "x.png")
    for epoch in range(5):
        found = varied(tmp_path / "x.png", preset=preset, epoch=epoch)
        assert found.shape == (3, 32, 32)
        assert found[1].mean() > found[0].mean() or preset == "strong"  # still green


@pytest.mark.parametrize("preset", PRESETS)
def test_of_a_large_photo_the_same_pixels_come_from_a_copy_made_before_or_now(tmp_path, preset):
    path = draw_photo(tmp_path / "large.jpg", (200, 40, 40), 1, (1200, 900))
    first = varied(path, preset=preset)
    assert list((tmp_path / "prepared").rglob("*.jpg"))
    np.testing.assert_array_equal(varied(path, preset=preset), first)
    shutil.rmtree(tmp_path / "prepared")
    np.testing.assert_array_equal(varied(path, preset=preset), first)


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
