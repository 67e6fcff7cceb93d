"""From photos to settings to a queued run: decoded once, checked first, and what is asked twice done once."""

import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.helpers import RESNET, VIT, tiny_row
from transfer_core import runs, storage
from transfer_core.backbones import catalog, features
from transfer_core.backbones.preprocess import PreparedPhotos
from transfer_core.config import TrainConfig
from transfer_core.data.images import decode
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import load_items
from transfer_core.errors import BackboneError, TransferError
from transfer_core.jobs.launch import runner_lock
from transfer_core.runs import events
from transfer_core.runs.events import EventLog
from transfer_core.services import training


@pytest.fixture
def take(tiny_workspace, dataset):
    def take(**options):
        return training.take_in_path(tiny_workspace, dataset, None, lambda done, total: None, **options)[0]

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
    _, report = training.take_in_path(tiny_workspace, dataset, None, lambda done, total: None)
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
    monkeypatch.setattr(training, "_TRIM_EVERY", 10)
    monkeypatch.setattr(storage, "trim_caches", lambda workspace: trimmed.append(workspace))
    take()
    assert trimmed == [tiny_workspace] * 3  # after 10, 20, and at the end


CONFIG = TrainConfig(backbone=RESNET, val_fraction=0.25)


@pytest.fixture(autouse=True)
def no_runner(workspace) -> Iterator[None]:
    """Holds the runner's lock, so that runs wait until the test has looked at them."""
    with runner_lock(workspace):
        yield


@pytest.fixture
def start(tiny_workspace, project):
    return lambda config=CONFIG, only=None: training.start(tiny_workspace, project, config, only)


def test_asked_in_several_windows_at_once_it_makes_one_run(start, tiny_workspace):
    with ThreadPoolExecutor(4) as windows:
        started = [future.result() for future in [windows.submit(start) for _ in range(4)]]
    assert started == runs.list_runs(tiny_workspace) * 4


def test_other_settings_or_other_photos_make_another_run(start, project):
    photos = [item.id for item in load_items(project)]
    asked = [start(), start(TrainConfig(backbone=RESNET, val_fraction=0.25, seed=1)), start(only=photos[1:])]
    assert len({run.id for run in asked}) == 3
    assert start(only=photos) == asked[0]


def test_a_label_that_changes_while_the_run_is_made_is_told_as_a_change(start, project, monkeypatch):
    monkeypatch.setattr(training, "load_items", changing)
    assert edits.changes_since(project, start().labels_version).relabelled == 1


def changing(project) -> list:
    """The photos, of which another window relabels one at this very moment."""
    items = load_items(project)
    edits.relabel(project, [items[0].id], "another")
    return items


def test_what_is_at_work_is_not_begun_a_second_time(start):
    run = start()
    EventLog(run.events_path).append(events.RunStarted())
    with run.lock().acquire():
        assert start() == run


@pytest.mark.parametrize("end", [events.RunStarted(), events.RunFailed(message="m", hint="h")])
def test_what_has_ended_can_be_asked_again(start, end):
    """Without its worker, the one that has started is interrupted."""
    run = start()
    EventLog(run.events_path).append(end)
    assert start() != run


def test_what_is_about_to_stop_can_be_asked_again(start):
    run = start()
    EventLog(run.events_path).append(events.RunStarted())
    with run.lock().acquire():
        runs.request_stop(run)
        assert start() != run
