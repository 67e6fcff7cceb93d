"""A run as a row of Compare, what can be done with it, and the way back from a deletion."""

from dataclasses import replace

import streamlit as st

from pages._shared import errors, naming, run_picker, session
from transfer_core.services import catalog, runs
from transfer_core.services.runs import NOTE_LIMIT, load_notes, save_notes
from transfer_core.support.text import markdown
from transfer_core.support.wording import duration, format_time, interval_phrase, photos_phrase, pluralize


@st.dialog("Note on this run")
def ask_note(run):
    about = load_notes(run)
    note = st.text_input("Note", about.note, max_chars=NOTE_LIMIT, placeholder="What did you want to find out?")
    if st.button("Save", type="primary", width="stretch"):
        with errors.shown_errors():
            save_notes(run, replace(about, note=note))
            st.rerun()


def show_row(project, run, badge="", verdict=""):
    """One run: what it is, how good, and what can be done with it."""
    about, result = load_notes(run), session.history(run).result
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"card-{run.id}"):
        with st.container(width="stretch", gap="xsmall"):
            star = ":material/star: " if about.starred else ""
            st.markdown(f"{star}**{run_picker.title_of(run)}** {badge}")
            if result:
                st.caption(
                    f"{photos_phrase(result)}; {interval_phrase(result)}. Training took {seconds_of(result)}. {verdict}"
                )
            st.caption(f"{markdown(catalog.backbone_title(run.config.backbone))}, {format_time(run.created)}")
            if about.note:
                st.markdown(markdown(about.note))
        options = ["Remove star" if about.starred else "Star", "Rename", "Note", "Delete"]
        which = f"Star, rename, note or delete the run of {format_time(run.created)}"
        act(project, run, about, st.menu_button("More", options, key=f"more-{run.id}", help=which))


def act(project, run, about, chosen):
    if chosen == "Note":
        ask_note(run)
    elif chosen == "Rename":
        naming.ask_run_name(run, run_picker.name_of(run))
    elif chosen:
        with errors.shown_errors():
            if chosen == "Delete":
                runs.delete_run(project, run)
            else:
                save_notes(run, replace(about, starred=not about.starred))
            st.rerun()


def show_unreadable(project):
    """Runs whose folder cannot be read: why, and a button that deletes them. Draws nothing where there are none."""
    for run in runs.list_unreadable(session.workspace(), project):
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"unreadable-{run.id}"):
            st.markdown(f":material/error: {markdown(run.reason)}", width="stretch")
            if st.button("Delete", icon=":material/delete:", key=f"delete-{run.id}", help=f"Delete the run {run.id}"):
                with errors.shown_errors():
                    runs.delete_unreadable(project, run)
                    st.rerun()


def show_undo(project):
    """Brings back what was deleted last; from the disk, for a page that was reloaded has forgotten it."""
    if deleted := runs.list_deleted(project):
        with st.container(horizontal=True, vertical_alignment="center", key="undo-row"):
            st.caption(f"{pluralize(len(deleted), 'run')} deleted. Undo works for a day.", width="content")
            if st.button("Undo", icon=":material/undo:", key="undo"):
                with errors.shown_errors():
                    runs.restore_run(project, deleted[0])
                    st.rerun()


def seconds_of(result):
    return duration(result["seconds"]["total"]) if "total" in result["seconds"] else "not known"
