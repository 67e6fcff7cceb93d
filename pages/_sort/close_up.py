"""One photo of the wall, larger: its file, its class, and what the newest model says where that tells something."""

import streamlit as st

from pages._shared import errors, session, thumbnails
from pages._sort.photo_grid import NO_CLASS
from pages._understand.answer_cards import bars
from transfer_core.data import split_names
from transfer_core.services import projects, runs
from transfer_core.services.evaluation import load_answers
from transfer_core.support.text import markdown


@st.dialog("Photo", width="medium")
def show_photo(project, item):
    picture, words = st.columns([3, 2], gap="medium")
    with picture, st.container(key="close-up"), errors.shown_errors():
        shown = projects.load_picture(session.workspace(), project, item)
        st.image(shown, width="stretch", alt=thumbnails.item_name(item))
    with words:
        st.markdown(f"**{markdown(item.class_name or NO_CLASS)}**")
        st.caption(f"{markdown(item.path)}  \n{item.width:,} x {item.height:,} pixels")
        st.caption(f"Used for: {split_names.words_of(item.part)}")
        with errors.shown_errors():
            show_answer(project, item)


def show_answer(project, item):
    """The newest model's answer if this was one of its validation photos: of others it has seen the label."""
    found = runs.list_runs(session.workspace(), project)
    run = next((run for run in found if session.history(run).result), None)
    if run is None:
        return
    split = session.split_of(run)
    row = next((row for row, other in enumerate(split.val) if other.id == item.id), None)
    if row is None:
        st.caption("The newest model's answer is unknown: this photo was not one of its validation photos.")
        return
    st.markdown(f"The newest model ({markdown(runs.name_runs(found)[run.id])}) says:")
    st.html(bars(split.class_names, load_answers(run, split, session.history(run).result).confidences[row]))
