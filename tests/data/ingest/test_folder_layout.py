"""Paths: classes, parts, wrapping, and the other ways to read them."""

import pytest

from transfer_core.data.ingest.folder_layout import OneClass, alternatives, read_layout, survey, tidy_class_name


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
        # photos deeper inside classes that hold photos themselves
        (["cats/1.jpg", "cats/tabby/2.jpg", "dogs/3.jpg"], [(None, "cats"), (None, "cats"), (None, "dogs")]),
        (["cats/1.jpg", "cats/tabby/2.jpg"], [(None, "cats"), (None, "cats")]),
        # any nesting: the folder that holds the photos
        (["2024/may/cats/1.jpg", "2023/cats/2.jpg", "dogs/3.jpg"], [(None, "cats"), (None, "cats"), (None, "dogs")]),
        # parts inside the classes
        (
            ["set/cats/train/1.jpg", "set/cats/test/2.jpg", "set/dogs/train/3.jpg"],
            [("train", "cats"), ("test", "cats"), ("train", "dogs")],
        ),
        # a photo beside class folders that are wrapped, and one beside parts
        (["set/1.jpg", "set/cats/2.jpg", "set/dogs/3.jpg"], [None, (None, "cats"), (None, "dogs")]),
        (["set/1.jpg", "set/train/cats/2.jpg", "set/val/cats/3.jpg"], [None, ("train", "cats"), ("val", "cats")]),
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
    assert [place and place[:2] for place in map(layout.place, paths)] == expected


def test_no_paths_are_no_problem():
    assert read_layout([]).place("cats/1.jpg").class_name == "cats"
    assert alternatives([]) == []


@pytest.mark.parametrize(
    ("paths", "ways"),
    [
        # plain class folders can be read in one way only
        (["cats/1.jpg", "dogs/2.jpg"], {"folder": ["cats", "dogs"]}),
        # places above classes, or classes above kinds
        (
            ["north/cats/1.jpg", "north/dogs/2.jpg", "south/cats/3.jpg"],
            {"folder": ["cats", "dogs"], "top_folder": ["north", "south"]},
        ),
        # classes that hold photos themselves and kinds below
        (
            ["cats/1.jpg", "cats/tabby/2.jpg", "dogs/3.jpg"],
            {"top_folder": ["cats", "dogs"], "folder": ["cats", "dogs", "tabby"]},
        ),
        # file names that begin alike, loose
        (["cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg"], {"file_name": ["cat", "dog"]}),
        # and under parts that hold no classes
        (
            ["train/cat.0.jpg", "train/cat.1.jpg", "test/dog.0.jpg", "test/dog.1.jpg"],
            {"file_name": ["cat", "dog"]},
        ),
        # or beside folders of parts; names of cameras are offered, but never suggested
        (["IMG_1.jpg", "IMG_2.jpg", "DSC_1.jpg", "DSC_2.jpg"], {"file_name": ["DSC", "IMG"]}),
        # names of cameras say no class, nor do names that no other file has
        (["cats/IMG_1.jpg", "dogs/IMG_2.jpg"], {"folder": ["cats", "dogs"]}),
        (["a.jpg", "b.jpg"], {}),
        # in class folders they are offered, but not suggested
        (
            ["pets/tom 1.jpg", "pets/tom 2.jpg", "pets/rex 1.jpg", "pets/rex 2.jpg"],
            {"folder": ["pets"], "file_name": ["rex", "tom"]},
        ),
    ],
)
def test_alternatives(paths, ways):
    found = {layout.way: list(survey(layout, paths).classes) for layout in alternatives(paths)}
    assert found == ways and list(found) == list(ways)


def test_parts_are_seen_where_file_names_say_the_class():
    layout = read_layout(["train/cat.0.jpg", "val/cat.1.jpg"], "file_name")
    assert layout.place("val/cat.1.jpg")[:2] == ("val", "cat")


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("great_pyrenees_107.jpg", "great_pyrenees"),
        ("cat.0.jpg", "cat"),
        ("oak leaf (12).png", "oak leaf"),
        ("oak-2024-05-01.jpg", "oak"),
        ("b\u00e4r_schl\u00e4ft.jpg", "b\u00e4r"),
        ("1_oak_3.jpg", "1_oak"),
        ("12.jpg", None),
        ("oak.jpg", None),
        (".jpg", None),
    ],
)
def test_beginnings_of_file_names(name, beginning):
    place = read_layout([name], "file_name").place(name)
    assert (place and place.class_name) == beginning


def test_survey_counts_classes_parts_and_what_has_no_place():
    paths = ["train/cats/1.jpg", "train/dogs/2.jpg", "val/cats/3.jpg", "4.jpg"]
    found = survey(read_layout(paths), paths)
    assert found.classes == {"cats": 2, "dogs": 1} and found.photos == 3
    assert found.parts == {"train": {"cats": 1, "dogs": 1}, "val": {"cats": 1}}
    assert found.unplaced == ["4.jpg"]
    assert read_layout(paths).unplaced.startswith("in none of the folders train, val and test, or in no class folder;")
    assert survey(OneClass(" cats "), paths).classes == {"cats": 4}


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
