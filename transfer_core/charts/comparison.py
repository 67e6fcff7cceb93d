"""Charts that hold runs, and ways to answer, against each other."""

from collections.abc import Sequence

import plotly.graph_objects as go

from transfer_core.charts.learning import add_epoch_axes, y_range
from transfer_core.charts.line_labels import End, end_labels
from transfer_core.charts.style import (
    CLASS_COLOURS,
    CLASS_COLOURS_DARK,
    Palette,
    add_notes,
    escape,
    figure,
    hover,
    label,
    note,
    palette,
    width_px,
)
from transfer_core.support.wording import percent

MOST = 4  # curves in one figure; more can be drawn by nobody
_DASHES = ("solid", "8px,4px", "2px,4px", "12px,4px,2px,4px")
_HEIGHT_PX, _TOP_PX, _BOTTOM_PX = 300, 44, 40
_NAME_LETTERS = 16
ShareRow = tuple[str, float, tuple[float, float] | None]  # name, share in [0, 1], its (low, high) if it has one


def compared_curves(curves: Sequence[tuple[str, Sequence[float | None]]], *, dark: bool = False) -> go.Figure:
    """The share of right answers of several runs, epoch by epoch, each told by colour, line style and name.

    Args:
        curves: (name, a value in [0, 1] per epoch, None where it was not checked); one to four, of any lengths. A
            curve that ends early goes on as a faint line at its last value, to its name.

    Raises:
        ValueError: Too few or too many curves, or a value outside [0, 1].
    """
    if not 1 <= len(curves) <= MOST:
        raise ValueError(f"there are {len(curves)} curves; from 1 to {MOST} can be drawn")
    known = [[(epoch, v) for epoch, v in enumerate(values, 1) if v is not None] for _, values in curves]
    if not all(0 <= value <= 1 for points in known for _, value in points):
        raise ValueError("an accuracy lies outside [0, 1]")
    names = [label(name, _NAME_LETTERS) for name, _ in curves]
    right = 20 + max(width_px(f"{name[:_NAME_LETTERS]} 100%", 12) for name, _ in curves)
    fig = figure(
        _HEIGHT_PX, dark=dark, title="Validation accuracy, epoch by epoch", l=44, r=right, t=_TOP_PX, b=_BOTTOM_PX
    )
    total = max(len(values) for _, values in curves) or 1
    low, high = y_range([value for points in known for _, value in points], "accuracy")
    ends = []
    for name, points, colour, dash in zip(names, known, curve_colours(dark), _DASHES, strict=False):
        if points:
            _add_curve(fig, name, points, total, colour, dash)
            value = points[-1][1]
            ends.append(End(f"{name} <b>{escape(percent(value))}</b>", total, value, colour))
    add_notes(fig, end_labels(ends, low, high, _HEIGHT_PX - _TOP_PX - _BOTTOM_PX))
    add_epoch_axes(fig, total, low, high, "accuracy", dark)
    return fig.update_layout(hovermode="x unified")


def curve_colours(dark: bool) -> tuple[str, ...]:
    """Four colours with a contrast of at least 4.5, so that a curve's name may have its curve's colour, and an OKLab
    distance of at least 0.1 in normal, protan and deutan sight; line styles tell them apart for everybody else.
    """
    others, chosen = (CLASS_COLOURS_DARK, (5, 4, 7)) if dark else (CLASS_COLOURS, (3, 4, 0))
    return palette(dark).accent, *(others[place] for place in chosen)


def _add_curve(fig: go.Figure, name: str, points: list[tuple[int, float]], total: int, colour: str, dash: str) -> None:
    epochs, values = zip(*points, strict=True)
    line = {"color": colour, "width": 2.5, "dash": dash}
    shape = {"mode": "lines", "cliponaxis": False}
    fig.add_scatter(x=epochs, y=values, name=name, line=line, hovertemplate="%{y:.1%}", **shape)
    if epochs[-1] < total:
        faint = {"color": colour, "width": 1, "dash": "1px,4px"}
        fig.add_scatter(x=[epochs[-1], total], y=[values[-1]] * 2, line=faint, hoverinfo="skip", **shape)
    dot = {"color": colour, "size": 8}
    fig.add_scatter(x=epochs[-1:], y=values[-1:], mode="markers", marker=dot, hoverinfo="skip", cliponaxis=False)


def share_dots(rows: Sequence[ShareRow], *, own: int | None = None, dark: bool = False) -> go.Figure:
    """Shares of right answers under each other, each a dot with its 95% interval as a line; one axis for all.

    Arguments and errors as `share_bars`.
    """
    _check_shares(rows)
    colours = palette(dark)
    names = [label(name, _NAME_LETTERS) for name, *_ in rows]
    left = 16 + max(width_px(name[:_NAME_LETTERS], 13) for name in names)
    fig = figure(len(rows) * 32 + 36, dark=dark, l=left, r=64, t=4, b=28)
    for row, (name, share, interval) in enumerate(rows):
        colour = colours.accent if row == own else colours.quiet
        if interval:
            line = {"color": colour, "width": 3}
            fig.add_scatter(x=list(interval), y=[row, row], mode="lines", line=line, hoverinfo="skip")
        sentence = _share_sentence(name, share, interval)
        fig.add_scatter(
            x=[share],
            y=[row],
            mode="markers",
            marker={"color": colour, "size": 12, "line": {"color": colours.paper, "width": 1.5}},
            hovertext=sentence,
            hoverinfo="text",
            cliponaxis=False,
        )
    font = {"size": 13, "color": colours.text}
    add_notes(
        fig,
        [
            note(f"<b>{escape(percent(share))}</b>", x=1, xshift=12, y=row, yref="y", font=font)
            for row, (_, share, _) in enumerate(rows)
        ],
    )
    lowest = min(interval[0] if interval else share for _, share, interval in rows)
    start = 0.5 if lowest > 0.55 else 0.0
    ticks = [start, (start + 1) / 2, 1]
    fig.update_xaxes(
        range=[start, 1],
        tickvals=ticks,
        ticktext=[percent(tick) for tick in ticks],
        showgrid=True,
        gridcolor=colours.line,
    )
    fig.update_yaxes(tickvals=list(range(len(rows))), ticktext=names, showgrid=False, range=[len(rows) - 0.5, -0.5])
    return fig.update_yaxes(tickfont=font)


def _check_shares(rows: Sequence[ShareRow]) -> None:
    if not rows:
        raise ValueError("there are no rows; at least one is needed")
    for name, share, interval in rows:
        low, high = interval or (share, share)
        if not 0 <= low <= share <= high <= 1:
            raise ValueError(f"'{name}': {share} must lie in its interval {low} to {high}, and that in 0 to 1")


def _share_sentence(name: str, share: float, interval: tuple[float, float] | None) -> str:
    reach = f", probably between {percent(interval[0])} and {percent(interval[1])}" if interval else ""
    return hover(f"{name}: {percent(share)}{reach}")


def share_bars(rows: Sequence[ShareRow], *, own: int | None = None, dark: bool = False) -> go.Figure:
    """Shares of right answers under each other, each with its 95% interval as a line over the bar's end.

    Args:
        rows: (name, share in [0, 1], (low, high)); None in place of an interval draws none.
        own: The row in the accent colour.

    Raises:
        ValueError: No rows, or a share outside [0, 1] or its interval.
    """
    _check_shares(rows)
    colours = palette(dark)
    fig = figure(len(rows) * 48 + 8, dark=dark, t=0, b=4)
    places = list(range(len(rows)))
    sentences = [_share_sentence(*row) for row in rows]
    ends = [interval or (share, share) for _, share, interval in rows]
    bar = {"y": places, "orientation": "h", "width": 0.26}
    fig.add_bar(**bar, x=[1] * len(rows), marker_color=colours.heat[0], hovertext=sentences, hoverinfo="text")
    reach = {
        "type": "data",
        "symmetric": False,
        "array": [high - share for (_, share, _), (_, high) in zip(rows, ends, strict=True)],
        "arrayminus": [share - low for (_, share, _), (low, _) in zip(rows, ends, strict=True)],
        **{"color": colours.text, "thickness": 1.5, "width": 5},
    }
    marker = {"color": [colours.accent if row == own else colours.frozen for row in places], "line_width": 0}
    fig.add_bar(**bar, x=[share for _, share, _ in rows], marker=marker, error_x=reach, hoverinfo="skip")
    add_notes(fig, _bar_notes(rows, own, colours))
    fig.update_xaxes(visible=False, range=[0, 1])
    fig.update_yaxes(visible=False, range=[len(rows) - 0.6, -0.75])
    return fig.update_layout(barmode="overlay", barcornerradius=5)


def _bar_notes(rows: Sequence[ShareRow], own: int | None, colours: Palette) -> list[dict]:
    """Name left and share with interval right, over each bar."""
    notes = []
    for row, (name, share, interval) in enumerate(rows):
        font = {"size": 13, "color": colours.text, "weight": 600 if row == own else 400}
        place = {"y": row, "yref": "y", "yshift": 10, "yanchor": "bottom"}
        reach = f"<b>{escape(percent(share))}</b>"
        if interval:
            reach += f"  {_bare(interval[0])} to {escape(percent(interval[1]))}"
        quiet = {"size": 12, "color": colours.quiet}
        notes.append(note(label(name, 30), x=0, font=font, **place))
        notes.append(note(reach, x=1, xanchor="right", font=quiet, **place))
    return notes


def _bare(share: float) -> str:
    """A percentage without its sign, for the lower end of a range."""
    return escape(percent(share).rstrip("%").rstrip())
