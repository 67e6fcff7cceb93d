"""The section "Final test" of Understand: opened once, on purpose."""

import streamlit as st

from pages._shared import errors, plots, session
from transfer_core.services import evaluation
from transfer_core.services.evaluation import count_looks, load_opening
from transfer_core.services.export import is_ready
from transfer_core.services.training import ensure_runner
from transfer_core.support.text import markdown
from transfer_core.support.wording import format_time, pluralize, reuse_warning


def show_opening(run, history, split):
    """Explains the test photos, then shows the button, then the result."""
    if not split.test:
        st.markdown(
            "This run has no test photos. To keep some for a final test, set their share under Advanced before you "
            "train."
        )
        return
    with errors.shown_errors():
        if evaluation.is_opened(history):
            show_outcome(run)
        elif history.is_pending("test_set"):
            ensure_runner(session.workspace())
            st.fragment(watch, run_every=1.0)(run)
        else:
            offer(run, history, split)


def offer(run, history, split):
    st.markdown(
        f"**{pluralize(len(split.test), 'test photo is', 'test photos are')} kept for this.** Nothing was "
        "trained on them or chosen by them, so they tell best how good the model really is. Look only once, "
        "with the model that you will keep. If you look, change something and look again, the result is no "
        "longer fair."
    )
    show_looks(run)
    if failure := evaluation.opening_failure(history):
        st.error(markdown(failure), icon=":material/error:")
    ready = is_ready(history)
    if st.button("Run the final test (once)", icon=":material/lock_open:", disabled=not ready, key="open-test"):
        confirm(run, len(split.test))
    if not ready:
        st.caption("The model is still being exported. The Export page shows the progress.")


@st.dialog("Run the final test now?")
def confirm(run, count):
    st.markdown(
        f"The model answers all {pluralize(count, 'test photo')}, and the result stays for good. A fair final test "
        "can be run only once, so run it with the model that you will keep."
    )
    later, now = st.columns(2)
    if later.button("Not yet", type="primary", width="stretch"):
        st.rerun()
    if now.button("Run it", width="stretch", icon=":material/lock_open:", key="open-test-now"):
        evaluation.open_test_set(run)
        st.rerun()


def show_looks(run):
    """Whether other runs were tested on these photos before, or that this is unknown."""
    with errors.shown_errors():
        if looks := count_looks(run):
            st.warning(reuse_warning(looks), icon=":material/visibility:")


def watch(run):
    """How far it is; at the end the whole page takes over."""
    history = session.history(run)
    if not history.is_pending("test_set"):
        st.rerun()
    if history.progress:
        done, total = history.progress.done, history.progress.total
        st.progress(done / max(1, total), f"Classifying the test photos: {done:,} of {total:,}")
    else:
        st.progress(0.0, "Starting the final test")


def show_outcome(run):
    found = load_opening(run)
    st.markdown(found.in_words())
    left_out = (
        f" {pluralize(found.left_out, 'photo was', 'photos were')} left out, because the model does not know the class."
        if found.left_out
        else ""
    )
    st.caption(f"Tested {format_time(found.opened)}. This result stays, however often you come back.{left_out}")
    show_looks(run)
    with st.expander("Confusions on the test photos"):
        plots.show_matrix(found.confusion_matrix, list(found.class_names), f"test-{run.id}")
