"""Accuracy against speed, of the runs that the project has, and the button that has speeds measured."""

import streamlit as st

from pages._shared import session
from pages._shared.theme import is_dark
from transfer_core import charts
from transfer_core.services import backbones, runs
from transfer_core.support.wording import pluralize


def show_picture(entries, found):
    """Draws nothing as long as no run has a result on a network whose speed is known."""
    names = runs.name_runs(found)
    drawn = backbones.points(entries, [(names[run.id], run, session.history(run)) for run in found])
    if drawn:
        figure = charts.accuracy_and_speed(
            [(point.name, point.photos_per_s, point.accuracy, point.low, point.high) for point in drawn], dark=is_dark()
        )
        with st.expander(
            "Your results: accuracy against speed", icon=":material/scatter_plot:", expanded=len(drawn) > 1
        ):
            st.plotly_chart(figure, theme=None, config=charts.CONFIG, key="accuracy-and-speed")


def offer_measuring(entries):
    """Asks for the speeds that nobody has measured, and waits for those that are being measured."""
    missing = [entry for entry in entries if entry.is_here and entry.photos_per_s is None]
    measuring = [entry.row.name for entry in missing if entry.is_measuring]
    if measuring:
        st.fragment(_wait, run_every=1.0)(measuring)
    elif missing and st.button(
        f"Measure the speed of {pluralize(len(missing), 'network')}",
        icon=":material/speed:",
        type="tertiary",
        key="measure",
        help="Takes some seconds each, once on this computer, while nothing trains.",
    ):
        if backbones.measure(session.workspace()):
            st.rerun()
        st.warning("The speed could not be measured, perhaps for want of memory. Graft tries again tomorrow.")


def _wait(measuring):
    entries = backbones.list_entries(session.workspace())
    if [entry.row.name for entry in entries if entry.is_measuring] != measuring:
        st.rerun()
    st.caption(
        f"Graft is measuring how fast {pluralize(len(measuring), 'network is', 'networks are')} on this computer."
    )
