"""Deleting for good, and caches that stay small."""

import io
import os
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import draw_dataset, draw_photo, fill_project
from tests.training.test_engine import make_context
from transfer_core import runs, storage
from transfer_core.backbones.feature_store import RowStore
from transfer_core.data.images.cache import PhotoCache
from transfer_core.data.images.thumbnails import thumbnail_path
from transfer_core.data.ingest import upload_inbox
from transfer_core.data.labels.dataset import load_items
from transfer_core.errors import RunError, TransferError
from transfer_core.support.files import folder_size, write_whole
from transfer_core.training import engine


def stores(workspace) -> list[RowStore]:
    return [RowStore.at(path.parent) for path in workspace.features_dir.glob("*/shape.json")]


def test_a_deleted_project_leaves_nothing(workspace, finished):
    (project,) = workspace.projects()
    photos = {item.photo for item in load_items(project)}
    assert any(photos & store.keys().keys() for store in stores(workspace))
    storage.delete_project(workspace, project)
    assert workspace.projects() == [] and os.listdir(workspace.projects_dir) == []
    assert not any(store.keys() for store in stores(workspace))
    assert not any(thumbnail_path(workspace, photo).exists() for photo in photos)
    for photo in photos:
        assert not list(workspace.home.rglob(f"*{photo}*"))


def test_what_another_project_has_too_stays(workspace, finished, tmp_path):
    (project,) = workspace.projects()
    shared = {item.photo for item in load_items(project) if item.class_name == "red"}
    other = draw_dataset(tmp_path / "other")
    for name in ("blue", "green"):
        for path in (other / name).iterdir():
            draw_photo(path, (9, 9, 9), hash(path.name) % 1000 + 5000)
    kept = fill_project(workspace, other, "Other")
    storage.delete_project(workspace, project)
    assert workspace.projects() == [kept]
    (store,) = stores(workspace)
    assert set(store.keys()) == shared
    assert all(thumbnail_path(workspace, photo).is_file() for photo in shared)


def test_a_project_at_work_is_not_deleted(tiny_workspace, project, queue_run):
    run = queue_run()
    with run.lock().acquire(), pytest.raises(RunError, match=r"A run of 'Blots' is still training. Stop it first"):
        storage.delete_project(tiny_workspace, project)
    assert run.folder.is_dir() and runs.list_runs(tiny_workspace)


def test_a_project_into_which_photos_are_coming_is_not_deleted(workspace):
    project = workspace.create_project("Blots")
    batch = upload_inbox.receive(project, [("a.jpg", io.BytesIO(b"a"))], lambda done, total: None)
    for lock in (project.fetch_lock(), batch.lock()):
        with lock.acquire(), pytest.raises(RunError, match="Photos are being added to 'Blots'"):
            storage.delete_project(workspace, project)
    storage.delete_project(workspace, project)
    assert workspace.projects() == []


def fill_public_set(workspace) -> Path:
    """A downloaded set, which nobody has used for years."""
    folder = workspace.public_dir / "shapes"
    for name in ("complete", "disc.jpg"):
        write_whole(folder / name, b"x" * 1000)
        os.utime(folder / name, (0, 0))
    return folder


def test_public_sets_are_whole_or_gone(workspace, filled, monkeypatch):
    folder, project = fill_public_set(workspace), workspace.create_project("Blots")
    monkeypatch.setenv("GRAFT_CACHE_GB", "0")
    storage.trim_caches(workspace)
    assert sorted(os.listdir(folder)) == ["complete", "disc.jpg"]
    with project.fetch_lock(), pytest.raises(RunError, match="A public dataset is being downloaded"):
        storage.clear_caches(workspace)
    storage.clear_caches(workspace)
    assert not folder.exists()


def test_disk_use_is_told_by_purpose(workspace, finished):
    fill_public_set(workspace)
    use, caches = storage.disk_use(workspace), storage.cache_use(workspace)
    assert use.keys() == {"projects", "caches", "backbones"}
    assert all(size > 1000 for size in use.values())
    assert caches.keys() == {"thumbnails", "prepared", "features", "public"}
    assert all(size > 1000 for size in caches.values()) and sum(caches.values()) == use["caches"]


@pytest.mark.parametrize(("text", "expected"), [("", 10**10), ("2.5", 25 * 10**8), ("0", 0), (" 3 ", 3 * 10**9)])
def test_the_limit_is_read_in_gigabytes(monkeypatch, text, expected):
    monkeypatch.setenv("GRAFT_CACHE_GB", text)
    assert storage.cache_limit() == expected


@pytest.mark.parametrize("text", ["ten", "-1", "nan", "inf", "10 GB"])
def test_a_limit_that_is_no_size_is_said(monkeypatch, text):
    monkeypatch.setenv("GRAFT_CACHE_GB", text)
    with pytest.raises(TransferError, match=f"'{text}', which is not a number of gigabytes"):
        storage.cache_limit()


@pytest.fixture
def filled(workspace):
    """Caches of 10 kB: (last used on day 0 to 8, a photo of 1 kB each), and features of 1 kB last used on day 4.5."""
    cache = PhotoCache(workspace.prepared_dir / "pixels", ".pixels")
    for day in range(9):
        cache.write(f"{day:064x}", bytes([day]) * 996)
        os.utime(cache.path(f"{day:064x}"), (day * 86400, day * 86400))
    store = RowStore(workspace.features_dir / "some", (200,), np.float32)
    store.append([64 * "a"], np.zeros((1, 200), np.float32))
    (store.folder / "filler").write_bytes(bytes(1000 - folder_size(store.folder)))
    os.utime(store.folder / "keys.txt", (4.5 * 86400, 4.5 * 86400))
    assert storage.disk_use(workspace)["caches"] == 10_000
    return cache, store


@pytest.mark.parametrize(
    ("limit_kb", "first_left", "store_left"),
    [
        (10, 0, True),  # just full
        (9.5, 2, True),  # once over the limit, down to nine tenths of it
        (6, 5, True),
        (5, 5, False),  # the features go as a whole, in their turn
        (2, 8, False),
        (0, 9, False),
    ],
)
def test_what_was_not_used_for_longest_goes_first(workspace, filled, monkeypatch, limit_kb, first_left, store_left):
    cache, store = filled
    monkeypatch.setenv("GRAFT_CACHE_GB", str(limit_kb / 1e6))
    storage.trim_caches(workspace)
    assert [day for day in range(9) if cache.holds(f"{day:064x}")] == list(range(first_left, 9))
    assert bool(store.keys()) == store_left


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100_000, '{"shape": [200], "dtype": "float32"}', None])
def test_features_that_nobody_can_read_are_cleaned_away(workspace, filled, content):
    """Damaged ones, and those of an older version (the last but one)."""
    _, store = filled
    shape = store.folder / "shape.json"
    shape.write_text(content) if content is not None else shape.unlink()
    old = workspace.features_dir / "0123456789abcdef"
    old.mkdir()
    (old / "shape.json").write_text('{"shape": [200], "dtype": "float32"}')
    (old / "keys.txt").write_text(64 * "a" + "\n")
    (old / "rows.bin").write_bytes(bytes(800))
    storage.disk_use(workspace)
    storage.trim_caches(workspace)
    for folder in (old, store.folder):
        assert not [path.name for path in folder.glob("*") if path.name != "rows.lock"]
    storage.clear_caches(workspace)
    store.append([64 * "b"], np.zeros((1, 200), np.float32))
    assert list(store.keys()) == [64 * "b"]


def test_trimming_nothing_makes_nothing(workspace):
    storage.trim_caches(workspace)
    assert not workspace.prepared_dir.exists() and not workspace.features_dir.exists()


def test_cleared_caches_are_empty_and_cost_nothing_but_time(workspace, finished):
    before = engine.fit(make_context(workspace, finished, lambda event: None))
    storage.clear_caches(workspace)
    assert not any(store.keys() for store in stores(workspace))
    assert storage.cache_use(workspace)["thumbnails"] == storage.cache_use(workspace)["prepared"] == 0
    again = engine.fit(make_context(workspace, finished, lambda event: None))
    np.testing.assert_array_equal(again.val_confidences, before.val_confidences)


def test_caches_are_not_cleared_under_a_run(tiny_workspace, project, queue_run):
    run = queue_run()
    with pytest.raises(RunError, match="training or waiting"):
        storage.clear_caches(tiny_workspace)
    runs.request_stop(run)
    with run.lock().acquire(), pytest.raises(RunError, match="training or waiting"):
        storage.clear_caches(tiny_workspace)
    assert all(thumbnail_path(tiny_workspace, item.photo).is_file() for item in load_items(project))
    storage.clear_caches(tiny_workspace)
