"""Copies are found however they were saved; pictures that only look alike are none."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from scipy.ndimage import gaussian_filter

from transfer_core.doctor.fingerprints import fingerprint
from transfer_core.doctor.near_duplicates import find_clusters, find_pairs


def draw_scene(seed: int, side: int = 240) -> Image.Image:
    """Something with detail everywhere, as photos have it."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(4, side, side, 3))
    blurs = (0.5, 2, 6, 20)
    layers = [gaussian_filter(layer, (blur, blur, 0)) * (blur + 1) for layer, blur in zip(noise, blurs, strict=True)]
    values = np.sum(layers, 0)
    return Image.fromarray(np.uint8(np.clip(128 + 60 * values / values.std(), 0, 255)))


def save(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def find(images, of=None):
    """Pairs; `of` says which scene each shows, as a backbone sees that a part is of the same scene as the whole."""
    scenes = np.random.default_rng(0).normal(size=(len(images), 40))
    features = scenes[range(len(images)) if of is None else of] + 0.1 * scenes[::-1]
    return find_pairs(features.astype(np.float32), [fingerprint(image) for image in images])


@pytest.fixture(scope="module")
def scenes():
    return [draw_scene(seed) for seed in range(30)]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda image: save(image.resize((120, 120)), 40), "copy"),
        (lambda image: save(image.convert("L").convert("RGB"), 80), "copy"),
        (lambda image: save(ImageOps.expand(image, 9, "white"), 80), "copy"),
        (ImageOps.mirror, "mirrored"),
        (lambda image: save(image.crop((12, 20, 222, 230)), 80), "part"),
    ],
    ids=["resized", "grey", "bordered", "mirrored", "cropped"],
)
def test_a_changed_copy_is_found(scenes, change, kind):
    [pair] = find([*scenes, change(scenes[7])], [*range(30), 7])
    assert (pair.first, pair.second) == (7, 30)
    assert pair.kind == kind or kind == "part"  # a slight crop may pass as a copy


def test_a_border_does_not_make_photos_alike(scenes):
    assert find([ImageOps.expand(scene, 12, "white") for scene in scenes]) == []


def test_alike_things_on_plain_ground_are_no_copies():
    pictures = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        picture = Image.new("RGB", (200, 200), "white")
        left, top = rng.integers(20, 90, 2)
        colour = tuple(int(value) for value in rng.integers(0, 200, 3))
        ImageDraw.Draw(picture).ellipse((left, top, left + 80, top + 80), colour)
        pictures.append(picture)
    assert find(pictures) == []


def test_what_is_connected_is_one_cluster(scenes):
    pairs = find([*scenes[:3], save(scenes[0], 40), ImageOps.mirror(scenes[0])])
    clusters = find_clusters(pairs, 5)
    assert clusters[0] == clusters[3] == clusters[4] and len(set(clusters)) == 3


@pytest.mark.parametrize("count", [0, 1])
def test_of_nothing_and_of_one_there_are_no_pairs(scenes, count):
    assert find_pairs(np.zeros((count, 8), np.float32), [fingerprint(scene) for scene in scenes[:count]]) == []
