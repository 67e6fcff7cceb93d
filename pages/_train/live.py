"""A run while it works and when it has ended: progress, curves, confusion matrix. Re-reads the event log by itself."""

import time
from itertools import count, pairwise

import streamlit as st

from pages._shared import errors, plots, session
from transfer_core.services import runs, waiting
from transfer_core.support.text import markdown
from transfer_core.support.wording import duration, progress_text

REPLAY_S = 3.0  # a head learns faster than eyes can follow: its recorded epochs are shown over this time
TICK_S = 0.5  # of a replay, and while the run waits for its turn
LIVE_TICK_S, SLOW_TICK_S = 1.0, 2.0
# Where nothing has come for so long, the page looks less often: the browser may run on the machine that trains.
STILL_S = 3.0
MANY = 8  # windows that watch; where there are more, each looks less often, for the server runs on that machine, too
WATCHERS = count()
TO_COME, DONE, NOW = ":material/radio_button_unchecked:", ":material/check_circle:", ":material/pending:"


def watch_run(run):
    """Polls while there is something to wait for or to replay, and stands still afterwards."""
    history = session.history(run)
    if is_moving(run, history):
        tick_s = pace_of(run, history, time.time())
        st.fragment(watch, run_every=tick_s)(run, tick_s)
    else:
        show_figures(run, history, len(history.epochs))


def is_moving(run, history):
    return history.status in ("queued", "running") or is_replaying(run, history)


def is_replaying(run, history):
    return st.session_state.get(session.SHOWN, {}).get(run.id, len(history.epochs)) < len(history.epochs)


def pace_of(run, history, now):
    """Seconds from one look to the next, by how long the figures have stood still, or did before the last epoch."""
    if history.status != "running" or is_replaying(run, history):
        return TICK_S
    if count_watchers(now) > MANY:
        return SLOW_TICK_S
    changes = sorted(event.time for event in (*history.epochs[-2:], *history.phases[-1:]))[-2:]
    still = [after - before for before, after in pairwise([*changes, now])]
    return SLOW_TICK_S if max(still, default=0) > STILL_S else LIVE_TICK_S


@st.cache_resource
def last_looks():
    """When each window looked last, in Unix seconds, by a number of its own; shared by all."""
    return {}


def count_watchers(now):
    """How many windows look at a run just now, this one included."""
    looks = last_looks()
    looks[st.session_state.setdefault(session.WATCHER, next(WATCHERS))] = now
    for window, last in list(looks.items()):  # a copy, for other windows look meanwhile
        if now - last > 2 * SLOW_TICK_S:
            looks.pop(window, None)
    return len(looks)


def watch(run, tick_s):
    history = session.history(run)
    shown = st.session_state.setdefault(session.SHOWN, {})
    planned = max([len(history.epochs), *(epoch.epochs for epoch in history.epochs[-1:])])
    quota = max(1, round(planned * TICK_S / REPLAY_S))
    shown[run.id] = min(len(history.epochs), shown.get(run.id, len(history.epochs)) + quota)
    if not is_moving(run, history):
        st.rerun()  # the end belongs to the page: a button drawn here would be gone before its click arrives
    if pace_of(run, history, time.time()) != tick_s:
        st.rerun()
    show_progress(run, history, shown[run.id])
    show_figures(run, history, shown[run.id])


def show_progress(run, history, shown):
    """One line: what is at work, how far, how long still; above it the phases, where there are several."""
    show_steps(run, history)
    phase = history.phases[-1] if history.phases else None
    if history.status == "queued":
        st.progress(0.0, waiting_for(run))
    elif epoch := epoch_at_work(history, shown):
        phase = next(phase for phase in history.phases if phase.name == epoch.phase)
        left = history.seconds_left(time.time())
        rest = f", {duration(left)} left" if left and history.status == "running" else ""
        st.progress(epoch.epoch / epoch.epochs, f"{markdown(phase.title)}: epoch {epoch.epoch} of {epoch.epochs}{rest}")
    elif history.progress:
        st.progress(
            history.progress.done / max(1, history.progress.total), f"{markdown(phase.title)}: {count_of(history)}"
        )
    else:
        st.progress(0.0, markdown(phase.title) if phase else "Starting")


def waiting_for(run):
    return markdown(waiting.find_wait(session.workspace(), run, session.history).in_words()) or "Starting"


def count_of(history):
    """Such as "120 of 382 photos, 95 per second, 3 s left"; of a phase with epochs which of them, and its photo."""
    progress, first, phase = history.progress, history.first_progress, history.phases[-1]
    fresh = progress.done - first.done  # what came from the cache tells nothing about the pace
    text = progress_text(progress.done, progress.total, progress.time - first.time, progress.unit, fresh)
    each = progress.total // phase.epochs if phase.epochs else 0
    if not each or progress.total % phase.epochs or progress.unit != "photos":
        return text
    epoch, photo = min(progress.done // each, phase.epochs - 1) + 1, progress.done % each
    _, *rest = text.split(", ")
    return ", ".join([f"epoch {epoch} of {phase.epochs}, photo {photo:,} of {each:,}", *rest])


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


def show_figures(run, history, shown):
    """Loss, accuracy and matrix beside each other, of the first `shown` epochs; a grey place until there is one."""
    errors.show_problems(run.problem, history.damage)
    if not shown:
        if is_moving(run, history):
            st.skeleton(height=340)  # the curves will stand here: nothing jumps when they come
        return
    class_names = None
    with errors.shown_errors():
        class_names = list(session.split_of(run).class_names)
    plots.show_at_work(history, shown, class_names)
    st.caption(plots.what_is_kept(history, shown), help=plots.ABOUT_CURVES)
