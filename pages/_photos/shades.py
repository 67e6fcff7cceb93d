"""Photos that could be read otherwise: their black and white, where they have more than 8 bits, and their page."""

import streamlit as st

from pages._shared import errors, thumbnails
from transfer_core.services import pictures
from transfer_core.services.pictures import Shades
from transfer_core.support.wording import pluralize

_UNSAID = -1  # among pages: Streamlit takes None for no choice at all


def show_shades(project, items) -> None:
    """Folded up; nothing where the project has no such photos."""
    with errors.shown_errors():
        for found in pictures.shades(project, items):
            title = (
                f"{pluralize(found.count, 'photo')} with more than 8 bits ({found.words}): "
                f"black {pictures.number(found.black)}, white {pictures.number(found.white)}"
            )
            with st.expander(title, icon=":material/contrast:"):
                _ask(project, found)
        if (most := pictures.most_pages(items)) > 1:
            with st.expander("TIFF files with several pages", icon=":material/layers:"):
                _ask_page(project, most)


def _ask_page(project, most: int) -> None:
    page = pictures.load_rendering(project).page
    now = _UNSAID if page is None else page
    options = [_UNSAID, *range(most)]
    chosen = st.selectbox(
        "Page of each file",
        options,
        options.index(now) if now in options else 0,
        format_func=lambda page: "The first, or the full picture after a preview" if page == _UNSAID else str(page + 1),
        help="A file with fewer pages gives its last.",
        key=f"page-{project.id}-{now}",
    )
    if st.button("Use this page", disabled=chosen == now, key=f"use-page-{project.id}-{now}"):
        pictures.set_page(project, None if chosen == _UNSAID else chosen)
        st.rerun()


def _ask(project, found: Shades) -> None:
    st.write(
        "All of these photos have the same black and white. Change them if the photos are too dark, too bright or too "
        "flat. Models that have learned keep what they learned with."
    )
    left, right, _ = st.columns([1, 1, 2])
    step = (found.white - found.black) / 100
    key = f"{project.id}-{found.kind}-{found.black}-{found.white}"
    ask = {"step": step if step < 1 else float(round(step)), "format": "%.0f" if step >= 1 else "%.4g"}
    black = left.number_input("Black", value=found.black, key=f"black-{key}", **ask)
    white = right.number_input("White", value=found.white, key=f"white-{key}", **ask)
    with errors.shown_errors():
        with st.container(horizontal=True):
            for item in found.examples:
                st.image(pictures.preview(project, item, black, white), width=160, alt=thumbnails.item_name(item))
        is_changed = (black, white) != (found.black, found.white)
        if st.button("Use this black and white", disabled=not is_changed, key=f"use-{key}"):
            pictures.set_scale(project, found.kind, black, white)
            st.rerun()
