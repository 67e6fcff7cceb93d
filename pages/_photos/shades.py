"""What is black and what is white in photos of more than 8 bits: shown, tried, and changed."""

import streamlit as st

from pages._shared import errors, thumbnails
from transfer_core.services import pictures
from transfer_core.services.pictures import Shades
from transfer_core.support.wording import pluralize


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


def _ask(project, found: Shades) -> None:
    st.write(
        "Graft looked at all of these photos together, and shows each with the same black and white. Change them if "
        "the photos are too dark, too bright or too flat. Models that have learned keep what they learned with."
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
