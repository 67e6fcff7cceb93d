"""What a server does once, when the first browser comes: it finishes the deletions that were cut off."""

import streamlit as st

from pages._shared import session
from transfer_core.services import projects
from transfer_core.support.text import markdown


def finish_deletions() -> None:
    """Finishes them, and tells the first session."""
    told = _finished_once(str(session.workspace().home))
    while told:
        st.toast(markdown(told.pop()), icon=":material/delete:", duration="long")


@st.cache_resource(show_spinner=False)
def _finished_once(home: str) -> list[str]:
    """What is still to be said; the same list for all sessions of this server."""
    return projects.finish_deletions(session.workspace())
