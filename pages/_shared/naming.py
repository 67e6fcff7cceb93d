"""The dialogs in which a project or a run gets another name: Enter is enough, and a long text is cut with a word."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from pages._shared import errors, session
from transfer_core.services import projects, runs


def _ask(before: str, limit: int, save: Callable[[str], None], placeholder: str = "") -> None:
    with st.form("naming", border=False):
        # No `max_chars`: the field would drop the whole of a text that was pasted and is too long.
        name = st.text_input("Name", before, placeholder=placeholder)
        pressed = st.form_submit_button("Rename", type="primary", width="stretch")
    if not pressed:
        return
    with errors.shown_errors():
        if len(name) > limit:
            st.toast(f"The name was cut to {limit} characters.", icon=":material/content_cut:")
        save(name[:limit])
        st.rerun()


@st.dialog("Rename this project")
def ask_project_name(project):
    _ask(
        project.name,
        projects.NAME_LIMIT,
        lambda name: session.workspace().rename_project(project, name),
        "Leaves in our street",
    )


@st.dialog("Rename this run")
def ask_run_name(run, name):
    about = runs.load_notes(run)
    _ask(
        about.name or name,
        runs.NAME_LIMIT,
        lambda name: runs.save_notes(run, replace(about, name=name)),
        "With more photos",
    )
