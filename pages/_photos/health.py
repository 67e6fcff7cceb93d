"""What was checked of the photos, as a chip beside the title; what was found stands behind it, with its remedy."""

import streamlit as st

from pages._sort.selection import change
from transfer_core.services import labels
from transfer_core.support.text import markdown
from transfer_core.support.wording import pluralize

MOST = 8


def show_chip(project, classes, unlabelled):
    """Draws a popover; only what was checked is called fine."""
    total = sum(classes.values()) + unlabelled
    counts = f"{pluralize(total, 'photo')}, {pluralize(len(classes), 'class', 'classes')}"
    found = labels.class_warnings(classes)
    if unlabelled:
        have = pluralize(unlabelled, "photo has", "photos have")
        found.insert(0, f"{have} no class yet. Training leaves {'it' if unlabelled == 1 else 'them'} out.")
    words = f"{pluralize(len(found), 'thing')} to check" if found else "no problems in counts and files"
    icon = ":material/error:" if found else ":material/check_circle:"
    with st.popover(f"{counts}: {words}", icon=icon, type="tertiary", key="health"):
        for text in found[:MOST]:
            st.markdown(f"- {markdown(text)}")
        if len(found) > MOST:
            st.caption(f"and {len(found) - MOST} more like these")
        _offer_merging(project, classes)
        st.caption("Checked: whether the files can be read, and how many photos each class has. Not yet: the labels.")


def _offer_merging(project, classes):
    for number, names in enumerate(labels.alike(classes)):
        largest = max(names, key=classes.get)
        st.button(
            f"Merge them as '{markdown(largest)}'",
            icon=":material/merge:",
            key=f"join-{number}",
            on_click=_join,
            args=(project, [name for name in names if name != largest], largest),
            help="You can undo this: Fix labels lists every change.",
        )


def _join(project, names, into):
    for name in names:
        change(project, labels.rename_class, name, into)
