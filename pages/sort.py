"""Fix labels: look through all photos, select several, move them to the right class, and undo that."""

import streamlit as st

from pages._shared import errors, frame, navigation
from pages._sort import selection
from pages._sort.class_editor import show_classes, show_history
from pages._sort.close_up import show_photo
from pages._sort.photo_grid import NO_CLASS, begin_wall, show_wall
from pages._sort.selection import WITHOUT, change_chosen, show_trouble, take_over_picked
from transfer_core.data import split_names
from transfer_core.services import labels
from transfer_core.support.text import markdown, plain
from transfer_core.support.wording import pluralize

PER_PAGE = 60
PARTS = {part or "none": split_names.words_of(part).capitalize() for part in (*split_names.WORDS, None)}
PARTS_HELP = (
    "Training photos teach the model, validation photos check it, and test photos are kept for the final "
    "test. Graft splits automatic photos into training and validation photos when you train. Photos that "
    "you set to training are never used for validation, unless all photos of their class are set to "
    "training."
)


def ask_view(now):
    """(photos that match, whether they are removed ones)."""
    class_name = st.selectbox(
        "Class",
        [WITHOUT, *now.class_names] if has_unlabelled(now) else now.class_names,
        index=None,
        format_func=name_class,
        placeholder="All classes",
        key=selection.CLASS_FILTER,
        label_visibility="collapsed",
        width=180,
    )
    with st.popover("Filter", icon=":material/filter_list:", key="sort-filter"):
        part = st.selectbox(
            "Used for", PARTS, index=None, format_func=PARTS.get, placeholder="Anything", key="sort-part"
        )
        words = st.text_input("File name", placeholder="any", help="Part of the name or folder.", key="sort-words")
        removed = st.toggle(f"Removed photos ({len(now.removed):,})", key="sort-removed")
    mine.look_at((class_name, part, words, removed))
    pool = now.removed if removed else now.items
    return labels.select_items(pool, class_name or None, part, words, class_name == WITHOUT), removed


def has_unlabelled(now):
    return any(item.class_name is None for item in (*now.items, *now.removed))


def name_class(name):
    return NO_CLASS if name == WITHOUT else plain(name)


def show_choice(now, found, on_page):
    """The ways to choose much at once, and the way back."""
    for label, key, ids in (
        ("Select page", "page", mine.chosen | {item.id for item in on_page}),
        (f"Select all {len(found):,}", "all", {item.id for item in found}),
    ):
        st.button(label, on_click=mine.choose, args=(ids,), key=f"choose-{key}")
    show_way_back(now, "Undo", "undo", "Ctrl+Z", mine.done, selection.undo)
    show_way_back(now, "Redo", "redo", "Ctrl+Y", mine.undone, selection.redo)


def show_way_back(now, label, icon, shortcut, ids, act):
    st.button(
        label,
        icon=f":material/{icon}:",
        shortcut=shortcut,
        disabled=not ids,
        on_click=act,
        args=(project,),
        help=markdown(labels.describe(labels.find_action(now, ids[-1]))) if ids else None,
        key=f"sort-{icon}",
    )


def show_actions(now, found, removed):
    """What can be done with the chosen photos. At the bottom: the photos above stay where they are."""
    with st.container(horizontal=True, gap="xsmall", key="sort-tools"):
        name = st.selectbox(
            "Move to class",
            [*now.class_names, WITHOUT],
            index=None,
            format_func=name_class,
            accept_new_options=True,
            placeholder="Move to class",
            help="Choose a class, or type a new one.",
            key="sort-to",
            label_visibility="collapsed",
            width=190,
        )
        show_action("Move", "put", labels.relabel, name or None, is_ready=name is not None)
        with st.popover("Use for", key="sort-use"):
            part = st.selectbox("Use for", PARTS, format_func=PARTS.get, help=PARTS_HELP, key="sort-to-part")
            show_action("Set", "move", labels.move, None if part == "none" else part)
        if removed:
            show_action("Restore", "out", labels.bring_back, icon=":material/restore_from_trash:")
            ready = {"disabled": not mine.chosen, "on_click": take_over_picked, "args": (project,)}
            if st.button("Delete", icon=":material/delete_forever:", key="sort-delete", **ready):
                ask_delete()
        else:
            show_action("Remove", "out", labels.remove, icon=":material/delete:")
        chosen = [item for item in found if item.id in mine.chosen]
        if len(chosen) == 1 and st.button("View", icon=":material/zoom_in:", key="sort-view"):
            show_photo(project, chosen[0])
        st.button("Clear", on_click=mine.choose, args=((),), key="choose-none", help="Selects none.")


def show_action(label, key, how, *arguments, is_ready=True, **looks):
    """A button that changes the chosen photos."""
    st.button(
        label,
        disabled=not is_ready,
        on_click=change_chosen,
        args=(project, how, *arguments),
        key=f"sort-{key}",
        **looks,
    )


@st.dialog("Delete these photos for good?")
def ask_delete():
    st.write(
        f"{pluralize(len(mine.chosen), 'photo')} will be deleted from this computer for good, with thumbnails and "
        "features. Models that were trained on them stay as they are. A run that needs them and has not finished "
        "cannot be resumed."
    )
    keep, delete = st.columns(2)
    if keep.button("Keep them", type="primary", width="stretch"):
        st.rerun()
    if delete.button("Delete for good", width="stretch", icon=":material/delete_forever:", key="sort-delete-now"):
        with errors.shown_errors():
            mine.said = labels.delete_for_good(project, mine.chosen)
            mine.choose(())
            st.rerun()


def show_bottom(now, found, removed):
    """The tools once something is selected, and the foot: how much is, else the last change, or how to select."""
    with st.bottom:
        show_trouble(project)
        if mine.chosen:
            show_actions(now, found, removed)
    told = markdown(mine.said) or "Click photos to select them; drag, or hold shift, for several."
    state = f"{pluralize(len(found), 'photo')}. {told}"
    if mine.chosen:
        state = f"**{pluralize(len(mine.chosen), 'photo')} selected** of {len(found):,}"
    with frame.foot(state):
        if st.button("Back to Photos", type="primary", icon=":material/arrow_back:", key="to-photos"):
            navigation.open_page("photos", project)


@st.fragment
def sort_photos():
    """A fragment, so that a click on a photo draws no more than this."""
    if not project.folder.is_dir():  # deleted in another window: the whole page is redrawn
        st.rerun()
    now = labels.load_labels(project)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="sort-filters"):
        found, removed = ask_view(now)
        mine.keep_among({item.id for item in found})
        choice = st.container(horizontal=True, width="content", gap="xsmall")
    wall = st.container()
    pages = max(1, -(-len(found) // PER_PAGE))
    page = min(pages, st.pagination(pages, key=f"sort-page-{hash(mine.view)}")) if pages > 1 else 1
    on_page = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    with choice:
        show_choice(now, found, on_page)
    with wall:
        if found:
            names = list(labels.count_classes(now.items))
            opened = show_wall(project, on_page, names, mine.chosen, mine.round, lambda: take_over_picked(project))
            if opened:
                show_photo(project, opened)
        else:
            st.info("No photos match these filters. Change or clear a filter.", icon=":material/search_off:")
    with st.expander("Classes: rename, merge, create", icon=":material/sell:"):
        show_classes(project, now)
    with st.expander(f"Changes ({len(now.actions):,})", icon=":material/history:"):
        show_history(project, now)
    show_bottom(now, found, removed)


project = navigation.need_project()
with frame.title_row("Fix labels", project):
    pass
mine = selection.sorting_of(project)
begin_wall(project)
if labels.load_original_items(project):
    sort_photos()
else:
    st.info("There are no photos yet. Add some first.", icon=":material/add_photo_alternate:")
    with frame.foot("There are no photos yet."):
        if st.button("Back to Photos", type="primary", icon=":material/arrow_back:"):
            navigation.open_page("photos", project)
