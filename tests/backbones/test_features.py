"""Features: those of torch, computed once, whatever else is asked for beside them."""

import numpy as np
import pytest
import torch

from tests.helpers import COLOURS, RESNET, draw_photo, tiny_row
from transfer_core.backbones import features, rows
from transfer_core.backbones.build import build_backbone
from transfer_core.backbones.prepare import Preparer
from transfer_core.backbones.torch_trunk import Normalized
from transfer_core.data import images


@pytest.fixture
def photos(tmp_path):
    shades = list(COLOURS.values())
    return [
        (f"{n:064x}", draw_photo(tmp_path / f"{n}.jpg", shades[n % 3], n, (50 + 9 * n, 70 - 3 * n))) for n in range(6)
    ]


def compute(photos, weights_dir, cache, report=lambda *_: None, **options):
    return features.compute_features(tiny_row(RESNET), photos, weights_dir, cache, report, **options)


def test_features_are_those_of_torch(photos, tiny_weights, tmp_path):
    row = tiny_row(RESNET)
    network = Normalized(build_backbone(row, tiny_weights), row.preparation)
    prepare = Preparer(row.preparation)
    pixels = torch.from_numpy(np.stack([prepare(images.load_rgb(path)) for _, path in photos]))
    with torch.inference_mode():
        expected = network(pixels).numpy()
    found = compute(photos, tiny_weights, tmp_path / "cache")
    assert found.dtype == np.float32
    assert expected.std(0).max() > 1e-2  # the photos do differ
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_features_come_from_the_cache_and_in_the_order_asked(photos, tiny_weights, tmp_path, monkeypatch):
    first = compute(photos[:4], tiny_weights, tmp_path / "cache")
    looked = []
    load = images.load_rgb
    monkeypatch.setattr(features.images, "load_rgb", lambda path: looked.append(path) or load(path))
    seen = []
    second = compute(
        [photos[5], *photos[3::-1], photos[5]], tiny_weights, tmp_path / "cache", lambda *n: seen.append(n)
    )
    assert looked == [photos[5][1]]
    np.testing.assert_array_equal(second[1:5], first[::-1])
    np.testing.assert_array_equal(second[0], second[5])
    assert seen[0] == (4, 5) and seen[-1] == (5, 5)


def test_features_do_not_depend_on_their_neighbours(photos, tiny_weights, tmp_path):
    together = compute(photos, tiny_weights, tmp_path / "one")
    alone = np.concatenate([compute([photo], tiny_weights, tmp_path / f"own{i}") for i, photo in enumerate(photos)])
    np.testing.assert_array_equal(together, alone)


def test_stopping_keeps_what_was_seen(photos, tiny_weights, tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_PER_APPEND", 2)
    with pytest.raises(InterruptedError):
        compute(photos, tiny_weights, tmp_path / "cache", should_stop=lambda: True)
    seen = []
    compute(photos, tiny_weights, tmp_path / "cache", lambda *numbers: seen.append(numbers))
    assert seen[0] == (2, 6)
