"""Graft's table of contents: which pages there are and what they are called. Everything else is in pages/."""

import streamlit as st

if __name__ != "__main__":  # Streamlit's server imports this file, once; each look at a page runs it as a script
    from pages._shared import server

    app = st.App(__file__, routes=server.routes(), middleware=[server.guard()], lifespan=server.running)
else:
    from pages._shared import cleanup, errors, frame, navigation, session, theme
    from transfer_core.support import logs

    st.set_page_config("Graft", theme.asset("icon.svg"), layout="wide")
    st.session_state[session.IN_APP] = True
    theme.load_style()
    theme.show_logo()
    with errors.shown_errors():
        logs.set_up()

    cleanup.finish_deletions()
    project = navigation.remember_project()
    state = navigation.step_states(project)
    shown = "visible" if project else "hidden"  # a bookmark finds a hidden page, too
    home = st.Page("pages/home.py", title="Home", icon=":material/home:", default=True)
    steps = [
        st.Page("pages/photos.py", title="Photos", icon=state["photos"], visibility=shown),
        st.Page("pages/sort.py", title="Fix labels", visibility="hidden"),  # a part of Photos, reached from it
        st.Page("pages/train.py", title="Train", icon=state["train"], visibility=shown),
        st.Page("pages/compare.py", title="Compare", visibility="hidden"),  # a part of Train
        st.Page("pages/backbones.py", title="Pretrained networks", visibility="hidden"),  # a part of Train
        st.Page("pages/understand.py", title="Understand", icon=state["understand"], visibility=shown),
        st.Page("pages/try_it.py", title="Try", icon=state["try_it"], visibility=shown),
        st.Page("pages/export.py", title="Export", icon=state["export"], visibility=shown),
    ]
    page = st.navigation([home, *steps], position="top")
    navigation.note_page(page.url_path, project)
    frame.watch(page.title)
    with errors.shown_errors():  # what a page does not catch nearer to where it happens
        page.run()
