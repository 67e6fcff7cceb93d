"""Names and tables in old encodings: how they were read is shown, and another reading can be chosen."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from transfer_core.errors import DataError
from transfer_core.services.ingest import (
    Choice,
    Entry,
    LabelSource,
    UnclearEncoding,
    Upload,
    encoding_title,
    offered_encodings,
)
from transfer_core.support.text import markdown, plain, shorten


def ask_names(batch: Upload) -> tuple[Sequence[Entry], str] | None:
    """The entries of a batch and the encoding of their names that a person has chosen; None until one has to be."""
    key = f"names-{batch.id}"
    chosen = st.session_state.get(key) or ""
    try:
        entries = batch.entries(chosen)
    except UnclearEncoding as unclear:
        _ask(unclear, "Which names are right?", key)
        return None
    except DataError as error:
        if not chosen:
            raise
        return _ask_again(batch, key, error)
    if chosen:
        st.session_state[key] = chosen  # a widget that is not drawn would be forgotten
    return entries, chosen


def _ask_again(batch: Upload, key: str, error: DataError) -> tuple[Sequence[Entry], str] | None:
    """As `ask_names`, where the names cannot be read in the encoding chosen: what was handed in stays."""
    st.error(markdown(str(error)), icon=":material/error:")
    del st.session_state[key]
    opened = ask_names(batch)
    if opened and (names := getattr(opened[0], "names", None)):
        st.session_state[key] = names.encoding  # what the box shows from now on
    return opened


def offer_other_names(batch: Upload, entries: Sequence[Entry], chosen: str) -> None:
    """How the names were read, and a way to another reading; nothing where they are beyond doubt."""
    names = getattr(entries, "names", None)
    if names:
        _offer(entries.said, "Encoding of the names", [chosen or names.encoding, *names.others], f"names-{batch.id}")


def ask_table(batch: Upload, choice: Choice, found: LabelSource | UnclearEncoding) -> Choice:
    """The choice with the encoding of its table, as far as a person has chosen one."""
    key = f"encoding-{batch.id}-{choice.value}"
    if isinstance(found, UnclearEncoding):
        return replace(choice, encoding=_ask(found, "Which labels are right?", key) or "")
    encoding = getattr(found, "encoding", None)
    if not encoding:
        return choice
    others = getattr(found, "others", ())
    chosen = _offer([], f"Encoding of {plain(choice.value)[-60:]}", [encoding, *others], key)
    return choice if chosen == encoding else replace(choice, encoding=chosen)


def _ask(unclear: UnclearEncoding, question: str, key: str) -> str | None:
    """Has one of the likely readings chosen; none of them before somebody says so."""
    st.warning(
        f"{markdown(unclear.name)}: saved in an old encoding, which can be read in several ways. Choose the reading "
        f"that is right. If none is, {unclear.remedy}, and add it again.",
        icon=":material/translate:",
    )
    return st.radio(
        question,
        list(unclear.readings),
        index=None,
        format_func=lambda encoding: ", ".join(_shown(sample) for sample in unclear.readings[encoding]),
        captions=[encoding_title(encoding) for encoding in unclear.readings],
        key=key,
    )


def _offer(said: Sequence[str], label: str, likely: Sequence[str], key: str) -> str:
    for sentence in said:
        st.caption(markdown(sentence))
    options = list(dict.fromkeys([*likely, *offered_encodings()]))
    return st.selectbox(
        label,
        options,
        format_func=encoding_title,
        key=key,
        help="Choose another one if letters look wrong.",
    )


def _shown(sample: str) -> str:
    return markdown(shorten(sample, 40))
