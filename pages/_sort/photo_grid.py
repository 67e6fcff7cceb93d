"""A wall of photos of which several can be chosen; what the browser does with it stands in assets/wall.js."""

import base64
import hashlib
from collections.abc import Callable, Sequence

import streamlit as st

from pages._shared import session, theme, thumbnails
from transfer_core.errors import TransferError
from transfer_core.services.labels import Item
from transfer_core.services.projects import ensure_thumbnail
from transfer_core.support.text import plain
from transfer_core.workspace import Project

NO_CLASS = "No class yet"
_HTML = '<div class="wall" role="listbox" aria-multiselectable="true"></div>'


def begin_wall(project: Project) -> None:
    """Called where the page is drawn as a whole: the browser may have left the wall meanwhile and know of no click."""
    st.session_state.pop(_sent_key(project), None)


def show_wall(
    project: Project,
    items: Sequence[Item],
    class_names: Sequence[str],
    chosen: set[str],
    round_: int,
    on_change: Callable[[], None],
) -> Item | None:
    """Draws one page of photos; calls `on_change` when a person has chosen others, see `picked`.

    Returns the photo that was just opened, to be looked at closely.

    Args:
        class_names: Those with photos, in the order that gives them their colours.
        chosen: Ids of those that are chosen.
        round_: Counts the changes of `chosen` that the page makes; the browser takes it over when this differs.
    """
    component = st.components.v2.component("wall", html=_HTML, css=_read("wall.css"), js=_read("wall.js"))
    colours = {name: theme.class_colour(place) for place, name in enumerate(class_names)}
    tiles = [_tile(project, item, colours) for item in items]
    names = "".join(f"{tile['id']}{tile['colour']}{tile['class_name']}\n" for tile in tiles)
    drawn = (round_, hashlib.sha256(names.encode("utf-8", "surrogatepass")).hexdigest())
    # Clicks are the browser's own. Told of them, it would get another message, and with it all the pictures once more.
    sent = st.session_state.get(_sent_key(project))
    if sent is None or sent[0] != drawn:
        sent = st.session_state[_sent_key(project)] = (drawn, sorted(chosen.intersection(item.id for item in items)))
    heard = component(
        key=_key(project),
        data={
            "label": "Photos. Space selects, arrows move, shift selects a range, Enter shows a photo larger.",
            "tiles": tiles,
            "shown": drawn[1],
            "chosen": sent[1],
            "round": round_,
        },
        on_picked_change=on_change,
        on_opened_change=lambda: None,
    )
    return next((item for item in items if item.id == heard.get("opened")), None)


def picked(project: Project, round_: int) -> tuple[set[str], set[str]]:
    """(ids on the page, those of them that are chosen) as the browser last said; none where that was before `round_`.

    Values from a browser are untrusted: the caller checks them against the existing ids.
    """
    said = (st.session_state.get(_key(project)) or {}).get("picked") or {}
    if said.get("round") != round_:
        return set(), set()
    return set(map(str, said.get("shown", ()))), set(map(str, said.get("chosen", ())))


def _key(project: Project) -> str:
    return f"wall-{project.id}"


def _sent_key(project: Project) -> str:
    return f"wall-{project.id}-sent"


def _tile(project: Project, item: Item, colours: dict[str, str]) -> dict[str, str]:
    try:
        content = ensure_thumbnail(session.workspace(), project, item).read_bytes()
        picture = f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
    except (TransferError, OSError):  # the photo is gone; or the disk is full, so that nothing could be kept of it
        picture = ""
    return {
        "id": item.id,
        "file": plain(thumbnails.item_name(item)),
        "class_name": plain(item.class_name or NO_CLASS),
        "colour": colours.get(item.class_name or "", ""),
        "picture": picture,
    }


def _read(name: str) -> str:
    with open(theme.asset(name), encoding="utf-8") as file:
        return file.read()
