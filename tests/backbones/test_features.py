"""Features: those of torch, computed once, whatever else is asked for beside them."""

import secrets
import shutil
import types

import numpy as np
import pytest
import torch

from tests.helpers import COLOURS, RESNET, draw_photo, tiny_row
from transfer_core.backbones import feature_store, features
from transfer_core.backbones.feature_store import RowStore
from transfer_core.backbones.preprocess import Preparer
from transfer_core.backbones.torch_backbone import Staged, build_backbone
from transfer_core.backbones.torch_export import Normalized
from transfer_core.data.images import decode
from transfer_core.errors import BackboneError, StopRequested, TransferError


@pytest.fixture
def photos(tmp_path):
    shades = list(COLOURS.values())
    return [
        (f"{n:064x}", draw_photo(tmp_path / f"{n}.jpg", shades[n % 3], n, (50 + 9 * n, 70 - 3 * n))) for n in range(6)
    ]


@pytest.fixture
def compute(tiny_workspace, tmp_path):
    def compute(photos, report=lambda *_: None, **options):
        path = tmp_path / f"rows-{secrets.token_hex(4)}"
        return features.compute_features(tiny_row(RESNET), photos, tiny_workspace, path, report, **options)

    return compute


def test_features_are_those_of_torch(photos, tiny_weights, compute):
    row = tiny_row(RESNET)
    network = Normalized(Staged(build_backbone(row, tiny_weights)), row.preparation)
    prepare = Preparer(row.preparation)
    pixels = torch.from_numpy(np.stack([prepare(decode.load_rgb(path)) for _, path in photos]))
    with torch.inference_mode():
        expected = network(pixels).numpy()
    found = compute(photos)
    assert found.dtype == np.float32
    assert expected.std(0).max() > 1e-2  # the photos do differ
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_features_come_from_the_cache_and_in_the_order_asked(photos, compute, monkeypatch):
    first = compute(photos[:4])
    looked, decode_photo = [], decode.decode
    monkeypatch.setattr(
        decode, "decode", lambda image, *how: looked.append(image.filename) or decode_photo(image, *how)
    )
    seen = []
    second = compute([photos[5], *photos[3::-1], photos[5]], lambda *numbers: seen.append(numbers))
    assert looked == [str(photos[5][1])]
    np.testing.assert_array_equal(second[1:5], first[::-1])
    np.testing.assert_array_equal(second[0], second[5])
    assert seen[0] == (4, 5) and seen[-1] == (5, 5)


def test_what_is_known_needs_neither_trunk_nor_preparation(photos, compute, tiny_workspace, monkeypatch):
    first = compute(photos)
    for name in ("open_session", "PreparedPhotos"):
        monkeypatch.setattr(features, name, lambda *arguments, **options: pytest.fail("loaded in vain"))
    np.testing.assert_array_equal(compute(photos), first)


def test_prepared_pixels_save_the_decoding(photos, compute, tiny_workspace, monkeypatch):
    first = compute(photos)
    shutil.rmtree(tiny_workspace.features_dir)
    monkeypatch.setattr(decode, "decode", lambda image: pytest.fail("decoded twice"))
    np.testing.assert_array_equal(compute(photos), first)


def test_caches_that_are_cleared_meanwhile_cost_nothing_but_time(photos, compute, tiny_workspace, monkeypatch):
    monkeypatch.setattr(feature_store, "_PER_APPEND", 2)
    first, cleared = compute(photos), []
    shutil.rmtree(tiny_workspace.features_dir)

    def clear_once(done, total):
        if done == total and not cleared:
            cleared.append(True)
            for store in tiny_workspace.features_dir.iterdir():
                RowStore.at(store).delete([sha for sha, _ in photos])

    np.testing.assert_array_equal(compute(photos, clear_once), first)
    assert cleared


def test_features_do_not_depend_on_their_neighbours(photos, compute, tiny_workspace):
    together = compute(photos)
    for photo, expected in zip(photos, together, strict=True):
        shutil.rmtree(tiny_workspace.features_dir)
        np.testing.assert_array_equal(compute([photo]), [expected])


def test_stopping_keeps_what_was_seen(photos, compute):
    asked = []
    with pytest.raises(StopRequested):
        compute(photos, should_stop=lambda: asked.append(1) or len(asked) == 2)
    seen = []
    compute(photos, lambda *numbers: seen.append(numbers))
    assert seen[0] == (2, 6)


def only_store(workspace):
    [folder] = workspace.features_dir.iterdir()
    return folder


@pytest.mark.parametrize("name", ["rows.bin", "keys.txt", "shape.json"])
@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "zeros", "missing"])
def test_damaged_features_are_computed_again_with_a_word(photos, compute, tiny_workspace, name, damage):
    first, told = compute(photos), []
    path = only_store(tiny_workspace) / name
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "bit": content[:middle] + bytes([content[middle] ^ 64]) + content[middle + 1 :],
        "cut": content[:middle],
        "empty": b"",
        "zeros": bytes(len(content)),
    }
    path.write_bytes(damaged[damage]) if damage in damaged else path.unlink()
    np.testing.assert_array_equal(compute(photos, tell=told.append), first)
    if name == "shape.json" or (name, damage) in (("rows.bin", "bit"), ("rows.bin", "zeros")):
        [message] = told  # where files are shorter, features are merely missing, as after a power cut
        assert "damaged on the disk" in message
    np.testing.assert_array_equal(compute(photos, tell=lambda _: pytest.fail("damaged still")), first)


def test_a_backbone_that_computes_no_numbers_is_refused(photos, compute, tiny_workspace, monkeypatch):
    """What it computes is not kept, either."""
    width = compute(photos[:1]).shape[1]
    answer = np.zeros((1, width), np.float32)
    answer[0, 1] = np.nan
    output = types.SimpleNamespace(shape=["batch", width])
    session = types.SimpleNamespace(run=lambda *_: [answer], get_outputs=lambda: [output])
    monkeypatch.setattr(features, "open_session", lambda *_, **__: session)
    with pytest.raises(BackboneError, match=r"computes values that are not numbers.*Put a good copy"):
        compute(photos)
    assert len(RowStore.at(only_store(tiny_workspace)).keys()) == 1


def test_a_disk_that_gives_back_something_else_is_said(photos, compute, monkeypatch):
    write = RowStore.append

    def append(self, keys, rows):
        write(self, keys, rows)
        (self.folder / "rows.bin").write_bytes(bytes((self.folder / "rows.bin").stat().st_size))

    monkeypatch.setattr(RowStore, "append", append)
    with pytest.raises(TransferError, match=r"5 times and could not be read again. Check whether the disk is damaged"):
        compute(photos)
