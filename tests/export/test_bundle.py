"""The zip to take along: its script gives the same answers, without torch."""

import ast
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.data.images.test_decode import encoded, picture
from transfer_core import runs
from transfer_core.evaluation.result import load_answers
from transfer_core.export.bundle import _SCRIPT, write_bundle
from transfer_core.inference.predictor import Predictor


@pytest.fixture
def unpacked(finished, tmp_path):
    """The folder a person has after unpacking."""
    out = tmp_path / "out" / "model.zip"
    write_bundle(finished, runs.read_state(finished), out)
    assert os.listdir(out.parent) == ["model.zip"]
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


@pytest.fixture
def ask(unpacked, tmp_path):
    """Runs the script where importing torch is an error, away from our own code."""
    (tmp_path / "no-torch").mkdir()
    for name in ("torch", "transfer_core", "timm"):
        (tmp_path / "no-torch" / f"{name}.py").write_text("raise ImportError('must not be imported')")

    def ask(*photos) -> list[list[str]]:
        answer = subprocess.run(
            [sys.executable, str(unpacked / "predict.py"), *map(str, photos)],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "no-torch"), "PYTHONIOENCODING": "utf-8"},
        )
        assert answer.returncode == 0, answer.stderr
        return [line.split("\t") for line in answer.stdout.splitlines()]

    return ask


def test_the_zip_holds_model_names_card_and_script(unpacked):
    assert sorted(os.listdir(unpacked)) == ["README.md", "class_names.json", "model.onnx", "predict.py"]
    assert json.loads((unpacked / "class_names.json").read_text("utf-8")) == ["blue", "green", "red"]


def test_the_model_inside_is_the_one_that_was_checked(unpacked, finished):
    assert (unpacked / "model.onnx").read_bytes() == finished.model_path.read_bytes()


def test_the_script_answers_as_the_trained_model_on_every_validation_photo(ask, finished):
    split, answers = runs.load_split(finished), load_answers(finished.evaluation_dir)
    found = ask(*(finished.photos_dir / item.file for item in split.val))
    assert len(found) == len(split.val)
    for (_, name, confidence), expected in zip(found, answers.confidences, strict=True):
        assert name == split.class_names[expected.argmax()]
        assert float(confidence) == pytest.approx(expected.max(), abs=1e-4)


@pytest.mark.parametrize(
    "kind",
    [
        "upright by EXIF",
        "CMYK",
        "palette with transparency",
        "grey with alpha",
        "GIF",
        "16 bits",
        "12 bits",
        "float",
        "32 bits",
        "below 0",
    ],
)
def test_the_script_reads_odd_photos_as_the_app_does(ask, finished, tmp_path, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = {
        "upright by EXIF": lambda: encoded(picture(size=(90, 40)), "JPEG", exif=exif),
        "CMYK": lambda: encoded(picture("CMYK"), "JPEG"),
        "palette with transparency": lambda: encoded(picture("P"), "PNG", transparency=3),
        "grey with alpha": lambda: encoded(picture("LA"), "PNG"),
        "GIF": lambda: encoded(picture("P"), "GIF"),
        "16 bits": lambda: encoded(Image.fromarray(np.arange(0, 65536, 8, np.uint16).reshape(64, 128)), "PNG"),
        "12 bits": lambda: encoded(Image.fromarray(np.arange(0, 4096, 2, np.uint16).reshape(32, 64)), "TIFF"),
        "float": lambda: encoded(Image.fromarray(np.linspace(0, 1, 2048, dtype=np.float32).reshape(32, 64)), "TIFF"),
        "32 bits": lambda: encoded(Image.fromarray(np.arange(0, 2048 * 99, 99, np.int32).reshape(32, 64)), "TIFF"),
        "below 0": lambda: encoded(Image.fromarray(np.linspace(-9, 7, 2048, dtype=np.float32).reshape(32, 64)), "TIFF"),
    }[kind]()
    (tmp_path / "photo").write_bytes(content)
    ((_, name, confidence),) = ask(tmp_path / "photo")
    expected = Predictor.of_run(finished).predict(tmp_path / "photo")
    assert name == expected.class_name and float(confidence) == pytest.approx(expected.confidence, abs=1e-4)


def test_the_script_is_short():
    """At most 15 lines of code; its docstring and blank lines are none."""
    source = _SCRIPT.read_text("utf-8")
    docstring = ast.parse(source).body[0]
    code = [
        line
        for number, line in enumerate(source.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#") and not docstring.lineno <= number <= docstring.end_lineno
    ]
    assert len(code) <= 15, code


def test_a_failed_write_leaves_the_old_zip(finished, tmp_path):
    out = tmp_path / "model.zip"
    out.write_bytes(b"old")
    finished.model_path.unlink()
    with pytest.raises(FileNotFoundError):
        write_bundle(finished, runs.read_state(finished), out)
    assert out.read_bytes() == b"old"
    assert [name for name in os.listdir(tmp_path) if name.endswith(".part")] == []


def test_predictions_of_the_script_are_confidences(ask, finished):
    split = runs.load_split(finished)
    ((_, name, confidence),) = ask(finished.photos_dir / split.train[0].file)
    assert name in split.class_names and 1 / 3 <= float(confidence) <= 1
    assert np.isfinite(float(confidence))
