"""`predict`: many photos, folders and archives at once; a bad file costs itself alone."""

import csv
import json
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.data.ingest.test_sources import make_zip
from tests.helpers import draw_photo
from transfer_core.__main__ import main
from transfer_core.inference.predictor import Prediction, predictions_csv


@pytest.fixture
def predict(finished, capsys):
    """Runs the command; returns its exit code, its answer and the lines on stderr."""

    def predict(*arguments) -> tuple[int, dict, list[str]]:
        code = main(["predict", finished.id, *map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, json.loads(out.splitlines()[-1]), err.splitlines()

    return predict


@pytest.fixture
def album(tmp_path):
    """Four photos, one in a folder of its own, with a cut one, an empty one, a text and what systems leave."""
    album = tmp_path / "album"
    for n in range(4):
        draw_photo(album / ("deep/er" if n == 3 else "") / f"p{n}.jpg", (40 * n, 60, 200), n)
    (album / "p4.jpg").write_bytes((album / "p0.jpg").read_bytes()[:900])
    (album / "p5.jpg").write_bytes(b"")
    (album / "notes.txt").write_text("hello")
    (album / "$RECYCLE.BIN").mkdir()
    (album / "$RECYCLE.BIN" / "old.jpg").write_bytes((album / "p0.jpg").read_bytes())
    (album / ".DS_Store").write_bytes(b"x")
    return album


GOOD = ("p0.jpg", "p1.jpg", "p2.jpg", os.path.join("deep", "er", "p3.jpg"))


def test_a_bad_file_costs_itself_alone(predict, album, tmp_path):
    code, found, said = predict(album, "--csv", tmp_path / "out.csv")
    assert code == 0
    assert [entry["photo"] for entry in found["predictions"]] == [str(album / name) for name in GOOD]
    reasons = {os.path.basename(entry["file"]): entry["reason"] for entry in found["rejected"]}
    assert reasons.pop("p4.jpg").startswith("damaged or cut off")
    assert reasons == {
        "p5.jpg": "an empty file, not a photo",
        "notes.txt": "a text file, not a photo",
        "old.jpg": "junk",
        ".DS_Store": "junk",
    }
    assert len(said) == 3 and all(line.startswith(f"left out: {album}") for line in said)
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["photo"] for row in rows] == [str(album / name) for name in GOOD]


def test_the_answers_are_those_of_single_photos(predict, album):
    together = predict(album)[1]["predictions"]
    for entry in together:
        (alone,) = predict(entry["photo"])[1]["predictions"]
        assert alone["class_name"] == entry["class_name"]
        assert alone["confidences"] == pytest.approx(entry["confidences"], abs=1e-5)


def test_photos_folders_and_archives_may_be_named_together(predict, album, tmp_path):
    photo = (album / "p0.jpg").read_bytes()
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("cats/1.jpg", photo)
        archive.writestr("../wicked.jpg", photo)
        archive.writestr("__MACOSX/cats/._1.jpg", b"x")
    with tarfile.open(tmp_path / "more.tgz", "w:gz") as archive:
        archive.add(album / "p1.jpg", "dogs/2.jpg")
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    named = [album / "p0.jpg", tmp_path / "more.zip", tmp_path / "bad.zip", tmp_path / "more.tgz", tmp_path / "nowhere"]
    code, found, _ = predict(*named)
    assert code == 0
    assert [entry["photo"] for entry in found["predictions"]] == [
        str(album / "p0.jpg"),
        f"{tmp_path}/more.zip/cats/1.jpg",
        f"{tmp_path}/more.tgz/dogs/2.jpg",
    ]
    reasons = {entry["file"].removeprefix(f"{tmp_path}/"): entry["reason"] for entry in found["rejected"]}
    assert "points outside" in reasons["more.zip/../wicked.jpg"] and reasons["more.zip/__MACOSX/cats/._1.jpg"] == "junk"
    assert "not a zip that can be opened" in reasons["bad.zip"] and reasons["nowhere"] == "it does not exist"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"text.jpg": b"text"}, "text.jpg', cannot be used: a text file, not a photo. Name photos, or a folder or zip"),
        ({"a.jpg": b"", "b.jpg": b""}, "None of the 2 files can be used as a photo. All of them, such as '"),
        ({".DS_Store": b"x"}, "There are no photos. Name photos, or a folder or zip with photos in it."),
        ({}, "There are no photos. Name photos, or a folder or zip with photos in it."),
        ({"book.xlsx": make_zip({"xl/workbook.xml": b"x"}).getvalue()}, "an Excel workbook, not a photo; if it says"),
    ],
)
def test_without_any_answer_one_line_says_why(predict, tmp_path, files, said):
    folder = tmp_path / "asked"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    code, found, lines = predict(folder, "--csv", tmp_path / "out.csv")
    assert (code, found["predictions"], len(found["rejected"]), len(lines)) == (2, [], len(files), 1)
    assert said in lines[0]
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", ["nowhere.jpg", "nowhere"])
def test_what_does_not_exist_is_said(predict, tmp_path, name):
    code, found, lines = predict(tmp_path / name)
    assert code == 2 and found["rejected"] == [{"file": str(tmp_path / name), "reason": "it does not exist"}]
    assert "cannot be used: it does not exist" in lines[0]


def test_photos_are_copied_into_class_folders(predict, album, tmp_path):
    target = album / "sorted"  # within what is asked about: the copies are not asked about
    for copied in (4, 0):
        code, found, _ = predict(album, "--sort-into", target)
        assert code == 0 and len(found["predictions"]) == 4
        assert found["sorted"]["copied"] == copied and found["sorted"]["here_already"] == 4 - copied
        assert found["sorted"]["folders"] == {"blue": "blue", "green": "green", "red": "red"}
        copies = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}
        expected = {
            target / entry["class_name"] / os.path.basename(entry["photo"]): Path(entry["photo"]).read_bytes()
            for entry in found["predictions"]
        }
        assert copies == expected


def test_a_person_reads_it_in_lines(finished, album, tmp_path, capsys):
    assert main(["predict", finished.id, str(album), "--sort-into", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert out.count("%)") == 4 and f"4 photos copied into class folders in {tmp_path / 'out'}." in out
    assert err.count("left out: ") == 3


def test_a_table_of_nasty_class_names_is_read_back_as_it_was():
    import numpy as np

    names = ("a, b; c", 'say "hi"', "=1+1", "two\nlines", "tab\there", "bee \N{HONEYBEE} ü")
    answers = [(f"{n}.jpg", Prediction(names, np.eye(6, dtype=np.float32)[n])) for n in range(6)]
    table = predictions_csv(answers).decode("utf-8-sig")
    header, *rows = csv.reader(table.splitlines(keepends=True))
    shown = tuple("'=1+1" if name == "=1+1" else name for name in names)
    assert tuple(header[3:]) == tuple(row[1] for row in rows) == shown
    assert {len(row) for row in rows} == {9}
