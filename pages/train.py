"""Choose how to train, press Train, watch; afterwards the result and the runs before."""

import streamlit as st

from pages._shared import coach, errors, frame, naming, navigation, run_card, run_picker, session
from pages._train import ended, live, setup, your_runs
from transfer_core.services import catalog, runs, training
from transfer_core.services.labels import count_classes, load_labelled
from transfer_core.support.text import markdown


def ask_for_photos():
    with frame.title_row("Train", project):
        pass
    st.info("Training needs photos of at least two classes. Add them first.", icon=":material/add_photo_alternate:")
    with frame.foot("There are not enough photos yet."):
        if st.button("Add photos", type="primary", icon=":material/add_photo_alternate:"):
            navigation.open_page("photos", project)


def show_run(run):
    history, name = session.history(run), markdown(runs.name_runs(found)[run.id])
    moving = live.is_moving(run, history)
    if not moving:
        ended.show_end(project, run, history)
    for notice in history.notices:
        st.caption(markdown(notice))
    live.watch_run(run)
    if not moving and history.result:
        coach.show_suggestion(project, run, history)
    show_others(run)
    if history.status in ("queued", "running"):
        stopping, waits = runs.stop_requested(run), history.status == "queued"
        told = "The model is being kept." if stopping else "You can close this page. Training continues."
        with frame.foot(f"**{name}** {told}"):
            st.button(
                "Stopping" if stopping else "Leave the queue" if waits else "Stop and keep the model",
                type="primary",
                disabled=stopping,
                icon=":material/stop:",
                key="stop",
                on_click=training.stop,
                args=(run,),
                help="Nothing was learned yet." if waits else "Training ends now. The model stays as it is now.",
            )
    elif not moving:
        your_runs.show_your_runs(project, found, run)
        with frame.foot(f"**{name}**"):
            ended.offer_next(project, run, history)


def show_others(run):
    """Which other runs of the project are at work or wait, with the way to the one at work."""
    others = {other.id: other for other in found if other.id != run.id}
    busy = [other for other in others.values() if session.history(other).status in ("queued", "running")]
    if not busy:
        return
    names = runs.name_runs(found)
    busy.sort(key=lambda other: (session.history(other).status != "running", other.order))
    told = ", ".join(
        f"**{markdown(names[other.id])}** {'is training' if session.history(other).status == 'running' else 'waits'}"
        for other in busy
    )
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="others"):
        st.markdown(f":material/pending: {told}.", width="stretch")
        if st.button("Watch it", key="watch-other"):
            st.query_params["run"] = busy[0].id
            st.rerun()


project = navigation.need_project()
items = load_labelled(project)
if len(count_classes(items)) < 2:
    ask_for_photos()
    st.stop()
with errors.shown_errors():  # a worker is to be warm when Train is pressed, and no run to wait for a runner that died
    training.ensure_runner(session.workspace())
errors.show_problems(*catalog.find_problems(session.workspace()))
run_picker.need_readable(project)
found = runs.list_runs(session.workspace(), project)
run = run_picker.chosen_run(found)
setting_up = run is None or st.session_state.get(session.SETTING_UP) == project.id
with frame.title_row("Train", project):
    if not setting_up:
        if st.button("Rename", icon=":material/edit:", type="tertiary", key="rename-run"):
            naming.ask_run_name(run, runs.name_runs(found)[run.id])
        run = run_picker.choose_run(found, run)
if setting_up:
    setup.show_setup(project, items, found, "Train again" if found else "Train")
else:
    show_run(run)
run_card.show_unreadable(project)
run_card.show_undo(project)
