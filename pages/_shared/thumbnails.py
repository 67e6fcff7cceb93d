"""Photos, small."""

import streamlit as st

from pages._shared.session import workspace
from transfer_core.errors import TransferError
from transfer_core.services.labels import Item
from transfer_core.services.projects import ensure_thumbnail
from transfer_core.workspace import Project


def gallery(project: Project, items: list[Item], key: str, *, width: int = 80) -> None:
    """A wrapping wall of thumbnails."""
    with st.container(horizontal=True, key=f"gallery-{key}"):
        for item in items:
            thumbnail(project, item, width)


def thumbnail(project: Project, item: Item, width: int | str) -> None:
    """One photo, small; a word in its place where the file is gone, or a full disk keeps nothing of it."""
    try:
        path = ensure_thumbnail(workspace(), project, item)
    except TransferError:
        st.caption("The file of this photo is missing.")
        return
    if path.is_file():
        st.image(str(path), width=width, alt=item_name(item))
    else:
        st.caption("This photo cannot be shown now.")


def item_name(item: Item) -> str:
    return item.path.rsplit("/", 1)[-1]
