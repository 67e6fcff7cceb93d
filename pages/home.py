"""All projects; new, sample, rename, delete."""

import time

import streamlit as st

from pages._shared import errors, naming, navigation, progress, session, theme
from transfer_core.services import projects, telemetry
from transfer_core.support.text import markdown
from transfer_core.support.wording import ago, file_size, interval_phrase, percent, pluralize

CARDS_PER_ROW = 3
DISK_USE_S = 600  # every file of every project is looked at for it


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


def show_card(project, summary):
    with st.container(border=True, height="stretch", key=f"card-{project.id}"):
        if summary.thumbnails:
            with st.container(horizontal=True, key=f"gallery-{project.id}"):
                for path in summary.thumbnails:
                    st.image(str(path), width=48, alt="")
        else:
            st.caption("No photos yet")
        training = " :orange-badge[:material/pending: Training now]" if summary.is_training else ""
        st.markdown(f"**{markdown(project.name)}**{training}")
        without = f", {summary.unlabelled:,} without a class" if summary.unlabelled else ""
        st.caption(f"{pluralize(summary.photos, 'photo')}, {pluralize(summary.classes, 'class', 'classes')}{without}")
        st.markdown(result_of(summary))
        errors.show_problems(*projects.find_problems(project))
        st.caption(f"Changed {ago(time.time() - summary.changed)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Open", key=f"open-{project.id}", icon=":material/folder_open:"):
                navigation.open_page("train" if summary.results or summary.is_training else "photos", project)
            chosen = st.menu_button("More", ["Rename", "Delete"], key=f"more-{project.id}")
    if chosen == "Rename":
        naming.ask_project_name(project)
    elif chosen == "Delete":
        ask_delete(project)


def result_of(summary):
    """The final test where there was one, else the best run, said to be that."""
    if summary.final:
        return f"Final test: {markdown(summary.final)}"
    if not summary.best:
        return "Not trained yet"
    accuracy = f"**{percent(summary.best['val_accuracy'])}**"
    if summary.results > 1:
        return f"Best of {summary.results} runs: {accuracy}"
    return f"Accuracy: {accuracy}, {interval_phrase(summary.best)}"


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
        f"features that pretrained networks found in your photos: {file_size(use['features'])}\n- downloaded "
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
    with st.popover("Disk space", icon=":material/hard_drive:", type="tertiary"):
        use = disk_use(str(session.workspace().home), [vars(summary) for summary in summaries])
        st.markdown(
            f"{file_size(use['projects'])} for projects, {file_size(use['caches'])} for caches, "
            f"{file_size(use['backbones'])} for pretrained networks, in {markdown(str(session.workspace().home))}"
        )
        if use["caches"] and st.button("Clear caches", icon=":material/mop:"):
            ask_clear()


def show_kept_telemetry():
    kept = telemetry.kept()
    if not kept:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="telemetry"):
        st.caption(
            f"onnxruntime, which runs the models, has kept {file_size(sum(kept.values()))} about this computer to send "
            "to Microsoft, its maker. Graft stops it from sending. These files are older, or from another program.",
            width="content",
        )
        if st.button("Delete it", type="tertiary"):
            with errors.shown_errors():
                telemetry.delete_kept()
                st.rerun()


navigation.come_through_app()
words, picture = st.columns([6, 5], gap="large", vertical_alignment="center")
with words:
    st.title("Teach an image model your own classes", anchor=False)
    st.markdown(
        "Add a few labelled photos. A network that has already seen 1.3 million pictures learns your "
        "classes, here on this computer. Your photos never leave it."
    )
    with st.container(horizontal=True):
        if st.button("New project", type="primary", icon=":material/add:"):
            with errors.shown_errors():
                navigation.open_page("photos", projects.create_untitled(session.workspace()))
        sample = st.button(
            "Try it with sample photos",
            icon=":material/eco:",
            help="160 drawn leaves of four kinds. Works without internet.",
        )
    if sample:
        with errors.shown_errors():
            made = projects.create_sample(session.workspace(), progress.progress_line("Drawing leaves"))
            navigation.open_page("photos", made)
with picture:
    st.image(
        theme.asset("hero-dark.svg" if theme.is_dark() else "hero-light.svg"),
        width="stretch",
        alt="Photos go into a pretrained network; a small new layer at its end learns your classes.",
    )

everything = session.workspace().projects()
summaries = [projects.summarize(session.workspace(), project, session.history) for project in everything]
with st.container(horizontal=True, vertical_alignment="center"):
    st.header("Your projects", anchor=False, width="stretch")
    show_disk_use(summaries)
if not everything:
    st.caption("No projects yet. Create one with your own photos, or try it with sample photos.")
for start in range(0, len(everything), CARDS_PER_ROW):
    for project, summary, column in zip(everything[start:], summaries[start:], st.columns(CARDS_PER_ROW), strict=False):
        with column:
            show_card(project, summary)
show_kept_telemetry()
