"""The pretrained network that a run is built on: one line, and the dialog that changes it."""

import streamlit as st

from pages._shared import session
from transfer_core.services import catalog
from transfer_core.support.text import markdown

STATES = {"bundled": "on this computer", "local": "on this computer", "download": "needs a download of {} MB"}
RATE = "setting-learning_rate"


def choose_backbone(draft):
    """Draws the line; returns the catalogue's row of the backbone that is drafted."""
    rows = {entry.row.name: entry.row for entry in catalog.list_backbones(session.workspace())}
    chosen = draft.get("backbone")
    chosen = chosen if chosen in rows else catalog.BUNDLED
    row = rows[chosen]
    with st.container(horizontal=True, vertical_alignment="center", key="backbone-line"):
        colour = "orange" if needs_download(row) else "green"
        st.markdown(
            f"Pretrained network: **{markdown(row.title)}** :{colour}-badge[{state_of(row)}]",
            width="content",
            help=f"Also called the backbone: the network that your model is built on. {markdown(row.summary)}",
        )
        if st.button("Change", type="tertiary", icon=":material/tune:", key="all-backbones"):
            ask_backbone(rows, chosen, draft)
    return row


@st.dialog("All pretrained networks", width="medium")
def ask_backbone(rows, chosen, draft):
    names = list(rows)
    st.radio(
        "Backbone",
        names,
        names.index(chosen),
        format_func=lambda name: markdown(rows[name].title),
        captions=[caption(row) for row in rows.values()],
        label_visibility="collapsed",
        key="backbone",
    )
    if st.button("Use this one", type="primary", width="stretch", on_click=use_backbone, args=(chosen, draft)):
        st.rerun()


def use_backbone(before, draft):
    """Before the page is drawn again: a widget's state may not be set once the widget is there."""
    name = st.session_state["backbone"]
    if name != before:
        for own in ("frozen_stages", "learning_rate"):  # they were for the other one
            draft.pop(own, None)
        if RATE in st.session_state:
            st.session_state[RATE] = None
    draft["backbone"] = name


def needs_download(row):
    return catalog.backbone_state(session.workspace(), row) == "download"


def state_of(row):
    return STATES[catalog.backbone_state(session.workspace(), row)].format(row.download_mb)


def caption(row):
    size = f"{row.parameters / 1e6:.1f} million parameters; reads photos at {row.preparation.size_px} pixels."
    return markdown(f"{row.summary} {size} Licence {row.licence}; {state_of(row)}.")
