"""What people really hand in, by command: parts, tables, series and contradictions, each with the right answer."""

import json
import shutil

import pytest

from tests.helpers import COLOURS, RESNET, draw_photo
from transfer_core.__main__ import main
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split

KINDS = {"glioma": COLOURS["red"], "no tumor": COLOURS["blue"]}


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def run(workspace, capsys):
    """Runs a command: its exit code, its answer or None, what it said beside it."""

    def run(*arguments) -> tuple[int, dict | None, str]:
        code = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out.splitlines()[-1]) if out else None, err

    return run


def fill(root, *parts, depth="{part}/{name}"):
    """Photos of both kinds in each (part, first, count)."""
    for part, first, count in parts:
        for name, colour in KINDS.items():
            for n in range(first, first + count):
                draw_photo(root / depth.format(part=part, name=name) / f"{n}.jpg", colour, n)


@pytest.mark.parametrize(
    ("parts", "depth"),
    [
        ([("Training", 0, 6), ("Testing", 50, 2)], "{part}/{name}"),
        ([("TRAIN", 0, 6), ("VALIDATION", 40, 2), ("TEST", 50, 2)], "{part}/{name}"),
        ([("train", 0, 6), ("val", 40, 2)], "{name}/{part}"),
        ([("train_images", 0, 6), ("test_images", 50, 2)], "images/{part}/{name}"),
        ([("imagenette_train", 0, 6), ("imagenette_val", 40, 2)], "{part}/{name}"),
    ],
)
def test_given_parts_are_taken_over(run, data, workspace, parts, depth):
    fill(data, *parts, depth=depth)
    code, answer, said = run("import", data, "--name", "x")
    per_class = sum(count for _, _, count in parts)
    assert (code, answer["classes"], said) == (0, dict.fromkeys(KINDS, per_class), "")
    split = make_split(load_items(workspace.open_project(answer["project"])), 0.2, 0)
    assert (len(split.train), len(split.val), len(split.test)) == (12, 4, 4 if len(parts) > 2 else 0)


def test_folds_are_put_together_and_said(run, data):
    fill(data, ("fold1", 0, 3), ("fold2", 10, 3), ("fold3", 20, 3))
    _, answer, said = run("import", data, "--name", "x")
    assert answer["classes"] == dict.fromkeys(KINDS, 9)
    assert said.startswith("'fold1', 'fold2' and 'fold3' are the folds of a cross-validation.")


def test_a_set_that_is_there_twice_counts_once(run, data):
    fill(data, ("train", 0, 3), ("test", 50, 2))
    for part in ("train", "test"):
        shutil.copytree(data / part, data / "set" / part)
    _, answer, said = run("import", data, "--name", "x")
    assert (answer["photos"], answer["added"], answer["classes"]) == (10, 10, dict.fromkeys(KINDS, 5))
    assert said.startswith("10 files repeat others") and len(answer["rejected"]) == 10


@pytest.mark.parametrize("place", ["test", "test/test", "unlabeled"])
def test_photos_outside_class_folders_are_listed_or_come_without_a_class(run, data, workspace, place):
    fill(data, ("train", 0, 3))
    for n in range(50, 54):
        draw_photo(data / place / f"{n}.jpg", COLOURS["green"], n)
    _, answer, _ = run("import", data, "--name", "x")
    assert answer["classes"] == dict.fromkeys(KINDS, 3) and len(answer["rejected"]) == 4
    _, answer, _ = run("import", data, "--name", "y", "--unlabelled")
    assert answer["classes"] == dict.fromkeys(KINDS, 3) and answer["unlabelled"] == 4
    items = [item for item in load_items(workspace.open_project(answer["project"])) if item.class_name is None]
    assert {item.part for item in items} == {None if place == "unlabeled" else "test"}


def test_parts_without_classes_are_refused_with_what_is_missing(run, data, workspace):
    for part, numbers in (("train", range(8)), ("valid", range(20, 23)), ("test", range(30, 33))):
        for n in numbers:
            draw_photo(data / part / f"IMG_{n}_jpg.rf.0a1b2c{n:02d}.jpg", COLOURS["red"], n)
        (data / part / "_notes.csv").write_text("who,when\nme,now\n")
    for command in (("fit", data), ("import", data, "--name", "x"), ("fit", data, "--class-from", "folder")):
        code, answer, said = run(*command)
        assert (code, answer) == (2, None) and len(said.splitlines()) == 1
        assert said.startswith("Nothing says the classes of the 14 photos. The folders 'test', 'train' and 'valid' are")
    assert "_notes.csv needs a first line" in run("fit", data)[2]
    assert workspace.projects() == []


def test_class_from_one_is_called_as_the_data(run, data):
    fill(data, ("a", 0, 1), ("b", 5, 1))
    assert run("import", data, "--name", "x", "--class-from", "one")[1]["classes"] == {"data": 4}
    assert run("import", data, "--name", "y", "--class-from", "top")[1]["classes"] == {"a": 2, "b": 2}


def test_numbers_stand_as_they_are_counted(run, data):
    for n in (10, 2, 0, 1):
        draw_photo(data / str(n) / "1.jpg", COLOURS["red"], n)
    assert list(run("import", data, "--name", "x")[1]["classes"]) == ["0", "1", "2", "10"]


def bursts(data):
    """Frames of events at places, as a camera trap names them."""
    for name, colour in (("fox", COLOURS["red"]), ("deer", COLOURS["blue"])):
        for event in range(8):
            for frame in range(3):
                draw_photo(data / name / f"LOC{event % 4:02d}_EVT{event:04d}_{frame}.jpg", colour, 100 * event + frame)


def test_a_group_pattern_that_finds_nothing_is_refused_before_a_photo_is_read(run, data, workspace):
    bursts(data)
    code, _, said = run("fit", data, "--group-pattern", r"(XYZ\d+)")
    assert code == 2 and workspace.projects() == []
    assert said.startswith(
        "The group pattern '(XYZ\\d+)' finds nothing in any of the 48 names, such as 'deer/LOC00_EVT"
    )


@pytest.mark.full
def test_what_names_and_pictures_say_is_said_on_the_way_to_a_run(run, data, tiny_workspace):
    bursts(data)
    for name, other in (("fox", 0), ("deer", 1)):
        for n in range(2):
            draw_photo(data / name / f"unavailable {n}.jpg", COLOURS["green"], 7)
        draw_photo(data / name / f"loose{other}.jpg", COLOURS["green"], other)
    fit = ("fit", data, "--backbone", RESNET, "--epochs", 2)
    code, answer, said = run(*fit)
    assert code == 0 and answer["train_count"] + answer["val_count"] == 50
    assert "File names begin with LOC00 ... LOC03." in said and "--group-pattern '" in said
    assert "1 picture is in more than one class and is left out until you decide: on the page Photos" in said
    assert "`label PROJECT --removed --class CLASS --match FILE --bring-back`" in said
    assert "left out: deer/unavailable 0.jpg: the same picture is in 'deer' and in 'fox'" in said
    code, _, said = run(*fit, "--group-pattern", r"(EVT\d+)")
    assert code == 0 and "The group pattern finds a group in 48 of 50 names; not in 2 names, such as " in said
