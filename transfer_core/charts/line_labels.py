"""Names and values at the ends of curves, pushed apart where they are close."""

from collections.abc import Sequence
from typing import NamedTuple

from transfer_core.charts.style import note

_LABEL_PX = 18  # the least distance between the middles of two labels
_SHIFT_PX = 12  # room for the dot at a curve's end


class End(NamedTuple):
    """The end of a curve.

    Args:
        text: As Plotly reads it: names from outside are escaped.
        x, value: Where it is.
    """

    text: str
    x: float
    value: float
    colour: str


def end_labels(ends: Sequence[End], low: float, high: float, plot_px: float) -> list[dict]:
    """A note right of each end; none covers another or the axis below.

    Args:
        low, high: Of the y axis.
        plot_px: Height of the plot.
    """
    ordered = sorted(ends, key=lambda end: end.value)
    pixels = [(end.value - low) / (high - low) * plot_px for end in ordered]
    notes = []
    for number, (end, pixel, place) in enumerate(zip(ordered, pixels, spread(pixels, _LABEL_PX), strict=True)):
        place = max(place, (number + 0.5) * _LABEL_PX)
        where = {"x": end.x, "y": end.value, "xref": "x", "yref": "y", "xshift": _SHIFT_PX, "yshift": place - pixel}
        notes.append(note(end.text, font={"color": end.colour, "size": 12}, **where))
    return notes


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Rising places moved apart, so that none is nearer to the next than `gap`, as little as that needs.

    Groups that touch are joined and centred on where they wanted to be, until none touch.
    """
    groups: list[list[float]] = []  # (sum of wanted centres, members)
    for place in places:
        groups.append([place, 1])
        while len(groups) > 1 and _start(groups[-1], gap) < _end(groups[-2], gap) + gap:
            wanted, members = groups.pop()
            before, others = groups[-1]
            groups[-1] = [(before * others + wanted * members) / (others + members), others + members]
    return [_start(group, gap) + gap * i for group in groups for i in range(int(group[1]))]


def _start(group: list[float], gap: float) -> float:
    return group[0] - gap * (group[1] - 1) / 2


def _end(group: list[float], gap: float) -> float:
    return group[0] + gap * (group[1] - 1) / 2
