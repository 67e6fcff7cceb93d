"""The section "Did the pretrained network help?" of Understand."""

import streamlit as st

from pages._shared import errors, navigation, plots, session, theme
from transfer_core import charts
from transfer_core.services import comparison
from transfer_core.support.wording import duration, percent


def show_knowledge(project, run, history):
    """The sentence, the bars, and the control trained from scratch: its curve, or its button."""
    split = session.split_of(run)
    gain = comparison.find_gain(session.workspace(), project, run, split, session.history)
    knowledge, done = gain.knowledge, gain.control
    st.markdown("**Did the pretrained network help?**")
    st.markdown(comparison.verdict_sentence(knowledge))
    show_scores(knowledge)
    if are_coming(run):
        st.fragment(wait_for_baselines, run_every=1.0)(run)
    if done and not knowledge.barred:
        # What pretrained weights change about the way, not only about the end.
        plots.show_compared((("this run", history), ("from scratch", session.history(done))), "both")
    elif not (knowledge.is_control or knowledge.barred):
        offer_control(project, run, split, gain.under_way)


def show_scores(knowledge):
    rows = [(comparison.NAMES[score.name], score.share, score.interval) for score in knowledge.scores]
    own = [score.name for score in knowledge.scores].index("model")
    figure = charts.share_bars(rows, own=own, dark=theme.is_dark())
    with st.container(width=560):
        st.plotly_chart(
            figure,
            theme=None,
            config=charts.CONFIG,
            key="knowledge",
            alt="Accuracy: " + "; ".join(f"{name} {percent(share)}" for name, share, _ in rows),
        )
    ranges = ", each with the range in which the true accuracy probably lies" if rows[own][2] else ""
    st.caption(f"Accuracy on the validation photos{ranges}.")


def are_coming(run):
    """Whether the baselines are not there yet, but will be: the worker measures them last."""
    return not comparison.has_baselines(run) and session.history(run).is_pending("baselines")


def wait_for_baselines(run):
    if not are_coming(run):
        st.rerun()
    st.caption("Graft is measuring how good simple guesses are, without a network.")


def offer_control(project, run, split, busy):
    """A button that starts the control, or the way to the one that is under way."""
    if busy:
        st.caption("The same network is being trained from scratch now.")
        if st.button("Watch it", icon=":material/visibility:", key="watch-control"):
            navigation.open_run("train", project, busy)
        return
    with errors.shown_errors():
        found = comparison.estimate_control(session.workspace(), run, split)
        pressed = st.button(
            "Compare with training from scratch",
            icon=":material/science:",
            key="start-control",
            help="Trains the same network on the same photos, without its pretrained weights.",
        )
        st.caption(f"Takes about {duration(found.seconds)}." if found else "Takes minutes rather than seconds.")
        if pressed:
            started, shown = (
                st.session_state.setdefault(session.STARTED, []),
                st.session_state.setdefault(session.SHOWN, {}),
            )
            with st.spinner("Checking the photos"):
                control = comparison.start_control(session.workspace(), project, run, split)
                started.append(control.id)
                shown[control.id] = 0
            navigation.open_run("train", project, control)
