"""The camera with the model's answer beside it. The model runs in the browser (assets/live.js): it costs no server."""

from pathlib import Path

import streamlit as st

from pages._shared import errors, navigation, session, theme
from pages._shared.data_urls import decoded
from transfer_core import charts
from transfer_core.errors import TransferError
from transfer_core.http.routes import model_address, worker_address
from transfer_core.services import evaluation, export, ingest, labels, runs
from transfer_core.services.ingest import Entry, OneClass
from transfer_core.services.runs import Run
from transfer_core.support.text import plain
from transfer_core.workspace import Project

_APP = Path(__file__).parents[2]


def show(project: Project, run: Run, *, borrows: bool = False) -> None:
    """Draws the camera, and puts the photos that a person corrects into their class.

    Args:
        run: One whose exported model is ready; otherwise a sentence says why there is none.
        borrows: Whether the board of classes on the same page has the camera; then only the answer is drawn.
    """
    with errors.shown_errors():
        digest = export.model_digest(run, session.history(run))
        now = labels.load_labels(project)
        names = {plain(name): name for name in now.class_names}
        live = st.components.v2.component(
            "live", html=_asset("live.html"), css=_asset("live.css"), js=_asset("bars.js") + _asset("live.js")
        )
        heard = live(
            key=f"live-{run.id}-{digest[:8]}",
            data={
                "worker": worker_address(_APP / "static"),
                "model": model_address(run, digest),
                "classes": [
                    {"name": plain(name), "colour": charts.class_colour(class_id, dark=theme.is_dark())}
                    for class_id, name in enumerate(runs.load_split(run).class_names)
                ],
                "choices": list(names),
                # A person who recorded photos with the camera will show it something next.
                "margin": evaluation.find_unsure_margin(run).margin,
                "borrows": borrows,
                "starts": any(item.path.startswith("camera/") for item in now.items),
                "received": st.session_state.get(session.LIVE),
            },
            on_photo_change=lambda: None,
            on_train_change=lambda: None,
        )
        if heard.train:
            navigation.open_page("train", project)
        if heard.photo and heard.photo["id"] != (st.session_state.get(session.LIVE) or {}).get("id"):
            _take_in(project, heard.photo, names)


def _take_in(project: Project, photo: dict, names: dict[str, str]) -> None:
    """Adds the photo to its class. The component shows the result itself, so that nothing on the page moves."""
    chosen, added = names.get(photo["class_name"]), False
    text = "That class no longer exists, so the photo was not added."
    if chosen is not None:
        entry = Entry(f"camera/{photo['id']}.jpg", lambda: decoded(photo["photo"]))
        try:
            report = ingest.take_in_entries(
                session.workspace(), project, [entry], lambda done, total: None, reading=OneClass(chosen)
            )
            added = report.added > 0
            text = f"1 photo added to {plain(chosen)}." if added else "This photo could not be added."
        except TransferError as error:
            text = str(error)
    st.session_state[session.LIVE] = {"id": photo["id"], "text": text, "added": added}
    st.rerun()


def _asset(name: str) -> str:
    return (_APP / "assets" / name).read_text("utf-8")
