"""The section "The last test" of Understand: opened once, on purpose."""

import streamlit as st

from pages._shared import plots, ui
from transfer_core import runs
from transfer_core.evaluation.test_set import count_looks, load_opening
from transfer_core.jobs.launch import ensure_runner
from transfer_core.support.text import format_time, markdown, pluralize, reuse_warning


def show_opening(run, history, split):
    """What is held back and why, then the button, then the figure; nothing where no photo was held back."""
    if not split.test:
        return
    st.subheader("The last test", anchor=False)
    with ui.shown_errors():
        if history.has_finished("test_set"):
            show_outcome(run)
        elif history.is_pending("test_set"):
            ensure_runner(ui.workspace())
            st.fragment(watch, run_every=1.0)(run)
        else:
            offer(run, history, split)


def offer(run, history, split):
    st.markdown(
        f"**{pluralize(len(split.test), 'photo was', 'photos were')} held back.** They are the test part: nothing was "
        "learned from them and nothing chosen by them, so they tell best how good the model really is. That is true "
        "once: whoever looks, changes something and looks again has chosen by them after all. Open them with the model "
        "that you will keep."
    )
    if looks := count_looks(run):
        st.warning(reuse_warning(looks), icon=":material/visibility:")
    if history.has_failed("test_set"):
        st.error(markdown(history.steps["test_set"].message), icon=":material/error:")
    ready = history.has_finished("export")
    if st.button("Open the test part (once)", icon=":material/lock_open:", disabled=not ready, key="open-test"):
        runs.request_test_set(run)
        ensure_runner(ui.workspace())
        st.rerun()
    if not ready:
        st.caption("The model is not written yet. Take along says how far it is.")


def watch(run):
    """How far it is; at the end the whole page takes over."""
    history = ui.history(run)
    if not history.is_pending("test_set"):
        st.rerun()
    if history.progress:
        done, total = history.progress.done, history.progress.total
        st.progress(done / max(1, total), f"The model looks at the test part: {done:,} of {total:,} photos")
    else:
        st.progress(0.0, "Opening the test part")


def show_outcome(run):
    found = load_opening(run)
    with st.container(key="answer-test"):
        st.markdown(found.in_words())
    left_out = (
        f" {pluralize(found.left_out, 'photo was', 'photos were')} left out: of classes that the model does not know."
        if found.left_out
        else ""
    )
    st.caption(f"Opened {format_time(found.opened)}. The figure stays, however often you come back.{left_out}")
    if looks := count_looks(run):
        st.warning(reuse_warning(looks), icon=":material/visibility:")
    with st.expander("What it mixes up in the test part"):
        plots.show_matrix(found.confusion_matrix, list(found.class_names), f"test-{run.id}")
