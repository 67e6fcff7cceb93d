"""What a session remembers between two looks at a page: its keys, and what it has read of runs."""

from threading import Lock

import streamlit as st

from transfer_core.runs.state import RunState
from transfer_core.services import runs
from transfer_core.services.runs import Run
from transfer_core.services.splits import Split
from transfer_core.workspace import Project, Workspace

PROJECT = "project_id"
HISTORIES = "histories"
UPLOADS = "uploads_done"  # part of the uploader's key: a new key is an empty uploader
INTAKE = "intake_report"
PLAN = "review_plan"  # what the files that wait can be read as
ADDING = "adding_photos"  # whether the import sources are open from the start, as in an empty project
READING = "batch_in_hand"  # id of the one that this session has begun to read
SHOTS = "shots_taken"  # the last message from the board that was handled, and its result
LIVE = "live_photo_received"  # the result of the last correction made at the live answer
SHOWN = "epochs_shown"
WATCHER = "watcher"  # this window's number among those that watch a run
STARTED = "runs_started"  # their number is part of the Train button's key: a new key is a button not pressed yet
SETTINGS = "settings_draft"
SETTING_UP = "setting_up"  # id of the project for which Train shows its settings instead of a run
SPLITS = "splits"
IN_APP = "in_app"
TRIED = "photos_tried"  # part of the key of Try's uploader, as UPLOADS is
ANSWERS = "answers_to_tried"  # (model, file): the answer of Try, for as long as the file is there
KEPT_ASIDE = "kept_aside"  # (run, row) of the photo that Try shows
PAGE = "page"
VISITED = "pages_visited"  # (project id, page), for a step's tick is earned by a look at it
COMPARED = "runs_compared"  # ids chosen to stand side by side, by project

# A script that Streamlit has told to end goes on until it next draws, beside the one that follows; what both add to the
# same history at once would be in it twice, or in the wrong order. Each session has a lock of its own.
READING_LOCK = "reading_lock"


def workspace() -> Workspace:
    return Workspace.default()


def history(run: Run) -> RunState:
    """What happened in a run until now; read on from where this session last read."""
    known = st.session_state.setdefault(HISTORIES, {})
    with st.session_state.setdefault(READING_LOCK, Lock()):
        known[run.id] = runs.read_state(run, known.get(run.id))
        return known[run.id]


def split_of(run: Run) -> Split:
    """The run's parts; read once per session, for they never change."""
    known = st.session_state.setdefault(SPLITS, {})
    if run.id not in known:
        known[run.id] = runs.load_split(run)
    return known[run.id]


def settings_draft(project: Project) -> dict:
    """The settings chosen for this project and not yet trained with; kept when the page is left."""
    begun = {"group_pattern": project.group_pattern} if project.group_pattern else {}
    return st.session_state.setdefault(SETTINGS, {}).setdefault(project.id, begun)
