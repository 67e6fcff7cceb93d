import struct
import zlib

import pytest

from pages._photos import import_review
from tests.benchmarks.labels import draw_items
from tests.helpers import draw_photo
from tests.pages.conftest import add, button, errors, hand_in, press, said, zipped
from transfer_core import storage
from transfer_core.data.images.cache import PhotoCache
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import append_items, count_classes, load_items


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


def test_empty_project_shows_the_ways_in(visit, empty):
    app = visit("photos", project=empty.id)
    text = said(app)
    assert "at least two classes" in text and "**A zip** or photos" in text and "**Sample photos**" in text
    assert [entry.label for entry in app.button] == ["Download"]


def test_zip_comes_in(visit, empty, photos):
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    text = said(app)
    assert "20 new photos added." in text
    assert "**20 photos, 2 classes.** No problems found in counts and files." in text
    assert not button(app, "Go on to Train").disabled
    assert count_classes(load_items(empty)) == {"blue": 10, "red": 10}
    assert press(app, "Go on to Train").title[0].value == "Train"


def test_classes_that_differ_in_capitals_are_asked_about_and_joined(visit, empty, photos):
    photos |= {path.replace("red/", "Red/x"): content + b" " for path, content in photos.items() if "red/1" in path}
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    assert "'Red' and 'red' differ only in capitals" in said(app)
    app = press(app, "Merge them as 'red'")
    assert count_classes(load_items(empty)) == {"blue": 10, "red": 11} and "capitals" not in said(app)


def test_photos_without_a_class_are_counted_apart(visit, empty, photos):
    hand_in(visit("photos", project=empty.id), zipped(photos))
    items = load_items(empty)
    edits.relabel(empty, [item.id for item in items[:5]], None)
    app = visit("photos", project=empty.id)
    text = said(app)
    assert "**20 photos, 2 classes, 5 without a class.**" in text and "**No class yet** &nbsp; 5 photos" in text
    assert "20 photos, 2 classes, 5 without a class" in said(visit("home"))
    assert "5 photos have no class yet, so training leaves them out." in said(visit("train", project=empty.id))
    edits.relabel(empty, [item.id for item in items], None)
    app = visit("photos", project=empty.id)
    assert "20 photos, 0 classes, 20 without a class.** Sort them into classes to train." in said(app)
    assert button(app, "Go on to Train").disabled
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
    assert "There is only one class" in said(app)
    assert button(app, "Go on to Train").disabled


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
    assert left_out["red/notes.txt"].startswith("not a photo in a format that can be read")
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
    assert "There is only one class" in said(app)
    assert button(app, "Go on to Train").disabled


def test_small_and_unequal_classes_are_pointed_out(visit, project):
    assert "'blue' has only 8 photos" in said(visit("photos", project=project.id)).replace("\\", "")


def test_all_photos_of_a_class_open_in_a_dialog(visit, empty, photos):
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    [first, _] = [entry for entry in app.button if entry.label == "See all 10"]
    before = len(app.image)
    first.click().run()
    assert errors(app) == [] and len(app.image) == before + 10


def test_many_classes_come_page_by_page(visit, empty):
    append_items(empty, draw_items(60, [f"class{number:02}" for number in range(30)]))
    app = visit("photos", project=empty.id)
    assert cards(app) == [f"class{number:02}" for number in range(12)]
    assert cards(app.pagination[0].set_value(3).run()) == [f"class{number}" for number in range(24, 30)]


def cards(app) -> list[str]:
    """The classes that are shown."""
    assert errors(app) == []
    return [entry.value.split("**")[1] for entry in app.markdown if "&nbsp;" in entry.value]


def test_report_lists_no_more_files_than_can_be_read_and_those_harmlessly(visit, empty, photos, monkeypatch):
    monkeypatch.setattr(import_review, "LISTED", 2)
    photos |= {f"red/\u202e{n}.txt": b"not a photo" for n in range(5)}
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    assert "5 files were left out" in said(app)
    names = list(app.dataframe[0].value["File"])
    assert len(names) == 2 and not any("\u202e" in name for name in names)  # which turns what follows it around


def test_lost_thumbnails_are_made_again(visit, project, workspace):
    for path in workspace.prepared_dir.rglob("*.jpg"):
        path.unlink()
    assert errors(visit("photos", project=project.id)) == []
    assert list(workspace.prepared_dir.rglob("*.jpg"))


def test_joining_what_another_window_has_joined_already_is_said(visit, empty, photos):
    photos |= {path.replace("red/", "Red/x"): content + b" " for path, content in photos.items() if "red/1" in path}
    app = hand_in(visit("photos", project=empty.id), zipped(photos))
    edits.rename_class(empty, "Red", "red")
    [message] = errors(press(app, "Merge them as 'red'"))
    assert "There is no class 'Red'" in message and errors(app.run()) == []


def test_thumbnails_that_a_full_disk_does_not_keep_cost_no_page(visit, project, workspace, monkeypatch):
    storage.clear_caches(workspace)
    monkeypatch.setattr(PhotoCache, "write", lambda self, photo, content: None)
    assert "This photo cannot be shown now." in said(visit("photos", project=project.id))


def test_classes_that_differ_in_capitals_are_asked_about(visit, empty, photos):
    odd = {path.replace("blue", "*Red*").replace("red", "*red*"): content for path, content in photos.items()}
    text = said(hand_in(visit("photos", project=empty.id), zipped(odd)))
    assert r"'\*Red\*' and '\*red\*' differ only in capitals" in text and "Do they mean the same?" in text
