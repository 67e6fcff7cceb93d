"""Photos from the camera into a class: one at a time, or as many as come while a button is held."""

import base64
import binascii
from pathlib import Path

import streamlit as st

from pages import _ui
from transfer_core import pipeline
from transfer_core.data.layout import OneClass
from transfer_core.data.sources import Entry

_ASSETS = Path(__file__).parents[1] / "assets"


def take_photos(project) -> None:
    """Asks for the class and shows the camera; what it takes goes through the same intake as every file."""
    class_name = st.text_input("Class", placeholder="oak", help="What does the camera see?", key="camera-class")
    camera = st.components.v2.component(
        "camera",
        html=(_ASSETS / "camera.html").read_text("utf-8"),
        css=(_ASSETS / "camera.css").read_text("utf-8"),
        js=(_ASSETS / "camera.js").read_text("utf-8"),
    )
    told = {"class_name": class_name.strip(), "received": st.session_state.get(_ui.SHOTS)}
    shots = camera(key="camera", data=told, on_shots_change=lambda: None).shots
    if shots and shots["id"] != told["received"]:
        _take_in(project, shots)


def _take_in(project, shots: dict) -> None:
    """Args: shots: {"id", "class_name", "photos": [data URL]}, from the browser."""
    entries = [
        Entry(f"camera/{shots['id']}-{number}.jpg", lambda url=url: _decoded(url))
        for number, url in enumerate(shots["photos"], 1)
    ]
    with _ui.shown_errors():
        try:
            report = pipeline.take_in_entries(
                _ui.workspace(),
                project,
                entries,
                _ui.progress_line("Reading photos"),
                reading=OneClass(shots["class_name"]),
            )
        except Exception:  # whatever it was, it is not tried again unasked
            st.session_state[_ui.SHOTS] = shots["id"]
            raise
        # Only now: a script that Streamlit breaks off, because somebody pressed another button, begins again with it.
        st.session_state[_ui.SHOTS] = shots["id"]
        st.session_state[_ui.INTAKE] = (project.id, report)
        st.rerun()


def _decoded(url: str) -> bytes:
    """The bytes of a data URL; what is none becomes a file that is no photo."""
    try:
        return base64.b64decode(url.partition(",")[2], validate=True)
    except binascii.Error:
        return b""
