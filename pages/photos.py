"""Add photos: the board of classes, imports that fill it at once, and what to check."""

import streamlit as st

from pages._photos import board, disputes, groups, health, import_review, import_sources, shades
from pages._shared import errors, frame, live_answer, navigation, session, theme
from pages._sort.selection import show_class, show_trouble
from transfer_core import charts
from transfer_core.config import TrainConfig
from transfer_core.services import ingest, runs, training
from transfer_core.services.export import is_ready
from transfer_core.services.labels import count_classes, labelled, load_items, load_original_items
from transfer_core.support.wording import duration, pluralize


def show_report():
    """The result of the last upload: photos added, and files rejected with the reasons."""
    owner, report = st.session_state.get(session.INTAKE, (None, None))
    if owner != project.id:
        return
    already = report.photos - report.added
    told = f"{pluralize(report.added, 'new photo')} added."
    told += f" {pluralize(already, 'photo was', 'photos were')} already in the project." if already else ""
    told += f" {pluralize(report.named, 'photo')} that had no class got one." if report.named else ""
    st.success(told, icon=":material/check_circle:")
    import_review.tell(report.said)
    left_out = [(entry.file, entry.reason) for entry in report.rejected if entry.reason != "junk"]
    import_review.list_files(ingest.count_left_out(report.rejected), left_out)


def show_parts():
    """Training and validation photos per class, where the data came with parts."""
    val = count_classes(item for item in in_use if item.part == "val")
    train = count_classes(item for item in in_use if item.part in (None, "train"))
    figure = charts.class_counts(
        list(classes),
        [train.get(name, 0) for name in classes],
        [val.get(name, 0) for name in classes],
        dark=theme.is_dark(),
    )
    st.plotly_chart(
        figure, theme=None, config=charts.CONFIG, key="counts", alt="Training and validation photos per class"
    )
    if tested := sum(item.part == "test" for item in in_use):
        st.caption(
            f"{pluralize(tested, 'test photo')}: kept for the final test. Training and validation do not use them."
        )


def newest_model():
    """The newest run whose exported model was checked; None where there is none."""
    found = runs.list_runs(session.workspace(), project)
    return next((run for run in found if (entry := session.history(run)).result and is_ready(entry)), None)


def offer_next():
    """The foot: the way to Train once there are two classes, and to Fix labels once there are photos."""
    ready = len(classes) > 1
    if ready:
        with errors.shown_errors():
            found, _ = training.estimate_run(session.workspace(), in_use, TrainConfig())
        state = f"{pluralize(len(classes), 'class is', 'classes are')} ready."
        about = f", about {duration(found.seconds)}" if found else ""
    else:
        state, about = "Add at least two classes with ten photos or more each. They stay on this computer.", ""
    with frame.foot(state):
        if unlabelled and st.button(
            f"Sort {pluralize(unlabelled, 'photo')} without a class", icon=":material/sell:", key="sort-unlabelled"
        ):
            show_class()
            navigation.open_page("sort", project)
        if items and st.button(
            "Fix labels", icon=":material/sell:", help="Change labels, rename classes, remove photos, and undo."
        ):
            navigation.open_page("sort", project)
        were_removed = not items and load_original_items(project)
        if were_removed and st.button("Show removed photos", icon=":material/restore_from_trash:"):
            navigation.open_page("sort", project)
        if st.button(
            f"Train{about}", type="primary", icon=":material/arrow_forward:", disabled=not ready, key="to-train"
        ):
            navigation.open_page("train", project)


project = navigation.need_project()
items = load_items(project)
in_use, classes = labelled(items), count_classes(items)
unlabelled = len(items) - len(in_use)
model = newest_model()
live = False
with frame.title_row("Photos", project):
    if model:
        live = st.toggle("Live answer", key="live-answer", help="Shows the camera to your newest model.")
    if items:
        health.show_chip(project, classes, unlabelled)
above = st.container()  # a place of its own: what appears in it must not move the camera, which would turn it off
with above:
    waiting = import_review.review_waiting(project)
    show_report()
    show_trouble(project)
    disputes.ask_disputes(project)
    groups.ask_groups(project)
    shades.show_shades(project, items)
if not waiting:
    place, beside = st.columns([3, 2], gap="medium") if live else (st.container(), None)
    with place:
        board.show_board(project, in_use)
    if beside:
        with beside:
            live_answer.show(project, model)
opened = st.session_state.setdefault(session.ADDING, {}).setdefault(project.id, not items)
with st.expander("Add many at once: a zip, a folder, ready-made sets", opened, icon=":material/add_photo_alternate:"):
    import_sources.ask_for_photos(project)
if any(item.part == "val" for item in in_use):
    show_parts()
if not waiting:  # its own next step stands in the foot
    offer_next()
