"""What gives a class away, and photos that show little."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from tests.doctor.test_near_duplicates import draw_scene
from transfer_core.doctor import quality, shortcuts
from transfer_core.doctor.outliers import find_outliers

CLASS_IDS = np.repeat([0, 1, 2], 12)


def encode(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def look(change=lambda number, image: image, kind=lambda number: "JPEG"):
    images = [change(number, draw_scene(number, 96)) for number in range(len(CLASS_IDS))]
    files = [encode(image, kind(number)) for number, image in enumerate(images)]
    numbers, sizes = range(len(files)), [image.size for image in images]
    marks = shortcuts.read_marks(numbers, files.__getitem__, [encode(image) for image in images].__getitem__, sizes)
    return shortcuts.find_shortcuts(marks, CLASS_IDS)


def test_nothing_gives_away_what_was_taken_alike():
    assert look() == []


def test_a_border_is_named():
    [found] = look(lambda number, image: ImageOps.expand(image, 5, "white").resize((96, 96)) if number > 23 else image)
    assert found.class_id == 2 and found.share > 0.95 and "border" in " ".join(found.words)


def test_a_size_is_named():
    [found] = look(lambda number, image: image.resize((60, 80)) if number < 12 else image)
    assert found.class_id == 0 and "nearly all 60 x 80 pixels" in found.words[0]


def test_a_kind_of_file_is_named():
    [found] = look(kind=lambda number: "PNG" if 12 <= number < 24 else "JPEG")
    assert found.class_id == 1 and "PNG files" in " ".join(found.words)


def test_of_few_photos_nothing_is_said():
    marks = [shortcuts.Marks(40 + 40 * (i % 2), 40, "JPEG", 3.0, "", np.zeros(4, np.float32)) for i in range(12)]
    assert shortcuts.find_shortcuts(marks, np.arange(12) % 2) == []


@pytest.fixture(scope="module")
def scenes():
    return [draw_scene(seed, 160) for seed in range(20)]


def looks_of(images):
    return quality.take_looks(len(images), [encode(image, quality=90) for image in images].__getitem__)


def test_blurred_dark_and_washed_out_photos_are_found(scenes):
    def dim(image, low, high):
        return Image.fromarray(np.uint8(low + (high - low) * (np.asarray(image) / 255)))

    odd = [scenes[0].filter(ImageFilter.GaussianBlur(4)), dim(scenes[1], 0, 30), dim(scenes[2], 222, 255)]
    looks = looks_of([*scenes, *odd])
    assert quality.find_blurred(looks) == [20]
    assert (quality.find_dark(looks), quality.find_washed_out(looks)) == ([21], [22])


def test_soft_photos_among_soft_ones_are_none(scenes):
    soft = looks_of([scene.filter(ImageFilter.GaussianBlur(3)) for scene in scenes])
    assert quality.find_blurred(soft) == []


def test_the_odd_one_out_is_found_and_an_even_set_has_none():
    rng = np.random.default_rng(0)
    centres = 4 * rng.normal(size=(3, 16))
    features = (np.repeat(centres, 30, 0) + rng.normal(size=(90, 16))).astype(np.float32)
    assert find_outliers(features) == []
    features[40] = -6 * centres.sum(0)
    assert find_outliers(features) == [40]
