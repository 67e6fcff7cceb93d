"""Import sources: files, a folder, one class at a time, a public set, a folder of the server."""

import hashlib
from dataclasses import replace
from pathlib import Path

import streamlit as st

from pages._photos import public_datasets
from pages._shared import errors, progress, session
from transfer_core.errors import DataError
from transfer_core.services import ingest
from transfer_core.services.ingest import Choice, Listing, UnclearEncoding, import_roots, list_folder
from transfer_core.support.text import markdown, plain
from transfer_core.support.wording import pluralize

HERE = "(this folder)"


def ask_for_photos(project):
    """A tab for each way in."""
    generation = st.session_state.setdefault(session.UPLOADS, 0)
    roots = import_roots()
    names = ["Files or a zip", "A folder", "Photos of one class", "Ready-made sets"]
    names += ["Folders on this computer"] if roots else []
    places = st.container(key="drop-photos").tabs(names)
    with places[0]:
        files = st.file_uploader(
            "Photos, or a .zip of them",
            accept_multiple_files=True,
            key=f"zip-{generation}",
            help="Best with one folder per class in the zip; a .tar.gz, or a Teachable Machine project (.tm), will do "
            "as well. You can add a table of labels (CSV: file, label).",
        )
    with places[1]:
        folder = st.file_uploader(
            "A folder with one folder per class",
            accept_multiple_files="directory",
            key=f"folder-{generation}",
            help="Choose the folder that holds the class folders. Folders called train and val also work.",
        )
    with places[2]:
        class_name = st.text_input("Class", placeholder="oak", help="What is on these photos?", key="upload-class")
        of_class = st.file_uploader(
            "Photos of this class",
            accept_multiple_files=True,
            key=f"files-{generation}",
            disabled=not class_name.strip(),
        )
    with places[3]:
        public_datasets.ask_for_public_set(project)
    if roots:
        with places[4]:
            pick_folder(project, roots)
    if files or folder:
        receive(project, [*(files or []), *(folder or [])])
    elif of_class:
        receive(project, of_class, Choice("one_class", class_name))


def receive(project, uploads, choice=None):
    """Keeps what was handed in and empties the uploader; with a choice it is read at once."""
    with errors.shown_errors():
        batch = ingest.receive_upload(
            project, [(upload.name, upload) for upload in uploads], progress.progress_line("Uploading", "files")
        )
        try:
            batch.entries()
        except (
            UnclearEncoding
        ) as unclear:  # asked about in the review; where the class is known, the names hardly count
            choice = choice and replace(choice, names=next(iter(unclear.readings)))
        except DataError:  # the one zip is none: the uploader still shows which, and the message says what to do
            batch.discard()
            raise
        if choice:
            st.session_state[session.READING] = batch.choose(choice).id
        st.session_state[session.UPLOADS] += 1
        st.rerun()


def pick_folder(project, roots):
    """A box for each level below a root, until a folder or a zip is meant."""
    root = roots[0] if len(roots) == 1 else st.selectbox("Where", roots, format_func=lambda path: plain(str(path)))
    with errors.shown_errors():
        inside = _descend(root)
        if inside is not None and st.button("Use these photos", key="pick-folder"):
            ingest.receive_folder(project, root, inside)
            st.rerun()


def _descend(root: Path) -> str | None:
    """The path below the root that is chosen by now; None where it holds neither photos nor folders."""
    inside = ""
    while True:
        listing = list_folder(root, inside)
        chosen = _choose_in(listing, inside or root.name, f"level-{_told(inside)}")
        if chosen == HERE:
            break
        inside = f"{inside}/{chosen}" if inside else chosen
        if chosen in listing.zips:
            return inside
    st.caption(f"{pluralize(listing.photos, 'photo')} and {pluralize(len(listing.folders), 'folder')} in it.")
    return inside if listing.photos or listing.folders else None


def _choose_in(listing: Listing, name: str, key: str) -> str:
    options = [HERE, *listing.folders, *listing.zips]
    if len(options) == 1:
        return HERE
    return st.selectbox(f"In {markdown(name)}", options, format_func=plain, key=key)


def _told(path: str) -> str:
    """The same for the same path, in letters that a key may have: a folder's name need not be valid Unicode."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()
