"""Deleted is deleted: no byte of a photo, thumbnail or feature stays, wherever a deletion is cut off."""

import io
import json
import logging
import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.helpers import draw_dataset, fill_project, run_python
from transfer_core import deletion, runs, storage
from transfer_core.data.images.cache import PhotoCache
from transfer_core.data.images.thumbnails import thumbnail_path
from transfer_core.data.ingest import upload_inbox
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.sources import open_source
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import Item, load_items, load_labels
from transfer_core.errors import DataError, RunError
from transfer_core.support.files import write_json
from transfer_core.workspace import Project, Workspace


def made_of(workspace: Workspace, project: Project, items: list[Item]) -> dict[str, bytes]:
    """What must not be found any more: some bytes of each file and of each row that was made of the photos."""
    found = {}
    for item in items:
        for path in [project.photos_dir / item.file, *workspace.prepared_dir.glob(f"*/*/{item.photo}.*")]:
            content = path.read_bytes()
            found[str(path)] = content[len(content) // 2 :][:48]
        for store in deletion.stores(workspace):
            if item.photo in set(store.keys()):
                row = store.gather([item.photo], workspace.home / "row")
                found[f"{store.folder} {item.photo}"] = row.tobytes()[:48]
    (workspace.home / "row").unlink(missing_ok=True)
    return found


def traces(workspace: Workspace, made: dict[str, bytes], photos: set[str], *, in_logs: bool) -> list[str]:
    """Where any of it is found, by content and by digest.

    Args:
        in_logs: Whether the log of labels and the splits of runs may not name the digests either.
    """
    found = []
    for path in (path for path in workspace.home.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found += [f"{path}: bytes of {name}" for name, some in made.items() if some in content]
        found += [f"{path}: its name" for photo in photos if photo in path.name]
        if in_logs or path.name not in ("labels.jsonl", "labels.jsonl.bak", "split.json"):
            found += [f"{path}: names {photo}" for photo in photos if photo.encode() in content]
    return found


@pytest.fixture
def some(workspace, finished) -> tuple[Project, list[Item]]:
    """A project with a run, and its red photos."""
    [project] = workspace.projects()
    return project, [item for item in load_items(project) if item.class_name == "red"]


def test_no_byte_of_a_deleted_project_stays(workspace, some, finished):
    project, _ = some
    items = load_items(project)
    made, photos = made_of(workspace, project, items), {item.photo for item in items}
    assert len(made) == 4 * len(items)  # the photo, its thumbnail, its pixels, its features
    runs.delete(finished)
    storage.delete_project(workspace, project)
    assert traces(workspace, made, photos, in_logs=True) == []


def test_no_byte_of_a_deleted_photo_stays_and_the_others_stay_whole(workspace, some):
    project, red = some
    made, photos = made_of(workspace, project, red), {item.photo for item in red}
    others = made_of(workspace, project, [item for item in load_items(project) if item.class_name != "red"])
    edits.remove(project, [item.id for item in red])
    assert traces(workspace, made, photos, in_logs=False)
    storage.delete_photos(workspace, project, [item.id for item in red])
    assert traces(workspace, made, photos, in_logs=False) == []
    left = load_items(project)
    assert len(left) == 16 and load_labels(project).removed == ()
    assert made_of(workspace, project, left) == others


def test_what_runs_keep_of_deleted_photos_goes_in_the_trash_too(workspace, some, finished):
    project, red = some
    for folder in (finished.folder, project.runs_dir / ".deleted" / "run"):
        for name in ("features.bin", "views-1/0.bin", "evaluation/photo-0-0.png", "evaluation/result.json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"x")
    edits.remove(project, [red[0].id])
    storage.delete_photos(workspace, project, [red[0].id])
    for folder in (finished.folder, project.runs_dir / ".deleted" / "run"):
        assert sorted(
            path.name
            for path in folder.rglob("*")
            if path.name in ("features.bin", "0.bin", "views-1", "photo-0-0.png", "result.json")
        ) == ["result.json"]


def test_what_another_project_or_another_label_has_stays(workspace, some, tmp_path):
    project, red = some
    one, two, three = red[:3]
    (tmp_path / "other" / "class").mkdir(parents=True)
    shutil.copy(project.photos_dir / one.file, tmp_path / "other" / "class")
    other = fill_project(workspace, tmp_path / "other", "Other")
    (tmp_path / "again" / "scarlet").mkdir(parents=True)
    shutil.copy(project.photos_dir / two.file, tmp_path / "again" / "scarlet")
    take_in(workspace, project, open_source(tmp_path / "again"), lambda *_: None, may_contradict=True)
    edits.remove(project, [item.id for item in (one, two, three)])
    storage.delete_photos(workspace, project, [item.id for item in (one, two, three)])
    assert not (project.photos_dir / one.file).exists() and (other.photos_dir / one.file).exists()
    assert (project.photos_dir / two.file).exists() and not (project.photos_dir / three.file).exists()
    kept = [thumbnail_path(workspace, item.photo).exists() for item in (one, two, three)]
    assert kept == [True, True, False]


def test_only_removed_photos_can_be_deleted(workspace, some):
    project, red = some
    for ids, said in (([], "No photos are selected"), ([red[0].id], "1 of the photos is not among the removed")):
        with pytest.raises(DataError, match=said):
            storage.delete_photos(workspace, project, ids)
    assert (project.photos_dir / red[0].file).exists() and not list(workspace.deletions_dir.glob("*"))


def test_removing_can_be_undone_until_the_photos_are_deleted(workspace, some):
    project, red = some
    first, second = (edits.remove(project, [item.id]) for item in red[:2])
    storage.delete_photos(workspace, project, [red[0].id])
    edits.undo(project, second)
    assert red[1] in load_items(project)
    with pytest.raises(DataError, match="deleted for good, so it cannot be undone"):
        edits.undo(project, first)
    edits.bring_back(project, [red[0].id])  # from a window that was open before
    assert red[0] not in load_items(project) and len(load_items(project)) == 23


def test_a_deleted_photo_does_not_come_in_again_by_itself(workspace, tmp_path):
    source = draw_dataset(tmp_path / "set", 2)
    project = fill_project(workspace, source)
    [item, *_] = load_items(project)
    edits.remove(project, [item.id])
    storage.delete_photos(workspace, project, [item.id])
    report = take_in(workspace, project, open_source(source), lambda *_: None)
    [left_out] = report.rejected
    assert left_out.file == item.path and "deleted from this project for good" in left_out.reason
    assert not (project.photos_dir / item.file).exists() and len(load_items(project)) == 5
    (source / item.path).rename((source / item.path).with_name("wanted.jpg"))
    assert take_in(workspace, project, open_source(source), lambda *_: None).added == 1
    assert (project.photos_dir / item.file).exists() and len(load_items(project)) == 6


def test_photos_are_not_deleted_under_a_run_or_beside_files_that_wait(tiny_workspace, project, queue_run):
    [item, *_] = load_items(project)
    edits.remove(project, [item.id])
    run = queue_run()
    with pytest.raises(RunError, match="training or waiting"):
        storage.delete_photos(tiny_workspace, project, [item.id])
    runs.request_stop(run)
    waiting = upload_inbox.receive(project, [("a.jpg", io.BytesIO(b"a"))], lambda *_: None)
    with pytest.raises(RunError, match="still to be added"):
        storage.delete_photos(tiny_workspace, project, [item.id])
    waiting.discard()
    assert not list((project.folder / "inbox").glob("*"))
    storage.delete_photos(tiny_workspace, project, [item.id])
    assert not (project.photos_dir / item.file).exists()


_KILLED = """
import json, os, shutil, signal, sys
from pathlib import Path
from transfer_core import deletion, storage
from transfer_core.data.labels.dataset import load_labels
from transfer_core.workspace import Workspace

home, kind, every = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.truncate", "os.mkdir", "shutil.rmtree")

def in_child(work):
    if not (pid := os.fork()):
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1]

def delete(copy, last):
    workspace, seen = Workspace(copy), 0
    [project] = workspace.projects()
    ids = [item.id for item in load_labels(project).removed]
    def kill(event, arguments):
        nonlocal seen
        if event in CHANGES or (event == "open" and str(arguments[1])[:1] in "wa"):
            seen += 1
            if seen > last:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(kill)
    storage.delete_project(workspace, project) if kind == "project" else deletion.delete_photos(workspace, project, ids)

last = 0
while True:
    copy = home.parent / f"killed-{last}"
    shutil.copytree(home, copy)
    status = in_child(lambda: delete(copy, last))
    begun = bool(list((copy / "deletions").glob("*.json")))
    in_child(lambda: (copy.parent / f"told-{last}").write_text(json.dumps(deletion.finish(Workspace(copy)))))
    print(json.dumps([str(copy), begun, status == 0, json.loads((copy.parent / f"told-{last}").read_text())]))
    if status == 0:
        break
    last += every
"""


@pytest.mark.training
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, to be killed at every point without starting anew")
@pytest.mark.parametrize(("kind", "every"), [("project", 25), ("photos", 7)])
def test_a_deletion_that_was_killed_anywhere_is_finished_at_the_next_start(workspace, some, kind, every):
    project, red = some
    items = red if kind == "photos" else load_items(project)
    edits.remove(project, [item.id for item in red])
    made, photos = made_of(workspace, project, items), {item.photo for item in items}
    done = run_python("-c", _KILLED, str(workspace.home), kind, str(every), seconds=180)
    assert done.returncode == 0, done.stderr
    points = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(points) > 5 and sum(begun for _, begun, _, _ in points) > 3
    for folder, begun, is_done, told in points:
        copy = Workspace(Path(folder))
        left = traces(copy, made, photos, in_logs=kind == "project")
        if begun or is_done:
            assert left == [], folder
            assert told == ([] if is_done else [told_of(kind, len(red))])
            assert is_done or not list(copy.deletions_dir.glob("*.json"))
        elif copy.projects():  # killed before it was written down: nothing has happened
            assert len(list(copy.projects()[0].photos_dir.iterdir())) == 24


def told_of(kind: str, count: int) -> str:
    what = "project" if kind == "project" else f"{count} photos of"
    return f"An interrupted deletion is finished: {what} 'Blots'."


def written_down(workspace: Workspace, project: Project) -> None:
    """As a deletion leaves it that was killed at once."""
    about = {"kind": "project", "project": project.id, "name": project.name, "photos": []}
    workspace.deletions_dir.mkdir()
    write_json(workspace.deletion_path(project.id), about)


def test_a_project_whose_deletion_has_begun_is_not_there_any_more(workspace, dataset):
    project = fill_project(workspace, dataset)
    written_down(workspace, project)
    assert workspace.projects() == []
    with pytest.raises(RunError, match="There is no project"):
        workspace.open_project(project.id)
    assert deletion.finish(workspace) and not project.folder.exists() and not deletion.finish(workspace)


@pytest.mark.training
def test_every_command_finishes_what_was_cut_off_and_says_so(workspace, dataset):
    project = fill_project(workspace, dataset)
    written_down(workspace, project)
    done = run_python("-m", "transfer_core", "runs", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"runs": []})
    assert done.stderr == "An interrupted deletion is finished: project 'Blots'.\n"
    assert not project.folder.exists()


def test_a_deletion_that_cannot_be_read_harms_nothing(workspace, dataset, caplog, monkeypatch):
    # Another test may have set up our own log, which is quiet and keeps to itself.
    monkeypatch.setattr(logging.getLogger("transfer_core"), "propagate", True)
    caplog.set_level(logging.WARNING, logger="transfer_core")
    project = fill_project(workspace, dataset)
    workspace.deletions_dir.mkdir()
    about = {"kind": "project", "name": "x", "project": "gone", "photos": ["*", "../*", "[a-f]*"]}
    odd = [{}, about | {"kind": "later"}, about | {"project": "../projects"}, about | {"project": 3}, about]
    for number, content in enumerate(["{", *map(json.dumps, odd)]):
        (workspace.deletions_dir / f"photos-{number}.json").write_text(content)
    before = sorted(path for path in workspace.home.rglob("*") if path.parent != workspace.deletions_dir)
    assert len(deletion.finish(workspace)) == 1 and workspace.projects() == [project]
    assert caplog.text.count("could not be finished") == 5
    assert sorted(path for path in workspace.home.rglob("*") if path.parent != workspace.deletions_dir) == before


def test_photos_are_deleted_later_where_a_run_has_begun_meanwhile(tiny_workspace, project, queue_run):
    [item, *_] = load_items(project)
    edits.remove(project, [item.id])
    run = queue_run()
    with run.lock().acquire():
        with pytest.raises(RunError, match="a run is at work"):
            deletion.delete_photos(tiny_workspace, project, [item.id])
        assert deletion.finish(tiny_workspace) == []
    assert deletion.finish(tiny_workspace) == [told_of("photos", 1).replace("photos", "photo")]


@pytest.mark.training
def test_one_deletes_at_a_time(workspace, dataset):
    project = fill_project(workspace, dataset)
    written_down(workspace, project)
    with FileLock(workspace.deletions_dir / "lock"):  # as another process that is at it holds
        assert run_python("-m", "transfer_core", "runs").stderr == ""
        assert project.folder.exists()
    assert deletion.finish(workspace) == [told_of("project", 0)] and not project.folder.exists()


def test_features_that_nobody_names_go_with_the_next_deletion(workspace, some):
    project, red = some
    [store] = deletion.stores(workspace)
    stray = store.gather([red[0].photo], workspace.home / "row").tobytes()
    (workspace.home / "row").unlink()
    (store.folder / "rows.part").write_bytes(stray)
    (workspace.features_dir / "damaged").mkdir()
    for name, content in (("rows.bin", stray), ("shape.json", b"{")):
        (workspace.features_dir / "damaged" / name).write_bytes(content)
    keys = (store.folder / "keys.txt").read_bytes()
    (store.folder / "keys.txt").write_bytes(keys[: len(keys) // 2])  # killed between rows and keys
    edits.remove(project, [red[0].id])
    storage.delete_photos(workspace, project, [red[0].id])
    files = [path for path in workspace.features_dir.rglob("*") if path.is_file()]
    assert not any(stray[:48] in path.read_bytes() for path in files)


def test_parts_that_killed_processes_left_are_deleted(workspace, dataset):
    project = fill_project(workspace, dataset)
    cache = PhotoCache(workspace.prepared_dir / "pixels", ".pixels")
    cache.write("a" * 64, b"x")
    old, new = cache.path("a" * 64).with_suffix(".1.part"), project.photos_dir / ".b.jpg.1.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    deletion.clear_parts(workspace)
    assert not old.exists() and new.exists() and cache.holds("a" * 64)
