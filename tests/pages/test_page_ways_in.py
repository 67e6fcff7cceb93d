"""How files come in through the page: the reading is shown and changed before it is applied, and no break loses any."""

import errno
import gzip
import os
import re
import shutil

import pytest

from pages._photos import take_in
from pages._shared import progress
from tests.data.ingest.test_tar_archive import make_tar
from tests.data.ingest.test_teachable_machine import project_file
from tests.helpers import draw_photo
from tests.pages.conftest import add, button, chip, errors, press, said, zipped
from transfer_core import runs
from transfer_core.data.ingest import upload_inbox
from transfer_core.data.ingest.label_source import Choice
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.runs import events
from transfer_core.runs.events import EventLog
from transfer_core.services import ingest


@pytest.fixture
def empty(workspace):
    return workspace.create_project("Blots")


@pytest.fixture
def drawn(tmp_path) -> list[bytes]:
    return [draw_photo(tmp_path / f"{n}.jpg", (40 * n, 60, 200), n).read_bytes() for n in range(6)]


@pytest.fixture
def nested(drawn) -> dict[str, bytes]:
    """Two places with two classes each."""
    names = [f"{place}/{name}/{n}.jpg" for place in ("north", "south") for name in ("elm", "oak") for n in range(2)]
    return dict(zip(names, [*drawn, b"7", b"8"], strict=True))


def given(app, *files: tuple[str, bytes]):
    """Hands in files and leaves them in review."""
    return app.file_uploader(key="zip-0").set_value([(name, content, "") for name, content in files]).run()


def ways(app):
    """The question what says the class."""
    [question] = [question for question in app.radio if question.label.startswith("Where is the class name")]
    return question


def choose(app, title: str):
    """Chooses the way whose title begins so."""
    [option] = [option for option in ways(app).options if option.startswith(title)]
    return ways(app).set_value(option).run()


def classes_shown(app) -> list[str]:
    return list(next(frame.value["Class"] for frame in app.dataframe if "Class" in frame.value))


def test_reading_is_shown_and_changed_before_it_is_applied(visit, empty, nested):
    app = given(visit("photos", project=empty.id), ("set.zip", zipped(nested)))
    assert load_items(empty) == []
    text = said(app)
    assert "**8 photos, 2 classes.**" in text and "north/elm/0" in text
    assert ways(app).options[0] == "The folder that holds the photos" and classes_shown(app) == ["elm", "oak"]
    choose(app, "The top folder")
    assert classes_shown(app) == ["north", "south"]
    press(app, "Add 8 photos")
    assert "6 new photos added." in said(app) and "2 files were left out" in said(app)
    assert count_classes(load_items(empty)) == {"north": 4, "south": 2}
    assert upload_inbox.batches(empty) == []


def test_a_teachable_machine_project_says_its_classes_itself(visit, empty):
    app = given(visit("photos", project=empty.id), ("project.tm", project_file(classes=("Class 1", "Class 2"))))
    assert ways(app).options[0] == "The Teachable Machine project" and classes_shown(app) == ["Class 1", "Class 2"]
    press(app, "Add 6 photos")
    assert count_classes(load_items(empty)) == {"Class 1": 3, "Class 2": 3}


def test_a_tar_is_read_like_a_zip(visit, empty, nested):
    app = given(visit("photos", project=empty.id), ("set.tar.gz", gzip.compress(make_tar(nested))))
    assert ways(app).options[0] == "The folder that holds the photos" and classes_shown(app) == ["elm", "oak"]


def test_loose_photos_are_read_by_their_names_or_as_one_class(visit, empty, drawn):
    files = [(f"{'oak' if n < 3 else 'elm'} {n}.jpg", content) for n, content in enumerate(drawn)]
    app = given(visit("photos", project=empty.id), *files)
    assert ways(app).options[0] == "The beginning of the file name" and classes_shown(app) == ["elm", "oak"]
    choose(app, "One class for all")
    assert button(app, "Add 6 photos").disabled
    [box] = [box for box in app.text_input if box.label == "Class of all photos"]
    box.set_value("tree").run()
    press(app, "Add 6 photos")
    assert count_classes(load_items(empty)) == {"tree": 6}


def test_photos_of_no_class_are_left_out_unless_that_is_chosen(visit, empty, drawn):
    files = {f"{name}/{n}.jpg": drawn[n] for n, name in enumerate(("elm", "elm", "oak", "oak"))}
    app = given(visit("photos", project=empty.id), ("set.zip", zipped(files | {"loose.jpg": drawn[4]})))
    assert "1 photo left out" in said(app) and button(app, "Add 4 photos")
    [box] = app.checkbox
    assert box.label == "Also add 1 photo without a class, to sort afterwards"
    box.check().run()
    assert "**5 photos, 2 classes, 1 without a class.**" in said(app) and "left out" not in said(app)
    press(app, "Add 5 photos")
    assert "5 new photos added." in said(app) and "1 photo has no class yet" in said(app)
    assert [item.class_name for item in load_items(empty)] == ["elm", "elm", "oak", "oak", None]


def test_photos_may_all_come_without_a_class_and_a_table_names_them_later(visit, empty, drawn):
    files = {f"IMG_{n}.jpg": content for n, content in enumerate(drawn)}
    app = given(visit("photos", project=empty.id), *files.items())
    choose(app, "Nowhere yet")
    press(app, "Add 6 photos")
    assert chip(app) == "6 photos, 0 classes: 1 thing to check" and errors(app) == []
    table = "file,label\n" + "".join(f"{name},oak\n" for name in list(files)[:4])
    app.file_uploader(key="zip-1").set_value([("set.zip", zipped(files | {"t.csv": table.encode()}), "")]).run()
    choose(app, "A table of labels")
    press(app, "Add 4 photos")
    assert "4 photos were already in the project. 4 photos that had no class got one." in said(app)
    assert count_classes(load_items(empty)) == {"oak": 4} and len(load_items(empty)) == 6


def test_labels_table_beside_the_photos_is_used_when_chosen(visit, empty, drawn):
    photos = {f"set/{n}.jpg": content for n, content in enumerate(drawn)}
    table = b"file,label,split\n" + b"".join(f"{n}.jpg,{'oak' if n % 2 else 'elm'},train\n".encode() for n in range(5))
    app = given(visit("photos", project=empty.id), ("s.zip", zipped(photos | {"labels.csv": table + b"9.jpg,oak,\n"})))
    choose(app, "A table of labels")
    text = said(app)
    assert "**5 photos, 2 classes.**" in text and "1 photo left out" in text and "1 row of the table left out" in text
    assert list(app.dataframe[-1].value.columns) == ["Class", "Photos", "Training"]
    press(app, "Add 5 photos")
    assert count_classes(load_items(empty)) == {"elm": 3, "oak": 2}


def test_broken_table_is_said_and_another_way_can_be_chosen(visit, empty, drawn):
    app = given(visit("photos", project=empty.id), ("oak/1.jpg", drawn[0]), ("labels.csv", b"colour\nred\n"))
    choose(app, "A table of labels")
    [message] = errors(app)
    assert "needs a first line with a column" in message
    choose(app, "The ")
    press(app, "Add 1 photo")
    assert count_classes(load_items(empty)) == {"oak": 1}


def test_files_that_are_not_wanted_are_forgotten(visit, empty, nested):
    app = given(visit("photos", project=empty.id), ("set.zip", zipped(nested)))
    press(app, "Cancel")
    assert upload_inbox.batches(empty) == [] and load_items(empty) == [] and "Add at least two classes" in said(app)


def test_reload_before_the_reading_was_chosen_loses_nothing(visit, empty, nested):
    given(visit("photos", project=empty.id), ("set.zip", zipped(nested)))
    app = visit("photos", project=empty.id)
    assert "**8 photos, 2 classes.**" in said(app)
    add(app)
    assert count_classes(load_items(empty)) == {"elm": 4, "oak": 2}


def test_full_disk_keeps_what_arrived_and_says_what_is_missing(visit, empty, drawn, monkeypatch):
    files, copy, copied = [(f"oak/{n}.jpg", content) for n, content in enumerate(drawn)], shutil.copyfileobj, []

    def full(source, target, length):
        copied.append(1)
        if len(copied) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, target, length)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        app = given(visit("photos", project=empty.id), *files)
    assert "The disk is full" in errors(app)[0]
    app = visit("photos", project=empty.id)
    assert "4 of 6 files arrived. Add the same files again, and only the missing ones are uploaded" in said(app)
    given(app, *files)
    assert "files arrived" not in said(app)
    add(app)
    assert count_classes(load_items(empty)) == {"oak": 6}


def test_reading_that_broke_off_goes_on(visit, workspace, empty, drawn):
    files = [(f"oak/{n}.jpg", content) for n, content in enumerate(drawn)]
    app = given(visit("photos", project=empty.id), *files)
    [batch] = upload_inbox.batches(empty)
    batch = batch.choose(Choice("folder"))
    assert "6 photos wait to be read." in said(visit("photos", project=empty.id))
    ingest.take_in_entries(workspace, empty, batch.entries()[:1], lambda done, total: None)
    batch = batch.begin(1)
    ingest.take_in_entries(workspace, empty, batch.entries()[:4], lambda done, total: None)
    app = visit("photos", project=empty.id)
    assert "Reading was interrupted: 4 of 6 photos are here." in said(app)
    press(app, "Continue")
    assert "5 new photos added. 1 photo was already in the project." in said(app)
    assert upload_inbox.batches(empty) == []


def test_thumbnails_appear_again_and_again(visit, empty, drawn, monkeypatch):
    monkeypatch.setattr(progress, "SHOW_EVERY_S", 0)
    monkeypatch.setattr(take_in, "SHOW_THUMBNAILS_EVERY", 1)
    shown, show = [], take_in._show_latest
    monkeypatch.setattr(
        take_in,
        "_show_latest",
        lambda project, wall, items: shown.append(len(items)) or show(project, wall, items),
    )
    files = [(f"oak/{n}.jpg", content) for n, content in enumerate(drawn)]
    add(given(visit("photos", project=empty.id), *files))
    assert shown == [1, 2, 3, 4, 5, 6] and count_classes(load_items(empty)) == {"oak": 6}


def test_another_window_that_reads_is_waited_for(visit, empty, drawn):
    app = given(visit("photos", project=empty.id), ("oak/1.jpg", drawn[0]))
    [batch] = upload_inbox.batches(empty)
    batch = batch.choose(Choice("folder")).begin(0)
    with batch.lock():
        assert "being read in another window" in said(visit("photos", project=empty.id))
    assert "Reading was interrupted" in said(app.run())


def test_files_that_arrive_in_another_window_cannot_be_discarded(visit, empty, drawn):
    app = given(visit("photos", project=empty.id), ("oak/1.jpg", drawn[0]), ("oak/2.jpg", drawn[1]))
    [batch] = upload_inbox.batches(empty)
    with batch.lock():
        press(app, "Cancel")
        assert "Files are being uploaded in another window." in said(app) and upload_inbox.batches(empty) == [batch]
    assert button(app.run(), "Add 2 photos")


def test_server_folders_are_there_only_where_they_are_allowed(visit, empty, drawn, tmp_path, monkeypatch):
    assert "Folders on this computer" not in [tab.label for tab in visit("photos", project=empty.id).tabs]
    for n, content in enumerate(drawn):
        (tmp_path / "root" / "trees" / "oak").mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / "trees" / "oak" / f"{n}.jpg").write_bytes(content)
    monkeypatch.setenv("GRAFT_IMPORT_ROOTS", os.pathsep.join([str(tmp_path / "root")]))
    app = visit("photos", project=empty.id)
    [box] = [box for box in app.selectbox if box.label == "In root"]
    box.set_value("trees").run()
    press(app, "Use these photos")
    press(app, "Add 6 photos")
    assert count_classes(load_items(empty)) == {"oak": 6}
    assert (tmp_path / "root" / "trees" / "oak" / "0.jpg").exists()


def test_folder_that_may_not_be_read_any_more_is_said_and_forgotten(visit, empty, drawn, tmp_path, monkeypatch):
    root = (tmp_path / "root").resolve()
    (root / "oak").mkdir(parents=True)
    (root / "oak" / "1.jpg").write_bytes(drawn[0])
    for choice in (None, Choice("folder")):
        monkeypatch.setenv("GRAFT_IMPORT_ROOTS", str(root))
        batch = upload_inbox.receive_folder(empty, root, "")
        if choice:
            batch.choose(choice)
        monkeypatch.delenv("GRAFT_IMPORT_ROOTS")
        app = visit("photos", project=empty.id)
        assert "is not a folder that this app may read" in errors(app)[0] and "Add many at once" in said(app)
        assert upload_inbox.batches(empty) == [] and errors(app.run()) == []


def test_server_folders_of_hostile_names_can_be_opened(visit, empty, drawn, tmp_path, monkeypatch):
    root = os.fsencode(tmp_path / "root")
    try:
        os.makedirs(root + b"/:red[a]\xff/b\xff/oak")
    except OSError:
        pytest.skip("this system names no file so")
    for name, content in ((b"1.jpg", drawn[0]), (b"\xff.jpg", b"no photo")):
        with open(root + b"/:red[a]\xff/b\xff/oak/" + name, "wb") as file:
            file.write(content)
    monkeypatch.setenv("GRAFT_IMPORT_ROOTS", os.fsdecode(root))
    app = visit("photos", project=empty.id)
    for name in (":red[a]\udcff", "b\udcff"):
        app.selectbox[-1].set_value(name).run()
    assert app.selectbox[-1].label == r"In \:red\[a\] /b"
    press(app, "Use these photos")
    app = add(app)
    assert "1 new photo added." in said(app) and list(app.dataframe[0].value["File"]) == ["oak/я.jpg"]


def test_hostile_names_are_words_in_the_review(visit, empty, drawn):
    name = "<img src=x> :red[a] **b** [c](d)"
    files = {f"{name}/{name}.jpg": drawn[0], f"{name}.csv": b"colour\n", f"{name}.jpg": drawn[1]}
    app = given(visit("photos", project=empty.id), ("s.zip", zipped(files)))
    for way in ("A table", "The"):
        choose(app, way)
        shown = "\n".join([said(app), *errors(app), *ways(app).options])
        assert not re.search(r"(?<!\\)(<img|:red\[|\*\*b|\[c\])", shown)
    add(app)
    assert count_classes(load_items(empty)) == {name: 1}


def test_public_set_that_cannot_be_had_is_said(visit, empty):
    app = press(visit("photos", project=empty.id), "Download")
    [message] = errors(app)
    assert "needs a download of 345 MB, which failed" in message


@pytest.fixture
def asked(empty) -> runs.Run:
    """A public dataset that was asked for, and is not here yet."""
    return runs.create(empty, runs.PublicDatasetSpec("dtd", 2))


def test_public_set_is_watched_while_it_comes(visit, empty, asked):
    log = EventLog(asked.events_path)
    log.append(events.RunStarted())
    log.append(events.Progress(done=3, total=9))
    with asked.lock().acquire():
        assert "3 of 9 photos" in said(visit("photos", project=empty.id))
    log.append(events.RunFailed(message="It *failed*.", hint=""))
    app = visit("photos", project=empty.id)
    assert "failed" in errors(app)[0] and button(app, "Download")
    assert len(errors(press(visit("photos", project=empty.id), "Download"))) == 1  # of this try alone, which fails, too
    assert errors(press(app, "Close")) == []


def test_public_set_that_came_in_is_reported_once(visit, empty, asked):
    rejected = [{"file": "oak/x.jpg", "reason": "not a photo"}]
    EventLog(asked.events_path).append(events.RunFinished(result={"photos": 6, "added": 6, "rejected": rejected}))
    assert "6 new photos added." in said(visit("photos", project=empty.id))
    assert "added" not in said(visit("photos", project=empty.id))


def test_folders_that_are_sets_are_no_classes_and_that_is_said(visit, empty, drawn):
    loose = {f"{part}/IMG_{n}.jpg": drawn[n] for n, part in enumerate(("train", "train", "valid", "test"))}
    app = given(visit("photos", project=empty.id), ("set.zip", zipped(loose)))
    assert "The folders 'test', 'train' and 'valid' are read as sets of photos" in said(app).replace("\\", "")
    assert [option[:8] for option in ways(app).options] == ["One clas", "Nowhere "]


def test_tables_of_the_parts_are_read_together(visit, empty, drawn):
    files = {f"{part}/{n}.jpg": drawn[n] for n, part in enumerate(("train", "train", "valid", "valid"))}
    tables = {f"{part}/_classes.csv": "" for part in ("train", "valid")}
    for n, path in enumerate(files):
        tables[f"{path.split('/')[0]}/_classes.csv"] += f"{n}.jpg,{('elm', 'oak')[n % 2]}\n"
    content = {path: f"file,label\n{rows}".encode() for path, rows in tables.items()}
    app = given(visit("photos", project=empty.id), ("set.zip", zipped(files | content)))
    assert ways(app).options[0].startswith("A table of labels: train/")
    assert "**4 photos, 2 classes.**" in said(app)
    press(app, "Add 4 photos")
    assert {(item.part, item.class_name) for item in load_items(empty)} == {
        (part, name) for part in ("train", "val") for name in ("elm", "oak")
    }


def test_folds_are_put_together_and_that_is_said_before_and_after(visit, empty, drawn):
    files = {f"fold{n // 2}/{('elm', 'oak')[n % 2]}/{n}.jpg": drawn[n] for n in range(6)}
    app = given(visit("photos", project=empty.id), ("set.zip", zipped(files)))
    assert classes_shown(app) == ["elm", "oak"] and "are the folds of a cross" in said(app)
    press(app, "Add 6 photos")
    assert "are the folds of a cross" in said(app)
