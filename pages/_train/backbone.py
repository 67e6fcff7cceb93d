"""The pretrained network that a run is built on: one line, with the way to the catalogue."""

import streamlit as st

from pages._shared import navigation, session
from transfer_core.services import catalog
from transfer_core.support.text import markdown

STATES = {"bundled": "on this computer", "local": "on this computer", "download": "needs a download of {} MB"}


def choose_backbone(project, draft):
    """Draws the line; returns the row of the backbone that is drafted."""
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
            navigation.open_page("backbones", project)
    return row


def take(draft, name):
    """Drafts another network; settings that were for the one before are left to the rules again."""
    if name != draft.get("backbone", catalog.BUNDLED):
        for own in ("frozen_stages", "learning_rate"):
            draft.pop(own, None)
    draft["backbone"] = name


def needs_download(row):
    return catalog.backbone_state(session.workspace(), row) == "download"


def state_of(row):
    return STATES[catalog.backbone_state(session.workspace(), row)].format(row.download_mb)
