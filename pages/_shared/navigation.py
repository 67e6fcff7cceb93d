"""The way from page to page: the open project, its id in the address, and the icons of the steps."""

import streamlit as st

from pages._shared import errors
from pages._shared.session import ADDING, IN_APP, INTAKE, PAGE, PROJECT, VISITED, history, workspace
from transfer_core.errors import TransferError
from transfer_core.services import runs
from transfer_core.services.labels import class_warnings, count_classes, load_items, version
from transfer_core.services.projects import find_problems
from transfer_core.services.runs import Run
from transfer_core.workspace import Project

STEPS = ("photos", "train", "understand", "try_it", "export")
_EMPTY, _DONE = ":material/radio_button_unchecked:", ":material/check_circle:"
_BUSY, _LOOK = ":material/pending:", ":material/error:"


def remember_project() -> Project | None:
    """The project in the address, else the one that was open last in this session; None on a first visit."""
    project_id = st.query_params.get("project") or st.session_state.get(PROJECT)
    if not project_id:
        return None
    try:
        project = workspace().open_project(project_id)
    except TransferError:
        st.session_state.pop(PROJECT, None)
        return None
    st.session_state[PROJECT] = project.id
    return project


def come_through_app() -> None:
    """Sends a page that Streamlit ran on its own through app.py.

    Until app.py has run once, a new server takes every file in pages/ for a page; a bookmark, or a tab that was open
    while the server was restarted, would meet it without our menu and style.
    """
    if not st.session_state.get(IN_APP):
        # No part of Streamlit's promised interface, hence looked for only here; a browser test holds it.
        from streamlit.runtime.pages_manager import PagesManager

        PagesManager.uses_pages_directory = False
        st.rerun()


def need_project() -> Project:
    """The open project, its id in the address; a page without one says what to do and ends there."""
    come_through_app()
    wanted = st.query_params.get("project")
    project = remember_project()
    if project is None:
        if wanted:
            st.error(
                "This project no longer exists. It may have been deleted, here or in another window.",
                icon=":material/delete:",
            )
        st.info("Choose a project first, or create a new one.", icon=":material/arrow_back:")
        with st.bottom:
            if st.button("Back to projects", type="primary", icon=":material/home:"):
                st.switch_page("pages/home.py")
        st.stop()
    st.query_params["project"] = project.id
    errors.show_problems(*find_problems(project))
    return project


def open_page(page: str, project: Project) -> None:
    st.session_state[PROJECT] = project.id
    st.switch_page(f"pages/{page}.py", query_params={"project": project.id})


def open_run(page: str, project: Project, run: Run) -> None:
    """A page about that run."""
    st.session_state[PROJECT] = project.id
    st.switch_page(f"pages/{page}.py", query_params={"project": project.id, "run": run.id})


def step_states(project: Project | None) -> dict[str, str]:
    """An icon per step: empty, at work, done, or needs a look. A tick is earned: what was not looked at has none."""
    if project is None:
        return dict.fromkeys(STEPS, _EMPTY)
    own = [history(run) for run in runs.list_runs(workspace(), project)]
    train = _EMPTY
    if own:
        train = {"running": _BUSY, "queued": _BUSY, "finished": _DONE, "stopped": _DONE}.get(own[0].status, _LOOK)
    photos = _EMPTY
    if version(project):
        classes = count_classes(load_items(project))
        photos = _LOOK if class_warnings(classes) or len(classes) < 2 else _DONE
    visited = st.session_state.get(VISITED, set())
    later = {
        page: _DONE if any(entry.result for entry in own) and (project.id, page) in visited else _EMPTY
        for page in ("understand", "try_it", "export")
    }
    return {"photos": photos, "train": train} | later


def note_page(page: str, project: Project | None) -> None:
    """Called by app.py with the page that comes; what was said once on the page before is not said again."""
    if st.session_state.get(PAGE) != page:
        st.session_state.pop(INTAKE, None)
        st.session_state.pop(ADDING, None)
    st.session_state[PAGE] = page
    if project:
        st.session_state.setdefault(VISITED, set()).add((project.id, page))
