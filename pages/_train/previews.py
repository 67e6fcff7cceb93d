"""Short runs before training: a preview of the augmentation and a learning rate finder."""

import streamlit as st

from pages._shared import errors, session, theme
from transfer_core import charts
from transfer_core.services import previews, runs, training, waiting
from transfer_core.support.text import markdown
from transfer_core.support.wording import percent, small_number

TICK_S = 0.5
PICTURE_PX = 96


def show_preview(project, config):
    """A button, then the work, then the pictures; these stay as long as they are what the settings would give."""
    if not training.learns_backbone(session.workspace(), config):
        st.caption("Augmentation is used only when the backbone is fine-tuned. The new layer sees each photo once.")
        return
    run, ended = newest_for(project, "preview", lambda run: previews.varies_alike(run, config))
    rows = previews.load_preview(run) if run and ended else None
    if rows:
        show_rows(run, rows)
    elif ended:
        show_end(run)
        if st.button("Show examples with my photos", icon=":material/auto_awesome_motion:", key="start-preview"):
            begin(previews.start_preview, project, config)


def show_rate_finder(project, config, draft):
    """A button, then the work, then the curve and a button that takes the rate over into the settings."""
    if not training.learns_backbone(session.workspace(), config):
        st.caption(
            "The learning rate matters only when the backbone is fine-tuned. The new layer finds its own step size."
        )
        return
    run, ended = newest_for(project, "lr_finder", lambda run: previews.learns_alike(run, config))
    found = previews.load_rates(run) if run and ended else None
    if found:
        show_rates(found, draft)
        for notice in session.history(run).notices:
            st.caption(markdown(notice))
    elif ended:
        show_end(run)
        if st.button("Find a learning rate", icon=":material/show_chart:", key="start-find-rate"):
            begin(previews.start_lr_finder, project, config)
        st.caption(
            "Graft takes up to 60 training steps with your photos, each bigger than the last, and watches when "
            "the loss falls and when it rises."
        )


def newest_for(project, kind, is_alike):
    """(the newest run of the kind, None if its settings were others; whether it has ended); draws one under way."""
    run = previews.newest(session.workspace(), project, kind)
    if run and session.history(run).status in ("queued", "running"):
        st.fragment(watch, run_every=TICK_S)(run)
        return run, False
    return run if run and is_alike(run) else None, True


def begin(start, project, config):
    with errors.shown_errors():
        start(session.workspace(), project, config)
        st.rerun()


def watch(run):
    """How far it is; at the end the whole page takes over, since a button drawn here would not outlive it."""
    history = session.history(run)
    if history.status not in ("queued", "running"):
        st.rerun()
    title = markdown(history.phases[-1].title) if history.phases else "Starting"
    if history.status == "queued":
        waited = waiting.find_wait(session.workspace(), run, session.history).in_words()
        st.progress(0.0, markdown(waited) or "Starting")
    elif history.progress:
        done, total, unit = history.progress.done, history.progress.total, history.progress.unit
        st.progress(done / max(1, total), f"{title}: {done:,} of {total:,} {unit}")
    else:
        st.progress(0.0, title)
    stopping = runs.stop_requested(run)
    words, key = "Stopping" if stopping else "Stop", f"stop-{run.kind}"
    st.button(words, disabled=stopping, icon=":material/stop:", key=key, on_click=training.stop, args=(run,))


def show_end(run):
    """Why there is nothing to show of a run that has ended; the button to begin again follows."""
    history = session.history(run) if run else None
    if history and history.failure:
        st.error(f"{markdown(history.failure.message)} {markdown(history.failure.hint)}", icon=":material/error:")
    elif history and history.status == "interrupted":
        st.warning("This was interrupted. Start again.", icon=":material/error:")


def show_rows(run, rows):
    """A wall per photo, the photo itself first."""
    for number, row in enumerate(rows):
        with st.container(horizontal=True, key=f"gallery-preview-{number}"):
            for place, picture in enumerate(row.pictures):
                path = str(run.evaluation_dir / picture.file)
                caption = None if row.name else markdown(shares(picture))
                st.image(path, width=PICTURE_PX, alt=alt(row, place, picture), caption=caption)
    if run.config.augmentation == "none":
        words = "Without augmentation, training uses every photo as it is."
    else:
        words = "Each row shows a photo as it is, then as training may use it. Every epoch changes it in a new way."
    blended = "" if rows[-1].name else " The last row shows mixed photos, each with the answer that training expects."
    st.caption(words + blended)


def alt(row, place, picture):
    name = row.name.rsplit("/", 1)[-1]
    if not row.name:
        return f"Mixed photos: {shares(picture)}"
    return f"{name} as it is" if place == 0 else f"{name}, augmented copy {place}"


def shares(picture):
    """Such as "70% ant, 30% bee"."""
    largest_first = sorted(picture.shares.items(), key=lambda entry: -entry[1])
    return ", ".join(f"{percent(share)} {name}" for name, share in largest_first)


def show_rates(found, draft):
    figure = charts.rate_curve(found.rates, found.losses, found.smoothed, found.suggestion, dark=theme.is_dark())
    alt = f"Loss while the learning rate rises; {small_number(found.suggestion)} is suggested"
    st.plotly_chart(figure, theme=None, config=charts.CONFIG, key="rates", alt=alt)
    st.caption(
        "This learning rate is about ten times smaller than the first one that makes the loss rise. It is a "
        "hint from a few steps, not a proof."
    )
    taken = draft.get("learning_rate") == found.suggestion
    st.button(
        f"Using {small_number(found.suggestion)}" if taken else f"Use {small_number(found.suggestion)}",
        disabled=taken,
        icon=":material/check:",
        key="use-rate",
        on_click=take,
        args=(found.suggestion, draft),
    )


def take(rate, draft):
    """Before the page is drawn again: a widget's state may not be set once the widget is there."""
    draft["learning_rate"] = st.session_state["setting-learning_rate"] = rate
