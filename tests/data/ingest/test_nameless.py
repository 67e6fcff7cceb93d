"""Photos that come in without a class, and files that name it later."""

from dataclasses import replace

import pytest

from tests.data.ingest.test_intake import GOOD, photo
from tests.data.ingest.test_sources import make_zip
from transfer_core.data.ingest.arrivals import IntakeReport
from transfer_core.data.ingest.folder_layout import NoClass, ParsedLabel
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.label_table import LabelsTable
from transfer_core.data.ingest.sources import zip_entries
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import append_items, load_items, load_labels

LOOSE = {f"{n}.png": photo(n) for n in range(3)}
HERE = [("0.png", None, None), ("1.png", None, None), ("2.png", None, None)]


@pytest.fixture
def project(workspace):
    return workspace.create_project("Test")


@pytest.fixture
def take(workspace, project):
    def take(files: dict[str, bytes], **options) -> IntakeReport:
        return take_in(workspace, project, zip_entries(make_zip(files), "x.zip"), lambda done, total: None, **options)

    return take


def told(project) -> list[tuple]:
    return [(item.path, item.class_name, item.part) for item in load_items(project)]


def test_loose_photos_come_in_without_a_class_where_that_is_chosen(project, take):
    report = take(GOOD | LOOSE | {"notes.txt": b"no photo"}, unlabelled=True)
    assert (report.photos, report.added, report.unlabelled) == (7, 7, 3) and report.classes == {"cats": 2, "dogs": 2}
    assert [entry.file for entry in report.rejected] == ["notes.txt"]
    assert told(project)[4:] == HERE
    again = take(GOOD | LOOSE, unlabelled=True)
    assert (again.photos, again.added, len(load_items(project))) == (7, 0, 7)


def test_unless_it_is_chosen_they_are_left_out_with_the_reason(project, take):
    report = take(GOOD | LOOSE)
    assert (report.photos, report.unlabelled) == (4, 0)
    assert all("in no class folder" in entry.reason for entry in report.rejected) and len(report.rejected) == 3


def test_a_folder_of_test_photos_says_the_part_all_the_same(project, take):
    parted = {f"{part}/{path}": content for part in ("train", "val") for path, content in GOOD.items()}
    take(parted | {"test/7.png": photo(7)}, unlabelled=True)
    assert told(project)[-1] == ("test/7.png", None, "test")


def test_photos_that_are_here_in_a_class_keep_it(project, take):
    take(GOOD)
    append_items(project, [replace(load_items(project)[0], group="p1")])
    append_items(project, [replace(load_items(project)[0], group="p2")])
    before = load_items(project)
    report = take({f"{n}.png": content for n, content in enumerate(GOOD.values())}, reading=NoClass(), unlabelled=True)
    assert (report.photos, report.added, load_items(project)) == (4, 0, before)


def test_first_the_photos_then_the_table(project, take):
    take(LOOSE, unlabelled=True)
    before = load_items(project)
    places = {"0.png": ParsedLabel("val", "oak", "p1"), "1.png": ParsedLabel(None, "elm")}
    report = take(LOOSE, reading=LabelsTable("t.csv", places))
    assert (report.photos, report.added, report.named, report.classes) == (2, 0, 2, {"oak": 1, "elm": 1})
    assert told(project) == [("0.png", "oak", "val"), ("1.png", "elm", None), ("2.png", None, None)]
    assert load_items(project)[0].group == "p1"
    for action in load_labels(project).actions:
        edits.undo(project, action.id)
    assert load_items(project) == before


def test_first_the_photos_then_class_folders(project, take):
    take(LOOSE, unlabelled=True)
    report = take({"oak/0.png": LOOSE["0.png"], "elm/9.png": photo(9)})
    assert (report.photos, report.added, report.named) == (2, 1, 1)
    assert told(project) == [("0.png", "oak", None), *HERE[1:], ("elm/9.png", "elm", None)]
    assert [edits.describe(action) for action in load_labels(project).actions] == ["1 photo moved to 'oak'"]


def test_a_class_that_was_taken_away_does_not_come_back_with_the_same_files(project, take):
    take(GOOD)
    edits.relabel(project, [load_items(project)[0].id], None)
    before = load_items(project)
    for files in (GOOD, {f"photos/{path}": content for path, content in GOOD.items()}):
        assert take(files).named == 0 and load_items(project) == before
    assert take({"lynx/0.png": GOOD["cats/0.png"]}).named == 1  # but another one that is said for it holds
    assert load_items(project)[0].class_name == "lynx"


def test_of_two_copies_each_is_named_by_one_file(project, take):
    take({"0.png": photo(0), "copy.png": photo(0)}, unlabelled=True)
    take({"oak/0.png": photo(0)})
    assert [name for _, name, _ in told(project)] == ["oak", None]
    take({"elm/0.png": photo(0)}, may_contradict=True)
    assert [name for _, name, _ in told(project)] == ["oak", None, "elm"]
