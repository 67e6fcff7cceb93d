"""The catalogue of pretrained networks: find one, fetch it, and train with it."""

import streamlit as st

from pages._backbones import others, picture, search
from pages._backbones.row import show_row
from pages._shared import errors, frame, navigation, session
from transfer_core.services import backbones, catalog, runs, weights
from transfer_core.support.text import markdown
from transfer_core.support.wording import pluralize

project = navigation.need_project()
with frame.title_row("Pretrained networks", project):
    pass
draft = session.settings_draft(project)
entries = backbones.list_entries(session.workspace())
by_name = {entry.row.name: entry for entry in entries}
chosen = by_name.get(draft.get("backbone")) or by_name[catalog.BUNDLED]
errors.show_problems(*catalog.find_problems(session.workspace()))
st.caption(
    "Your model is built on a network that has learned to see from many other photos, also called the backbone. The "
    "better it suits your photos, the fewer of them you need."
)
found = runs.list_runs(session.workspace(), project)
wanted = search.ask_wanted()
fitting = wanted.find(entries)
picture.show_picture(entries, found)
picture.offer_measuring(entries)
if not fitting:
    st.info(
        "No network fits all of this. Search for something else, or clear the filters.", icon=":material/search_off:"
    )
downloads = weights.find_downloads(session.workspace(), project)
for entry in fitting:
    show_row(project, draft, entry, entry is chosen, downloads.get(entry.row.name))
others.offer_others()
with frame.foot(f"{pluralize(len(fitting), 'network')} of {len(entries)}. Chosen: **{markdown(chosen.row.title)}**"):
    if st.button("Back to Train", type="primary", icon=":material/arrow_back:", key="to-train"):
        navigation.open_page("train", project)
