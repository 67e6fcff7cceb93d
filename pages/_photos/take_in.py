"""Photos that wait in the inbox come into the project, with what one sees meanwhile; cut off, it goes on."""

from collections import deque
from collections.abc import Sequence

import streamlit as st
from filelock import Timeout

from pages._photos import encoding
from pages._shared import errors, frame, progress, session, thumbnails
from pages._shared.data_urls import encoded
from transfer_core.errors import DataError
from transfer_core.services import ingest
from transfer_core.services.ingest import Choice, Entry, Upload, photos_among, read_as, without_table
from transfer_core.services.labels import Item, load_items, load_original_items
from transfer_core.services.projects import ensure_thumbnail
from transfer_core.support.wording import pluralize

THUMBNAILS = 8
SHOW_THUMBNAILS_EVERY = 5  # of the progress line's steps


def _opened(batch: Upload) -> Sequence[Entry]:
    """The entries of one whose reading has been chosen."""
    opened = open_waiting(batch)
    return opened[0] if opened else []


def open_waiting(batch: Upload) -> tuple[Sequence[Entry], str] | None:
    """As `ask_names`; forgets one that cannot be opened any more, or the page could never be used again."""
    try:
        return encoding.ask_names(batch)
    except DataError:
        batch.discard()
        raise


def begin(batch: Upload, choice: Choice) -> None:
    """Has it read by a page that shows nothing else."""
    st.session_state[session.READING] = batch.choose(choice).id
    st.rerun()


def ask_to_go_on(project, batch: Upload) -> bool:
    """For a reading that broke off, with its page or with the server, or never began; or that another window is at."""
    try:
        with batch.lock():
            pass
    except Timeout:
        st.info("Photos are being read in another window. They will appear here when that is done.")
        return wait_until_free(batch)
    paths = photos_among(_opened(batch))
    if batch.before is None:
        told = f"{pluralize(len(paths), 'photo waits', 'photos wait')} to be read. Press Continue to add them."
    else:
        here = {item.path for item in load_items(project)}
        done = sum(path in here for path in paths)
        told = f"Reading was interrupted: {done:,} of {pluralize(len(paths), 'photo')} are here. Press Continue to add "
        told += "the missing ones."
    st.warning(told, icon=":material/error:")
    with frame.foot("These photos wait until you add them."):
        left = st.button("Skip the rest", key="leave-photos")
        goes_on = st.button("Continue", type="primary", key="go-on")
    if goes_on:
        begin(batch, batch.choice)
    if left:
        batch.discard()
        st.rerun()
    return True


def wait_until_free(batch: Upload) -> bool:
    """Draws the page anew once nobody fills or reads the batch any more."""

    def look() -> None:
        if not batch.is_busy():
            st.rerun()

    st.fragment(look, run_every=1.0)()
    return True


def read(project, batch: Upload) -> bool:
    """Reads the whole batch and redraws the page; False if no photo was added, which the page has said.

    A script that Streamlit breaks off, because somebody pressed another button, begins again where it was.
    """
    with errors.shown_errors():
        try:
            with batch.lock():
                entries, batch = batch.entries(), batch.begin(len(load_original_items(project)))
                report = _take_in(project, entries, batch.choice)
        except Timeout:
            st.session_state.pop(session.READING)
            st.rerun()
        except Exception as error:  # whatever it was, it is not tried again unasked
            st.session_state.pop(session.READING)
            if isinstance(error, DataError):  # nothing in it can be used; other mistakes can be mended, so it waits
                batch.discard()
            raise
        # Those that came before the reading broke off are new to the person, too.
        report.added = len(report.items - {item.id for item in load_original_items(project)[: batch.before]})
        batch.discard()
        st.session_state.pop(session.READING)
        st.session_state[session.INTAKE] = (project.id, report)
        st.rerun()
    return False


def _take_in(project, entries: Sequence[Entry], choice: Choice):
    """The intake, with photos per second, time left, and the last few thumbnails."""
    line, reading = progress.progress_line("Reading photos"), read_as(entries, choice)
    wall, latest, steps = st.container(key="gallery-arriving").empty(), deque(maxlen=THUMBNAILS), 0

    def report(done: int, total: int) -> None:
        nonlocal steps
        if line(done, total):
            steps += 1
            if steps % SHOW_THUMBNAILS_EVERY == 0 and latest:
                _show_latest(project, wall, list(latest))

    return ingest.take_in_entries(
        session.workspace(),
        project,
        without_table(entries, choice, reading),
        report,
        reading=reading,
        arrived=latest.append,
        unlabelled=choice.unlabelled,
    )


def _show_latest(project, wall, items: Sequence[Item]) -> None:
    with wall.container(horizontal=True):  # without a key, which Streamlit takes once only in a run of the page
        for item in items:
            path = ensure_thumbnail(session.workspace(), project, item)
            if path.is_file():  # the photo itself, not its address, which may be gone before a busy browser asks for it
                st.image(encoded(path.read_bytes()), width=80, alt=thumbnails.item_name(item))
