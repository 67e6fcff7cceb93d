"""The ways to read a set, the labels table among them, and what comes of it in the project."""

import pytest

from tests.data.ingest.test_intake import GOOD, photo
from tests.data.ingest.test_sources import make_zip
from transfer_core.data.ingest.class_finder import find_labels
from transfer_core.data.ingest.folder_layout import survey
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.label_source import (
    Choice,
    choices,
    open_labels,
    photos_among,
    read_as,
    without_table,
)
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


PARTS = {f"{part}/{n}.png": photo(n) for part, numbers in (("train", range(4)), ("valid", (4, 5))) for n in numbers}


def rows(numbers, names=("ant", "bee"), header="filename,label") -> bytes:
    return "\n".join([header, *(f"{n}.png,{names[n % 2]}" for n in numbers)]).encode()


def found(files: dict[str, bytes], **asked):
    """(classes by path with the part, what is said, paths that are left) of what says the class by itself."""
    entries, reading = find_labels(entries_of(files), **asked)
    places = {entry.path: place[:2] for entry in entries if (place := reading.place(entry.path))}
    return places, " ".join(reading.said), [entry.path for entry in entries]


@pytest.mark.parametrize(
    "tables",
    [
        # one in each part, of the same name, as Roboflow has them
        {"train/_classes.csv": rows(range(4)), "valid/_classes.csv": rows((4, 5))},
        # one for all above them
        {"labels.csv": rows(range(6))},
        # one for each part beside the parts, by its own name; a form for answers is none
        {"train.csv": rows(range(4)), "valid.csv": rows((4, 5)), "sample_submission.csv": rows(range(6), ("x", "y"))},
    ],
)
def test_tables_beside_parts_say_the_classes(tables):
    places, said, left = found(PARTS | tables)
    assert places == {
        path: ("train" if path.startswith("train") else "val", ("ant", "bee")[int(path[6:-4]) % 2]) for path in PARTS
    }
    assert said.startswith("The classes were read from ") and not set(left) & (
        tables.keys() - {"sample_submission.csv"}
    )
    entries = entries_of(PARTS | tables)
    suggested = choices(entries)[0]
    assert suggested.way in ("table", "tables") and read_as(entries, suggested).place("valid/4.png")[:2] == (
        "val",
        "ant",
    )
    assert not {entry.path for entry in without_table(entries, suggested)} & set(suggested.tables)


def test_a_row_that_fits_photos_of_two_archives_labels_neither():
    first = entries_of({f"{n}.png": photo(n) for n in range(4)} | {"labels.csv": rows(range(4))})
    entries, reading = find_labels([*first, *entries_of({"1.png": photo(9)})])
    assert [entry.path for entry in entries if not reading.place(entry.path)] == ["1.png", "1.png"]
    assert [file for file, _ in reading.unmatched] == ["1.png"]


def test_the_table_of_one_part_says_nothing_of_a_photo_of_another():
    files = PARTS | {
        "valid/7.png": photo(7),
        "train/_classes.csv": rows((*range(4), 7)),
        "valid/_classes.csv": rows((4, 5)),
    }
    places, _, _ = found(files)
    assert "valid/7.png" not in places and len(places) == 6
    _, reading = find_labels(entries_of(files))
    assert [file for file, _ in reading.unmatched] == ["7.png"]


def test_tables_named_after_parts_say_the_part_of_photos_in_one_folder():
    photos = {f"images/{n}.png": photo(n) for n in range(6)}
    places, _, _ = found(photos | {"train.csv": rows(range(4)), "test.csv": rows((4, 5))})
    assert places["images/3.png"] == ("train", "bee") and places["images/5.png"] == ("test", "bee")


def test_the_same_names_in_two_parts_are_told_apart_by_the_table_of_each():
    photos = {f"{part}/{n}.png": photo(n + 10 * (part == "test")) for part in ("train", "test") for n in range(2)}
    tables = {"train.csv": rows(range(2)), "test.csv": rows(range(2), ("bee", "ant"))}
    assert found(photos | tables)[0] == {
        "train/0.png": ("train", "ant"),
        "train/1.png": ("train", "bee"),
        "test/0.png": ("test", "bee"),
        "test/1.png": ("test", "ant"),
    }


def test_tables_that_disagree_are_not_used():
    with pytest.raises(DataError, match=r"a\.csv, b\.csv call 6 photos differently, the first: .*Choose one"):
        found(PARTS | {"a.csv": rows(range(6)), "b.csv": rows(range(6), ("bee", "ant"))})


def test_a_table_of_a_few_photos_is_used_when_asked_for():
    files = PARTS | {"more.csv": rows((0,))}
    with pytest.raises(
        DataError, match=r"more\.csv names 1 of 4 photos only; to use it all the same, add --class-from table"
    ):
        found(files)
    assert found(files, class_from="table")[0] == {"train/0.png": ("train", "ant")}


def test_file_names_say_the_classes_where_nothing_else_does():
    photos = {f"{part}/{name}_{n}.png": photo(n) for part, n in (("train", 1), ("train", 2)) for name in ("elm", "oak")}
    places, said, _ = found(photos | {"test/1.png": photo(9)})
    assert places["train/oak_2.png"] == ("train", "oak") and len(places) == 4
    assert said == "The classes were read from the names of the files (elm, oak), for no folder names them."


@pytest.mark.parametrize(
    "names", [("IMG", "DSC"), ("train", "test"), ("photo", "image"), ("scan", "frame"), ("1", "2")]
)
def test_names_that_cameras_and_programs_give_say_no_class(names):
    photos = {f"train/{name}_{n}.png": photo(n) for name in names for n in range(3)}
    with pytest.raises(DataError, match=r"classes of the 6 photos\. The folder 'train' is read as a set"):
        found(photos)


def test_what_is_missing_is_said():
    with pytest.raises(DataError) as caught:
        found(PARTS | {"train/notes.csv": b"when,who\n1,me\n"})
    told = str(caught.value)
    assert told.startswith(
        "Nothing says the classes of the 6 photos. The folders 'train' and 'valid' are read as sets of photos, not "
        "as classes. A table was found, but it is not used: notes.csv needs a first line"
    )
    assert found(PARTS, unlabelled=True)[0] == {}
    assert [choice.way for choice in choices(entries_of(PARTS))] == ["one_class", "none"]


@pytest.mark.parametrize(
    ("class_from", "expected"),
    [
        (None, {"cats", "dogs"}),
        ("folder", {"cats", "dogs"}),
        ("top", {"north", "south"}),
        ("name", {"tom", "rex"}),
        ("table", {"lion"}),
        ("one", {"pets"}),
    ],
)
def test_what_says_the_class_can_be_chosen(class_from, expected):
    files = {
        f"{place}/{kind}/{name} {n}.png": photo(n)
        for n, (place, kind, name) in enumerate([("north", "cats", "tom"), ("south", "dogs", "rex")] * 2)
    }
    table = "\n".join(["file,label", *(f"{path},lion" for path in files)]).encode()
    places, said, _ = found(files | {"t.csv": table}, class_from=class_from, one_class="pets")
    places = {path: place for path, place in places.items() if path in files}
    assert {name for _, name in places.values()} == expected and len(places) == 4 and said == ""


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"class_from": "table"}, "No table beside the photos says their classes. Put"),
        ({"class_from": "name"}, "The names of the photos do not begin with a class. Put"),
        ({"class_from": "name", "labels": "t.csv"}, "A table says the class, or 'name' does, not both"),
        ({"class_from": "colour"}, "Choose one of: folder, top, name, table, one"),
    ],
)
def test_a_way_that_finds_nothing_is_said(asked, said):
    with pytest.raises(DataError, match=said):
        found(GOOD, **asked)
