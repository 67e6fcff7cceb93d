"""Mistakes that the user can mend, shown as a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from transfer_core.errors import DISK_FULL, READ_ONLY, TransferError
from transfer_core.support.text import markdown


def show_problems(*problems: str | None) -> None:
    """What is damaged, a sentence each; draws nothing for None."""
    for problem in filter(None, problems):
        st.warning(markdown(problem), icon=":material/broken_image:")


@contextmanager
def shown_errors() -> Iterator[None]:
    """Shows a mistake that the user can mend as a sentence; anything else is our bug and keeps its traceback."""
    try:
        yield
    except TransferError as error:
        st.error(markdown(str(error)), icon=":material/error:")
    except OSError as error:
        if error.errno in DISK_FULL:
            st.error("The disk is full. Free some space, then try again.", icon=":material/error:")
        elif error.errno in READ_ONLY:
            st.error(
                "Graft may not write to its folder. You can look at everything, but not train, change or delete.",
                icon=":material/error:",
            )
        else:
            raise
