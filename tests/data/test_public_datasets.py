"""Public datasets: what torchvision makes of a downloaded one, and what is said where it cannot be had."""

import dataclasses
import errno
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.helpers import closed_port, draw_photo
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data import public_datasets
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.data.public_datasets import SETS, PublicSet
from transfer_core.errors import DataError
from transfer_core.jobs import machine, worker
from transfer_core.jobs.job import Job
from transfer_core.jobs.slots import open_slots
from transfer_core.runs import PublicDatasetSpec, Run
from transfer_core.services import fetch
from transfer_core.workspace import Project


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


@pytest.mark.training  # the first import of torch starts a process
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
    assert fetch.find_download(workspace, project) is None and runs.list_runs(workspace, kind=None) == []


def test_a_broken_download_begins_anew(tmp_path, shapes):
    (tmp_path / "set" / "disc").mkdir(parents=True)
    (tmp_path / "set" / "disc" / "half.jpg").write_bytes(b"half")
    public_datasets.load(shapes, tmp_path / "set", 1)
    assert not (tmp_path / "set" / "disc" / "half.jpg").exists()


def unpacked(tmp_path, photos=("disc", "ring")):
    """A set that keeps its archive, and the times that it was unpacked from it, as torchvision does."""
    times = []

    def load(folder):
        if not (folder / "photos").is_dir():
            times.append((folder / "archive.zip").exists())
            (folder / "archive.zip").touch()
            drawn(folder / "photos", photos)
        return [(path, path.parent.name) for path in sorted((folder / "photos").glob("*/*"))]

    return PublicSet("shapes", "Shapes", "", 1, "", "", load), times


def test_a_file_that_cannot_be_read_from_the_beginning_costs_itself_alone(tmp_path):
    """What was unreadable when it came is not unpacked again each time."""
    row, times = unpacked(tmp_path)

    def load(folder):
        return [*row.load(folder), (folder / "photos" / "disc" / "gone.jpg", "disc")]

    lacking = dataclasses.replace(row, load=load)
    for _ in range(2):
        assert len(public_datasets.load(lacking, tmp_path / "set", 9)) > 1
    assert times == [False]


def test_a_bad_photo_of_a_set_costs_itself_alone(workspace, tmp_path, monkeypatch):
    row, _ = unpacked(tmp_path)

    def load(folder):
        photos = row.load(folder)
        photos[0][0].write_bytes(b"no photo")
        return photos

    monkeypatch.setitem(public_datasets.SETS, "shapes", dataclasses.replace(row, load=load))
    monkeypatch.setattr(public_datasets, "probe_url", lambda address, timeout_s: None)
    report = fetch.fetch(workspace, workspace.create_project("Shapes"), "shapes", 9, lambda done, total: None)
    assert [entry.reason for entry in report.rejected] == ["a text file, not a photo"] and report.photos > 2


@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "zeros", "missing", "another's"])
def test_damaged_photos_are_unpacked_again(tmp_path, damage):
    row, times = unpacked(tmp_path)
    whole = {path: path.read_bytes() for path, _ in public_datasets.load(row, tmp_path / "set", 2)}
    path = next(iter(whole))
    content = whole[path]
    damaged = {
        "bit": content[:300] + bytes([content[300] ^ 1]) + content[301:],
        "cut": content[:300],
        "empty": b"",
        "zeros": bytes(len(content)),
        "another's": list(whole.values())[-1],
    }
    path.write_bytes(damaged[damage]) if damage in damaged else path.unlink()
    assert {path: path.read_bytes() for path, _ in public_datasets.load(row, tmp_path / "set", 2)} == whole
    public_datasets.load(row, tmp_path / "set", 2)
    assert times == [False, True]  # once more, from the archive


@pytest.mark.parametrize("content", [b"", b"{", b"[]", bytes(50), b'{"photos": 3}', b'{"photos": {"a": 1}}'])
def test_a_list_of_photos_that_cannot_be_read_is_made_anew(tmp_path, content):
    """That of an earlier version is empty."""
    row, times = unpacked(tmp_path)
    found = public_datasets.load(row, tmp_path / "set", 2)
    (tmp_path / "set" / "complete").write_bytes(content)
    assert public_datasets.load(row, tmp_path / "set", 2) == found and times == [False]
    found[0][0].write_bytes(b"damaged")
    assert public_datasets.load(row, tmp_path / "set", 2) == found and times == [False, True]


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


@pytest.fixture
def asked(workspace, shapes) -> Run:
    """A run that was asked for two photos of each class, and waits."""
    return runs.create(workspace.create_project("Shapes"), PublicDatasetSpec("shapes", 2))


def project_of(run: Run) -> Project:
    return run.workspace.open_project(run.project_id)


def test_the_run_says_how_it_ended(workspace, asked, monkeypatch):
    project = project_of(asked)
    assert fetch.find_download(workspace, project) == fetch.Download("Shapes")
    assert worker.main(str(asked.folder)) == 0
    came = fetch.find_download(workspace, project).report
    assert (came.photos, came.added, came.rejected) == (4, 4, []) and len(load_items(project)) == 4
    fetch.forget(workspace, project)
    assert fetch.find_download(workspace, project) is None
    monkeypatch.setitem(public_datasets.SETS, "shapes", PublicSet("shapes", "Shapes", "", 1, "", "", _fail))
    public_datasets.delete_all(workspace.public_dir)
    again = runs.create(project, asked.spec)
    assert worker.main(str(again.folder)) == 1
    assert "failed: the server cannot be reached. " in fetch.find_download(workspace, project).error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (ZeroDivisionError(), "(ZeroDivisionError"),
    ],
)
def test_any_other_end_is_said_too(workspace, asked, monkeypatch, error, said):
    def fail(folder):
        raise error

    monkeypatch.setitem(public_datasets.SETS, "shapes", replace(SETS["shapes"], load=fail))
    assert worker.main(str(asked.folder)) == 1
    assert said in fetch.find_download(workspace, project_of(asked)).error


def test_a_host_that_falls_silent_is_given_up(asked, monkeypatch):
    waits = []
    row = replace(SETS["shapes"], load=lambda folder: waits.append(socket.getdefaulttimeout()) or [])
    monkeypatch.setitem(public_datasets.SETS, "shapes", row)
    worker.main(str(asked.folder))
    assert waits == [60]


@pytest.mark.training
def test_it_need_not_wait_for_a_training(asked, workspace):
    """A download leaves the processor alone: while another workspace's training holds it, the set comes in."""
    training = runs.create(project_of(asked), runs.TrainSpec(TrainConfig()))
    with machine.take_turn(Job(training, lambda event: None)):
        assert worker.main(str(asked.folder)) == 0
    slots = open_slots(workspace)
    assert [slot.is_light for slot in slots].count(True) == 1
    assert runs.count_ahead(workspace, training) == 0


def test_asked_twice_it_comes_once(workspace, shapes, monkeypatch):
    monkeypatch.setattr(fetch, "ensure_runner", lambda workspace: None)
    project = workspace.create_project("Shapes")
    fetch.begin(workspace, project, "shapes", 2)
    fetch.begin(workspace, project, "shapes", 2)
    assert len(runs.list_runs(workspace, project, kind="public_dataset")) == 1


def test_stopped_or_cut_off_it_is_said(workspace, asked):
    runs.request_stop(asked)
    assert "was interrupted" in fetch.find_download(workspace, project_of(asked)).error


def _fail(folder):
    raise ConnectionResetError
