"""Says when the labels have changed since a run."""

from pathlib import Path

import streamlit as st

from transfer_core.services.labels import Changes, changes_since, version
from transfer_core.services.runs import Run
from transfer_core.workspace import Project


def show_changes(project: Project, run: Run) -> None:
    """Draws one sentence if a run of today would train on other photos or labels; otherwise nothing."""
    if changes := _changes(project, project.folder, run.labels_version, version(project)):
        st.info(f"{changes} since this run. Train again to use today's labels.", icon=":material/sell:")


@st.cache_data(max_entries=64, show_spinner=False)
def _changes(_project: Project, folder: Path, since: int, now: int) -> Changes:
    """The same for all time: a log only grows. Of the arguments, those after the first tell one from another."""
    return changes_since(_project, since)
