"""Thumbnails and training copies: made when needed, always of the same photo the same."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import draw_photo, fill_project
from transfer_core.data.images import decode
from transfer_core.data.images.thumbnails import (
    ensure_thumbnail,
    keep_pictures,
    load_for_training,
    thumbnail_path,
    thumbnails,
    training_copies,
)
from transfer_core.data.labels.dataset import load_items
from transfer_core.errors import DataError

PHOTO = "ab" + 62 * "0"


@pytest.fixture
def prepared_dir(tmp_path):
    return tmp_path / "prepared"


def a_photo(folder, size: tuple[int, int], **options) -> Path:
    """A smooth picture: red rises to the right, green downwards."""
    across, down = np.meshgrid(np.linspace(0, 250, size[0]), np.linspace(0, 250, size[1]))
    image = Image.fromarray(np.stack([across, down, 90 + 0 * down], -1).astype(np.uint8))
    image.save(folder / "photo.jpg", quality=90, **options)
    return folder / "photo.jpg"


def look(prepared_dir, path):
    """What the intake does with a new photo."""
    with decode.open_image(path) as image:
        keep_pictures(prepared_dir, PHOTO, decode.decode(image))


@pytest.mark.parametrize(
    ("size", "copy"),
    [
        ((4032, 3024), (597, 448)),  # a phone
        ((700, 900), (448, 576)),
        ((4000, 634), (2826, 448)),  # a panorama
        ((4000, 633), None),  # less than twice the copy's pixels
        ((640, 480), None),
        ((30, 20), None),
    ],
)
def test_photos_much_larger_than_needed_get_a_copy(tmp_path, prepared_dir, size, copy):
    path = a_photo(tmp_path, size)
    look(prepared_dir, path)
    loaded = load_for_training(prepared_dir, PHOTO, path, 224)
    assert training_copies(prepared_dir).holds(PHOTO) == (copy is not None)
    assert (loaded.size, loaded.mode) == (copy or size, "RGB")
    small = np.asarray(loaded.resize((40, 30)), int)
    assert np.abs(small - np.asarray(Image.open(path).resize((40, 30)), int)).mean() < 2


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:900])])
def test_a_copy_that_is_lost_is_made_again_and_no_pixel_differs(tmp_path, prepared_dir, spoil):
    """A resumed run must see what an uninterrupted one saw, whether or not the cache was cleared in between."""
    path = a_photo(tmp_path, (900, 700))
    look(prepared_dir, path)
    first = load_for_training(prepared_dir, PHOTO, path, 224)
    copy = training_copies(prepared_dir).path(PHOTO)
    kept = copy.read_bytes()
    spoil(copy)
    np.testing.assert_array_equal(load_for_training(prepared_dir, PHOTO, path, 224), first)
    assert copy.read_bytes() == kept
    np.testing.assert_array_equal(load_for_training(prepared_dir, PHOTO, path, 224), first)


def test_the_original_is_not_decoded_while_there_is_a_copy(tmp_path, prepared_dir, monkeypatch):
    path = a_photo(tmp_path, (900, 700))
    look(prepared_dir, path)
    path.unlink()
    assert load_for_training(prepared_dir, PHOTO, path, 224).size == (576, 448)


def test_a_backbone_that_sees_more_than_the_copy_gets_the_original(tmp_path, prepared_dir):
    path = a_photo(tmp_path, (900, 700))
    look(prepared_dir, path)
    assert load_for_training(prepared_dir, PHOTO, path, 512).size == (900, 700)


def test_copies_are_upright_and_carry_no_exif(tmp_path, prepared_dir):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x8825] = {1: "N"}  # a position
    path = a_photo(tmp_path, (900, 700), exif=exif)
    look(prepared_dir, path)
    for cache, size in ((training_copies(prepared_dir), (448, 576)), (thumbnails(prepared_dir), (249, 320))):
        kept = Image.open(cache.path(PHOTO))
        assert kept.size == size and not kept.getexif()


def test_a_photo_that_broke_is_named(tmp_path, prepared_dir):
    path = a_photo(tmp_path, (900, 700))
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError) as caught:
        load_for_training(prepared_dir, PHOTO, path, 224)
    assert str(path) in str(caught.value)


@pytest.fixture
def one(workspace, tmp_path):
    """(project, item) of a single photo."""
    draw_photo(tmp_path / "data" / "red" / "1.jpg", (200, 0, 0), 1, (2000, 1000))
    project = fill_project(workspace, tmp_path / "data")
    [item] = load_items(project)
    return project, item


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(bytes(5000))])
def test_thumbnails_are_made_and_made_again(workspace, one, spoil):
    path = thumbnail_path(workspace, one[1].photo)
    assert Image.open(path).size == (320, 160)
    spoil(path)
    assert ensure_thumbnail(workspace, *one) == path and Image.open(path).size == (320, 160)


def test_a_thumbnail_that_is_here_is_not_made_again(workspace, one, monkeypatch):
    monkeypatch.setattr(decode, "open_image", lambda path: pytest.fail("opened in vain"))
    assert ensure_thumbnail(workspace, *one).is_file()
