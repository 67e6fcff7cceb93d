"""Photos come in, and are looked at."""

import streamlit as st

from pages._photos import import_review, import_sources
from pages._shared import navigation, session, theme, thumbnails
from pages._sort.photo_grid import NO_CLASS
from pages._sort.selection import change, show_trouble, show_unlabelled
from transfer_core import charts
from transfer_core.services import labels
from transfer_core.services.labels import (
    alike,
    class_warnings,
    count_classes,
    labelled,
    load_items,
    load_original_items,
)
from transfer_core.support.text import markdown
from transfer_core.support.wording import pluralize

PREVIEW = 8
PER_PAGE = 60
CARDS_PER_ROW = 2
CARDS_PER_PAGE = 12


def show_report(project):
    """The result of the last upload: photos added, and files rejected with the reasons."""
    owner, report = st.session_state.get(session.INTAKE, (None, None))
    if owner != project.id:
        return
    already = report.photos - report.added
    told = f"{pluralize(report.added, 'new photo')} added."
    told += f" {pluralize(already, 'photo was', 'photos were')} already in the project." if already else ""
    told += f" {pluralize(report.named, 'photo')} that had no class got one." if report.named else ""
    st.success(told, icon=":material/check_circle:")
    left_out = [(entry.file, entry.reason) for entry in report.rejected if entry.reason != "junk"]
    import_review.list_files(f"{pluralize(len(left_out), 'file was', 'files were')} left out", left_out)


def show_health(project, classes, unlabelled):
    total = sum(classes.values()) + unlabelled
    looks = class_warnings(classes)
    line = f"{pluralize(total, 'photo')}, {pluralize(len(classes), 'class', 'classes')}"
    line = f"**{line}, {unlabelled:,} without a class.**" if unlabelled else f"**{line}.**"
    if not classes:
        st.info(f"{line} Sort them into classes to train.", icon=":material/sell:")
        return
    if not looks:
        st.success(f"{line} No problems found in counts and files.", icon=":material/check_circle:")
        return
    st.warning(f"{line} {pluralize(len(looks), 'thing')} to check:", icon=":material/error:")
    for look in looks[:5]:
        st.markdown(f"- {markdown(look)}")
    if len(looks) > 5:
        st.caption(f"and {len(looks) - 5} more like these")
    with st.container(horizontal=True):
        for number, names in enumerate(alike(classes)):
            largest = max(names, key=classes.get)
            st.button(
                f"Merge them as '{markdown(largest)}'",
                icon=":material/merge:",
                key=f"join-{number}",
                on_click=join,
                args=(project, [name for name in names if name != largest], largest),
                help="You can undo this: Fix labels lists every change.",
            )


def join(project, names, into):
    for name in names:
        change(project, labels.rename_class, name, into)


@st.dialog("All photos of this class", width="large")
def show_all(project, name, items):
    st.markdown(f"**{markdown(name)}**, {pluralize(len(items), 'photo')}")
    pages = -(-len(items) // PER_PAGE)
    page = st.pagination(pages) if pages > 1 else 1
    thumbnails.gallery(project, items[(page - 1) * PER_PAGE : page * PER_PAGE], "all", width=104)


def offer_sorting(project, unlabelled):
    """The way to the photos that have no class yet."""
    label = f"Sort {pluralize(unlabelled, 'photo')} without a class"
    if st.button(label, icon=":material/sell:", key="sort-unlabelled"):
        show_unlabelled()
        navigation.open_page("sort", project)


def show_classes(project, items):
    """A card for each class, page by page: hundreds of classes would be thousands of pictures at every click.

    Photos without a class have the first card.
    """
    by_class = {name: [] for name in sorted({item.class_name for item in items}, key=lambda name: name or "")}
    for item in items:
        by_class[item.class_name].append(item)
    cards = list(enumerate(by_class.items()))
    pages = -(-len(cards) // CARDS_PER_PAGE)
    wall = st.container()
    page = min(pages, st.pagination(pages, key="class-pages")) if pages > 1 else 1
    cards = cards[(page - 1) * CARDS_PER_PAGE : page * CARDS_PER_PAGE]
    for start in range(0, len(cards), CARDS_PER_ROW):
        row = wall.columns(CARDS_PER_ROW)
        for column, (number, (name, own)) in zip(row, cards[start : start + CARDS_PER_ROW], strict=False):
            with column, st.container(border=True, height="stretch", key=f"card-{number}"):
                st.markdown(f"**{markdown(name or NO_CLASS)}** &nbsp; {pluralize(len(own), 'photo')}")
                thumbnails.gallery(project, own[:PREVIEW], str(number))
                if len(own) > PREVIEW and st.button(f"See all {len(own)}", key=f"all-{number}"):
                    show_all(project, name or NO_CLASS, own)


def show_parts(items, classes):
    """Training and validation photos per class, where the data came with parts."""
    val = count_classes(item for item in items if item.part == "val")
    train = count_classes(item for item in items if item.part in (None, "train"))
    figure = charts.class_counts(
        list(classes),
        [train.get(name, 0) for name in classes],
        [val.get(name, 0) for name in classes],
        dark=theme.is_dark(),
    )
    st.plotly_chart(
        figure, theme=None, config=charts.CONFIG, key="counts", alt="Training and validation photos per class"
    )
    if tested := sum(item.part == "test" for item in items):
        st.caption(
            f"{pluralize(tested, 'test photo')}: kept for the final test. Training and validation do not use them."
        )


def show_ways_in():
    for column, (picture, words) in zip(
        st.columns(3),
        {
            "way-zip.svg": "**A zip** or photos, in one folder per class or with a table of labels.",
            "way-files.svg": "**A folder**, or one class after the other, from files or the camera.",
            "way-sample.svg": "**Sample photos**, from the home page, to try Graft out.",
        }.items(),
        strict=True,
    ):
        with column:
            st.image(theme.asset(picture), width="stretch", alt="")
            st.markdown(words)


project = navigation.need_project()
st.title("Photos")
items = load_items(project)
classes = count_classes(items)
unlabelled = len(items) - sum(classes.values())
above = st.container()  # a place of its own: what appears in it must not move the camera, which would turn it off
with above:
    waiting = import_review.review_waiting(project)
    show_report(project)
    show_trouble(project)
    if items:
        show_health(project, classes, unlabelled)
        if unlabelled:
            offer_sorting(project, unlabelled)
    elif not waiting:
        st.markdown("Add at least two classes with ten photos or more each. They stay on this computer.")
opened = st.session_state.setdefault(session.ADDING, {}).setdefault(project.id, not items)
with st.expander("Add photos", opened, icon=":material/add_photo_alternate:"):
    import_sources.ask_for_photos(project)
if not items:
    if not waiting:
        show_ways_in()
    if load_original_items(project) and st.button("Show removed photos", icon=":material/restore_from_trash:"):
        navigation.open_page("sort", project)
    st.stop()
in_use = labelled(items)
if any(item.part == "val" for item in in_use):
    show_parts(in_use, classes)
show_classes(project, items)
if st.button("Fix labels", icon=":material/sell:", help="Change labels, rename classes, remove photos, and undo."):
    navigation.open_page("sort", project)
if st.button("Go on to Train", type="primary", icon=":material/arrow_forward:", disabled=len(classes) < 2):
    navigation.open_page("train", project)
