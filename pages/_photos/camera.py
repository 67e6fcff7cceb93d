"""Photos from the camera into a class: one at a time, or as many as come while a button is held."""

from pathlib import Path

import streamlit as st

from pages._shared import errors, progress, session
from pages._shared.data_urls import decoded
from transfer_core.errors import TransferError
from transfer_core.services import ingest
from transfer_core.services.ingest import Entry, OneClass

_ASSETS = Path(__file__).parents[2] / "assets"


def take_photos(project) -> None:
    """Shows the camera; what it takes goes through the same intake as every file."""
    received = st.session_state.get(session.SHOTS)
    shots = _show_camera(received)
    if shots and shots["id"] != received:
        _take_in(project, shots)


def _show_camera(received: str | None) -> dict | None:
    """What it has taken: {"id", "class_name", "photos": [data URL]}, or None.

    It asks for the class by itself: a field of the page's own would tell of another class only after the first shots.

    Args:
        received: The last id that has come in; what is not acknowledged by it, the browser sends once more.
    """
    camera = st.components.v2.component(
        "camera",
        html=(_ASSETS / "camera.html").read_text("utf-8"),
        css=(_ASSETS / "camera.css").read_text("utf-8"),
        js=(_ASSETS / "camera.js").read_text("utf-8"),
    )
    return camera(key="camera", data={"received": received}, on_shots_change=lambda: None).shots


def _take_in(project, shots: dict) -> None:
    entries = [
        Entry(f"camera/{shots['id']}-{number}.jpg", lambda url=url: decoded(url))
        for number, url in enumerate(shots["photos"], 1)
    ]
    with errors.shown_errors():
        try:
            report = ingest.take_in_entries(
                session.workspace(),
                project,
                entries,
                progress.progress_line("Reading photos"),
                reading=OneClass(shots["class_name"]),
            )
        except TransferError:  # they would be refused again; after any other break the browser is to send them again
            st.session_state[session.SHOTS] = shots["id"]
            raise
        st.session_state[session.SHOTS] = shots["id"]
        st.session_state[session.INTAKE] = (project.id, report)
        st.rerun()
