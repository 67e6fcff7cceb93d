"""Fix labels: look through all photos, select several, move them to the right class, and undo that."""

import streamlit as st

from pages._shared import errors, frame, navigation
from pages._sort import selection
from pages._sort.class_editor import show_classes, show_history
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
    by_class, by_part, by_words, by_state = st.columns(4, vertical_alignment="bottom")
    class_name = by_class.selectbox(
        "Class",
        [WITHOUT, *now.class_names] if has_unlabelled(now) else now.class_names,
        index=None,
        format_func=name_class,
        placeholder="All classes",
        key=selection.CLASS_FILTER,
    )
    part = by_part.selectbox(
        "Used for", PARTS, index=None, format_func=PARTS.get, placeholder="Anything", key="sort-part"
    )
    words = by_words.text_input("File name", placeholder="any", help="Part of the name or folder.", key="sort-words")
    removed = by_state.toggle(f"Removed photos ({len(now.removed):,})", key="sort-removed")
    mine.look_at((class_name, part, words, removed))
    pool = now.removed if removed else now.items
    return labels.select_items(pool, class_name or None, part, words, class_name == WITHOUT), removed


def has_unlabelled(now):
    return any(item.class_name is None for item in (*now.items, *now.removed))


def name_class(name):
    return NO_CLASS if name == WITHOUT else plain(name)


def show_choice(now, found, on_page):
    """How much is chosen, the ways to choose much at once, and the way back."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{pluralize(len(mine.chosen), 'photo')} selected** of {len(found):,}")
        for label, ids in (
            ("This page", mine.chosen | {item.id for item in on_page}),
            (f"All {len(found):,}", {item.id for item in found}),
            ("None", ()),
        ):
            st.button(label, on_click=mine.choose, args=(ids,), key=f"choose-{label.split()[0]}")
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


def show_actions(now, removed):
    """What can be done with the chosen photos."""
    to_class, to_part, out = st.columns([5, 4, 2], vertical_alignment="bottom")
    with to_class.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Move to class",
            [*now.class_names, WITHOUT],
            index=None,
            format_func=name_class,
            accept_new_options=True,
            placeholder="Choose, or type a new class",
            key="sort-to",
        )
        show_action("Move", "put", labels.relabel, name or None, is_ready=name is not None)
    with to_part.container(horizontal=True, vertical_alignment="bottom"):
        part = st.selectbox("Use for", PARTS, format_func=PARTS.get, help=PARTS_HELP, key="sort-to-part")
        show_action("Set", "move", labels.move, None if part == "none" else part)
    with out:
        if removed:
            show_action("Restore", "out", labels.bring_back, icon=":material/restore_from_trash:", width="stretch")
            ready = {"disabled": not mine.chosen, "on_click": take_over_picked, "args": (project,), "width": "stretch"}
            if st.button("Delete", icon=":material/delete_forever:", key="sort-delete", **ready):
                ask_delete()
        else:
            show_action("Remove", "out", labels.remove, icon=":material/delete:", width="stretch")


def show_action(label, key, how, *arguments, is_ready=True, **looks):
    """A button that changes the chosen photos."""
    disabled = not (mine.chosen and is_ready)
    st.button(
        label,
        disabled=disabled,
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


def show_outcome():
    """What the last change was, or why it could not be made; before the first, how to choose."""
    st.caption(
        markdown(mine.said) or "Click photos to select them. Drag over several, or hold shift to select a range."
    )
    show_trouble(project)


@st.fragment
def sort_photos():
    """A fragment, so that a click on a photo draws no more than this."""
    if not project.folder.is_dir():  # deleted in another window: the whole page is redrawn
        st.rerun()
    now = labels.load_labels(project)
    found, removed = ask_view(now)
    mine.keep_among({item.id for item in found})
    tools, wall = st.container(border=True, key="stuck-tools"), st.container()
    pages = max(1, -(-len(found) // PER_PAGE))
    page = min(pages, st.pagination(pages, key=f"sort-page-{hash(mine.view)}")) if pages > 1 else 1
    on_page = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    with tools:
        show_choice(now, found, on_page)
        show_actions(now, removed)
        show_outcome()
    with wall:
        if found:
            show_wall(project, on_page, mine.chosen, mine.round, lambda: take_over_picked(project))
        else:
            st.info("No photos match these filters. Change or clear a filter.", icon=":material/search_off:")
    with st.expander("Classes: rename, merge, create", icon=":material/sell:"):
        show_classes(project, now)
    with st.expander(f"Changes ({len(now.actions):,})", icon=":material/history:"):
        show_history(project, now)


project = navigation.need_project()
with frame.title_row("Fix labels", project):
    pass
mine = selection.sorting_of(project)
begin_wall(project)
if labels.load_original_items(project):
    sort_photos()
else:
    st.info("There are no photos yet. Add some first.", icon=":material/add_photo_alternate:")
with frame.foot("Every change can be undone."):
    if st.button("Back to Photos", type="primary", icon=":material/arrow_back:"):
        navigation.open_page("photos", project)
