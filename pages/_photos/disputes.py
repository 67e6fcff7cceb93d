"""The question of which class a picture is that came in with two; asked until it is decided."""

import streamlit as st

from pages._shared import errors, thumbnails
from transfer_core.services import labels
from transfer_core.support.text import markdown, shorten
from transfer_core.support.wording import pluralize

NAMES = 3  # files that are named
WIDTH = 120  # of the picture, in pixels
CLASSES = 6  # buttons; a picture in more of them is left out or sorted on Fix labels


def ask_disputes(project):
    """Draws the question about the first picture that is undecided."""
    waiting = labels.find_disputes(project)
    if not waiting:
        return
    first = waiting[0]
    with st.container(border=True, key="disputes-question"):
        st.markdown(
            f"**{pluralize(len(waiting), 'picture is', 'pictures are')} in more than one class.** Which is right?"
        )
        photo, choice = st.columns([1, 6], vertical_alignment="center")
        with photo:
            thumbnails.thumbnail(project, first.items[0], WIDTH)
        with choice:
            named = ", ".join(markdown(shorten(item.path, 60)) for item in first.items[:NAMES])
            more = f" and {len(first.items) - NAMES} more" if len(first.items) > NAMES else ""
            st.caption(f"{named}{more}. Left out of the training until you decide.")
            with st.container(horizontal=True):
                for place, name in enumerate(first.class_names[:CLASSES]):
                    answer(project, markdown(shorten(name, 30)), [first], name, f"dispute-{place}")
                answer(project, "Leave it out", [first], None, "dispute-none")
                if len(waiting) > 1:
                    answer(project, f"Leave all {len(waiting)} out", waiting, None, "disputes-none")


def answer(project, words, disputes, class_name, key):
    st.button(words, on_click=_decide, args=(project, [dispute.photo for dispute in disputes], class_name), key=key)


def _decide(project, photos, class_name):
    """A button's callback: the page is drawn once, with the next question."""
    with errors.shown_errors():
        labels.decide(project, photos, class_name)
        st.toast("Left out." if class_name is None else "Decided.", icon=":material/check:")
