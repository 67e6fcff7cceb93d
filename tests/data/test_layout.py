"""Folder names: classes, parts, wrapping."""

import pytest

from transfer_core.data.layout import read_layout, tidy_class_name


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        # class folders
        (["cats/1.jpg", "dogs/2.jpg"], [(None, "cats"), (None, "dogs")]),
        # one wrapping folder around them, as most zips have
        (["pets/cats/1.jpg", "pets/dogs/2.jpg"], [(None, "cats"), (None, "dogs")]),
        # two of them
        (["a/pets/cats/1.jpg", "a/pets/dogs/2.jpg"], [(None, "cats"), (None, "dogs")]),
        # parts, by each of their names and in capitals
        (["train/cats/1.jpg", "val/cats/2.jpg"], [("train", "cats"), ("val", "cats")]),
        (["Train/cats/1.jpg", "VALID/cats/2.jpg"], [("train", "cats"), ("val", "cats")]),
        (["train/cats/1.jpg", "validation/cats/2.jpg"], [("train", "cats"), ("val", "cats")]),
        (
            ["train/cats/1.jpg", "val/cats/2.jpg", "test/cats/3.jpg"],
            [("train", "cats"), ("val", "cats"), ("test", "cats")],
        ),
        # parts in a wrapping folder, with a README beside them
        (["set/README.txt", "set/train/cats/1.jpg", "set/val/cats/2.jpg"], [None, ("train", "cats"), ("val", "cats")]),
        # a class called "train" among others is a class
        (["train/1.jpg", "bus/2.jpg"], [(None, "train"), (None, "bus")]),
        # a photo deeper inside its class
        (["cats/tabby/1.jpg", "dogs/2.jpg"], [(None, "cats"), (None, "dogs")]),
        # one class
        (["cats/1.jpg", "cats/2.jpg"], [(None, "cats"), (None, "cats")]),
        # photos beside the class folders belong to none
        (["1.jpg", "cats/2.jpg", "dogs/3.jpg"], [None, (None, "cats"), (None, "dogs")]),
        # nothing but loose photos
        (["1.jpg", "2.jpg"], [None, None]),
    ],
)
def test_places(paths, expected):
    layout = read_layout(paths)
    assert [layout.place(path) for path in paths] == expected


def test_no_paths_are_no_problem():
    assert read_layout([]).place("cats/1.jpg") == (None, "cats")


@pytest.mark.parametrize(
    ("name", "tidy"),
    [
        ("  cats ", "cats"),
        ("cats\nand\tdogs", "cats and dogs"),
        ("a\u0308rger", "ärger"),  # a Mac writes accents as characters of their own
        ("\u202ecats", "cats"),
        ("caf\udce9", "caf"),  # a file name that is no UTF-8
        ("\0", "unnamed"),
        ("=1+1", "=1+1"),  # hostile, but a name
        ("x" * 250, "x" * 250),
    ],
)
def test_tidy_class_names(name, tidy):
    assert tidy_class_name(name) == tidy
