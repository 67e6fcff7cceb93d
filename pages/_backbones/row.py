"""One network of the catalogue: what it is, what its licence allows, and the button that takes or fetches it."""

import streamlit as st

from pages._shared import errors, navigation, session
from pages._train.backbone import take
from transfer_core.services import weights
from transfer_core.services.backbones import FAMILIES
from transfer_core.support.text import markdown

LICENCE_BADGES = {
    "free": "",
    "non-commercial": ":red-badge[:material/gavel: not for commercial use]",
    "own terms": ":orange-badge[:material/gavel: the maker's own terms]",
    "unknown": ":orange-badge[:material/gavel: licence unknown]",
}


def show_row(project, draft, entry, is_chosen, download):
    """Draws it, with its download where one is under way or has failed."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"row-{entry.row.name}"):
        with st.container(gap="xsmall"):
            st.markdown(f"**{markdown(entry.row.title)}** {badges(entry, is_chosen)}")
            st.markdown(markdown(entry.row.summary))
            st.caption("  \n".join(filter(None, (suits(entry.row), facts(entry), origin(entry)))))
            if download and download.error:
                st.error(markdown(download.error), icon=":material/error:")
            elif download:
                st.fragment(watch, run_every=1.0)(project, entry)
        if not download or download.error:
            offer(project, draft, entry, is_chosen)


def badges(entry, is_chosen):
    """Where its weights are, and what its licence forbids."""
    chosen = ":green-badge[:material/check: chosen]" if is_chosen else ""
    needed = f":gray-badge[download of {entry.row.download_mb} MB]"
    place = ":green-badge[on this computer]" if entry.is_here else needed
    unchecked = "" if entry.is_checked else ":orange-badge[not checked by us]"
    return " ".join(filter(None, (chosen, place, LICENCE_BADGES[entry.permission.kind], unchecked)))


def suits(row):
    if not row.good_for:
        return ""
    return f"**Good for:** {markdown(row.good_for)} **Less good for:** {markdown(row.bad_for)}"


def facts(entry):
    row = entry.row
    speed = f"{entry.photos_per_s:.0f} photos per second here" if entry.photos_per_s else ""
    size = f"{row.parameters / 1e6:.1f} million parameters, {entry.size_mb:.0f} MB"
    return " · ".join(filter(None, (FAMILIES[row.family], size, f"sees {row.preparation.size_px} pixels", speed)))


def origin(entry):
    """Its pretraining data and its licence; a free licence in a word, any other in a sentence."""
    row = entry.row
    learned = f"Pretrained on {markdown(row.pretraining)}. " if row.pretraining else ""
    allowed = "" if entry.permission.kind == "free" else f": {entry.permission.words}"
    return f"{learned}Licence {markdown(row.licence)}{allowed}"


def offer(project, draft, entry, is_chosen):
    """Takes it for the next run, which downloads it if need be; or downloads it now."""
    row = entry.row
    words = "Keep it" if is_chosen else "Use it"
    if st.button(words, key=f"use-{row.name}", help=f"Train with {markdown(row.title)}"):
        take(draft, row.name)
        st.session_state[session.SETTING_UP] = project.id
        navigation.open_page("train", project)
    if not entry.is_here and st.button(
        "Download", key=f"get-{row.name}", help="Now, so that no run has to wait for it"
    ):
        with errors.shown_errors(), st.spinner("Asking the model hub"):
            weights.begin(session.workspace(), project, row)
            st.rerun()


def watch(project, entry):
    """The progress, once a second; the page is drawn anew when it has ended."""
    download = weights.find_downloads(session.workspace(), project).get(entry.row.name)
    if download is None or download.error:
        st.rerun()
    whole = download.total / 1e6 or entry.row.download_mb
    st.progress(download.share, f"Downloading: {download.done / 1e6:.0f} of {whole:.0f} MB")
    st.button(
        "Stop",
        key=f"stop-{entry.row.name}",
        on_click=weights.stop,
        args=(session.workspace(), project, entry.row.name),
        help="What has come stays; the next download goes on there.",
    )
