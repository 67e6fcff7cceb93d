"""The preparation graph, held against torch's antialiased resize."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.helpers import draw_photo
from transfer_core.backbones import preprocess
from transfer_core.backbones.catalog import Preparation
from transfer_core.backbones.preprocess import PreparedPhotos, Preparer, prepare_all
from transfer_core.data.images import decode
from transfer_core.data.images.cache import PhotoCache
from transfer_core.errors import DataError, StopRequested
from transfer_core.support.parallel import MemoryBudget

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


@pytest.fixture
def prepared(tmp_path):
    return PreparedPhotos(IMAGENET, tmp_path / "prepared")


def refuse_to_decode(image):
    pytest.fail("decoded twice")


def test_pixels_are_made_once_and_kept(photos, prepared, tmp_path, monkeypatch):
    expected = [Preparer(IMAGENET)(decode.load_rgb(path)) for _, path in photos]
    np.testing.assert_array_equal([prepared(*photo) for photo in photos], expected)
    monkeypatch.setattr(decode, "decode", refuse_to_decode)
    again = PreparedPhotos(IMAGENET, tmp_path / "prepared")
    monkeypatch.setattr(preprocess, "Preparer", lambda preparation: pytest.fail("built in vain"))
    np.testing.assert_array_equal([again(*photo) for photo in photos], expected)


def test_pixels_of_a_photo_that_was_decoded_anyway_are_the_same(photos, prepared, monkeypatch):
    photo, path = photos[0]
    expected = Preparer(IMAGENET)(decode.load_rgb(path))
    with decode.open_image(path) as image:
        upright = decode.decode(image)
    prepared.keep(photo, upright)
    monkeypatch.setattr(decode, "decode", refuse_to_decode)
    np.testing.assert_array_equal(prepared(photo, path), expected)
    monkeypatch.setattr(preprocess.Preparer, "__call__", lambda self, photo: pytest.fail("prepared twice"))
    prepared.keep(photo, upright)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:1000],
        lambda content: b"",
        lambda content: bytes(len(content)),  # a power cut came before the disk had the content
        lambda content: b"\1" + content[1:],
    ],
    ids=["cut off", "empty", "zeros", "one level off"],
)
def test_damaged_pixels_are_made_again(photos, prepared, tmp_path, spoil):
    first = prepared(*photos[0])
    [path] = (tmp_path / "prepared").rglob("*.pixels")
    whole = path.read_bytes()
    path.write_bytes(spoil(whole))
    np.testing.assert_array_equal(prepared(*photos[0]), first)
    assert path.read_bytes() == whole


def test_pixels_of_another_size_under_the_same_name_are_made_again(photos, prepared, tmp_path):
    first = prepared(*photos[0])
    [path] = (tmp_path / "prepared").rglob("*.pixels")
    PhotoCache(path.parents[1], ".pixels").write(photos[0][0], b"whole, but no pixels")
    np.testing.assert_array_equal(prepared(*photos[0]), first)


def test_mean_and_std_share_pixels_and_everything_else_does_not(photos, prepared, tmp_path):
    prepared(*photos[0])
    assert PreparedPhotos(replace(IMAGENET, mean=(0.4, 0.4, 0.4)), tmp_path / "prepared").holds(photos[0][0])
    for other in ({"size_px": 160}, {"crop_share": 1.0}, {"interpolation": "bilinear"}):
        assert not PreparedPhotos(replace(IMAGENET, **other), tmp_path / "prepared").holds(photos[0][0])


def test_all_are_prepared_and_progress_is_told(photos, prepared):
    prepared(*photos[2])
    seen = []
    prepare_all(prepared, [*photos, photos[0]], lambda *numbers: seen.append(numbers))
    assert seen == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert all(prepared.holds(photo) for photo, _ in photos)


def test_stopping_keeps_what_is_prepared(photos, prepared):
    with pytest.raises(StopRequested):
        prepare_all(prepared, photos, lambda *_: None, lambda: True)
    assert prepared.holds(photos[0][0])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "the file is gone"),
        (lambda path: path.write_bytes(path.read_bytes()[:500]), "damaged or cut off|not a photo"),
    ],
)
def test_a_stored_photo_that_broke_is_named(photos, prepared, spoil, said):
    spoil(photos[2][1])
    with pytest.raises(DataError, match=said) as caught:
        prepare_all(prepared, photos, lambda *_: None)
    assert str(photos[2][1]) in str(caught.value)


def test_large_photos_are_worked_on_one_at_a_time(photos, prepared, monkeypatch):
    """Two of 200 megapixels at once, as the floats that the preparation needs, would exhaust a laptop's memory."""
    at_work, most = [], []
    prepare_one = Preparer.__call__

    def watched(self, photo):
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.01)
        pixels = prepare_one(self, photo)
        at_work.pop()
        return pixels

    monkeypatch.setattr(decode, "_room", MemoryBudget(1))
    monkeypatch.setattr(preprocess.Preparer, "__call__", watched)
    prepare_all(prepared, photos, lambda *_: None)
    assert most == [1] * 5
