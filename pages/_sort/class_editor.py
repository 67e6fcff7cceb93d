"""Below the wall of photos: classes as a whole, and the list of what was changed."""

import time

import streamlit as st

from pages._sort.selection import change, switch
from transfer_core.services import labels
from transfer_core.services.labels import count_classes, tidy_class_name
from transfer_core.support.text import markdown, plain
from transfer_core.support.wording import ago, pluralize

PER_PAGE = 12  # changes


def show_classes(project, now):
    """Rename, merge, and new classes."""
    counts = count_classes(now.items)
    rename, create = st.columns(2, gap="large")
    with rename:
        name = st.selectbox("Rename a class", now.class_names, format_func=plain, key="rename-from")
        typed = st.text_input("New name", key="rename-to")
        new = tidy_class_name(typed) if plain(typed) else ""
        merges = new in now.class_names and new != name
        if merges:
            both = counts.get(name, 0) + counts.get(new, 0)
            st.caption(
                f"A class with this name exists. Both will be merged into one class of {pluralize(both, 'photo')}."
            )
        put = (project, labels.rename_class, name, new)
        label = "Merge" if merges else "Rename"
        st.button(label, disabled=not (name and new), on_click=change, args=put, key="rename")
    with create:
        name = st.text_input("New class", key="create-name").strip()
        put = (project, labels.create_class, name)
        st.button("Create", disabled=not name, on_click=change, args=put, key="create")


def show_history(project, now):
    """All changes, the latest first, whoever made them; each can be taken back by itself."""
    if not now.actions:
        st.caption("No changes yet.")
    pages = -(-len(now.actions) // PER_PAGE)
    page = min(pages, st.pagination(pages, key="changes-page")) if pages > 1 else 1
    for action in now.actions[::-1][(page - 1) * PER_PAGE : page * PER_PAGE]:
        is_undone = action.id in now.undone
        words, button = st.columns([4, 1], vertical_alignment="center")
        told = markdown(labels.describe(action))
        words.markdown(f"{f'~~{told}~~ (undone)' if is_undone else told}, {ago(time.time() - action.time)}")
        button.button(
            "Redo this" if is_undone else "Undo this",
            on_click=switch,
            args=(project, action.id, is_undone),
            key=f"switch-{action.id}",
            width="stretch",
        )
