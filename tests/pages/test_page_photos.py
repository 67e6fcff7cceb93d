import struct
import zlib

import pytest

from pages._photos import import_review
from tests.helpers import draw_photo
from tests.pages.conftest import add, button, chip, errors, hand_in, press, said, zipped
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import count_classes, load_items


@pytest.fixture
def empty(workspace):
    return workspace.create_project("Blots")


@pytest.fixture
def photos(tmp_path) -> dict[str, bytes]:
    """Ten photos of each of two classes, by path."""
    return {
        f"{name}/{i}.jpg": draw_photo(tmp_path / f"{name}{i}.jpg", colour, seed + i).read_bytes()
        for name, colour, seed in (("blue", (40, 60, 200), 0), ("red", (200, 40, 40), 100))
        for i in range(10)
    }


def test_empty_project_shows_the_ways_in(visit, empty, board):
    app = visit("photos", project=empty.id)
    assert "at least two classes" in said(app) and board.counts == {} and board.sent[-1]["fresh"]
    [ways] = [entry for entry in app.expander if entry.label.startswith("Add many at once")]
    assert ways.proto.expanded and [tab.label for tab in ways.tabs][:2] == ["Files or a zip", "A folder"]
    assert to_train(app).disabled and not app.get("popover")


def to_train(app):
    """The button that leads on, with how long it takes behind its word where that is known."""
    return app.button(key="to-train")


def test_zip_comes_in(visit, empty, photos, board):
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    text = said(app)
    assert "20 new photos added." in text and "2 classes are ready." in text
    assert chip(app) == "20 photos, 2 classes: no problems in counts and files"
    assert board.counts == count_classes(load_items(empty)) == {"blue": 10, "red": 10}
    assert to_train(app).label == "Train, about 1 s" and not to_train(app).disabled
    assert to_train(app).click().run().title[0].value == "Train"


def test_classes_that_differ_in_capitals_are_asked_about_and_joined(visit, empty, photos):
    photos |= {path.replace("red/", "Red/x"): content + b" " for path, content in photos.items() if "red/1" in path}
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    assert "'Red' and 'red' differ only in capitals" in said(app)
    app = press(app, "Merge them as 'red'")
    assert count_classes(load_items(empty)) == {"blue": 10, "red": 11} and "capitals" not in said(app)


def test_photos_without_a_class_are_counted_apart(visit, empty, photos, board):
    hand_in(visit("photos", project=empty.id), zipped(photos))
    items = load_items(empty)
    edits.relabel(empty, [item.id for item in items[:5]], None)
    app = visit("photos", project=empty.id)
    assert chip(app) == "20 photos, 2 classes: 2 things to check" and board.counts == {"blue": 5, "red": 10}
    assert "5 photos have no class yet" in said(app) and button(app, "Sort 5 photos without a class")
    assert "20 photos, 2 classes, 5 without a class" in said(visit("home"))
    assert "5 photos have no class yet, so training leaves them out." in said(visit("train", project=empty.id))
    edits.relabel(empty, [item.id for item in items], None)
    app = visit("photos", project=empty.id)
    assert chip(app) == "20 photos, 0 classes: 1 thing to check" and "20 photos have no class yet" in said(app)
    assert button(app, "Sort 20 photos without a class") and to_train(app).disabled
    assert "Training needs photos of at least two classes" in said(visit("train", project=empty.id))


def test_uploader_is_empty_after_an_upload_and_the_same_photos_are_known(visit, empty, photos):
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    assert app.file_uploader(key="zip-1").value in (None, [])
    add(app.file_uploader(key="zip-1").set_value([("again.zip", zipped(photos), "application/zip")]).run())
    assert "0 new photos added. 20 photos were already in the project." in said(app)


def test_folder_comes_in(visit, empty, photos):
    app = visit("photos", project=empty.id)
    files = [(f"blots/{path}", content, "image/jpeg") for path, content in photos.items()]
    add(app.file_uploader(key="folder-0").set_value(files).run())
    assert "20 new photos added." in said(app)
    assert count_classes(load_items(empty)) == {"blue": 10, "red": 10}


def test_photos_of_one_class_come_in_once_it_has_a_name(visit, empty, photos):
    app = visit("photos", project=empty.id)
    assert app.file_uploader(key="files-0").disabled
    app.text_input(key="upload-class").set_value("oak").run()
    assert not app.file_uploader(key="files-0").disabled
    files = [(path.replace("/", "-"), content, "image/jpeg") for path, content in photos.items()]
    app.file_uploader(key="files-0").set_value(files).run()
    assert count_classes(load_items(empty)) == {"oak": 20}
    assert "There is only one class" in said(app) and chip(app).endswith(": 1 thing to check")
    assert to_train(app).disabled


def test_photos_with_given_parts_show_a_chart_of_them(visit, empty, photos):
    parted = {f"{'val' if '9.jpg' in path else 'train'}/{path}": content for path, content in photos.items()}
    app = hand_in(visit("photos", project=empty.id), zipped(parted))
    assert "20 new photos added." in said(app)
    assert [element.proto.id.endswith("-counts") for element in app.get("plotly_chart")] == [True]


def test_bad_file_among_good_ones_is_named_and_costs_nothing_else(visit, empty, photos):
    photos["red/notes.txt"] = b"not a photo"
    photos["red/cut.jpg"] = photos["red/0.jpg"][:900]
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    assert "20 new photos added." in said(app) and "2 files were left out" in said(app)
    left_out = dict(zip(*(app.dataframe[0].value[column] for column in ("File", "Why")), strict=True))
    assert left_out["red/notes.txt"].startswith("a text file, not a photo")
    assert left_out["red/cut.jpg"].startswith("damaged or cut off")


def huge_png() -> bytes:
    """A picture whose header says 30,000 x 30,000, with hardly a pixel behind it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped({}), "is empty"),
        pytest.param(zipped({"a/": b"", "b/": b""}), "is empty", marks=pytest.mark.full),
        (zipped({"a/one.txt": b"words", "b/two.txt": b"words"}), "None of the 2 files can be used as a photo"),
        pytest.param(
            zipped({"a/one.jpg": b"\xff\xd8\xff\xe0 cut"}),
            "The one file in it, 'a/one.jpg', cannot be used: ",
            marks=pytest.mark.full,
        ),
        (zipped({"../../evil.jpg": b"x"}), "points outside"),
        pytest.param(zipped({"/evil.jpg": b"x"}), "points outside", marks=pytest.mark.full),
        pytest.param(zipped({"a/huge.png": huge_png()}), "900 megapixels", marks=pytest.mark.full),
        (b"PK\x03\x04 broken", "is not a zip that can be opened"),
        pytest.param(b"", "is not a zip that can be opened", marks=pytest.mark.full),
        pytest.param(
            zipped({"__MACOSX/a.jpg": b"", ".DS_Store": b""}), "There are no photos in it", marks=pytest.mark.full
        ),
    ],
)
def test_bad_zip_gives_one_clear_message(visit, empty, content, words):
    app = hand_in(visit("photos", project=empty.id), content)
    [message] = errors(app)
    assert words in message.replace("\\", "")
    assert load_items(empty) == [] and "Add at least two classes" in said(app)


def test_zip_with_paths_upwards_writes_nothing_outside(visit, empty, photos, workspace):
    photos["../../../evil.jpg"] = photos["red/0.jpg"]
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    assert "20 new photos added." in said(app)
    assert list(workspace.home.parent.rglob("evil*")) == []


def test_one_class_only_cannot_go_on(visit, empty, photos):
    app = hand_in(visit("photos", project=empty.id), zipped({p: c for p, c in photos.items() if p.startswith("red")}))
    assert "There is only one class" in said(app) and chip(app).endswith(": 1 thing to check")
    assert to_train(app).disabled


def test_small_and_unequal_classes_are_pointed_out(visit, project):
    assert "'blue' has only 8 photos" in said(visit("photos", project=project.id)).replace("\\", "")


def test_report_lists_no_more_files_than_can_be_read_and_those_harmlessly(visit, empty, photos, monkeypatch):
    monkeypatch.setattr(import_review, "LISTED", 2)
    photos |= {f"red/\u202e{n}.txt": b"not a photo" for n in range(5)}
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    assert "5 files were left out" in said(app)
    names = list(app.dataframe[0].value["File"])
    assert len(names) == 2 and not any("\u202e" in name for name in names)  # which turns what follows it around


def test_joining_what_another_window_has_joined_already_is_said(visit, empty, photos):
    photos |= {path.replace("red/", "Red/x"): content + b" " for path, content in photos.items() if "red/1" in path}
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    edits.rename_class(empty, "Red", "red")
    [message] = errors(press(app, "Merge them as 'red'"))
    assert "There is no class 'Red'" in message and errors(app.run()) == []


def test_classes_that_differ_in_capitals_are_asked_about(visit, empty, photos):
    odd = {path.replace("blue", "*Red*").replace("red", "*red*"): content for path, content in photos.items()}
    text = said(hand_in(visit("photos", project=empty.id), zipped(odd)))
    assert r"'\*Red\*' and '\*red\*' differ only in capitals" in text and "Do they mean the same?" in text
