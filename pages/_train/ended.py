"""A run that has ended: its result compared with guessing, what to do next, and its error, if any."""

import streamlit as st

from pages._shared import coach, errors, navigation, session
from transfer_core.services import training
from transfer_core.support.text import markdown

LOG_LINES = 60
RESUMABLE = ("failed", "interrupted", "stopped")


def show_end(project, run, history):
    if history.result:
        coach.show_headline(run, history, "Stopped early. " if history.status == "stopped" else "")
    elif history.status == "failed":
        st.error(f"{markdown(history.failure.message)} {markdown(history.failure.hint)}", icon=":material/error:")
        show_log(run)
    elif history.status == "stopped":
        st.info(
            "Training was stopped before the model learned anything. Press Resume to continue.",
            icon=":material/info:",
        )
    elif history.status == "interrupted":
        st.warning(
            "This run was interrupted. Press Resume to continue from where it was last saved.", icon=":material/error:"
        )


def show_log(run):
    if run.log_path.is_file():
        with st.expander("Details for a bug report"):
            st.code("\n".join(run.log_path.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]), language=None)


def offer_next(project, run, history):
    """The buttons of the foot: what can be done with the run now, its next step last."""
    can_resume = history.status in RESUMABLE
    if st.button("Train again", key="again", icon=":material/tune:", help="With the same settings, or with others."):
        st.session_state[session.SETTING_UP] = project.id
        st.rerun()
    if can_resume and st.button(
        "Resume",
        type="secondary" if history.result else "primary",
        icon=":material/resume:",
        key="resume",
        help="Continues from where the training was last saved.",
        on_click=resume,
        args=(run, len(history.epochs)),
    ):
        st.rerun()
    if history.result and st.button("Try it", key="to-try", icon=":material/videocam:"):
        navigation.open_run("try_it", project, run)
    if history.result and st.button(
        "See the results", type="primary", icon=":material/arrow_forward:", key="to-understand"
    ):
        navigation.open_run("understand", project, run)


def resume(run, epochs):
    with errors.shown_errors():
        training.resume(run)
        st.session_state.setdefault(session.SHOWN, {})[run.id] = epochs
