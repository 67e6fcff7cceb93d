"""Shapes of tables: one column per class, parts by many names, tables of other programs, Excel."""

import io
import json

import pytest

from tests.data.ingest.test_sources import make_zip
from transfer_core.data.ingest.label_source import Choice, choices, open_labels, read_as
from transfer_core.data.ingest.label_table import Table, match_rows, read_table
from transfer_core.data.ingest.sources import zip_entries
from transfer_core.errors import DataError


def table_of(text: str) -> Table:
    return read_table(text.encode(), "t.csv")


def rows_of(text: str) -> list[tuple]:
    return [(row.file, row.place and tuple(row.place)[:2]) for row in table_of(text).rows]


def test_a_column_for_each_class():
    text = "filename, disc, 01, Unlabeled\na.jpg, 1, 0, 0\nb.jpg, 0, 1, 0\nc.jpg, 1, 1, 0\nd.jpg, 0, 0, 1\n"
    assert rows_of(text) == [("a.jpg", (None, "disc")), ("b.jpg", (None, "01")), ("c.jpg", None), ("d.jpg", None)]
    table = match_rows(table_of(text), [f"{letter}.jpg" for letter in "abcd"])
    assert table.problems == {
        "c.jpg": "line 4 of t.csv: several classes in one row: disc, 01",
        "d.jpg": "line 5 of t.csv: no class in its row",
    }
    assert table.unmatched == [*table.problems.items()]


@pytest.mark.parametrize(
    ("header", "values", "parts"),
    [
        ("split", "train,VAL,Test", ["train", "val", "test"]),
        ("set", "Training,dev,testing", ["train", "val", "test"]),
        ("Data Set", "train,valid,test", ["train", "val", "test"]),
        ("ml_use", "TRAIN,VALIDATION,UNASSIGNED", ["train", "val", None]),
        ("Usage", "train,test,", ["train", "test", None]),
        ("is_valid", "False,True,0", ["train", "val", "train"]),
        ("is_test", "no,yes,no", ["train", "test", "train"]),
    ],
)
def test_parts_by_many_names(header, values, parts):
    lines = "".join(f"{number}.jpg,oak,{value}\n" for number, value in enumerate(values.split(",")))
    table = table_of(f"file,label,{header}\n{lines}")
    assert [row.place.part for row in table.rows] == parts and table.said == []


@pytest.mark.parametrize(
    ("header", "values", "said"),
    [
        ("fold", "0,1,2", "The column 'fold' of t.csv names folds, which are not used."),
        ("Usage", "Public,Private,Public", "The column 'Usage' of t.csv is not used: it does not say the part."),
        ("width", "10,20,30", "Columns of t.csv that are not used: width."),
    ],
)
def test_columns_that_are_not_used_are_named(header, values, said):
    lines = "".join(f"{number}.jpg,oak,{value}\n" for number, value in enumerate(values.split(",")))
    table = table_of(f"file,label,{header}\n{lines}")
    assert {row.place.part for row in table.rows} == {None} and said in table.said


def test_labels_that_are_numbers_stay_as_they_are():
    assert rows_of("id,label\na,01\nb,1\nc,1.0\n") == [
        ("a", (None, "01")),
        ("b", (None, "1")),
        ("c", (None, "1.0")),
    ]


def test_the_one_other_column_of_two_is_the_label():
    table = table_of("id,has_cactus\na.jpg,1\nb.jpg,0\n")
    assert [row.place.class_name for row in table.rows] == ["1", "0"]
    assert table.said == ["The label is taken from the column 'has_cactus' of t.csv."]


def test_tables_without_a_header():
    assert rows_of("TRAIN,gs://bucket/a.jpg,oak\nUNASSIGNED,gs://bucket/b.jpg,elm\n") == [
        ("gs://bucket/a.jpg", ("train", "oak")),
        ("gs://bucket/b.jpg", (None, "elm")),
    ]
    assert rows_of("a.jpg,oak\nb.jpg,elm\n") == [("a.jpg", (None, "oak")), ("b.jpg", (None, "elm"))]


def test_label_studio():
    uploaded = "/data/upload/3/0a1b2c3d-oak%20tree.jpg"
    result = {"type": "choices", "value": {"choices": ["oak"]}}
    tasks = [
        {"id": 1, "data": {"image": uploaded}, "annotations": [{"result": [result]}]},
        {"id": 2, "data": {"image": "/data/local-files/?d=set/b.jpg"}, "annotations": [{"result": [result, result]}]},
        {"id": 3, "data": {"image": "c.jpg"}, "annotations": [{"was_cancelled": True, "result": [result]}]},
    ]
    paths = ["oak tree.jpg", "set/b.jpg", "c.jpg"]
    table = match_rows(read_table(json.dumps(tasks).encode(), "t.json"), paths)
    assert {path: place.class_name for path, place in table.places.items()} == {"oak tree.jpg": "oak"}
    assert "several classes in one row" in table.problems["set/b.jpg"] and "no class" in table.problems["c.jpg"]
    short = [{"image": uploaded, "choice": "oak"}]
    assert match_rows(read_table(json.dumps(short).encode(), "t.json"), paths).places.keys() == {"oak tree.jpg"}
    text = f'annotation_id,choice,id,image\n7,oak,1,{uploaded}\n8,"{{""choices"": [""a"", ""b""]}}",2,c.jpg\n'
    table = match_rows(table_of(text), paths)
    assert table.places["oak tree.jpg"].class_name == "oak" and "a, b" in table.problems["c.jpg"]


@pytest.mark.parametrize("content", [b"[", b"{}", b"[1, 2]", b'[{"bbox": 3}]', b"[" * 100_000])
def test_json_of_other_programs_is_refused_in_one_sentence(content):
    with pytest.raises(DataError, match=r"JSON|Label Studio|no class"):
        read_table(content, "t.json")


def test_excel_by_whatever_name():
    openpyxl = pytest.importorskip("openpyxl")
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in (["file", "label", "split"], ["a.jpg", 1, "train"], ["b.jpg", 2, "val"], [None, None, None]):
        book.active.append(row)
    book.active["B2"].number_format = "00"
    book.save(content)
    table = read_table(content.getvalue(), "labels.csv")
    assert [tuple(row.place)[:2] for row in table.rows] == [("train", "01"), ("val", "2")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(600), r"is an old Excel file\. Save it in Excel as 'CSV UTF-8'"),
        (b"PK\x03\x04" + bytes(100), "is a damaged Excel file"),
        (make_zip({"a.jpg": b"x"}).getvalue(), "is no table but an archive"),
        (make_zip({"xl/workbook.xml": b"x"}).getvalue(), "is an Excel file"),
    ],
)
def test_what_is_no_csv_is_called_by_its_name(content, said):
    with pytest.raises(DataError, match=said):
        read_table(content, "t.csv")


def test_rows_that_disagree_are_named():
    table = match_rows(table_of("file,label\na.jpg,oak\nb.jpg,elm\na.jpg,elm\na.jpg,oak\n"), ["a.jpg", "b.jpg"])
    assert table.places.keys() == {"b.jpg"} and table.problems == {"a.jpg": "line 2 says 'oak', line 4 says 'elm'"}
    table = match_rows(table_of("file,label,split\na.jpg,oak,train\na.jpg,oak,\n"), ["a.jpg"])
    assert table.problems == {"a.jpg": "line 2 puts it into the part 'train', line 3 puts it into the part 'none'"}


def test_tables_of_the_same_name_each_speak_of_their_own_folder():
    files = {}
    for part, kinds in (("train", "01"), ("valid", "10")):
        lines = "".join(f"{number}.jpg,{kind},{1 - int(kind)}\n" for number, kind in enumerate(kinds))
        files[f"set/{part}/_classes.csv"] = f"filename,disc,stripes\n{lines}".encode()
        files |= {f"set/{part}/{number}.jpg": b"x" for number in range(2)}
    entries = zip_entries(make_zip(files), "x.zip")
    assert [choice.value for choice in choices(entries) if choice.way == "table"] == ["set/train/_classes.csv"]
    wanted = {
        "set/train/0.jpg": ("train", "stripes"),
        "set/train/1.jpg": ("train", "disc"),
        "set/valid/0.jpg": ("val", "disc"),
        "set/valid/1.jpg": ("val", "stripes"),
    }
    for table in (
        read_as(entries, Choice("table", "set/train/_classes.csv")),
        open_labels(entries, "set/train/_classes.csv"),
    ):
        assert {path: tuple(place)[:2] for path, place in table.places.items()} == wanted
        assert set(table.paths) == {"set/train/_classes.csv", "set/valid/_classes.csv"}
