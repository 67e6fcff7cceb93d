"""How far something is that the page itself does."""

import time
from collections.abc import Callable

import streamlit as st

from transfer_core.support.wording import progress_text

SHOW_EVERY_S = 0.2  # progress; every step of it goes to the browser


def progress_line(title: str, unit: str = "photos") -> Callable[[int, int], bool]:
    """A progress bar that also says speed and time left; what is returned says whether it was drawn anew."""
    bar, began = st.progress(0.0, title), time.monotonic()
    shown = 0.0

    def report(done: int, total: int) -> bool:
        nonlocal shown
        now = time.monotonic()
        if now - shown < SHOW_EVERY_S and done < total:
            return False
        shown = now
        text = progress_text(done, total, now - began, unit)
        bar.progress(min(1.0, done / max(1, total)), f"{title}: {text}")
        return True

    return report
