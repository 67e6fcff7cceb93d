"""The question whether photos whose names begin alike belong together; asked once, and kept with the project."""

import streamlit as st

from pages._shared import errors, session
from transfer_core.services import splits
from transfer_core.support.text import markdown


def ask_groups(project):
    """Draws the question if the names suggest it and it has not been answered."""
    found = splits.suggest_groups(project) if project.group_pattern is None else None
    if not found:
        return
    alike = "in the same folder" if found.in_folders else "with the same beginning"
    with st.container(border=True, key="groups-question"):
        st.markdown(
            f"**{markdown(found.in_words())}.** Do photos {alike} show the same patient, plant or object? Then Graft "
            "keeps them together: never one for training and another for validation."
        )
        with st.container(horizontal=True):
            for words, pattern in (("Keep them together", found.pattern), ("No", "")):
                key = f"groups-{'yes' if pattern else 'no'}"
                st.button(words, on_click=answer, args=(project, pattern), key=key)


def answer(project, pattern):
    """A button's callback: the page is drawn once, without the question."""
    with errors.shown_errors():
        session.workspace().keep_groups(project, pattern)
        session.settings_draft(project)["group_pattern"] = pattern or None
        words = "They will be kept together." if pattern else "Each photo counts by itself."
        st.toast(f"{words} To change this later: Train, Advanced, Groups.", icon=":material/check:")
