"""The way from page to page: the open project, its id in the address, and the icons of the steps."""

import streamlit as st

from pages._shared import errors
from pages._shared.session import ADDING, IN_APP, INTAKE, PAGE, PROJECT, history, workspace
from transfer_core.errors import TransferError
from transfer_core.services import runs
from transfer_core.services.export import is_ready
from transfer_core.services.labels import count_classes, load_items, version
from transfer_core.services.projects import find_problems
from transfer_core.services.runs import Run
from transfer_core.support.text import markdown
from transfer_core.workspace import Project

STEPS = ("photos", "train", "understand", "try_it", "export", "compare")
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
            st.error("This project no longer exists. It may have been deleted.")
        st.info("Choose a project first, or create a new one.", icon=":material/arrow_back:")
        if st.button("Back to projects", type="primary"):
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


def section_title(project: Project | None) -> str:
    """The heading of the steps in the menu, which reads Markdown."""
    return markdown(project.name) if project else "Your project"


def step_states(project: Project | None) -> dict[str, str]:
    """An icon per step: empty, at work, done, or needs a look; Compare has none while there is nothing to compare."""
    if project is None:
        return dict.fromkeys(STEPS, _EMPTY) | {"compare": ""}
    own = [history(run) for run in runs.list_runs(workspace(), project)]
    train = _EMPTY
    if own:
        train = {"running": _BUSY, "queued": _BUSY, "finished": _DONE, "stopped": _DONE}.get(own[0].status, _LOOK)
    result = _DONE if any(entry.result for entry in own) else _EMPTY
    export = _DONE if any(entry.result and is_ready(entry) for entry in own) else _EMPTY
    photos = _EMPTY
    if version(project):
        photos = _DONE if len(count_classes(load_items(project))) > 1 else _LOOK
    compare = _DONE if sum(bool(entry.result) for entry in own) > 1 else ""
    return dict(zip(STEPS, (photos, train, result, export, export, compare), strict=True))


def note_page(title: str) -> None:
    """Called by app.py with the page that comes; what was said once on the page before is not said again."""
    if st.session_state.get(PAGE) != title:
        st.session_state.pop(INTAKE, None)
        st.session_state.pop(ADDING, None)
    st.session_state[PAGE] = title
