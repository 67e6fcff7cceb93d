"""Every photo in its class: look through them, choose several, put them where they belong, and take that back."""

import time

import streamlit as st

from pages import _sorting, _ui
from pages._sorting import change, change_chosen, take_over_picked
from pages._wall import show_wall
from transfer_core.data import labels
from transfer_core.data.items import count_classes, load_as_they_came, load_labels
from transfer_core.text import ago, counted, markdown, plain

PER_PAGE = 60
HISTORY = 12
PARTS = {"train": "To learn from", "val": "To check with", "test": "For the last test", "none": "Not decided"}


def ask_view(now):
    """(photos that match, whether they are removed ones)."""
    by_class, by_part, by_words = st.columns(3)
    class_name = by_class.selectbox(
        "Class", now.class_names, index=None, format_func=plain, placeholder="All classes", key="sort-class"
    )
    part = by_part.selectbox("Part", PARTS, index=None, format_func=PARTS.get, placeholder="All parts", key="sort-part")
    words = by_words.text_input("File name", placeholder="any", help="Part of the name or folder.", key="sort-words")
    removed = st.toggle(f"Removed photos ({len(now.removed):,})", key="sort-removed")
    mine.look_at((class_name, part, words, removed))
    return labels.choose(now.removed if removed else now.items, class_name, part, words), removed


def show_undo(now):
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, icon, shortcut, ids, act in (
            ("Undo", "undo", "Ctrl+Z", mine.done, _sorting.undo),
            ("Redo", "redo", "Ctrl+Y", mine.undone, _sorting.redo),
        ):
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
        if mine.said:
            st.markdown(markdown(mine.said))
    with _ui.shown_errors():
        if mine.trouble:
            trouble, mine.trouble = mine.trouble, None
            raise trouble


def show_choice(found, on_page):
    """How much is chosen, and the ways to choose much at once."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{counted(len(mine.chosen), 'photo')} chosen** of {len(found):,}")
        for label, ids in (
            ("This page", mine.chosen | {item.id for item in on_page}),
            (f"All {len(found):,}", {item.id for item in found}),
            ("None", ()),
        ):
            st.button(label, on_click=mine.choose, args=(ids,), key=f"choose-{label.split()[0]}")


def show_actions(now, removed):
    """What can be done with the chosen photos."""
    none = not mine.chosen
    to_class, to_part, out = st.columns([2, 2, 1], vertical_alignment="bottom")
    with to_class.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Into the class",
            now.class_names,
            index=None,
            format_func=plain,
            accept_new_options=True,
            placeholder="Choose or type a new one",
            key="sort-to",
        )
        put = (project, labels.relabel, name)
        st.button(
            "Put there", type="primary", disabled=none or not name, on_click=change_chosen, args=put, key="sort-put"
        )
    with to_part.container(horizontal=True, vertical_alignment="bottom"):
        part = st.selectbox("Into the part", PARTS, format_func=PARTS.get, key="sort-to-part")
        put = (project, labels.move, None if part == "none" else part)
        st.button("Move there", disabled=none, on_click=change_chosen, args=put, key="sort-move")
    what, icon, act = (
        ("Bring back", "restore_from_trash", labels.bring_back) if removed else ("Remove", "delete", labels.remove)
    )
    put = (project, act)
    out.button(
        what,
        icon=f":material/{icon}:",
        disabled=none,
        on_click=change_chosen,
        args=put,
        key="sort-out",
        width="stretch",
    )


def show_classes(now):
    """Rename, merge, and new classes."""
    counts = count_classes(now.items)
    rename, create = st.columns(2, gap="large")
    with rename:
        name = st.selectbox("Rename the class", now.class_names, format_func=plain, key="rename-from")
        new = st.text_input("Its new name", key="rename-to").strip()
        merges = new in now.class_names and new != name
        if merges:
            both = counts.get(name, 0) + counts.get(new, 0)
            st.caption(f"There is a class of that name. Both become one, of {counted(both, 'photo')}.")
        put = (project, labels.rename_class, name, new)
        label = "Merge" if merges else "Rename"
        st.button(label, disabled=not (name and new), on_click=change, args=put, key="rename")
    with create:
        name = st.text_input("A new class, still empty", key="create-name").strip()
        put = (project, labels.create_class, name)
        st.button("Make it", disabled=not name, on_click=change, args=put, key="create")


def show_history(now):
    """The latest changes, whoever made them; each can be taken back by itself."""
    if not now.actions:
        st.caption("Nothing was changed by hand yet.")
    for action in reversed(now.actions[-HISTORY:]):
        is_undone = action.id in now.undone
        words, button = st.columns([4, 1], vertical_alignment="center")
        told = markdown(labels.describe(action))
        words.markdown(f"{f'~~{told}~~ (taken back)' if is_undone else told}, {ago(time.time() - action.time)}")
        button.button(
            "Do again" if is_undone else "Take back",
            on_click=_sorting.switch,
            args=(project, action.id, is_undone),
            key=f"switch-{action.id}",
            width="stretch",
        )


@st.fragment
def sort_photos():
    """A fragment, so that a click on a photo draws no more than this."""
    now = load_labels(project)
    found, removed = ask_view(now)
    mine.chosen &= {item.id for item in found}
    show_undo(now)
    actions, choice, wall = st.container(border=True), st.container(), st.container()
    pages = max(1, -(-len(found) // PER_PAGE))
    page = min(pages, st.pagination(pages, key=f"sort-page-{hash(mine.view)}")) if pages > 1 else 1
    on_page = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    with actions:
        show_actions(now, removed)
    with choice:
        show_choice(found, on_page)
    with wall:
        if found:
            show_wall(project, on_page, mine.chosen, mine.round, lambda: take_over_picked(project))
        else:
            st.info("No photo is like that. Ask for another class, part or name.", icon=":material/search_off:")
    with st.expander("Classes: rename, merge, new", icon=":material/sell:"):
        show_classes(now)
    with st.expander(f"Changes ({len(now.actions):,})", icon=":material/history:"):
        show_history(now)


project = _ui.need_project()
st.title("Sort photos")
mine = _sorting.sorting_of(project)
if load_as_they_came(project):
    sort_photos()
else:
    st.info("There are no photos yet. Add some first.", icon=":material/add_photo_alternate:")
if st.button("Back to Photos", type="primary", icon=":material/arrow_back:"):
    _ui.open_page("photos", project)
