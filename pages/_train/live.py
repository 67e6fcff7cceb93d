"""A run while it works and when it has ended: progress, curves, confusion matrix. Re-reads the event log by itself."""

import time
from itertools import pairwise

import streamlit as st

from pages._shared import errors, plots, session
from transfer_core.services import runs, training
from transfer_core.support.text import markdown
from transfer_core.support.wording import duration, pluralize, progress_text, result_sentence

REPLAY_S = 3.0  # a head learns faster than eyes can follow: its recorded epochs are shown over this time
TICK_S = 0.5  # of a replay, and while the run waits for its turn
LIVE_TICK_S, SLOW_TICK_S = 1.0, 2.0
# Where nothing has come for so long, the page looks less often: the browser may run on the machine that trains.
STILL_S = 3.0
LOG_LINES = 60
TO_COME, DONE, NOW = ":material/radio_button_unchecked:", ":material/check_circle:", ":material/pending:"


def show_run(project, run):
    """Polls while there is something to wait for or to replay, and stands still afterwards."""
    history = session.history(run)
    if is_moving(run, history):
        tick_s = pace_of(run, history, time.time())
        st.fragment(watch, run_every=tick_s)(project, run, tick_s)
    else:
        show_state(project, run, history, len(history.epochs))


def is_moving(run, history):
    return history.status in ("queued", "running") or is_replaying(run, history)


def is_replaying(run, history):
    return st.session_state.get(session.SHOWN, {}).get(run.id, len(history.epochs)) < len(history.epochs)


def pace_of(run, history, now):
    """Seconds from one look to the next, by how long the figures have stood still, or did before the last epoch."""
    if history.status != "running" or is_replaying(run, history):
        return TICK_S
    changes = sorted(event.time for event in (*history.epochs[-2:], *history.phases[-1:]))[-2:]
    still = [after - before for before, after in pairwise([*changes, now])]
    return SLOW_TICK_S if max(still, default=0) > STILL_S else LIVE_TICK_S


def watch(project, run, tick_s):
    history = session.history(run)
    shown = st.session_state.setdefault(session.SHOWN, {})
    planned = max([len(history.epochs), *(epoch.epochs for epoch in history.epochs[-1:])])
    quota = max(1, round(planned * TICK_S / REPLAY_S))
    shown[run.id] = min(len(history.epochs), shown.get(run.id, len(history.epochs)) + quota)
    if not is_moving(run, history):
        st.rerun()  # the end belongs to the page: a button drawn here would be gone before its click arrives
    if pace_of(run, history, time.time()) != tick_s:
        st.rerun()
    show_state(project, run, history, shown[run.id])


def show_state(project, run, history, shown):
    with st.container(border=True, key="run"):
        moving = history.status in ("queued", "running") or shown < len(history.epochs)
        if moving:
            show_progress(run, history, shown)
        else:
            show_end(project, run, history)
        for notice in history.notices:
            st.caption(markdown(notice))
        errors.show_problems(run.problem, history.damage)
        if shown:
            figures, curve, epoch = st.container(), st.container(), history.epochs[shown - 1]
            with curve:
                plots.show_learning(history, shown, "curve")
            with errors.shown_errors():
                split = session.split_of(run)
                if moving:
                    with figures:
                        show_figures(history, epoch, len(split.val))
                plots.show_matrix(epoch.matrix(len(split.class_names)), list(split.class_names), "live-matrix")
        elif moving:
            st.skeleton(height=420)  # the curves will stand here: nothing jumps when they come


def show_progress(run, history, shown):
    phase = history.phases[-1] if history.phases else None
    show_steps(run, history)
    if history.status == "queued":
        ahead = runs.count_ahead(session.workspace(), run, session.history)
        waiting = f"Waiting for {pluralize(ahead, 'other run')}" if ahead else "Starting"
        st.progress(0.0, waiting)
    elif epoch := epoch_at_work(history, shown):
        phase = next(phase for phase in history.phases if phase.name == epoch.phase)
        left = history.seconds_left(time.time())
        rest = f", {duration(left)} left" if left and history.status == "running" else ""
        st.progress(epoch.epoch / epoch.epochs, f"{markdown(phase.title)}: epoch {epoch.epoch} of {epoch.epochs}{rest}")
    elif history.progress:
        progress = history.progress
        fresh = progress.done - history.first_progress.done  # what came from the cache tells nothing about the pace
        text = progress_text(
            progress.done, progress.total, progress.time - history.first_progress.time, progress.unit, fresh
        )
        st.progress(progress.done / max(1, progress.total), f"{markdown(phase.title)}: {text}")
    else:
        st.progress(0.0, markdown(phase.title) if phase else "Starting")
    if history.status in ("queued", "running"):
        stopping = runs.stop_requested(run)
        st.button(
            "Stopping" if stopping else "Stop and keep the model",
            disabled=stopping,
            icon=":material/stop:",
            key="stop",
            on_click=training.stop,  # not a rerun of the fragment: a click may arrive in a run of the whole page
            args=(run,),
            help="Training ends now. The model stays as it is at this moment.",
        )
        st.caption("You can close this page. Training continues.")


def epoch_at_work(history, shown):
    """The epoch that is shown, if it is one of the phase at work, or of any when all have ended and are replayed.

    None as well of a phase that a resumed run has not begun again.
    """
    epoch = history.epochs[shown - 1] if shown else None
    phases = history.phases[-1:] if history.status == "running" else history.phases
    return epoch if epoch and epoch.phase in {phase.name for phase in phases} else None


def show_steps(run, history):
    """The phases that learn, in their order: done, at work, to come; only where there is more than one."""
    planned = runs.planned_phases(run)
    names = [phase.name for phase in planned]
    if len(names) < 2:
        return
    # A resumed run has forgotten its phases, but not its epochs.
    begun = [phase.name for phase in history.phases] + [epoch.phase for epoch in history.epochs[-1:]]
    now = max((names.index(name) for name in begun if name in names), default=-1)
    icons = [DONE if place < now else NOW if place == now else TO_COME for place in range(len(names))]
    steps = zip(icons, planned, strict=True)
    st.caption(" → ".join(f"{icon} {markdown(phase.title)}" for icon, phase in steps))


def show_end(project, run, history):
    if history.result:
        early = "Stopped early. " if history.status == "stopped" else ""
        st.success(f"{early}**{result_sentence(history.result)}**", icon=":material/check_circle:")
        if st.button("See the results", type="primary", icon=":material/arrow_forward:", key="to-understand"):
            st.session_state[session.PROJECT] = project.id
            st.switch_page("pages/understand.py", query_params={"project": project.id, "run": run.id})
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
            "This run was interrupted. Press Resume to continue from its last checkpoint.", icon=":material/error:"
        )
    if history.status in ("failed", "interrupted", "stopped") and st.button(
        "Resume", icon=":material/resume:", key="resume", help="Continues from the last checkpoint."
    ):
        with errors.shown_errors():
            training.resume(run)
            st.session_state.setdefault(session.SHOWN, {})[run.id] = len(history.epochs)
            st.rerun()


def show_log(run):
    if run.log_path.is_file():
        with st.expander("Details for a bug report"):
            st.code("\n".join(run.log_path.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]), language=None)


def show_figures(history, last, val_count):
    count, right = st.columns(2)
    phase = history.phases[-1] if history.phases else None
    begins = phase and phase.epochs and phase.name != last.phase and history.status == "running"
    done, total = (0, phase.epochs) if begins else (last.epoch, last.epochs)
    count.metric("Epoch", f"{done} of {total}", help="In one epoch, the network sees every training photo once.")
    right.metric(
        "Validation accuracy",
        f"{last.hits} of {val_count}",
        help="Right answers on the validation photos: kept back to check the model, which never trains on them.",
    )
    st.caption(plots.what_is_kept(last))
