"""What the pages share: session keys, the chosen project and run, errors, small widgets. Imports no torch."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import streamlit as st

from pages._shared.theme import is_dark, watch_theme
from transfer_core import runs, strategies
from transfer_core.backbones import catalog
from transfer_core.data.images.thumbnails import ensure_thumbnail
from transfer_core.data.labels.dataset import Item, count_classes, load_items
from transfer_core.data.splits.split import Split
from transfer_core.errors import DISK_FULL, TransferError
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run, events
from transfer_core.runs.state import RunState
from transfer_core.support.text import format_time, markdown, percent, progress_text
from transfer_core.workspace import Project, Workspace

PROJECT = "project_id"
HISTORIES = "histories"
UPLOADS = "uploads_done"  # part of the uploader's key: a new key is an empty uploader
INTAKE = "intake_report"
PLAN = "review_plan"  # what the files that wait can be read as
ADDING = "adding_photos"  # whether the ways in are open from the start: those of an empty project
READING = "batch_in_hand"  # id of the one that this session has begun to read
SHOTS = "shots_taken"  # number of the camera's last photo that has come in
SHOWN = "epochs_shown"
STARTED = "runs_started"  # their number is part of the Train button's key: a new key is a button not pressed yet
SETTINGS = "settings_draft"
SPLITS = "splits"
IN_APP = "in_app"
KEPT_ASIDE = "kept_aside"  # (run, row) of the photo that Try shows
PAGE = "page"
COMPARED = "runs_compared"  # ids chosen to stand side by side, by project
SHOW_EVERY_S = 0.2  # progress; every step of it goes to the browser

# A script that Streamlit has told to end goes on until it next draws, beside the one that follows; what both add to the
# same history at once would be in it twice, or in the wrong order.
_READING = Lock()
_ASSETS = Path(__file__).parents[2] / "assets"
_EMPTY, _DONE = ":material/radio_button_unchecked:", ":material/check_circle:"
_BUSY, _LOOK = ":material/pending:", ":material/error:"
STEPS = ("photos", "train", "understand", "try_it", "export", "compare")


def workspace() -> Workspace:
    return Workspace.default()


def asset(name: str) -> str:
    return str(_ASSETS / name)


def load_style() -> None:
    """Our own style sheet, and charts that follow the theme."""
    st.html(_ASSETS / "style.css")
    watch_theme()


def show_logo() -> None:
    st.logo(asset("logo-dark.svg" if is_dark() else "logo.svg"), size="large", icon_image=asset("icon.svg"))


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
    export = _DONE if any(entry.result and isinstance(entry.export, events.ExportFinished) for entry in own) else _EMPTY
    photos = _EMPTY
    if project.labels_path.exists():
        photos = _DONE if len(count_classes(load_items(project))) > 1 else _LOOK
    compare = _DONE if sum(bool(entry.result) for entry in own) > 1 else ""
    return dict(zip(STEPS, (photos, train, result, export, export, compare), strict=True))


def note_page(title: str) -> None:
    """Called by app.py with the page that comes; what was said once on the page before is not said again."""
    if st.session_state.get(PAGE) != title:
        st.session_state.pop(INTAKE, None)
        st.session_state.pop(ADDING, None)
    st.session_state[PAGE] = title


def history(run: Run) -> RunState:
    """What happened in a run until now; read on from where this session last read."""
    known = st.session_state.setdefault(HISTORIES, {})
    with _READING:
        known[run.id] = runs.read_state(run, known.get(run.id))
        return known[run.id]


def split_of(run: Run) -> Split:
    """The run's parts; read once per session, for they never change."""
    known = st.session_state.setdefault(SPLITS, {})
    if run.id not in known:
        known[run.id] = runs.load_split(run)
    return known[run.id]


def need_model(project: Project) -> tuple[Run, RunState]:
    """The run that the page is about, chosen where there are several; ends the page where there is none."""
    found = [run for run in runs.list_runs(workspace(), project) if history(run).result]
    if not found:
        st.info("There is no trained model yet. Train one first; with the suggested settings, it takes seconds.")
        if st.button("Go to Train", type="primary"):
            open_page("train", project)
        st.stop()
    run = choose_run(found, chosen_run(found))
    st.query_params["run"] = run.id
    return run, history(run)


def chosen_run(found: list[Run]) -> Run | None:
    """The run in the address if it is among these, else the newest; None where there is none."""
    wanted = [run for run in found if run.id == st.query_params.get("run")]
    return (wanted or found or [None])[0]


def choose_run(found: list[Run], chosen: Run) -> Run:
    """Lets a person choose among several runs; the choice goes into the address."""
    if len(found) == 1:
        return chosen
    titles = run_titles(found)
    run = st.selectbox("Run", found, found.index(chosen), format_func=lambda run: titles[run.id])
    if run != chosen:
        st.query_params["run"] = run.id
        st.rerun()
    return run


def run_titles(found: Iterable[Run]) -> dict[str, str]:
    """Titles by id, no two alike: Streamlit's boxes tell their options apart by what they show."""
    in_order = sorted(found, key=lambda run: (run.created, run.id))
    return dict(zip([run.id for run in in_order], distinct(map(run_title, in_order)), strict=True))


def distinct(labels: Iterable[str]) -> list[str]:
    """The labels, with " (2)" and so on behind those that were there before."""
    seen: Counter[str] = Counter()
    found = []
    for label in labels:
        seen[label] += 1
        found.append(f"{label} ({seen[label]})" if seen[label] > 1 else label)
    return found


def run_title(run: Run) -> str:
    """Such as "21 Nov 09:36:12: 86%, new layer only, EfficientNet-Lite0"."""
    entry = history(run)
    outcome = percent(entry.result["val_accuracy"]) if entry.result else entry.status
    backbone = catalog.BUILT_IN.get(run.config.backbone)
    learned = strategies.STRATEGIES.get(run.config.strategy)
    parts = (outcome, learned.title.lower() if learned else run.config.strategy)
    return f"{format_time(run.created)}: {', '.join(parts)}, {backbone.title if backbone else run.config.backbone}"


def need_export(run: Run, entry: RunState) -> None:
    """Ends the page unless the exported model was checked: waits for that, or says why there is none."""
    if entry.needs_export:
        _wait_for_export(run)
    if isinstance(entry.export, events.ExportFailed):
        st.error(
            f"The model could not be exported to ONNX: {markdown(entry.export.message)}",
            icon=":material/error:",
        )
        if st.button("Try again", type="primary", icon=":material/refresh:"):
            runs.request_export(run)
            st.rerun()
        st.stop()


def _wait_for_export(run: Run) -> None:
    """Says that the export is being checked, comes back by itself when it is done, and ends the page until then."""

    def look() -> None:
        if history(run).needs_export:
            st.progress(0.5, "Exporting the model and checking that it gives the same answers")
        else:
            st.rerun()

    with shown_errors():  # should the worker have been killed in between, the runner begins the export again
        ensure_runner(workspace())
    st.fragment(look, run_every=1.0)()
    st.stop()


@contextmanager
def shown_errors() -> Iterator[None]:
    """Shows a mistake that the user can mend as a sentence; anything else is our bug and keeps its traceback."""
    try:
        yield
    except TransferError as error:
        st.error(markdown(str(error)), icon=":material/error:")
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        st.error("The disk is full. Free some space, then try again.", icon=":material/error:")


def progress_line(title: str) -> Callable[[int, int], bool]:
    """A progress bar that also says speed and time left; what is returned says whether it was drawn anew."""
    bar, began = st.progress(0.0, title), time.monotonic()
    shown = 0.0

    def report(done: int, total: int) -> bool:
        nonlocal shown
        now = time.monotonic()
        if now - shown < SHOW_EVERY_S and done < total:
            return False
        shown = now
        text = progress_text(done, total, now - began)
        bar.progress(min(1.0, done / max(1, total)), f"{title}: {text}")
        return True

    return report


def settings_draft(project: Project) -> dict:
    """The settings chosen for this project and not yet trained with; kept when the page is left."""
    return st.session_state.setdefault(SETTINGS, {}).setdefault(project.id, {})


def gallery(project: Project, items: list[Item], key: str, *, width: int = 80) -> None:
    """A wrapping wall of thumbnails."""
    with st.container(horizontal=True, key=f"gallery-{key}"):
        for item in items:
            thumbnail(project, item, width)


def thumbnail(project: Project, item: Item, width: int | str) -> None:
    """One photo, small; a word in its place where the file is gone, or a full disk keeps nothing of it."""
    try:
        path = ensure_thumbnail(workspace(), project, item)
    except TransferError:
        st.caption("The file of this photo is missing.")
        return
    if path.is_file():
        st.image(str(path), width=width, alt=item_name(item))
    else:
        st.caption("This photo cannot be shown now.")


def item_name(item: Item) -> str:
    return item.path.rsplit("/", 1)[-1]
