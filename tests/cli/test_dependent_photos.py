"""Copies, groups and photos that were trained on, from the folder to the answer of `fit` and `evaluate`."""

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers import COLOURS, RESNET, draw_dataset, draw_photo
from transfer_core.__main__ import main
from transfer_core.metrics.wilson import wilson


@pytest.fixture
def ask(tiny_workspace, capsys):
    """Runs a command in this process: its answer, and what it told people."""

    def ask(*arguments) -> tuple[dict, str]:
        code = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        assert code == 0, err
        return json.loads(out.splitlines()[-1]), err

    return ask


def copy_each(folder: Path, times: int) -> None:
    """So many copies of each photo beside it, as people make to have more data."""
    for path in sorted(folder.rglob("*.jpg")):
        for number in range(1, times):
            shutil.copy(path, path.with_stem(f"{path.stem} - Copy ({number})"))


def test_ten_copies_of_each_photo_change_no_figure(ask, tmp_path):
    data = draw_dataset(tmp_path / "blots", 6)
    one, _ = ask("fit", data, "--backbone", RESNET, "--epochs", 20)
    copy_each(data, 10)
    ten, _ = ask("fit", data, "--backbone", RESNET, "--epochs", 20, "--name", "Ten times")
    assert "val_copies" not in one and ten["val_copies"] == 9 * ten["val_count"]
    for name in ("val_count", "val_units", "val_accuracy", "val_interval", "confusion_matrix"):
        assert ten[name] == one[name]
    more = draw_dataset(tmp_path / "more", 2)
    first, _ = ask("evaluate", one["run_id"], more)
    copy_each(more, 5)
    again, _ = ask("evaluate", one["run_id"], more)
    assert again["copies"] == 24 and {**again, "copies": 0} == first | {"copies": 0}


def test_a_small_class_that_was_filled_with_copies_counts_its_different_photos(ask, tmp_path):
    for n in range(30):
        draw_photo(tmp_path / "set" / "ants" / f"{n}.jpg", COLOURS["red"], n)
    for n in range(6):
        draw_photo(tmp_path / "set" / "bees" / f"{n}.jpg", COLOURS["blue"], 100 + n)
    copy_each(tmp_path / "set" / "bees", 5)
    found, _ = ask("fit", tmp_path / "set", "--backbone", RESNET, "--epochs", 20)
    ants, bees = map(sum, found["confusion_matrix"])
    assert (ants, bees) == (6, 1) and found["val_count"] == found["val_units"] == 7
    assert found["val_interval"] == pytest.approx(wilson(round(7 * found["val_accuracy"]), 7))


def test_photos_that_were_trained_on_have_no_range(ask, tmp_path):
    train = draw_dataset(tmp_path / "set" / "train", 6)
    for name in COLOURS:
        for n in range(2):
            draw_photo(tmp_path / "set" / "val" / name / f"new{n}.jpg", COLOURS[name], 900 + n)
            shutil.copy(train / name / f"{name}{n}.jpg", tmp_path / "set" / "val" / name / f"seen{n}.jpg")
    found, told = ask("fit", tmp_path / "set", "--backbone", RESNET, "--epochs", 20)
    assert (found["val_count"], found["val_learned"], found["val_interval"]) == (12, 6, None)
    assert "in two sets of your data" in told
    again, told = ask("evaluate", found["run_id"], train)
    assert (again["count"], again["learned"], again["interval"]) == (18, 18, None)
    assert "18 of these photos were training photos" in told
    assert main(["evaluate", found["run_id"], str(train)]) == 0


def test_photos_of_a_group_count_as_one(ask, tmp_path, capsys):
    for class_id, name in enumerate(COLOURS):
        for n in range(12):
            draw_photo(tmp_path / "set" / name / f"{name}{n // 4}_{n}.jpg", COLOURS[name], 100 * class_id + n)
    found, _ = ask("fit", tmp_path / "set", "--backbone", RESNET, "--epochs", 20, "--group-pattern", r"/(\w+\d)_")
    assert (found["val_count"], found["val_units"]) == (12, 3)
    worth = wilson(round(12 * found["val_accuracy"]), 12, 3)
    assert found["val_interval"][1] - found["val_interval"][0] <= worth[1] - worth[0] + 1e-9
    if found["val_accuracy"] == 1:
        assert found["val_interval"] == pytest.approx(wilson(3, 3))
    assert main(["resume", found["run_id"]]) == 0
    assert "Only 3 of these photos are independent of the others" in capsys.readouterr().out
