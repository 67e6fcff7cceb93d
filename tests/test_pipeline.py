"""The way from photos to a queued run, as pages and command line go it."""

import shutil

import numpy as np
import pytest

from tests.helpers import RESNET, VIT, tiny_row
from transfer_core import cleanup, pipeline
from transfer_core.backbones import catalog, features
from transfer_core.backbones.prepare import PreparedPhotos
from transfer_core.data import images
from transfer_core.data.items import load_items
from transfer_core.errors import BackboneError, TransferError


@pytest.fixture
def take(tiny_workspace, dataset):
    def take(**options):
        return pipeline.take_in_path(tiny_workspace, dataset, None, lambda done, total: None, **options)[0]

    return take


def photos_of(project) -> list:
    return [(item.photo, project.photos_dir / item.file) for item in load_items(project)]


def test_an_intake_decodes_for_the_backbone_that_comes_next(tiny_workspace, take, monkeypatch):
    project = take(backbone=RESNET)
    monkeypatch.setattr(images, "decode", lambda image: pytest.fail("decoded twice"))
    rows = features.compute_features(tiny_row(RESNET), photos_of(project), tiny_workspace, lambda *_: None)
    assert len(rows) == 24


def test_without_a_backbone_the_photos_are_prepared_for_the_embedded_one(tiny_workspace, take):
    prepared = PreparedPhotos(catalog.BUILT_IN[catalog.EMBEDDED].preparation, tiny_workspace.prepared_dir)
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


def test_caches_too_small_for_anything_change_no_result(tiny_workspace, take, monkeypatch):
    project = take(backbone=RESNET)
    expected = features.compute_features(tiny_row(RESNET), photos_of(project), tiny_workspace, lambda *_: None)
    shutil.rmtree(tiny_workspace.prepared_dir)
    monkeypatch.setenv("GRAFT_CACHE_GB", "0")
    take(backbone=VIT)
    assert cleanup.cache_use(tiny_workspace)["prepared"] == 0
    found = features.compute_features(tiny_row(RESNET), photos_of(project), tiny_workspace, lambda *_: None)
    np.testing.assert_array_equal(found, expected)


def test_a_long_intake_keeps_the_caches_in_bounds(tiny_workspace, take, monkeypatch):
    trimmed = []
    monkeypatch.setattr(pipeline, "_TRIM_EVERY", 10)
    monkeypatch.setattr(cleanup, "trim_caches", lambda workspace: trimmed.append(workspace))
    take()
    assert trimmed == [tiny_workspace] * 3  # after 10, 20, and at the end
