"""The board of classes: record and add photos per class, take one out, name a class. The browser's part is board.js."""

from pathlib import Path

import streamlit as st

from pages._shared import errors, navigation, session, theme, thumbnails
from pages._shared.data_urls import decoded
from pages._sort import selection
from transfer_core.errors import TransferError
from transfer_core.services import ingest, labels, pictures
from transfer_core.services.ingest import Entry, OneClass
from transfer_core.support.text import plain

PER_PAGE = 24  # classes; hundreds would be thousands of pictures at every click
SHOWN = 8  # thumbnails of a class
_ASSETS = Path(__file__).parents[2] / "assets"


def show_board(project, items) -> None:
    """Draws the board, and does what a person did there: photos came, one was removed, a class has another name.

    Args:
        items: The project's photos that have a class.
    """
    by_class = {name: [] for name in labels.count_classes(items)}
    for item in items:
        by_class[item.class_name].append(item)
    pages = max(1, -(-len(by_class) // PER_PAGE))
    place = st.container()
    page = min(pages, st.pagination(pages, key="class-pages")) if pages > 1 else 1
    with place:
        heard = _draw(project, by_class, page)
    if heard.shots and heard.shots["id"] != _received().get("id"):
        _take_in(project, heard.shots)
    if heard.act and heard.act["id"] != _received().get("id"):
        _act(project, by_class, heard.act)


def _received() -> dict:
    """The result of the last message: {"id", "text", "undoable"}; empty at first."""
    return st.session_state.get(session.SHOTS) or {}


def _draw(project, by_class, page):
    names, rendering = list(by_class), pictures.load_rendering(project)
    shown = names[(page - 1) * PER_PAGE : page * PER_PAGE]
    board = st.components.v2.component(
        "board",
        html=(_ASSETS / "board.html").read_text("utf-8"),
        css=(_ASSETS / "board.css").read_text("utf-8"),
        js="\n".join((_ASSETS / name).read_text("utf-8") for name in ("outbox.js", "board.js")),
    )
    return board(
        key="board",
        data={
            "project": project.id,
            "classes": [_column(name, by_class[name], names.index(name), rendering) for name in shown],
            "names": [plain(name) for name in names],
            "thumbnails": f"/graft/thumbnail/{project.id}/",
            "fresh": page == 1,
            "received": _received(),
        },
        on_shots_change=lambda: None,
        on_act_change=lambda: None,
    )


def _column(name, own, place, rendering):
    newest = [(item, rendering.key(item.photo, item.file)) for item in own[: -SHOWN - 1 : -1]]
    return {
        "name": plain(name),
        "colour": theme.class_colour(place),
        "count": len(own),
        "photos": [{"id": item.id, "digest": key, "file": plain(thumbnails.item_name(item))} for item, key in newest],
    }


def _take_in(project, shots: dict) -> None:
    """Adds photos of one class. The column shows the new count; no message is drawn, which would move the page."""
    entries = [
        Entry(f"camera/{shots['id']}-{number}.jpg", lambda url=url: decoded(url))
        for number, url in enumerate(shots["photos"], 1)
    ]
    with errors.shown_errors():
        text = ""
        try:
            reading = OneClass(shots["class_name"])
            report = ingest.take_in_entries(
                session.workspace(), project, entries, lambda done, total: None, reading=reading
            )
            text = plain(ingest.left_out(report.rejected))
        except TransferError as error:  # refused once more, too; after any other break the browser sends them again
            text = plain(str(error))
        st.session_state[session.SHOTS] = {"id": shots["id"], "text": text, "undoable": False}
        st.rerun()


def _act(project, by_class, act: dict) -> None:
    """What was pressed on the board; ids and names from a browser are checked against what there is."""
    text, mine = "", selection.sorting_of(project)
    named = {plain(name): name for name in by_class}
    match act["kind"]:
        case "remove" if any(item.id == act.get("item") for own in by_class.values() for item in own):
            selection.change(project, labels.remove, [act["item"]])
            text = "Photo removed."
        case "rename" if act.get("class_name") in named:
            selection.change(project, labels.rename_class, named[act["class_name"]], str(act.get("new_name")))
            text = f"Renamed to {plain(str(act.get('new_name')))}."
        case "undo" if mine.done:
            selection.undo(project)
            text = plain(mine.said)
        case "all" if act.get("class_name") in named:
            st.session_state[session.SHOTS] = {"id": act["id"], "text": "", "undoable": False}
            selection.show_class(named[act["class_name"]])
            navigation.open_page("sort", project)
    if mine.trouble:
        text, mine.trouble = plain(str(mine.trouble)), None
    undoable = act["kind"] in ("remove", "rename") and bool(mine.done)
    st.session_state[session.SHOTS] = {"id": act["id"], "text": text, "undoable": undoable}
    st.rerun()
