"""A public dataset by name: asked for here, fetched by a run of its own, watched until it is done."""

import streamlit as st

from pages._shared import errors, session
from transfer_core.services import fetch
from transfer_core.services.fetch import SETS
from transfer_core.support.text import markdown
from transfer_core.support.wording import pluralize

PER_CLASS = 20
MOST_PER_CLASS = 1000


def ask_for_public_set(project) -> None:
    """The download form, or the progress of a running download; its result is reported like any other import."""
    forget, found = (session.workspace(), project), fetch.find_download(session.workspace(), project)
    if found and found.report:
        st.session_state[session.INTAKE] = (project.id, found.report)
        fetch.forget(*forget)
        st.rerun()
    if found and found.error is None:
        st.fragment(lambda: _watch(project), run_every=1.0)()
        return
    if found:
        st.error(markdown(found.error), icon=":material/error:")
        st.button("Close", on_click=fetch.forget, args=forget, key="fetch-forget")
    name = st.selectbox(
        "Ready-made set (public dataset)", list(SETS), format_func=lambda name: SETS[name].title, key="public-set"
    )
    row = SETS[name]
    st.caption(
        f"{row.about}. Downloads {pluralize(row.download_mb, 'MB', 'MB')} from the internet and keeps them "
        f"for next time. [Source and terms of use]({row.home})"
    )
    per_class = st.number_input("Photos per class", 1, MOST_PER_CLASS, PER_CLASS, key="public-per-class")
    if st.button("Download", key="fetch", on_click=fetch.forget, args=forget):  # why the last one failed
        with errors.shown_errors(), st.spinner("Checking the download"):
            fetch.begin(session.workspace(), project, name, per_class)
            st.rerun()


def _watch(project) -> None:
    found = fetch.find_download(session.workspace(), project)
    if found is None or found.error or found.report:
        st.rerun()
    words = f"{found.done:,} of {found.total:,} photos" if found.total else "downloading, which may take some minutes"
    st.progress(found.done / max(1, found.total), f"{markdown(found.title)}: {words}")
