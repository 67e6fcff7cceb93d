"""How good a run is, in its true colour, with its weakest class; and one suggestion with its button."""

import streamlit as st

from pages._shared import errors, navigation, session
from transfer_core.services import coach, runs
from transfer_core.support.text import markdown

_TONES = {
    "good": (st.success, ":material/check_circle:"),
    "open": (st.info, ":material/info:"),
    "guessing": (st.warning, ":material/error:"),
}


def show_headline(run, history, before=""):
    """The result in one line: green only where it is clear of the baselines, amber where it is no better than guessing.

    Once the final test was run, its figure leads, for it is the one that no choice was made by.

    Args:
        before: Words in front of it.
    """
    with errors.shown_errors():
        if final := coach.final_of(run, history):
            with st.container(key="answer-test"):
                st.markdown(f"**Final test:** {final.in_words()}")
    found = coach.headline_of(run, history)
    weakest = markdown(found.weakest_sentence)
    text = f"{before}**{markdown(found.sentence)}**  \n{weakest}"
    show, icon = _TONES[found.verdict]
    if found.judgement:
        text += f"  \n{markdown(found.judgement)}"
    show(text, icon=icon)


def show_suggestion(project, run, history):
    """One line of advice with a button, where something stands out."""
    found = coach.suggestion_for(project, run, history, session.split_of(run), session.history)
    if found is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="coach"):
        st.markdown(f":material/lightbulb: {markdown(found.sentence)}", width="stretch")
        pressed = st.button(markdown(found.button), key="coach-button")
    if pressed and found.act == "train_again":
        st.session_state[session.SETTING_UP] = project.id
        navigation.open_page("train", project)
    elif pressed and found.act == "other_run":
        navigation.open_run("understand", project, runs.open_run(session.workspace(), found.run_id))
    elif pressed:
        navigation.open_page("photos", project)
