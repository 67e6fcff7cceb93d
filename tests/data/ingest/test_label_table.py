"""Tables of labels: what they may look like, and which row speaks of which photo."""

import tracemalloc

import pytest

from transfer_core.data.ingest.label_table import match_rows, read_table
from transfer_core.errors import DataError

PATHS = ["set/a/1.jpg", "set/a/2.jpg", "set/b/1.jpg", "set/b/3.jpg"]


@pytest.mark.parametrize(
    "content",
    [
        b"file,label\n1.jpg,oak\n2.jpg,elm\n",
        b"label;File Name\r\noak;1.jpg\r\nelm;2.jpg\r\n",
        b"id\timage_path\tCATEGORY\n7\t1.jpg\toak\n8\t2.jpg\telm",
        b'\xef\xbb\xbffilename,class,note\n"1.jpg","oak","a, b"\n\n,,\n2.jpg,elm,\n',
        "file,label\n1.jpg,oak\n2.jpg,elm\n".encode("utf-16"),
        b"file\0,\x1blabel\n1.jpg,oak\n2.jpg,elm\n",
    ],
)
def test_tables_as_programs_write_them(content):
    rows = read_table(content, "labels.csv").rows
    assert [(row.file, row.place) for row in rows] == [("1.jpg", (None, "oak", None)), ("2.jpg", (None, "elm", None))]


def test_part_and_group_are_taken_where_they_are():
    content = b"file,label,split,Patient ID\n1.jpg,oak,Train,p1\n2.jpg,elm,validation,p2\n3.jpg,elm,,\n"
    places = [row.place for row in read_table(content, "labels.csv").rows]
    assert places == [("train", "oak", "p1"), ("val", "elm", "p2"), (None, "elm", None)]


def test_latin_1_where_it_is_no_utf_8():
    [row] = read_table("file,label\n1.jpg,Kürbis\n".encode("latin-1"), "labels.csv").rows
    assert row.place.class_name == "Kürbis"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "needs a first line with a column 'file' and a column 'label'; it has nothing"),
        (b"1,oak\n2,elm\n", "it has '1', 'oak'"),
        (b"file,colour,size\n1.jpg,red,3\n", "so label cannot be found"),
        (b"file,label\n", "has no rows below its header"),
        (b"file,label\n1.jpg,oak\n2.jpg,\n", "Line 3 of labels.csv has no label"),
        (b"file,label\n\n,oak\n", "Line 3 of labels.csv has no file"),
        (b"file,label,split\n1.jpg,oak,fold 1\n", "Line 2 of labels.csv has 'fold 1' in the column 'split'"),
        (b'file,label\n"1.jpg,' + b"x" * 200_000, "cannot be read as a table"),
    ],
)
def test_broken_tables_are_refused_in_one_sentence(content, said):
    with pytest.raises(DataError, match=said.replace("(", r"\(")):
        read_table(content, "labels.csv")


@pytest.mark.parametrize("content", [b"\0\0\0", b"\xff\xfe\0", b"file,label\n\0,\0", bytes(range(256)) * 20])
def test_any_bytes_are_a_table_or_a_sentence(content):
    try:
        assert read_table(content, "labels.csv").rows
    except DataError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("set/a/1.jpg", "set/a/1.jpg"),
        (".\\set\\a\\1.jpg", "set/a/1.jpg"),
        ("a/1.jpg", "set/a/1.jpg"),  # the end of the path
        ("2.jpg", "set/a/2.jpg"),  # the name, where one photo has it
        ("3", "set/b/3.jpg"),  # without its ending
        ("/home/me/set/b/3.jpg", "set/b/3.jpg"),  # from another machine
        ("x/2.jpg", "set/a/2.jpg"),
    ],
)
def test_rows_find_their_photos(file, found):
    table = match_rows(read_table(f"file,label\n{file},oak\n".encode(), "t.csv"), PATHS)
    assert list(table.places) == [found] and table.unmatched == []
    assert table.place(found).class_name == "oak"


def test_what_does_not_go_together_is_reported():
    content = b"file,label\n1.jpg,oak\n9.jpg,oak\n2.jpg,oak\na/2.jpg,elm\nb/3.jpg,elm\nset/b/3.jpg,elm\n"
    table = match_rows(read_table(content, "t.csv"), PATHS)
    assert table.places == {"set/b/3.jpg": (None, "elm", None)}  # twice the same is no contradiction
    assert table.missing == ["9.jpg"]
    assert table.unclear == ["1.jpg"]  # which of two photos
    assert table.problems == {"set/a/2.jpg": "line 4 says 'oak', line 5 says 'elm'"}
    assert [file for file, _ in table.unmatched] == ["9.jpg", "1.jpg", "set/a/2.jpg"]


@pytest.mark.parametrize("front", ["", "/home/me/set/", "../data/"])
@pytest.mark.parametrize("wrapping", ["", "wrapped/"])
def test_rows_of_photos_that_did_not_come_take_nothing_from_those_that_did(front, wrapping):
    rows = "".join(
        f"{front}{part}/{n}.jpg,{label}\n" for part, label in (("test", "dog"), ("train", "cat")) for n in "12"
    )
    paths = [f"{wrapping}train/{n}.jpg" for n in "12"]
    table = match_rows(read_table(f"file,label\n{rows}".encode(), "t.csv"), paths)
    assert {path: place.class_name for path, place in table.places.items()} == dict.fromkeys(paths, "cat")
    assert table.missing == [f"{front}test/{n}.jpg" for n in "12"] and table.unclear == []


def test_a_path_of_many_folders_costs_little():
    tracemalloc.start()
    deep = [f"{n}/" * 1_000 + "1.jpg" for n in range(20)]
    match_rows(read_table(f"file,label\n{deep[0]},oak\n".encode(), "t.csv"), deep)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


def test_accents_are_one_name_however_they_are_written():
    table = match_rows(read_table("file,label\nbär.jpg,bear\n".encode(), "t"), ["x/ba\u0308r.jpg"])
    assert list(table.places) == ["x/ba\u0308r.jpg"]
