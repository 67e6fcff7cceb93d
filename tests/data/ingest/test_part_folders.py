"""Folders that are parts of a set, told from classes by what lies beside them; the right values, case by case."""

from collections import Counter

import pytest

from transfer_core.data.ingest.folder_layout import read_layout
from transfer_core.data.split_names import read_part_name

ANT, BEE = "ant", "bee"


def read(*paths: str) -> dict:
    """(part, class) of each path; None for a photo that is in no class."""
    layout = read_layout(paths)
    return {path: place and place[:2] for path in paths for place in [layout.place(path)]}


def filled(*folders: str) -> list[str]:
    """Two photos of each of two classes in each of these; "{}" stands for the class."""
    return [f"{folder.format(name)}/{n}.jpg" for folder in folders for name in (ANT, BEE) for n in range(2)]


@pytest.mark.parametrize(
    ("first", "second", "part"),
    [
        ("train", "val", "val"),
        ("Training", "Testing", "test"),
        ("TRAIN", "VALIDATION", "val"),
        ("training_set", "test_set", "test"),
        ("train_images", "test_images", "test"),
        ("trainset", "valset", "val"),
        ("TrainSet", "TestSet", "test"),
        ("train", "dev", "val"),
        ("train", "eval", "val"),
        ("train", "test1", "test"),
        ("imagenette_train", "imagenette_val", "val"),
        ("train_birds", "test_birds", "test"),
        ("train2017", "val2017", "val"),
        ("seg-train", "seg-test", "test"),
        ("01 train", "02 test", "test"),
    ],
)
@pytest.mark.parametrize("place", ["{part}/{cls}", "{cls}/{part}", "images/{part}/{cls}", "a/b/{part}/c/{cls}"])
def test_parts_are_taken_over_wherever_they_lie(first, second, part, place):
    paths = filled(*(place.format(part=name, cls="{}") for name in (first, second)))
    assert Counter(read(*paths).values()) == {(p, name): 2 for p in ("train", part) for name in (ANT, BEE)}


@pytest.mark.parametrize(
    "classes",
    [
        # what is a class beside others stays one
        ("train", "bus", "car"),
        ("Train", "Tram"),
        ("valid", "invalid"),
        ("test", "control"),
        ("steam_train", "freight_train"),
        ("train_station", "test_tube"),
        ("labelled", "unlabelled"),
        ("fold", "tear"),
        ("split", "whole"),
    ],
)
def test_a_word_beside_classes_is_a_class_also_inside_parts(classes):
    plain = [f"{name}/{n}.jpg" for name in classes for n in range(2)]
    assert {place[1] for place in read(*plain).values()} == set(classes)
    inside = [f"{part}/{path}" for part in ("train", "val") for path in plain]
    assert Counter(read(*inside).values()) == {(p, name): 2 for p in ("train", "val") for name in classes}
    around = [f"{path.split('/')[0]}/{part}/{path[-5:]}" for part in ("train", "val") for path in plain]
    assert Counter(read(*around).values()) == {(p, name): 2 for p in ("train", "val") for name in classes}


@pytest.mark.parametrize(
    "folders",
    [
        ("train", "valid", "test"),
        ("Training", "Testing"),
        ("train/images", "test/images"),
        ("train", "unlabeled"),
        ("train/train", "test1/test1"),
        ("fold1", "fold2", "fold_3"),
        ("split_1", "split_2"),
        ("cv1", "cv2", "cv3"),
        ("mnist_train", "mnist_test"),
        ("dev", "test"),
        ("train",),
    ],
)
def test_parts_without_classes_are_no_classes(folders):
    assert set(read(*(f"{folder}/{n}.jpg" for folder in folders for n in range(3))).values()) == {None}


@pytest.mark.parametrize("flat", ["test", "test/test", "test/images", "test/0", "unlabeled", "unsup/unsup", "dev/all"])
def test_photos_outside_class_folders_are_in_no_class(flat):
    loose = [f"{flat}/{n}.jpg" for n in range(50)]
    found = read(*filled("train/{}"), *loose)
    assert Counter(found[path] for path in loose) == {None: 50}
    assert Counter(found.values()) == {None: 50, ("train", ANT): 2, ("train", BEE): 2}


def test_a_test_folder_beside_classes_is_no_class():
    assert Counter(read(*filled("{}"), "test/1.jpg", "validation/2.jpg").values()) == {
        (None, ANT): 2,
        (None, BEE): 2,
        None: 2,
    }
    assert read(*filled("{}"), "test/ant/9.jpg")["test/ant/9.jpg"] == ("test", ANT)


def test_classes_and_parts_in_one_name():
    paths = [f"{name}_{part}/{n}.jpg" for name in ("oak", "elm") for part in ("train", "val") for n in range(2)]
    assert Counter(read(*paths).values()) == {(part, name): 2 for part in ("train", "val") for name in ("oak", "elm")}


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        ("{part}_{cls}", ["grade1", "grade2", "healthy"]),
        ("{cls}_{part}", ["grade1", "grade2", "healthy"]),
        ("{cls} {part}", ["grade 1", "grade 2"]),
        ("{cls}-{part}-set", ["new_cats", "cats", "dogs"]),
        ("{cls}_{part}_1", ["type2", "type10", "none"]),
    ],
)
def test_classes_that_differ_in_a_number_or_a_small_word_stay_apart(folders, classes):
    paths = [
        f"{folders.format(cls=name, part=part)}/{n}.jpg"
        for name in classes
        for part in ("train", "val")
        for n in (1, 2)
    ]
    assert Counter(read(*paths).values()) == {(part, name): 2 for part in ("train", "val") for name in classes}


def test_numbers_of_parts_tell_no_classes_apart():
    paths = [f"{folder}/1.jpg" for folder in ("oak_train_1", "oak_train_2", "elm_train_1", "oak_val", "elm_val")]
    assert Counter(read(*paths).values())["train", "oak"] == 2
    days = read(*filled("day1_train/{}", "day2_train/{}", "day3_test/{}"))
    assert set(days.values()) == {(part, name) for part in ("train", "test") for name in (ANT, BEE)}


def test_a_further_folder_beside_parts_is_no_class():
    found = read(*filled("train/{}", "val/{}"), "docs/1.jpg")
    assert found.pop("docs/1.jpg") is None and set(found.values()) == {
        (p, c) for p in ("train", "val") for c in (ANT, BEE)
    }


def test_a_class_called_train_beside_a_test_folder_of_the_same_classes():
    paths = [f"{folder}/{n}.jpg" for folder in ("train", "bus", "test/train", "test/bus") for n in range(2)]
    assert Counter(read(*paths).values()) == {(part, name): 2 for part in (None, "test") for name in ("train", "bus")}


def test_sets_of_known_publishers():
    assert (
        Counter(read(*filled("seg_train/seg_train/{}", "seg_test/seg_test/{}"), "seg_pred/seg_pred/1.jpg").values())[
            None
        ]
        == 1
    )
    assert set(read(*filled("train/{}_train", "test/{}_test")).values()) == {
        (part, name) for part in ("train", "test") for name in (ANT, BEE)
    }
    mvtec = read(*filled("train/{}", "test/{}"), "ground_truth/ant/1.jpg")
    assert mvtec["ground_truth/ant/1.jpg"] is None and len(set(mvtec.values())) == 5


def test_one_odd_folder_takes_no_photo_out():
    assert set(read("ant/1.jpg", "ant/2.jpg", "bee/3.jpg", "ant/train/4.jpg").values()) >= {(None, ANT), (None, BEE)}


def notes(*paths: str) -> str:
    return " ".join(read_layout(paths).said)


def test_what_cannot_be_taken_over_is_said():
    assert notes(*filled("train/{}", "val/{}")) == ""
    assert notes(*filled("fold1/{}", "fold2/{}", "fold3/{}")).startswith("'fold1', 'fold2' and 'fold3' are the folds")
    assert {place[0] for place in read(*filled("fold1/{}", "fold2/{}")).values()} == {None}
    folds = filled(*(f"fold{n}/{part}/{{}}" for n in (1, 2) for part in ("train", "val")))
    assert "repeat the same photos" in notes(*folds) and {place[0] for place in read(*folds).values()} == {None}
    assert "'test1' and 'test2' are put together: they all become test photos." in notes(
        *filled("train/{}", "test1/{}", "test2/{}")
    )
    assert notes(*filled("val/{}", "test/{}")).startswith("There is no folder of training photos, so 'test' and 'val'")
    assert {place[0] for place in read(*filled("val/{}", "test/{}")).values()} == {None}
    assert notes(*filled("train/fold1/{}", "train/fold2/{}", "test/{}")).startswith("'fold1' and 'fold2' are the folds")
    assert {place[0] for place in read(*filled("train/fold1/{}", "train/fold2/{}", "test/{}")).values()} == {
        "train",
        "test",
    }


@pytest.mark.parametrize(
    "name", ["contest", "latest", "invalid", "trainer", "evaluna", "develop", "train_test_split", ""]
)
def test_names_that_only_sound_like_parts(name):
    assert read_part_name(name) is None
