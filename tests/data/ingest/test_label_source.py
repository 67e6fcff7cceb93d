"""The ways to read a set, the labels table among them, and what comes of it in the project."""

import pytest

from tests.data.ingest.test_intake import GOOD, photo
from tests.data.ingest.test_sources import make_zip
from transfer_core.data.ingest.folder_layout import survey
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.label_source import Choice, choices, open_labels, photos_among, read_as, without_table
from transfer_core.data.ingest.label_table import LabelsTable
from transfer_core.data.ingest.sources import Entry, zip_entries
from transfer_core.data.labels.dataset import load_items
from transfer_core.errors import DataError

TABLE = b"file,label,part,patient\ncats/0.png,lion,train,p1\ncats/1.png,lion,val,p2\n7.png,lion,,\n"


NOWHERE = Choice("none", unlabelled=True)


def entries_of(files: dict[str, bytes]) -> list[Entry]:
    return list(zip_entries(make_zip(files), "x.zip"))


def test_choices_name_every_way_that_makes_sense():
    entries = entries_of(GOOD | {"labels.csv": TABLE, ".DS_Store": b""})
    found = choices(entries)
    assert found == [Choice("folder"), Choice("table", "labels.csv"), Choice("one_class"), NOWHERE]
    counts = [survey(read_as(entries, choice), photos_among(entries)).classes for choice in found[:2]]
    assert counts == [{"cats": 2, "dogs": 2}, {"lion": 2}]
    assert read_as(entries, Choice("one_class", "pets")).place("dogs/0.png").class_name == "pets"


def test_where_nothing_says_the_class_all_come_without_one():
    entries = entries_of({"IMG_1.png": photo(1), "IMG_2.png": photo(2)})
    found = survey(read_as(entries, NOWHERE), photos_among(entries))
    assert choices(entries)[-1] == NOWHERE and (found.photos, len(found.unplaced)) == (0, 2)
    assert (found.with_unplaced().photos, found.with_unplaced().unlabelled) == (2, 2)


def test_of_many_tables_a_few_are_offered_the_uppermost_first():
    entries = entries_of({f"cats/{n}.csv": b"" for n in range(40)} | {"all.csv": TABLE} | GOOD)
    tables = [choice.value for choice in choices(entries) if choice.way == "table"]
    assert tables == ["all.csv", *(f"cats/{n}.csv" for n in range(9))]
    with pytest.raises(DataError) as caught:
        open_labels(entries, "none.csv")
    assert str(caught.value).count(".csv") == 11


def test_labels_table_becomes_labels_parts_and_groups(workspace):
    project = workspace.create_project("Test")
    entries, choice = entries_of(GOOD | {"labels.csv": TABLE}), Choice("table", "labels.csv")
    report = take_in(
        workspace, project, without_table(entries, choice), lambda *_: None, reading=read_as(entries, choice)
    )
    found = [(item.path, item.class_name, item.part, item.group) for item in load_items(project)]
    assert found == [("cats/0.png", "lion", "train", "p1"), ("cats/1.png", "lion", "val", "p2")]
    reasons = {entry.file: entry.reason for entry in report.rejected}
    assert reasons.keys() == {"7.png", "dogs/0.png", "dogs/1.png"}
    assert "not among the photos" in reasons["7.png"] and "has no clear row for it" in reasons["dogs/0.png"]


def test_folders_say_the_part_where_the_table_does_not():
    entries = entries_of({"train/1.png": photo(1), "val/2.png": photo(2), "l.csv": b"file,label\n1.png,a\n2.png,b\n"})
    places = open_labels(entries, "l.csv").places
    assert places == {"train/1.png": ("train", "a", None), "val/2.png": ("val", "b", None)}


def test_table_on_this_machine_or_inside(tmp_path):
    entries = entries_of(GOOD | {"a/labels.csv": TABLE})
    (tmp_path / "other.csv").write_bytes(TABLE.replace(b"lion", b"tiger"))
    for named, said in [("a/labels.csv", "lion"), ("labels.csv", "lion"), (tmp_path / "other.csv", "tiger")]:
        table = open_labels(entries, named)
        assert isinstance(table, LabelsTable) and table.place("cats/0.png").class_name == said


def test_table_of_an_upload_is_never_one_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("labels.csv", "secret.csv"):
        (tmp_path / name).write_bytes(TABLE.replace(b"lion", b"secret"))
    for path in ("labels.csv", "~/secret.csv"):
        table = read_as(entries_of(GOOD | {path: TABLE}), Choice("table", path))
        assert table.place("cats/0.png").class_name == "lion"
    for named in ("secret.csv", str(tmp_path / "secret.csv")):
        with pytest.raises(DataError, match="does not exist"):
            read_as(entries_of(GOOD), Choice("table", named))


@pytest.mark.parametrize(
    ("files", "named", "said"),
    [
        ({}, "labels.csv", "The table 'labels.csv' does not exist. Tables beside the photos: none."),
        ({"x.csv": b""}, "labels.csv", "Tables beside the photos: 'x.csv'."),
        ({"a/l.csv": b"", "b/l.csv": b""}, "l.csv", "is there several times; name it with its folder"),
        ({"l.csv": b"no table"}, "l.csv", "l.csv needs a first line"),
    ],
)
def test_table_that_cannot_be_used_is_said(files, named, said):
    with pytest.raises(DataError, match=said):
        open_labels(entries_of(GOOD | files), named)


def test_photos_are_told_as_they_arrive(workspace):
    project, seen = workspace.create_project("Test"), []
    take_in(workspace, project, entries_of(GOOD), lambda *_: None, arrived=seen.append)
    assert [item.path for item in seen] == list(GOOD)
    take_in(workspace, project, entries_of(GOOD | {"cats/9.png": photo(99)}), lambda *_: None, arrived=seen.append)
    assert len(seen) == 4 + 5
