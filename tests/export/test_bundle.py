"""The exported zip: its script reads the same pictures and gives the same answers, without torch or Graft."""

import ast
import errno
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image

from tests.data.bombs import png
from tests.data.images.test_decode import encoded, picture
from tests.helpers import ROOT, answering, exported
from transfer_core import runs
from transfer_core.data.images import decode, read_photo
from transfer_core.data.images.rendering import Rendering
from transfer_core.data.ingest import sources
from transfer_core.errors import DataError
from transfer_core.evaluation.result import load_answers
from transfer_core.export.bundle import build_bundle
from transfer_core.inference.predictor import Predictor
from transfer_core.services.export import export


@pytest.fixture
def unpacked(finished, tmp_path):
    """The folder a person has after unpacking."""
    with zipfile.ZipFile(io.BytesIO(build_bundle(finished, runs.read_state(finished)))) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


@pytest.fixture
def run_script(unpacked, tmp_path):
    """Runs the script where importing torch is an error, away from our own code, with only what it says it needs."""
    (tmp_path / "absent").mkdir()
    for name in ("torch", "transfer_core", "timm", "onnx", "pi_heif", "pillow_heif"):
        (tmp_path / "absent" / f"{name}.py").write_text("raise ImportError('must not be imported')")

    def run_script(*arguments, **environment) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [sys.executable, str(unpacked / "predict.py"), *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "absent")} | environment,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run_script


@pytest.fixture
def ask(run_script):
    """The script's answers as rows of cells, of photos that it can all read."""

    def ask(*photos) -> list[list[str]]:
        answer = run_script(*photos)
        assert (answer.returncode, answer.stderr) == (0, "")
        return [line.split("\t") for line in answer.stdout.splitlines()]

    return ask


def test_the_zip_holds_model_names_card_and_script(unpacked):
    files = (path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*.*") if path.suffix != ".pyc")
    assert sorted(files) == [
        "README.md",
        "class_names.json",
        "model.onnx",
        "predict.py",
        "read_photo/__init__.py",
        "read_photo/levels.py",
        "read_photo/tiff.py",
    ]
    assert json.loads((unpacked / "class_names.json").read_text("utf-8")) == ["blue", "green", "red"]


def test_the_model_inside_is_the_one_that_was_checked(unpacked, finished):
    assert (unpacked / "model.onnx").read_bytes() == exported(finished)


def test_the_script_answers_as_the_trained_model_on_every_validation_photo(ask, finished):
    split, answers = runs.load_split(finished), load_answers(finished.evaluation_dir)
    found = ask(*(finished.photos_dir / item.file for item in split.val))
    assert len(found) == len(split.val)
    for (_, name, confidence), expected in zip(found, answers.confidences, strict=True):
        assert name == split.class_names[expected.argmax()]
        assert 1 / 3 <= float(confidence) <= 1
        assert float(confidence) == pytest.approx(expected.max(), abs=1e-4)


GREY = np.asarray(picture("L", (64, 48))).astype(np.float32) / 255
HOLES = np.arange(GREY.size).reshape(GREY.shape) % 97 == 0


def grey(levels: np.ndarray, format: str = "TIFF", **options) -> bytes:
    return encoded(Image.fromarray(levels), format, **options)


def turned(orientation: int, format: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture(size=(90, 40)), format, exif=exif)


def of_several(format: str) -> bytes:
    first = Image.new("RGB", (90, 40), "black")
    return encoded(first, format, save_all=True, append_images=[picture(size=(90, 40))])


def on_see_through(mode: str, format: str, **options) -> bytes:
    image = picture(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    return encoded(image, format, **options)


ODD = {
    **{f"{format}-{o}": (lambda o=o, f=format: turned(o, f)) for o in range(9) for format in ("JPEG", "PNG", "WEBP")},
    **{f"TIFF-{o}": (lambda o=o: turned(o, "TIFF")) for o in range(1, 9)},
    **{f"several {f}": (lambda f=f: of_several(f)) for f in ("TIFF", "GIF", "WEBP", "PNG", "MPO", "AVIF")},
    "CMYK JPEG": lambda: encoded(picture("CMYK"), "JPEG"),
    "CMYK TIFF": lambda: encoded(picture("CMYK"), "TIFF", compression="tiff_lzw"),
    "YCbCr": lambda: encoded(picture("YCbCr"), "TIFF"),
    "palette": lambda: encoded(picture("P"), "GIF"),
    "palette with a transparent colour": lambda: encoded(picture("P"), "PNG", transparency=3),
    "palette with transparent colours": lambda: encoded(picture("P"), "PNG", transparency=bytes(range(256))),
    "GIF with a transparent colour": lambda: encoded(picture("P"), "GIF", transparency=3),
    "grey with alpha": lambda: on_see_through("LA", "PNG"),
    "colours with alpha": lambda: on_see_through("RGBA", "PNG"),
    "WebP with alpha": lambda: on_see_through("RGBA", "WEBP", lossless=True),
    "TIFF with alpha": lambda: on_see_through("RGBA", "TIFF"),
    "grey with a transparent one": lambda: on_see_through("L", "PNG", transparency=90),
    "colours with a transparent one": lambda: on_see_through("RGB", "PNG", transparency=(0, 0, 90)),
    "one bit": lambda: encoded(picture("1"), "TIFF", compression="group4"),
    "16 bits": lambda: grey((GREY * 65535).astype(np.uint16), "PNG"),
    "16 bits with a transparent one": lambda: grey(
        np.where(GREY > 0.5, 9, GREY * 65535).astype(np.uint16), "PNG", transparency=9
    ),
    "16 bits, 0 is white": lambda: grey(((1 - GREY) * 65535).astype(np.uint16), tiffinfo={262: 0}),
    "12 bits": lambda: grey((GREY * 4095).astype(np.uint16)),
    "a hot pixel": lambda: grey(np.where(GREY.max() <= GREY, 65535, GREY * 2500).astype(np.uint16)),
    "shares": lambda: grey(GREY),
    "shares with holes": lambda: grey(np.where(HOLES, np.nan, GREY).astype(np.float32)),
    "shares and the infinite": lambda: grey(np.where(HOLES, np.inf, GREY).astype(np.float32)),
    "shares and -9999": lambda: grey(np.where(HOLES, -9999, GREY).astype(np.float32)),
    "32 bits": lambda: grey((GREY * 200_000).astype(np.int32)),
    "below 0": lambda: grey((GREY * 2000 - 1000).astype(np.int32)),
}
UNREADABLE = {
    "cut off": lambda: encoded(picture(size=(300, 200)), "JPEG")[:900],
    "text": lambda: b"hello",
    "empty": lambda: b"",
    "Lab": lambda: encoded(picture("LAB"), "TIFF"),
    "many pixels": lambda: png(30_000, 30_000),
    "many pixels in few bytes": lambda: png(10_000, 10_000),
    "strip": lambda: encoded(Image.new("RGB", (1, 6000)), "PNG"),
}


def test_the_script_reads_odd_pictures_as_the_app_does_and_names_what_neither_can(finished, run_script, tmp_path):
    predictor, expected, refused = Predictor.of_run(finished), {}, {}
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, content in {**ODD, **UNREADABLE}.items():
        (photos / name).write_bytes(content())
        try:
            expected[str(photos / name)] = predictor.predict(photos / name)
        except DataError as error:
            refused[str(photos / name)] = str(error)
    assert len(expected) == len(ODD) and len(refused) == len(UNREADABLE)
    answer = run_script(photos)
    assert answer.returncode == 0
    found = {name: (said, float(confidence)) for name, said, confidence in map(_cells, answer.stdout.splitlines())}
    assert found.keys() == expected.keys()
    wrong = {
        name: (found[name], one.class_name, one.confidence)
        for name, one in expected.items()
        if found[name][0] != one.class_name or abs(found[name][1] - one.confidence) > 0.001
    }
    assert wrong == {}
    for name, reason in refused.items():
        (line,) = [line for line in answer.stderr.splitlines() if line.startswith(f"{name}: ")]
        assert line == f"{name}: {reason.replace('AVIF, HEIC', 'AVIF')}"
    assert len(answer.stderr.splitlines()) == len(refused)


def test_the_script_sees_dim_photos_as_the_run_did(finished, run_script, unpacked, tmp_path):
    Rendering({"tif-grey-u16": (100.0, 700.0)}).save(finished.folder, finished.id)
    with zipfile.ZipFile(io.BytesIO(build_bundle(finished, runs.read_state(finished)))) as archive:
        (unpacked / "rendering.json").write_bytes(archive.read("rendering.json"))
    path = tmp_path / "dim.tif"
    path.write_bytes(grey((GREY * 600 + 100).astype(np.uint16)))
    expected = Predictor.of_run(finished).predict(path)
    assert (
        abs(expected.confidence - Predictor.of_run(finished).predict(decode.load_rgb(path, Rendering())).confidence) > 0
    )
    _, said, confidence = _cells(run_script(path).stdout.splitlines()[0])
    assert said == expected.class_name and abs(float(confidence) - expected.confidence) < 1e-5


def _cells(line: str) -> list[str]:
    cells = line.split("\t")
    assert len(cells) == 3, line
    return cells


@pytest.fixture
def album(finished, tmp_path):
    """A folder with three photos among what a system leaves beside them."""
    files = [item.file for item in runs.load_split(finished).val]
    places = ["b/2.jpg", "b/a/1.jpg", "a.jpg", ".DS_Store", "b/Thumbs.db", "__MACOSX/a.jpg", ".hidden/a.jpg"]
    for place, file in zip(places, files + files, strict=False):
        path = tmp_path / "album" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((finished.photos_dir / file).read_bytes())
    return tmp_path / "album"


@pytest.fixture
def no_photos(tmp_path) -> list[str]:
    """What may be named beside photos: a HEIC photo, where what reads it is missing, and what is no photo at all."""
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(90))
    (tmp_path / "nothing").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    return ["IMG_1.HEIC", "gone.jpg", "nothing", *(["pipe"] if hasattr(os, "mkfifo") else [])]


def check_no_photos(said: str, named: list[str]) -> None:
    lines = dict(zip(named, said.splitlines(), strict=True))
    assert lines["IMG_1.HEIC"].startswith("IMG_1.HEIC: a HEIC photo") and "pip install pi-heif" in lines["IMG_1.HEIC"]
    assert lines["gone.jpg"] == "gone.jpg: No such file or directory"
    assert lines["nothing"] == "nothing: a folder without photos"
    assert lines.get("pipe", "pipe: not a plain file") == "pipe: not a plain file"  # and it was not waited for


def test_folders_are_searched_and_what_is_no_photo_is_named(run_script, album, no_photos, finished):
    """What a system left in a folder is passed over; photos after what cannot be read are answered all the same."""
    photo = finished.photos_dir / runs.load_split(finished).val[0].file
    answer = run_script(*no_photos, album, photo)
    names = [str(album / place) for place in ("a.jpg", "b/2.jpg", "b/a/1.jpg")]
    assert [_cells(line)[0] for line in answer.stdout.splitlines()] == [*names, str(photo)]
    assert answer.returncode == 0
    check_no_photos(answer.stderr, no_photos)


def test_where_there_is_no_photo_at_all_it_is_an_error(run_script, no_photos):
    answer = run_script(*no_photos)
    assert (answer.returncode, answer.stdout) == (1, "")
    check_no_photos(answer.stderr, no_photos)


@pytest.mark.full
def test_a_photo_that_the_model_fails_at_costs_only_itself(run_script, unpacked, tmp_path):
    """Such as a very large one, where memory is short. This model knows photos of 600 values only."""
    nodes = [
        helper.make_node("Cast", ["photo"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["levels", "shape"], ["row"]),
        helper.make_node("Softmax", ["row"], ["confidences"]),
    ]
    graph = helper.make_graph(
        nodes,
        "picky",
        [helper.make_tensor_value_info("photo", TensorProto.UINT8, [1, "height", "width", 3])],
        [helper.make_tensor_value_info("confidences", TensorProto.FLOAT, [1, 600])],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [1, 600])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    (unpacked / "model.onnx").write_bytes(model.SerializeToString())
    (unpacked / "class_names.json").write_text(json.dumps([str(number) for number in range(600)]), "utf-8")
    picture(size=(30, 20)).save(tmp_path / "large.png")
    picture(size=(20, 10)).save(tmp_path / "small.png")
    answer = run_script("large.png", "small.png")
    assert answer.returncode == 0 and _cells(answer.stdout.rstrip("\n"))[0] == "small.png"
    assert len(answer.stderr.splitlines()) == 1
    assert answer.stderr.startswith("large.png: the model failed at its 30 x 20 pixels (")


def test_a_photo_without_a_number_for_an_answer_is_said_to_have_none(run_script, unpacked, tmp_path):
    (unpacked / "model.onnx").write_bytes(answering(np.array([0.2, np.nan, 0.8], np.float32)))
    picture(size=(30, 20)).save(tmp_path / "photo.png")
    answer = run_script("photo.png")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "photo.png: the model's answer is not a number (NaN)\n"


def test_without_a_photo_the_script_says_how_it_is_used(run_script):
    answer = run_script()
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "usage: predict.py" in answer.stderr and "photo" in answer.stderr


@pytest.mark.full
def test_names_that_would_break_the_table_do_not(run_script, unpacked, finished, tmp_path):
    """In whatever encoding the terminal is set to."""
    names = ["two\nlines", "a\tb\u2028c\x1b[31m", "bee \N{HONEYBEE} \u00fc \N{WOMAN}\u200d\N{EAR OF RICE}"]
    (unpacked / "class_names.json").write_text(json.dumps(names), "utf-8")
    shown = ["two\\nlines", "a\\tb\\u2028c\\x1b[31m", names[2]]
    split, paths = runs.load_split(finished), []
    for number, item in enumerate(split.val):
        paths.append(tmp_path / f"{number}\n\t{number}.jpg")
        paths[-1].write_bytes((finished.photos_dir / item.file).read_bytes())
    answer = run_script(*paths, PYTHONIOENCODING="ascii")
    answers = load_answers(finished.evaluation_dir)
    rows = [_cells(line) for line in answer.stdout.splitlines()]
    assert [row[1] for row in rows] == [shown[class_id] for class_id in answers.predicted_ids]
    assert {row[1] for row in rows} == set(shown)
    assert [row[0] for row in rows] == [str(path).replace("\n", "\\n").replace("\t", "\\t") for path in paths]


def test_the_script_passes_over_what_the_app_calls_junk():
    namespace = {"__file__": "predict.py"}
    tree = ast.parse((ROOT / "transfer_core/export/predict_script.py").read_text("utf-8"))
    wanted = [
        node
        for node in tree.body
        if (isinstance(node, ast.FunctionDef) and node.name == "is_meant")
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SYSTEM_FILES")
    ]
    exec(compile(ast.Module(wanted, []), "predict.py", "exec"), namespace)
    assert set(namespace["SYSTEM_FILES"]) == sources.JUNK
    for name in ("$RECYCLE.BIN", "~$a.docx", "._1.jpg", "Lost+Found", "1.jpg", "a.docx", "recycled"):
        assert namespace["is_meant"](name) is not sources.is_junk(name)


@pytest.mark.full
def test_a_reader_who_leaves_early_is_no_mistake(unpacked, finished):
    """As in `python predict.py folder | head -1`."""
    photo = finished.photos_dir / runs.load_split(finished).val[0].file
    script = subprocess.Popen(
        [sys.executable, str(unpacked / "predict.py"), *[str(photo)] * 3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    script.stdout.close()
    assert script.stderr.read() == ""
    assert script.wait(60) == 1
    script.stderr.close()


@pytest.mark.full
def test_what_is_not_installed_is_said_in_a_line(run_script, tmp_path):
    (tmp_path / "absent" / "onnxruntime.py").write_text("raise ImportError('No module named onnxruntime')")
    answer = run_script("photo.jpg")
    assert answer.returncode == 1 and len(answer.stderr.splitlines()) == 1
    assert "pip install --upgrade onnxruntime pillow" in answer.stderr


def test_a_model_that_cannot_be_loaded_is_said_in_a_line(run_script, unpacked):
    (unpacked / "model.onnx").write_bytes(b"no model")
    answer = run_script("photo.jpg")
    assert answer.returncode == 1 and len(answer.stderr.splitlines()) == 1
    assert "model.onnx" in answer.stderr and "pip install --upgrade onnxruntime" in answer.stderr


@pytest.mark.parametrize("name", ["predict.py", *(f"read_photo/{part}.py" for part in ("__init__", "levels", "tiff"))])
def test_what_travels_stands_on_onnxruntime_pillow_and_numpy_alone_from_python_3_9_on(unpacked, name):
    """HEIC's packages are looked for by name where they are installed."""
    tree = ast.parse((unpacked / name).read_text("utf-8"), feature_version=(3, 9))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("read_photo" if node.level else node.module.split(".")[0])
    assert found - set(sys.stdlib_module_names) <= {"numpy", "onnxruntime", "PIL", "read_photo"}


def test_the_zip_carries_the_very_files_that_the_app_reads_photos_with(unpacked):
    for path in Path(read_photo.__file__).parent.glob("*.py"):
        assert (unpacked / "read_photo" / path.name).read_bytes() == path.read_bytes()


def test_a_failed_write_leaves_the_old_zip(finished, tmp_path, monkeypatch):
    out = tmp_path / "model.zip"
    out.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken disk")))
    with pytest.raises(OSError, match="broken disk"):
        export(finished, out)
    assert out.read_bytes() == b"old"
    assert [name for name in os.listdir(tmp_path) if name.endswith(".part")] == []
