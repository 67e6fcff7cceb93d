"""The chart of how accurate models are against how fast their backbones look at photos."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from transfer_core.charts.style import escape, figure, hover, label, palette
from transfer_core.support.wording import percent

_NAMED = 8  # dots with a name beside them; more would cover each other, and the hover box names every one
_NAME_LETTERS = 32
_LINE_STEPS = (1, 2, 5)
_APART, _ABOVE = 1.2, 0.08  # times the speed, and share of right answers: dots nearer than both cover each other's name


def accuracy_and_speed(
    rows: Sequence[tuple[str, float, float, float | None, float | None]], *, dark: bool = False
) -> go.Figure:
    """A dot per model: to the right is faster, up is better; a line shows the 95% interval of its accuracy.

    Args:
        rows: (name, photos per second above 0, accuracy in [0, 1], low, high); the last two None without an interval.

    Raises:
        ValueError: No rows, a speed is not above 0, or an accuracy lies outside [0, 1] or its interval.
    """
    if not rows:
        raise ValueError("there are no rows; at least one is needed")
    for name, speed, accuracy, low, high in rows:
        if speed <= 0 or not 0 <= (low or 0) <= accuracy <= (1 if high is None else high) <= 1:
            raise ValueError(f"'{name}': speed {speed} or accuracy {accuracy} ({low} to {high}) cannot be drawn")
    colours = palette(dark)
    fig = figure(300, dark=dark, title="Accuracy on your validation photos", l=44, r=24, t=44, b=44)
    _, speeds, shares, lows, highs = zip(*rows, strict=True)
    reach = {
        "type": "data",
        "symmetric": False,
        "array": [(share if high is None else high) - share for share, high in zip(shares, highs, strict=True)],
        "arrayminus": [share - (share if low is None else low) for share, low in zip(shares, lows, strict=True)],
        **{"color": colours.quiet, "thickness": 1.5, "width": 0},
    }
    fig.add_scatter(
        x=speeds,
        y=shares,
        error_y=reach,
        mode="markers+text" if len(rows) <= _NAMED else "markers",
        text=["" if _is_close(row, rows[:number]) else label(row[0], _NAME_LETTERS) for number, row in enumerate(rows)],
        textposition=[_side(speed, speeds) for speed in speeds],
        textfont={"size": 12, "color": colours.text},
        marker={"color": colours.accent, "size": 11, "line": {"color": colours.paper, "width": 1.5}},
        hovertext=[
            hover(f"{name}: {percent(share)}, {speed:.0f} photos per second") for name, speed, share, *_ in rows
        ],
        hoverinfo="text",
        cliponaxis=False,
    )
    start, end = min(speeds) / 1.6, max(speeds) * 1.6
    ticks = _ticks(start, end)
    fig.update_xaxes(
        type="log",
        range=[math.log10(start), math.log10(end)],
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
        title_text=escape("Photos per second on this computer"),
        showgrid=True,
        gridcolor=colours.line,
    )
    lowest = 0.5 if min(low if low is not None else share for _, _, share, low, _ in rows) > 0.55 else 0.0
    marks = [lowest, (lowest + 1) / 2, 1]
    fig.update_yaxes(range=[lowest, 1.02], tickvals=marks, ticktext=[percent(mark) for mark in marks], showgrid=True)
    return fig.update_layout(hovermode="closest", showlegend=False)


def _is_close(row: Sequence, others: Sequence[Sequence]) -> bool:
    """Whether a name stands already where this row's would."""
    return any(
        max(row[1], other[1]) < _APART * min(row[1], other[1]) and abs(row[2] - other[2]) < _ABOVE for other in others
    )


def _side(speed: float, speeds: Sequence[float]) -> str:
    """Where a name stands beside its dot: towards the middle, so that it stays inside the picture."""
    middle = math.sqrt(min(speeds) * max(speeds))
    return "middle right" if speed <= middle else "middle left"


def _ticks(start: float, end: float) -> list[float]:
    """Round numbers between two limits above 0, as a logarithmic axis has them."""
    powers = range(math.floor(math.log10(start)), math.ceil(math.log10(end)) + 1)
    return [step * 10.0**power for power in powers for step in _LINE_STEPS if start <= step * 10.0**power <= end]
