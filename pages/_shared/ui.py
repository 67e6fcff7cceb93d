# ruff: noqa: F401
"""What the pages share, by the name `ui`."""

from pages._shared.errors import shown_errors
from pages._shared.navigation import (
    STEPS,
    come_through_app,
    need_project,
    note_page,
    open_page,
    open_run,
    remember_project,
    section_title,
    step_states,
)
from pages._shared.progress import SHOW_EVERY_S, progress_line
from pages._shared.run_picker import choose_run, chosen_run, distinct, need_export, need_model, run_title, run_titles
from pages._shared.session import (
    ADDING,
    COMPARED,
    HISTORIES,
    IN_APP,
    INTAKE,
    KEPT_ASIDE,
    PAGE,
    PLAN,
    PROJECT,
    READING,
    SETTINGS,
    SHOTS,
    SHOWN,
    SPLITS,
    STARTED,
    UPLOADS,
    history,
    settings_draft,
    split_of,
    workspace,
)
from pages._shared.theme import asset, is_dark, load_style, show_logo, watch_theme
from pages._shared.thumbnails import gallery, item_name, thumbnail
