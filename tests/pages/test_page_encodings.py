"""Old encodings on the page: a reading is shown, an unclear one asked about, and another can be chosen."""

import pytest

from tests.data.ingest.test_encodings import zip_of
from tests.helpers import draw_photo
from tests.pages.conftest import add, button, said, zipped
from tests.pages.test_page_ways_in import choose, classes_shown, given
from transfer_core.data.labels.dataset import count_classes, load_items


@pytest.fixture
def empty(workspace):
    return workspace.create_project("Blots")


@pytest.fixture
def photos(tmp_path) -> dict[str, bytes]:
    return {f"{n}.jpg": draw_photo(tmp_path / f"{n}.jpg", (40 * n, 60, 200), n).read_bytes() for n in range(3)}


def box(app, label: str):
    [found] = [entry for entry in app.selectbox if entry.label.startswith(label)]
    return found


def with_table(photos, labels, encoding) -> bytes:
    rows = "".join(f"{name};{label}\r\n" for name, label in zip(photos, labels, strict=True))
    return zipped(photos | {"labels.csv": f"file;label\r\n{rows}".encode(encoding)})


def test_the_reading_of_a_table_is_shown_and_another_can_be_chosen(visit, empty, photos):
    labels = ["kočka", "žába", "pták"]
    app = given(visit("photos", project=empty.id), ("set.zip", with_table(photos, labels, "cp1250")))
    app = choose(app, "A table of labels")
    assert "cp1250 (Central Europe, Windows): 'kočka', 'žába', 'pták'" in said(app).replace("\\", "")
    assert classes_shown(app) == sorted(labels)
    app = box(app, "Encoding of labels.csv").set_value("cp1252").run()
    assert classes_shown(app) == sorted(["koèka", "žába", "pták"])
    app = add(box(app, "Encoding of labels.csv").set_value("cp1250").run())
    assert count_classes(load_items(empty)) == dict.fromkeys(sorted(labels), 1)


def test_a_table_that_can_be_read_in_several_ways_is_asked_about(visit, empty, photos):
    labels = ["Œillet d’Inde", "5 € – alt", "Šípek"]
    app = given(visit("photos", project=empty.id), ("set.zip", with_table(photos, labels, "cp1252")))
    app = choose(app, "A table of labels")
    [question] = [radio for radio in app.radio if radio.label == "Which labels are right?"]
    assert question.value is None and button(app, "Add photos").disabled
    app = question.set_value("cp1252").run()
    assert classes_shown(app) == sorted(labels)
    add(app)
    assert count_classes(load_items(empty)) == dict.fromkeys(sorted(labels), 1)


@pytest.mark.parametrize("size", [3, 10])
def test_names_in_a_zip_that_can_be_read_in_several_ways_are_asked_about(visit, empty, photos, size):
    words = ["狗", "猫", "鸟", "黄瓜", "正常", "异常", "划痕", "裂纹", "合格", "蝴蝶"][:size]
    contents = [photos["0.jpg"] + bytes([n]) for n in range(size)]  # no picture is in two classes
    content = zip_of([f"{word}/{n}.jpg" for n, word in enumerate(words)], "gbk", contents=contents)
    app = given(visit("photos", project=empty.id), ("set.zip", content.getvalue()))
    if size == 3:
        [question] = [radio for radio in app.radio if radio.label == "Which names are right?"]
        app = question.set_value("gbk").run()
    else:
        assert "gbk (Chinese, simplified, Windows): '狗', '猫', '鸟'" in said(app).replace("\\", "")
        app = box(app, "Encoding of the names").set_value("cp950").run()
        assert "狗" not in classes_shown(app)
        app = box(app, "Encoding of the names").set_value("gbk").run()
    assert classes_shown(app) == sorted(words)
    add(app)
    assert set(count_classes(load_items(empty))) == set(words)


def test_names_that_cannot_be_read_in_the_encoding_chosen_leave_the_upload_as_it_is(visit, empty, photos):
    words = ["狗", "猫", "鸟", "黄瓜", "正常", "异常", "划痕", "裂纹", "合格", "蝴蝶"]
    contents = [photos["0.jpg"] + bytes([n]) for n in range(10)]
    content = zip_of([f"{word}/{n}.jpg" for n, word in enumerate(words)], "gbk", contents=contents)
    app = given(visit("photos", project=empty.id), ("set.zip", content.getvalue()))
    app = box(app, "Encoding of the names").set_value("utf-8").run()
    assert "cannot be read" in app.error[0].value and box(app, "Encoding of the names").value == "gbk"
    assert classes_shown(app) == sorted(words)
    add(app.run())
    assert set(count_classes(load_items(empty))) == set(words)
