"""Public datasets: what torchvision makes of a downloaded one, and what is said where it cannot be had."""

import errno
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.helpers import closed_port, draw_photo
from transfer_core.data import public_datasets
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.data.public_datasets import SETS, PublicSet
from transfer_core.errors import DataError
from transfer_core.services import fetch


def drawn(folder, names, per_class=3):
    return [
        (draw_photo(folder / name / f"{name}_{n}.jpg", (40 * c, 60, 200), 10 * c + n), name)
        for c, name in enumerate(names)
        for n in range(per_class)
    ]


@pytest.fixture
def shapes(monkeypatch):
    """A set that draws itself instead of being downloaded, from a host that answers."""
    row = PublicSet("shapes", "Shapes", "", 1, "", "", lambda folder: drawn(folder, ("disc", "ring")))
    monkeypatch.setitem(public_datasets.SETS, "shapes", row)
    monkeypatch.setattr(public_datasets, "probe_url", lambda address, timeout_s: None)
    return row


@pytest.fixture(autouse=True)
def no_timeout():
    """What the process that fetches sets for itself must not stay with the other tests."""
    yield
    socket.setdefaulttimeout(None)


@pytest.fixture
def offline(monkeypatch):
    probe_url, port = public_datasets.probe_url, closed_port()
    monkeypatch.setattr(
        public_datasets, "probe_url", lambda address, timeout_s: probe_url(f"http://127.0.0.1:{port}", timeout_s)
    )


@pytest.mark.parametrize("name", ["eurosat", "dtd", "oxford-pets"])
def test_torchvision_reads_what_was_downloaded(tmp_path, name):
    """Each in the form in which its archive unpacks; Flowers102 insists on the true digests of its labels."""
    names = ("Annual_Crop", "Forest")
    images = {"eurosat": "eurosat/2750", "dtd": "dtd/dtd/images", "oxford-pets": "oxford-iiit-pet/images"}[name]
    photos = drawn(tmp_path / images, names)
    if name == "dtd":
        (tmp_path / "dtd/dtd/labels").mkdir()
        for number, part in enumerate(("train", "val", "test")):
            lines = [f"{label}/{path.name}\n" for path, label in photos[number::3]]
            (tmp_path / f"dtd/dtd/labels/{part}1.txt").write_text("".join(lines))
    if name == "oxford-pets":
        (tmp_path / "oxford-iiit-pet/annotations").mkdir()
        lines = [f"{path.stem} {names.index(label) + 1} 1 1\n" for path, label in photos]
        (tmp_path / "oxford-iiit-pet/annotations/trainval.txt").write_text("".join(lines))
        for path, _ in photos:
            path.rename(tmp_path / images / path.name)
    found = SETS[name].load(tmp_path)
    assert sorted((path.name, label) for path, label in found) == sorted((path.name, label) for path, label in photos)
    assert all(path.is_file() for path, _ in found)


def test_so_many_photos_of_each_class_come_in(workspace, shapes):
    project = workspace.create_project("Shapes")
    report = fetch.fetch(workspace, project, "shapes", 2, lambda done, total: None)
    assert (report.added, count_classes(load_items(project))) == (4, {"disc": 2, "ring": 2})
    again = fetch.fetch(workspace, project, "shapes", 9, lambda done, total: None)
    assert (again.photos, again.added) == (6, 2)


def test_offline_is_said_within_ten_seconds_and_nothing_starts(workspace, offline):
    project, began = workspace.create_project("Shapes"), time.monotonic()
    with pytest.raises(DataError, match="EuroSAT needs a download of 94 MB, which failed"):
        fetch.begin(workspace, project, "eurosat", 5)
    assert time.monotonic() - began < 10 and 2 * public_datasets._TIMEOUT_S < 10
    assert fetch.progress(project) is None and not (project.folder / "fetch.log").exists()


def test_a_broken_download_begins_anew(tmp_path, shapes):
    (tmp_path / "set" / "disc").mkdir(parents=True)
    (tmp_path / "set" / "disc" / "half.jpg").write_bytes(b"half")
    public_datasets.load(shapes, tmp_path / "set", 1)
    assert not (tmp_path / "set" / "disc" / "half.jpg").exists()


def test_two_that_ask_for_a_set_at_once_share_one_download(tmp_path, shapes):
    downloads = []

    def download(folder):
        if not (folder / "disc").exists():
            downloads.append(folder)
            time.sleep(0.2)
        return drawn(folder, ("disc", "ring"))

    slow = replace(shapes, load=download)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: public_datasets.load(slow, tmp_path / "set", 3), range(2)))
    assert len(downloads) == 1 and found[0] == found[1] and all(path.is_file() for path, _ in found[0])


def test_who_asks_for_more_gets_the_same_ones_and_others(tmp_path, shapes):
    many = replace(shapes, load=lambda folder: drawn(folder, ("disc", "ring"), 12))
    few, more = (set(public_datasets.load(many, tmp_path / "set", count)) for count in (4, 8))
    assert few < more and (len(few), len(more)) == (8, 16)


@pytest.mark.parametrize(("name", "per_class", "said"), [("moon", 1, "There are: flowers102,"), ("shapes", 0, "got 0")])
def test_mistakes_are_said(workspace, shapes, name, per_class, said):
    with pytest.raises(DataError, match=said):
        fetch.fetch(workspace, workspace.create_project("x"), name, per_class, lambda done, total: None)


def test_the_process_notes_how_it_ended(workspace, shapes, monkeypatch):
    project = workspace.create_project("Shapes")
    assert fetch.main(str(workspace.home), project.id, "shapes", "2") == 0
    came = fetch.progress(project)["report"]
    assert (came.photos, came.added, came.rejected) == (4, 4, []) and len(load_items(project)) == 4
    fetch.forget(project)
    assert fetch.progress(project) is None
    monkeypatch.setitem(public_datasets.SETS, "shapes", PublicSet("shapes", "Shapes", "", 1, "", "", _fail))
    assert fetch.main(str(workspace.home), project.id, "shapes", "2") == 2
    assert "failed: the server cannot be reached. " in fetch.progress(project)["error"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full. Free some space"),
        (ZeroDivisionError(), "The download ended unexpectedly (ZeroDivisionError)."),
    ],
)
def test_any_other_end_is_noted_too(workspace, shapes, monkeypatch, error, said):
    def fail(folder):
        raise error

    project = workspace.create_project("Shapes")
    monkeypatch.setitem(public_datasets.SETS, "shapes", replace(shapes, load=fail))
    with pytest.raises(type(error)):
        fetch.main(str(workspace.home), project.id, "shapes", "2")
    assert said in fetch.progress(project)["error"]


def test_a_host_that_falls_silent_is_given_up(workspace, shapes, monkeypatch):
    waits = []
    monkeypatch.setitem(
        public_datasets.SETS,
        "shapes",
        replace(shapes, load=lambda folder: waits.append(socket.getdefaulttimeout()) or []),
    )
    fetch.main(str(workspace.home), workspace.create_project("Shapes").id, "shapes", "2")
    assert waits == [60]


def test_a_deleted_project_does_not_come_to_life_again(workspace):
    project = workspace.create_project("Shapes")
    shutil.rmtree(project.folder)
    fetch._note(project, "Shapes", 3, 10, None)
    assert not project.folder.exists() and fetch.progress(project) is None


def _fail(folder):
    raise ConnectionResetError


def test_a_process_that_died_is_noticed(workspace, monkeypatch):
    project = workspace.create_project("Shapes")
    fetch._note(project, "Shapes", 3, 10, None)
    assert fetch.progress(project)["error"] is None
    monkeypatch.setattr(fetch, "_START_S", 0)
    assert "was interrupted" in fetch.progress(project)["error"]
