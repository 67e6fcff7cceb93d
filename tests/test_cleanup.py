"""Deleting for good."""

import os

import pytest

from tests.helpers import draw_dataset, draw_photo, fill_project
from transfer_core import cleanup, runs
from transfer_core.backbones.rows import RowStore
from transfer_core.data.items import load_items
from transfer_core.data.pictures import thumbnail_path
from transfer_core.errors import RunError


def stores(workspace) -> list[RowStore]:
    return [RowStore.at(path.parent) for path in workspace.features_dir.glob("*/shape.json")]


def test_a_deleted_project_leaves_nothing(workspace, finished):
    (project,) = workspace.projects()
    photos = {item.photo for item in load_items(project)}
    assert any(photos & store.keys().keys() for store in stores(workspace))
    cleanup.delete_project(workspace, project)
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
    cleanup.delete_project(workspace, project)
    assert workspace.projects() == [kept]
    (store,) = stores(workspace)
    assert set(store.keys()) == shared
    assert all(thumbnail_path(workspace, photo).is_file() for photo in shared)


def test_a_project_at_work_is_not_deleted(tiny_workspace, project, queue_run):
    run = queue_run()
    with run.lock().acquire(), pytest.raises(RunError, match=r"A run of 'Blots' is at work. Stop it first"):
        cleanup.delete_project(tiny_workspace, project)
    assert run.folder.is_dir() and runs.list_runs(tiny_workspace)


def test_disk_use_is_told_by_purpose(workspace, finished):
    use = cleanup.disk_use(workspace)
    assert use.keys() == {"projects", "caches", "backbones"}
    assert all(size > 1000 for size in use.values())
