"""The chart of a test of learning rates."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from transfer_core.charts.style import add_notes, escape, figure, note, palette
from transfer_core.support.wording import small_number

_ABOVE_START = 1.6  # times the first loss: what lies higher only says that it went wrong


def rate_curve(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    suggestion: float,
    *,
    dark: bool = False,
) -> go.Figure:
    """The loss while the learning rate rose: a dot per step, a smoothed curve, and the rate to take.

    Args:
        rates: (steps,), rising, above 0.
        losses: (steps,), finite, at least 0.
        smoothed: (steps,).
        suggestion: Above 0.

    Raises:
        ValueError: No steps, lengths differ, or a rate is not above 0.
    """
    if not rates or not len(rates) == len(losses) == len(smoothed):
        raise ValueError(f"there are {len(rates)} rates, {len(losses)} losses and {len(smoothed)} smoothed ones")
    if min(*rates, suggestion) <= 0:
        raise ValueError("a learning rate is not above 0, and the axis has no place for it")
    colours = palette(dark)
    fig = figure(
        264, dark=dark, title="Loss (how wrong the answers are)", under="while the steps get bigger", l=44, t=76, b=44
    )
    dots = {"color": colours.frozen, "size": 6}
    fig.add_scatter(x=list(rates), y=list(losses), mode="markers", marker=dots, hoverinfo="skip")
    fig.add_scatter(
        x=list(rates),
        y=list(smoothed),
        mode="lines",
        line={"color": colours.accent, "width": 2.5},
        customdata=[small_number(rate) for rate in rates],
        hovertemplate="%{y:.3f} at %{customdata}<extra></extra>",
    )
    _add_suggestion(fig, suggestion, dark)
    high = _ABOVE_START * max(smoothed[0], min(smoothed)) or 1.0
    fig.update_yaxes(range=[0, high], nticks=5, showgrid=True)
    _add_rate_axis(fig, min(*rates, suggestion), max(*rates, suggestion), dark)
    return fig.update_layout(hovermode="closest")


def _add_suggestion(fig: go.Figure, suggestion: float, dark: bool) -> None:
    colours = palette(dark)
    fig.add_vline(suggestion, line={"color": colours.second, "width": 1.5})
    place = {"x": math.log10(suggestion), "xref": "x", "y": 1, "xanchor": "center", "yanchor": "bottom", "yshift": 6}
    words = f"use <b>{escape(small_number(suggestion))}</b>"
    add_notes(fig, [note(words, font={"size": 12, "color": colours.second}, **place)])


def _add_rate_axis(fig: go.Figure, low: float, high: float, dark: bool) -> None:
    powers = range(math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9) + 1)
    fig.update_xaxes(
        type="log",
        range=[powers[0] - 0.1, powers[-1] + 0.1],
        tickvals=[10.0**power for power in powers],
        ticktext=[small_number(10.0**power) for power in powers],
        title_text="learning rate",
        title_standoff=6,
        showline=True,
        linecolor=palette(dark).line,
    )
