"""The section "Did the pretrained network help?" of Understand."""

import streamlit as st

from pages._shared import plots, ui
from transfer_core import charts, runs
from transfer_core.evaluation import transfer_gain
from transfer_core.evaluation.baselines import load_baselines
from transfer_core.services import training
from transfer_core.support.text import duration, percent


def show_knowledge(project, run, history):
    """The sentence, the bars, and the control trained from scratch: its curve, or its button."""
    st.subheader("Did the pretrained network help?", anchor=False)
    split = ui.split_of(run)
    everything = runs.list_runs(ui.workspace(), project)
    controls = transfer_gain.find_controls(run, split, everything)
    done = next((other for other in controls if ui.history(other).status == "finished"), None)
    knowledge = transfer_gain.load_knowledge(run, split, done)
    st.markdown(transfer_gain.verdict_sentence(knowledge))
    show_scores(knowledge)
    if are_coming(run):
        st.fragment(wait_for_baselines, run_every=1.0)(run)
    if done and not knowledge.barred:
        # What pretrained weights change about the way, not only about the end.
        plots.show_compared((("this run", history), ("from scratch", ui.history(done))), "both")
    elif not (knowledge.is_control or knowledge.barred):
        offer_control(project, run, split, controls, knowledge.proposes_control)


def show_scores(knowledge):
    rows = [(transfer_gain.NAMES[score.name], score.share, score.interval) for score in knowledge.scores]
    own = [score.name for score in knowledge.scores].index("model")
    figure = charts.share_bars(rows, own=own, dark=ui.is_dark())
    with st.container(width=560):
        st.plotly_chart(
            figure,
            theme=None,
            config=charts.CONFIG,
            key="knowledge",
            alt="Accuracy: " + "; ".join(f"{name} {percent(share)}" for name, share, _ in rows),
        )
    st.caption("Accuracy on the validation photos, each with the range in which the true accuracy probably lies.")


def are_coming(run):
    """Whether the baselines are not there yet, but the worker that measures them is: it does that last."""
    return load_baselines(run.evaluation_dir) is None and ui.history(run).alive


def wait_for_baselines(run):
    if not are_coming(run):
        st.rerun()
    st.caption("Graft is measuring how far one gets without a network.")


def offer_control(project, run, split, controls, is_next):
    """A button that starts the control, or the way to the one that is under way."""
    busy = next((other for other in controls if ui.history(other).status in ("queued", "running")), None)
    if busy:
        st.caption("The same network is being trained from scratch now.")
        if st.button("Watch it", icon=":material/visibility:", key="watch-control"):
            ui.open_run("train", project, busy)
        return
    config = transfer_gain.control_config(run.config)
    with ui.shown_errors():
        found, _ = training.estimate_run(ui.workspace(), [*split.train, *split.val, *split.test], config)
        pressed = st.button(
            "Compare with training from scratch",
            type="primary" if is_next else "secondary",
            icon=":material/science:",
            key="start-control",
            help="Trains the same network on the same photos, without its pretrained weights.",
        )
        st.caption(f"Takes about {duration(found.seconds)}." if found else "Takes minutes rather than seconds.")
        if pressed:
            started, shown = st.session_state.setdefault(ui.STARTED, []), st.session_state.setdefault(ui.SHOWN, {})
            with st.spinner("Checking the photos"):
                ids = {item.id for item in (*split.train, *split.val, *split.test)}
                control = training.start(ui.workspace(), project, config, ids)
                started.append(control.id)
                shown[control.id] = 0
            ui.open_run("train", project, control)
