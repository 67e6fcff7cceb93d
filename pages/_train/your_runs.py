"""The project's runs as one picture of dots and intervals, below the run that is shown; the details are on Compare."""

from contextlib import suppress

import streamlit as st

from pages._shared import session, theme
from transfer_core import charts
from transfer_core.errors import TransferError
from transfer_core.services import runs
from transfer_core.services.comparison import group_by_photos
from transfer_core.support.text import plain
from transfer_core.support.wording import percent, pluralize

MOST = 12  # rows; the best of more


def show_your_runs(project, found, run):
    """Those with the same validation photos as `run`, the best first; draws nothing where it is the only one."""
    results = {other.id: result for other in found if (result := session.history(other).result)}
    if run.id not in results or len(results) < 2:
        return
    splits = {}
    for other in found:
        with suppress(TransferError):  # one whose photos cannot be read says so where it is shown
            if other.id in results:
                splits[other.id] = session.split_of(other)
    group = next((group for group in group_by_photos(splits) if run.id in group), [])
    if len(group) < 2:
        return
    names = runs.name_runs(found)
    order = sorted(group, key=lambda run_id: -results[run_id]["val_accuracy"])[:MOST]
    rows = [(names[run_id], results[run_id]["val_accuracy"], results[run_id]["val_interval"]) for run_id in order]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Your runs", anchor=False, width="stretch")
        if st.button("Compare in detail", icon=":material/balance:", key="to-compare", type="tertiary"):
            st.switch_page("pages/compare.py", query_params={"project": project.id, "run": run.id})
    own = order.index(run.id) if run.id in order else None
    st.plotly_chart(
        charts.share_dots(rows, own=own, dark=theme.is_dark()),
        theme=None,
        config=charts.CONFIG,
        key="your-runs",
        alt="; ".join(f"{plain(name)} {percent(share)}" for name, share, _ in rows),
    )
    photos = f"Accuracy on the same {pluralize(results[run.id]['val_count'], 'validation photo')}"
    if any(interval is None for *_, interval in rows):
        st.caption(f"{photos}. Some of these were training photos, too: expect less on new photos.")
    else:
        st.caption(
            f"{photos}, with the range in which the true accuracy probably lies. Where two ranges overlap, the "
            "difference may be luck."
        )
