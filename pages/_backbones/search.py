"""What somebody looks for in the catalogue: words and order in front, the rest behind one button."""

import streamlit as st

from transfer_core.services.backbones import FAMILIES, GROUPS, SIZES_MB, SORTS, Wanted

ANY = "Any"


def ask_wanted():
    """Draws the fields; returns what they ask for."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="backbone-search"):
        text = st.text_input(
            "Search", placeholder="A name, a licence, or what it is good for", key="find-backbone", max_chars=100
        )
        sort = st.selectbox("Order", list(SORTS), key="sort-backbones", width=220)
        with st.popover("Filter", icon=":material/filter_list:"):
            family = st.selectbox(
                "Family", [None, *FAMILIES], format_func=lambda name: FAMILIES.get(name, ANY), key="family"
            )
            most_mb = st.selectbox(
                "Size of your model",
                [None, *SIZES_MB],
                format_func=lambda size: f"At most {size} MB" if size else ANY,
                key="most-mb",
            )
            is_free = st.toggle("May be used commercially", key="is-free")
            is_here = st.toggle("On this computer", key="is-here")
    group = st.pills("Chosen for", list(GROUPS), format_func=GROUPS.get, key="group", label_visibility="collapsed")
    return Wanted(text, group, family, most_mb, is_free, is_here, sort)
