"""What waits in the inbox: how it would be read is shown, changed, and then done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from pages._photos import encoding, take_in
from pages._shared import errors, frame, session
from transfer_core.data.split_names import words_of
from transfer_core.errors import DataError
from transfer_core.services import ingest
from transfer_core.services.ingest import (
    Choice,
    Entry,
    LabelSource,
    Survey,
    UnclearEncoding,
    Upload,
    choices,
    photos_among,
    read_as,
    survey,
)
from transfer_core.support.text import markdown, plain, shorten
from transfer_core.support.wording import pluralize

EXAMPLES = 3
LISTED = 500  # names of files that are left out; a longer list is not read to its end


Found = tuple[LabelSource, Survey] | UnclearEncoding | str


@dataclass(frozen=True)
class Plan:
    """What a batch can be read as.

    Args:
        photos: Paths of what looks like a photo.
        readings: By choice; one that cannot be read has its problem in words, one that can be in several ways, these.
        names: The encoding of names that a person has chosen.
        sets: Which folders are sets and no classes, in words, where nothing else says a class.
    """

    key: tuple
    entries: Sequence[Entry]
    photos: list[str]
    readings: dict[Choice, Found]
    names: str = ""
    sets: str = ""


def review_waiting(project) -> bool:
    """Shows the oldest batch that waits; returns whether one does, on whose account the page may leave other things."""
    waiting = ingest.waiting_uploads(project)
    if not waiting:
        st.session_state.pop(session.PLAN, None)
        return False
    batch = waiting[0]
    if batch.choice is None and batch.is_busy():
        st.info("Files are being uploaded in another window. When all are here, you choose how to sort them.")
        return take_in.wait_until_free(batch)
    if st.session_state.get(session.READING) == batch.id:
        return take_in.read(project, batch)
    with errors.shown_errors():
        if batch.choice:
            return take_in.ask_to_go_on(project, batch)
        plan = _plan(batch)
        return _review(batch, plan) if plan else _ask_to_wait(batch)
    return False


def _ask_to_wait(batch: Upload) -> bool:
    """The foot as long as a question must be answered first."""
    with frame.foot("These photos wait until you have chosen."):
        left = st.button("Cancel", key="leave-photos")
        st.button("Add photos", type="primary", disabled=True, key="add-photos")
    if left:
        batch.discard()
        st.rerun()
    return True


def _review(batch: Upload, plan: Plan) -> bool:
    if not plan.photos:
        take_in.begin(batch, Choice("one_class", "unnamed"))  # says what is wrong with each file
    st.subheader("How should Graft sort these photos?")
    _tell_missing(batch)
    encoding.offer_other_names(batch, plan.entries, plan.names)
    if plan.sets:
        st.info(markdown(plan.sets), icon=":material/info:")
    chosen = _choose(batch, plan)
    found = _find(plan, chosen)
    if chosen.way == "table" and not isinstance(found, str):
        encoded = encoding.ask_table(batch, chosen, found[0] if isinstance(found, tuple) else found)
        chosen, found = encoded, _find(plan, encoded)
    if isinstance(found, UnclearEncoding):
        return _ask_to_wait(batch)
    if isinstance(found, str):
        st.error(markdown(found), icon=":material/error:")
    elif chosen != Choice("one_class"):
        chosen = _ask_unlabelled(batch, chosen, found[1])
        found = (found[0], found[1].with_unplaced()) if chosen.unlabelled else found
        _sum_up(plan, *found)
        tell(found[0].said)
    count = 0 if isinstance(found, str) else found[1].photos
    ready = count > 0 and chosen != Choice("one_class")
    with frame.foot("These photos wait until you add them."):
        left = st.button("Cancel", key="leave-photos")
        added = st.button(f"Add {pluralize(count, 'photo')}", type="primary", disabled=not ready, key="add-photos")
    if added:
        take_in.begin(batch, replace(chosen, names=plan.names))
    if left:
        batch.discard()
        st.rerun()
    if ready:
        _show(*found)
    return True


def _plan(batch: Upload) -> Plan | None:
    """Made once for as long as a person looks at it; None as long as it must be said first how names are read."""
    key = (batch.id, len(batch.files), len(batch.missing), st.session_state.get(f"names-{batch.id}"))
    plan = st.session_state.get(session.PLAN)
    if plan is None or plan.key != key:
        with st.spinner("Reading the file names"):
            opened = take_in.open_waiting(batch)
            if opened is None:
                return None
            entries, names = opened
            photos = photos_among(entries)
            readings = {choice: _survey(entries, choice, photos) for choice in choices(entries)}
            by_folder = any(choice.way in ("folder", "top_folder", "project") for choice in readings)
            sets = "" if by_folder else ingest.sets_in_words(entries)
        plan = st.session_state[session.PLAN] = Plan(key, entries, photos, readings, names, sets)
    return plan


def _find(plan: Plan, choice: Choice) -> Found:
    """What a choice comes to; a table in another encoding than at first is read anew."""
    return plan.readings[choice] if choice in plan.readings else _survey(plan.entries, choice, plan.photos)


def _survey(entries: Sequence[Entry], choice: Choice, photos: Sequence[str]) -> Found:
    """A reading and what it comes to, or why it cannot be read so."""
    try:
        reading = read_as(entries, choice, photos)
    except UnclearEncoding as unclear:
        return unclear
    except DataError as error:
        return str(error)
    return reading, survey(reading, photos)


def _tell_missing(batch: Upload) -> None:
    missing = batch.missing
    if missing:
        total = len(batch.files)
        st.warning(
            f"{total - len(missing):,} of {total:,} files arrived. Add the same files again, and only the "
            "missing ones are uploaded; or continue with those that are here.",
            icon=":material/error:",
        )
        list_files("Missing files", [(name, "did not arrive") for name in missing])


def _choose(batch: Upload, plan: Plan) -> Choice:
    options = list(plan.readings)
    chosen = st.radio(
        "Where is the class name?",
        options,
        format_func=_title,
        captions=[_caption(choice, plan.readings[choice]) for choice in options],
        key=f"way-{batch.id}",
    )
    if chosen.way == "one_class":
        name = st.text_input("Class of all photos", placeholder="oak", key=f"one-{batch.id}")
        return Choice("one_class", name.strip())
    return chosen


def _title(choice: Choice) -> str:
    title = choice.title[0].upper() + choice.title[1:]
    return f"{title}: {markdown(', '.join(choice.tables))}" if choice.tables else title


def _caption(choice: Choice, found: Found) -> str:
    if choice.way == "one_class":
        return "Type one name for all."
    if choice.way == "none":
        return "Add the photos without a class and sort them afterwards."
    if isinstance(found, str):
        return "Cannot be read."
    if isinstance(found, UnclearEncoding):
        return "Can be read in several ways."
    names = list(found[1].classes)
    listed = ", ".join(shorten(name, 40) for name in names[:EXAMPLES])
    told = f"{pluralize(len(names), 'class', 'classes')}: {markdown(listed)}"
    return told + (" ..." if len(names) > EXAMPLES else "")


def _ask_unlabelled(batch: Upload, chosen: Choice, found: Survey) -> Choice:
    """The choice, with what a person says about photos that it gives no class."""
    if chosen.unlabelled or not found.unplaced:
        return chosen
    left = pluralize(len(found.unplaced), "photo")
    key = f"unlabelled-{batch.id}-{chosen.way}"
    return replace(chosen, unlabelled=st.checkbox(f"Also add {left} without a class, to sort afterwards", key=key))


def _sum_up(plan: Plan, reading: LabelSource, found: Survey) -> None:
    counts = f"{pluralize(found.photos, 'photo')}, {pluralize(len(found.classes), 'class', 'classes')}"
    without = f", {found.unlabelled:,} without a class" if found.unlabelled else ""
    st.markdown(f"**{counts}{without}.**")
    path = next((path for path in plan.photos if reading.place(path)), None)
    if path:
        place = reading.place(path)
        part = f" ({words_of(place.part)} photo)" if place.part else ""
        st.caption(
            f"For example, {markdown(path[-100:])} will be labelled **{markdown(place.class_name[:80])}**{part}."
        )


def _show(reading: LabelSource, found: Survey) -> None:
    """Counts per class and part, and what is left out."""
    columns = {"Class": list(found.classes), "Photos": list(found.classes.values())}
    for part, counts in found.parts.items():
        columns[words_of(part).capitalize()] = [counts.get(name, 0) for name in found.classes]
    left_out = [(path, reading.unplaced) for path in found.unplaced]
    list_files(f"{pluralize(len(left_out), 'photo')} left out", left_out)
    list_files(f"{pluralize(len(reading.unmatched), 'row')} of the table left out", reading.unmatched)
    if found.classes:
        st.dataframe(columns, hide_index=True, key="review-classes")


def tell(sentences: Sequence[str]) -> None:
    """What a person must get to read of how photos and tables were read; untrusted text."""
    if sentences:
        st.info("\n\n".join(map(markdown, sentences)), icon=":material/info:")


def list_files(title: str, files: Sequence[tuple[str, str]]) -> None:
    """Files and why something is with them, folded up; nothing where there are none."""
    if files:
        with st.expander(title, icon=":material/error:"):
            shown = [(plain(name), plain(why)) for name, why in files[:LISTED]]
            st.dataframe(
                {"File": [name for name, _ in shown], "Why": [why for _, why in shown]},
                hide_index=True,
            )
