"""From files to photos of a project: decoded once, and the caches kept within their limit."""

import secrets
import shutil

import numpy as np
import pytest

from tests.helpers import RESNET, VIT, tiny_row
from transfer_core import storage
from transfer_core.backbones import catalog, features
from transfer_core.backbones.preprocess import PreparedPhotos
from transfer_core.data.images import decode
from transfer_core.data.labels.dataset import load_items
from transfer_core.errors import BackboneError, TransferError
from transfer_core.jobs import take_in
from transfer_core.services import ingest


@pytest.fixture
def take(tiny_workspace, dataset):
    def take(**options):
        return ingest.take_in_path(tiny_workspace, dataset, None, lambda done, total: None, **options)[0]

    return take


@pytest.fixture
def look(tiny_workspace, tmp_path):
    def look(project) -> np.ndarray:
        path = tmp_path / f"rows-{secrets.token_hex(4)}"
        return features.compute_features(tiny_row(RESNET), photos_of(project), tiny_workspace, path, lambda *_: None)

    return look


def photos_of(project) -> list:
    return [(item.photo, project.photos_dir / item.file) for item in load_items(project)]


def test_an_intake_decodes_for_the_backbone_that_comes_next(take, look, monkeypatch):
    project = take(backbone=RESNET)
    monkeypatch.setattr(decode, "decode", lambda image: pytest.fail("decoded twice"))
    rows = look(project)
    assert len(rows) == 24


def test_without_a_backbone_the_photos_are_prepared_for_the_embedded_one(tiny_workspace, take):
    prepared = PreparedPhotos(catalog.BUILT_IN[catalog.BUNDLED].preparation, tiny_workspace.prepared_dir)
    assert all(prepared.holds(photo) for photo, _ in photos_of(take()))


def test_an_unknown_backbone_leaves_no_project(tiny_workspace, take):
    with pytest.raises(BackboneError):
        take(backbone="resnet_of_dreams")
    assert tiny_workspace.projects() == []


def test_a_limit_that_is_no_size_is_said_before_the_intake(tiny_workspace, take, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE_GB", "much")
    with pytest.raises(TransferError, match="GRAFT_CACHE_GB is 'much'"):
        take()
    assert tiny_workspace.projects() == []


def test_a_folder_that_was_corrected_has_the_last_word(tiny_workspace, take, dataset):
    take()
    (dataset / "blue" / "blue0.jpg").rename(dataset / "red" / "blue0.jpg")
    _, report = ingest.take_in_path(tiny_workspace, dataset, None, lambda done, total: None)
    assert report.classes == {"blue": 7, "green": 8, "red": 9} and report.rejected == []


def test_caches_too_small_for_anything_change_no_result(tiny_workspace, take, look, monkeypatch):
    project = take(backbone=RESNET)
    expected = look(project)
    shutil.rmtree(tiny_workspace.prepared_dir)
    monkeypatch.setenv("GRAFT_CACHE_GB", "0")
    take(backbone=VIT)
    assert storage.cache_use(tiny_workspace)["prepared"] == 0
    found = look(project)
    np.testing.assert_array_equal(found, expected)


def test_a_long_intake_keeps_the_caches_in_bounds(tiny_workspace, take, monkeypatch):
    trimmed = []
    monkeypatch.setattr(take_in, "_TRIM_EVERY", 10)
    monkeypatch.setattr(storage, "trim_caches", lambda workspace: trimmed.append(workspace))
    take()
    assert trimmed == [tiny_workspace] * 3  # after 10, 20, and at the end
