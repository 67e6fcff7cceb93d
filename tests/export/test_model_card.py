"""The model card, and hostile names in it and in every other file of the exported zip."""

import csv
import io
import json
import re
import zipfile

import pytest

from tests.helpers import RESNET, draw_photo, tiny_row
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.ingest.folder_layout import OneClass
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.sources import Entry
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.export.bundle import build_bundle
from transfer_core.export.model_card import write_card
from transfer_core.inference.predictor import Predictor, predictions_csv
from transfer_core.jobs import worker

NASTY = (
    "**bold** _it_ `code` # head",
    "<script>alert(1)</script> &amp;",
    '=HYPERLINK("http://evil","x")',
    "[link](http://evil) ![x](y) | cell",
    "x" * 250,
    "🦋 木 Ärger",
    "\u202ecod.exe",
    "two\nlines",
    "CON",
    "..",
)


def test_the_card_says_what_the_result_says(finished):
    history, split = runs.read_state(finished), runs.load_split(finished)
    card = write_card(finished, history, split, {"name": "Blots"})
    assert card.startswith("# Blots\n")
    assert f"of {history.result['val_count']} validation photos" in card
    assert f"{history.result['train_count']} training photos" in card
    how = "solved in one step (shrunken linear discriminant analysis)" if history.keeps_solved else "30 epochs"
    assert f"`{RESNET}`" in card and f"(`feature_extraction`), {how}, seed 0" in card
    assert "## Where it will fail" in card
    assert "on new photos like these (95% Wilson interval).\n" in card
    assert "`predict.py` and `read_photo` are part of Graft and licensed under the Apache License 2.0" in card
    rows = [line for line in card.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == ["Class", "blue", "green", "red"]
    assert all(row.split("|")[2:4] == [" 6 ", " 2 "] for row in rows[1:])


@pytest.fixture
def nasty(tiny_workspace, tmp_path):
    """A finished run whose classes and project have hostile names."""
    project = tiny_workspace.create_project("# <b>[x](y)</b> | `z`")
    for class_id, name in enumerate(NASTY):
        paths = [draw_photo(tmp_path / f"{class_id}-{n}.jpg", (25 * class_id, 90, 200), n) for n in range(4)]
        entries = [Entry(path.name, path.read_bytes) for path in paths]
        take_in(tiny_workspace, project, entries, lambda *_: None, reading=OneClass(name))
    config = TrainConfig(backbone=tiny_row(RESNET).name, epochs=3)
    run = runs.create(project, runs.TrainSpec(config), make_split(load_items(project), 0.25, 0))
    assert worker.main(str(run.folder)) == 0
    return run


def test_hostile_names_survive_every_file(nasty, tmp_path):
    names = list(runs.load_split(nasty).class_names)
    assert len(names) == len(NASTY) and "cod.exe" in names and "two lines" in names
    with zipfile.ZipFile(io.BytesIO(build_bundle(nasty, runs.read_state(nasty)))) as archive:
        files = {"README.md", "class_names.json", "model.onnx", "predict.py"}
        files |= {f"read_photo/{part}.py" for part in ("__init__", "levels", "tiff")}
        assert set(archive.namelist()) == files
        assert json.loads(archive.read("class_names.json")) == names
        card = archive.read("README.md").decode("utf-8")
    rows = [line for line in card.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(names)
    for row, name in zip(rows, names, strict=True):
        cells = re.split(r"(?<!\\)\|", row)  # bars that are not escaped
        assert len(cells) == 7
        assert re.sub(r"\\(.)", r"\1", cells[1]).replace("\u2060", "").strip() == name
    unescaped = re.sub(r"\\.", "", card)
    assert "<" not in unescaped and "](" not in unescaped and "**" not in unescaped


def test_hostile_names_survive_the_table_of_predictions(nasty):
    predictor = Predictor.of_run(nasty)
    photo = next(nasty.photos_dir.iterdir())
    answers = [(name, predictor.predict(photo)) for name in ("=cmd|' /C calc'!A0.jpg", "a\nb.jpg", "caf\udce9.jpg")]
    content = predictions_csv(answers)
    table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert len(table) == 4 and all(len(row) == 3 + len(NASTY) for row in table)
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in table for cell in row)
