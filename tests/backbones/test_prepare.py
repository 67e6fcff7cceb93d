"""The preparation graph, held against torch's antialiased resize."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.helpers import draw_photo
from transfer_core.backbones import prepare, rows
from transfer_core.backbones.catalog import Preparation
from transfer_core.backbones.prepare import Preparer, load_prepared, pixel_store
from transfer_core.errors import DataError

IMAGENET = Preparation(224, 0.875, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def by_torch(photo: np.ndarray, preparation: Preparation) -> np.ndarray:
    """The same steps in torch, written down independently of the graph."""
    height, width = photo.shape[:2]
    target, shortest = preparation.shortest_px, min(height, width)
    size = [(side * target + shortest // 2) // shortest for side in (height, width)]
    planes = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    resized = torch.nn.functional.interpolate(planes, size, mode=preparation.interpolation, antialias=True)
    levels = resized.round().clamp(0, 255).to(torch.uint8)[0].numpy()
    side = preparation.size_px
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    return levels[:, top : top + side, left : left + side]


def a_photo(height: int, width: int) -> np.ndarray:
    """Half noise, half edges."""
    rng = np.random.default_rng(height * 10_000 + width)
    photo = rng.integers(0, 256, (height, width, 3), np.uint8)
    photo[height // 3 :, : width // 2] = 255
    photo[: height // 2, width // 2 :] = [0, 128, 255]
    return photo


@pytest.mark.parametrize(
    "size",
    [
        (480, 640),
        (641, 479),  # upright and odd
        (256, 256),  # as large as the target
        (257, 1025),  # wide
        (1000, 37),  # narrow: sides are scaled up sevenfold
        (13, 17),  # tiny
        (1, 1),
        (900, 1201),
    ],
)
@pytest.mark.parametrize("crop", [0.875, 0.95, 1.0])
def test_bicubic_equals_torch_up_to_rounding_ties(size, crop):
    preparation, photo = replace(IMAGENET, crop_share=crop), a_photo(*size)
    found, expected = Preparer(preparation)(photo), by_torch(photo, preparation)
    assert (found.shape, found.dtype) == ((3, 224, 224), np.uint8)
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.001


@pytest.mark.parametrize("size", [(480, 641), (13, 17)])
def test_bilinear_equals_torch_up_to_rounding_ties(size):
    preparation = replace(IMAGENET, interpolation="bilinear")
    photo = a_photo(*size)
    difference = np.abs(Preparer(preparation)(photo).astype(int) - by_torch(photo, preparation).astype(int))
    assert difference.max() <= 1 and (difference > 0).mean() <= 0.002


def test_a_plain_photo_stays_plain():
    """No ringing at borders, no shift of a level."""
    for level in (0, 1, 127, 255):
        assert (Preparer(IMAGENET)(np.full((301, 199, 3), level, np.uint8)) == level).all()


def test_the_centre_is_kept():
    photo = np.zeros((300, 500, 3), np.uint8)
    photo[:, :90] = 255  # outside the centre square
    assert Preparer(IMAGENET)(photo).max() == 0
    photo[:] = 0
    photo[140:160, 140:160] = 255
    found = Preparer(IMAGENET)(photo[:, :300])[0]
    assert found[112, 112] == 255
    np.testing.assert_array_equal(found, found[::-1])
    np.testing.assert_array_equal(found, found[:, ::-1])


@pytest.fixture
def photos(tmp_path):
    return [(f"{n:064x}", draw_photo(tmp_path / f"{n}.jpg", (200, 0, 0), n)) for n in range(5)]


def test_prepared_photos_are_kept_and_in_the_order_asked(photos, tmp_path, monkeypatch):
    seen = []
    first = load_prepared(IMAGENET, photos, tmp_path / "cache", lambda *numbers: seen.append(numbers))
    assert first.shape == (5, 3, 224, 224) and seen[0] == (0, 5) and seen[-1] == (5, 5)
    monkeypatch.setattr(prepare.images, "load_stored", lambda path: pytest.fail("prepared twice"))
    again = load_prepared(IMAGENET, [photos[3], photos[0], photos[3]], tmp_path / "cache", lambda *_: None)
    np.testing.assert_array_equal(again, first[[3, 0, 3]])


def test_mean_and_std_share_a_store_and_everything_else_does_not(tmp_path):
    own = pixel_store(IMAGENET, tmp_path).folder
    assert pixel_store(replace(IMAGENET, mean=(0.4, 0.4, 0.4)), tmp_path).folder == own
    others = [{"size_px": 160}, {"crop_share": 1.0}, {"interpolation": "bilinear"}]
    assert len({pixel_store(replace(IMAGENET, **other), tmp_path).folder for other in others} | {own}) == 4


def test_stopping_keeps_what_is_prepared(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_PER_APPEND", 2)
    with pytest.raises(InterruptedError):
        load_prepared(IMAGENET, photos, tmp_path / "cache", lambda *_: None, lambda: True)
    assert len(pixel_store(IMAGENET, tmp_path / "cache").keys()) == 2


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "the file is gone"),
        (lambda path: path.write_bytes(path.read_bytes()[:500]), "damaged or cut off|not a photo"),
    ],
)
def test_a_stored_photo_that_broke_is_named(photos, tmp_path, spoil, said):
    spoil(photos[2][1])
    with pytest.raises(DataError, match=said) as caught:
        load_prepared(IMAGENET, photos, tmp_path / "cache", lambda *_: None)
    assert str(photos[2][1]) in str(caught.value)
