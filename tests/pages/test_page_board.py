"""The board of classes: what the browser is sent, and what comes of what a person does there.

The browser's part is played by the fixture `board`; tests/browser drives the real one.
"""

import base64
import errno

import pytest
import streamlit as st

from pages._photos import board as board_page
from pages._shared import session
from tests.benchmarks.labels import draw_items
from tests.helpers import draw_photo
from tests.pages.conftest import errors, said
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import append_items, count_classes, load_items
from transfer_core.errors import DataError
from transfer_core.services import ingest
from transfer_core.support import kept_log


@pytest.fixture
def empty(workspace):
    return workspace.create_project("Blots")


@pytest.fixture
def drawn(tmp_path) -> list[bytes]:
    return [draw_photo(tmp_path / f"{n}.jpg", (40 * n, 60, 200), n).read_bytes() for n in range(3)]


def url(content: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


# --- what it is sent -------------------------------------------------------------------------------------------------


def test_a_column_has_its_count_and_its_newest_photos(visit, project, board):
    assert errors(visit("photos", project=project.id)) == []
    [blue, *_] = board.sent[-1]["classes"]
    own = [item for item in load_items(project) if item.class_name == "blue"]
    assert (blue["name"], blue["count"]) == ("blue", 8) and len(
        {row["colour"] for row in board.sent[-1]["classes"]}
    ) == 3
    assert blue["photos"][0] == {"id": own[-1].id, "digest": own[-1].photo, "file": own[-1].path.rsplit("/", 1)[-1]}


def test_many_classes_come_page_by_page(visit, empty, board):
    append_items(empty, draw_items(60, [f"class{number:02}" for number in range(30)]))
    app = visit("photos", project=empty.id)
    assert list(board.counts) == [f"class{number:02}" for number in range(24)] and board.sent[-1]["fresh"]
    app = app.pagination[0].set_value(2).run()
    assert errors(app) == [] and list(board.counts) == [f"class{number}" for number in range(24, 30)]
    assert not board.sent[-1]["fresh"] and len(board.sent[-1]["names"]) == 30


def test_nothing_is_sent_twice_in_a_row_where_nothing_has_changed(visit, project, board):
    visit("photos", project=project.id).run()
    assert len(board.sent) == 2 and board.sent[0] == board.sent[1]


# --- photos come in --------------------------------------------------------------------------------------------------


@pytest.fixture
def shot(drawn, board):
    """The board sends three photos and a broken one until they are received."""
    board.shots = {"id": "first", "class_name": "oak", "photos": [*map(url, drawn), "data:image/jpeg;base64,!"]}
    return board


def received(shot) -> str | None:
    return shot.sent[-1]["received"].get("id")


def test_shots_become_photos_and_are_received(visit, empty, shot):
    app = visit("photos", project=empty.id)
    assert count_classes(load_items(empty)) == shot.counts == {"oak": 3} and received(shot) == "first"
    assert {item.path.split("/")[0] for item in load_items(empty)} == {"camera"}
    assert shot.told.startswith("1 file was left out: ") and "added" not in said(app)  # nothing on the page may move


def test_shots_that_a_full_disk_kept_out_are_sent_again(visit, empty, shot, monkeypatch):
    def full(*arguments, **named):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "take_in_entries", full)
        app = visit("photos", project=empty.id)
    assert "The disk is full" in errors(app)[0] and received(shot) is None
    assert errors(app.run()) == [] and received(shot) == "first" and shot.counts == {"oak": 3}


def test_shots_that_were_refused_are_not_sent_again(visit, empty, shot, monkeypatch):
    def refuse(*arguments, **named):
        raise DataError("None of them is a photo.")

    monkeypatch.setattr(ingest, "take_in_entries", refuse)
    visit("photos", project=empty.id).run()
    assert shot.told == "None of them is a photo." and received(shot) == "first"


def test_a_burst_that_broke_off_is_read_again(empty, drawn, monkeypatch):
    def break_off(*arguments, **options):
        raise GeneratorExit  # no Exception, like what Streamlit breaks scripts off with

    remembered = {}
    monkeypatch.setattr(st, "session_state", remembered)
    shots = {"id": 7, "class_name": "oak", "photos": [url(drawn[0])]}
    with monkeypatch.context() as patch, pytest.raises(GeneratorExit):
        patch.setattr(ingest, "take_in_entries", break_off)
        board_page._take_in(empty, shots)
    assert remembered == {}
    board_page._take_in(empty, shots)
    assert remembered[session.SHOTS]["id"] == 7 and count_classes(load_items(empty)) == {"oak": 1}
    board_page._take_in(empty, shots | {"id": 8, "photos": ["data:,!"]})  # no photo, however often it is read
    assert remembered[session.SHOTS]["id"] == 8 and remembered[session.SHOTS]["text"]


# --- what is pressed -------------------------------------------------------------------------------------------------


@pytest.fixture
def act(visit, project, board):
    """Does something on the board of `project`; returns the page."""
    app = visit("photos", project=project.id)

    def act(kind: str, **more):
        board.act = {"id": f"{len(board.sent)}", "kind": kind, **more}
        app.run()
        assert errors(app) == []
        return app

    return act


def test_a_photo_is_removed_and_brought_back(act, project, board):
    first = load_items(project)[0]
    act("remove", item=first.id)
    assert received(board) == board.act["id"] and board.told == "Photo removed."
    assert board.sent[-1]["received"]["undoable"]
    assert first.id not in {item.id for item in load_items(project)} and board.counts["blue"] == 7
    act("undo")
    assert (
        board.told.startswith("Undone: ") and not board.sent[-1]["received"]["undoable"] and board.counts["blue"] == 8
    )
    act("undo")  # a second press that came before the button had gone
    assert board.told == "" and count_classes(load_items(project)) == {"blue": 8, "green": 8, "red": 8}


def test_a_class_is_renamed_and_back(act, project, board):
    act("rename", class_name="red", new_name=" scarlet ")
    assert board.told.startswith("Renamed to") and board.counts == {"blue": 8, "green": 8, "scarlet": 8}
    act("undo")
    assert board.counts == {"blue": 8, "green": 8, "red": 8}


def test_a_name_that_another_class_has_merges_them_and_can_be_undone(act, project, board):
    act("rename", class_name="red", new_name="blue")
    assert board.counts == {"blue": 16, "green": 8} and board.sent[-1]["received"]["undoable"]
    act("undo")
    assert count_classes(load_items(project)) == {"blue": 8, "green": 8, "red": 8}


def test_what_is_refused_is_said_once_and_changes_nothing(act, project, board, monkeypatch):
    act("rename", class_name="red", new_name="")
    assert board.told and "Renamed" not in board.told and not board.sent[-1]["received"]["undoable"]

    def full(path, lines, owner):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(kept_log, "append", full)
        act("remove", item=load_items(project)[0].id)
    assert "removed" not in board.told and board.told
    assert count_classes(load_items(project)) == {"blue": 8, "green": 8, "red": 8}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("remove", {"item": "gone"}),
        ("remove", {"item": ["gone"]}),
        ("remove", {}),
        ("rename", {"class_name": "gone", "new_name": "red"}),
        ("rename", {"new_name": "red"}),
        ("all", {"class_name": "gone"}),
        ("undo", {}),
        ("format the disk", {}),
    ],
)
def test_what_does_not_exist_changes_nothing(act, project, board, kind, more):
    act(kind, **more)
    assert received(board) == board.act["id"] and board.told == "" and not board.sent[-1]["received"]["undoable"]
    assert count_classes(load_items(project)) == {"blue": 8, "green": 8, "red": 8}


def test_what_another_window_has_removed_cannot_be_removed_again(act, project, board):
    first = load_items(project)[0].id
    edits.remove(project, [first])
    act("remove", item=first)
    assert board.told == "" and len(load_items(project)) == 23


def test_all_photos_of_a_class_open_where_they_can_be_sorted(act, project):
    app = act("all", class_name="red")
    assert app.title[0].value == "Fix labels" and "Select all 8" in said(app)
