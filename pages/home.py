"""All projects; new, sample, rename, delete."""

import time

import streamlit as st

from pages._shared import errors, navigation, progress, session, theme
from transfer_core.services import projects, telemetry
from transfer_core.support.text import markdown
from transfer_core.support.wording import ago, file_size, interval_phrase, percent, pluralize

CARDS_PER_ROW = 3
DISK_USE_S = 600  # every file of every project is looked at for it


@st.dialog("New project")
def ask_new():
    name = st.text_input("Name", placeholder="Leaves in our street", max_chars=projects.NAME_LIMIT)
    if st.button("Create", type="primary", width="stretch"):
        with errors.shown_errors():
            project = session.workspace().create_project(name)
            navigation.open_page("photos", project)


@st.dialog("Rename")
def ask_rename(project):
    name = st.text_input("Name", project.name, max_chars=projects.NAME_LIMIT)
    if st.button("Rename", type="primary", width="stretch"):
        with errors.shown_errors():
            session.workspace().rename_project(project, name)
            st.rerun()


@st.dialog("Delete this project?")
def ask_delete(project):
    summary = projects.summarize(session.workspace(), project, session.history)
    contents = f"{pluralize(summary.photos, 'photo')} and {pluralize(summary.runs, 'run')}"
    size = file_size(projects.project_size(project))
    st.write(f"**{markdown(project.name)}**: {contents} ({size}) will be deleted from this computer for good.")
    keep, delete = st.columns(2)
    if keep.button("Keep it", type="primary", width="stretch"):
        st.rerun()
    if delete.button("Delete", width="stretch", icon=":material/delete:"):
        with errors.shown_errors():
            projects.delete_project(session.workspace(), project)
            st.session_state.pop(session.PROJECT, None)
            st.query_params.clear()
            st.rerun()


def use_sample():
    with errors.shown_errors():
        project = projects.create_sample(session.workspace(), progress.progress_line("Drawing leaves"))
        navigation.open_page("photos", project)


def show_card(project, summary):
    with st.container(border=True, height="stretch", key=f"card-{project.id}"):
        if summary.thumbnails:
            with st.container(horizontal=True, key=f"gallery-{project.id}"):
                for path in summary.thumbnails:
                    st.image(str(path), width=48, alt="")
        else:
            st.caption("No photos yet")
        st.markdown(f"**{markdown(project.name)}**")
        without = f", {summary.unlabelled:,} without a class" if summary.unlabelled else ""
        st.caption(f"{pluralize(summary.photos, 'photo')}, {pluralize(summary.classes, 'class', 'classes')}{without}")
        if summary.latest:
            st.markdown(
                f"Latest accuracy: **{percent(summary.latest['val_accuracy'])}**, {interval_phrase(summary.latest)}"
            )
        else:
            st.markdown("Not trained yet")
        errors.show_problems(*projects.find_problems(project))
        st.caption(f"Changed {ago(time.time() - summary.changed)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Open", key=f"open-{project.id}", icon=":material/folder_open:"):
                navigation.open_page("train" if summary.classes else "photos", project)
            chosen = st.menu_button("More", ["Rename", "Delete"], key=f"more-{project.id}")
    if chosen == "Rename":
        ask_rename(project)
    elif chosen == "Delete":
        ask_delete(project)


@st.cache_data(ttl=DISK_USE_S, show_spinner=False)
def disk_use(home, summaries):
    """Asked anew when the projects are others than before, for the caches change with them."""
    return projects.disk_use(session.workspace())


@st.dialog("Clear caches?")
def ask_clear():
    use = projects.cache_use(session.workspace())
    st.markdown(
        "Graft keeps these files so that it does not have to make or download them again:\n- thumbnails: "
        f"{file_size(use['thumbnails'])}\n- photos prepared for training: {file_size(use['prepared'])}\n- "
        f"features that the backbones found in your photos: {file_size(use['features'])}\n- downloaded "
        f"public datasets: {file_size(use['public'])}"
    )
    st.write(
        "Clearing them loses no photo, label or run. The next training takes a little longer, and a public "
        "dataset is downloaded again when you need it."
    )
    keep, clear = st.columns(2)
    if keep.button("Keep them", type="primary", width="stretch"):
        st.rerun()
    if clear.button("Clear", width="stretch", icon=":material/mop:"):
        with errors.shown_errors():
            projects.clear_caches(session.workspace())
            disk_use.clear()
            st.rerun()


def show_disk_use(summaries):
    use = disk_use(str(session.workspace().home), [vars(summary) for summary in summaries])
    with st.container(horizontal=True, vertical_alignment="center", key="disk-use"):
        st.caption(
            f"Disk space: {file_size(use['projects'])} for projects, {file_size(use['caches'])} for caches, "
            f"{file_size(use['backbones'])} for backbones, in {markdown(str(session.workspace().home))}",
            width="content",
        )
        if use["caches"] and st.button("Clear caches", type="tertiary"):
            ask_clear()


def show_kept_telemetry():
    kept = telemetry.kept()
    if not kept:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="telemetry"):
        st.caption(
            f"onnxruntime, which runs the models, has kept {file_size(sum(kept.values()))} about this computer to send "
            "to Microsoft, its maker. Graft does not let it; this is from before, or of another program.",
            width="content",
        )
        if st.button("Delete it", type="tertiary"):
            with errors.shown_errors():
                telemetry.delete_kept()
                st.rerun()


navigation.come_through_app()
words, picture = st.columns([6, 5], gap="large", vertical_alignment="center")
with words:
    st.title("Teach an image model your own classes")
    st.markdown(
        "Add a few labelled photos. A network that has already seen 1.3 million pictures learns your "
        "classes, here on this computer. Your photos never leave it."
    )
    with st.container(horizontal=True):
        if st.button("New project", type="primary", icon=":material/add:"):
            ask_new()
        sample = st.button(
            "Try it with sample photos",
            icon=":material/eco:",
            help="160 drawn leaves of four kinds. Works without internet.",
        )
with picture:
    st.image(
        theme.asset("hero-dark.svg" if theme.is_dark() else "hero-light.svg"),
        width="stretch",
        alt="Photos go into a pretrained network; a small new layer at its end learns your classes.",
    )
if sample:
    use_sample()

st.header("Your projects")
everything = session.workspace().projects()
if not everything:
    st.caption("No projects yet. Create one with your own photos, or try it with sample photos.")
summaries = [projects.summarize(session.workspace(), project, session.history) for project in everything]
for start in range(0, len(everything), CARDS_PER_ROW):
    for project, summary, column in zip(everything[start:], summaries[start:], st.columns(CARDS_PER_ROW), strict=False):
        with column:
            show_card(project, summary)
show_disk_use(summaries)
show_kept_telemetry()
