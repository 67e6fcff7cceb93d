"""Charts with a row per class: confidences, numbers of photos, how well each class does."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from transfer_core.charts.style import (
    NAME_LETTERS,
    Palette,
    add_notes,
    class_colour,
    escape,
    figure,
    hover,
    label,
    note,
    palette,
    width_px,
)
from transfer_core.data.split_names import WORDS
from transfer_core.support.text import shorten
from transfer_core.support.wording import percent


def confidence_bars(confidences: Mapping[str, float], *, top: int = 5, dark: bool = False) -> go.Figure:
    """The most likely classes, the winner first, each in its own colour.

    Args:
        confidences: Class name -> confidence in [0, 1], in the order of the classes, which gives each its colour.
        top: How many to show, at least 1.

    Raises:
        ValueError: No class, `top` below 1, or a confidence outside [0, 1].
    """
    if not confidences or top < 1:
        raise ValueError(f"there are {len(confidences)} confidences and top is {top}; both must be at least 1")
    if not all(-1e-6 <= value <= 1 + 1e-6 for value in confidences.values()):
        raise ValueError("a confidence lies outside [0, 1]")
    colours = palette(dark)
    own = {name: class_colour(class_id, dark=dark) for class_id, name in enumerate(confidences)}
    names, values = zip(*sorted(confidences.items(), key=lambda item: -item[1])[:top], strict=True)
    rows = list(range(len(names)))
    fig = figure(len(names) * 46 + 4, dark=dark, t=0, b=4)
    bar = {"y": rows, "orientation": "h", "width": 0.22}
    sentences = [hover(f"{name}: {percent(value)}") for name, value in zip(names, values, strict=True)]
    fig.add_bar(**bar, x=[1] * len(names), marker_color=colours.heat[0], hovertext=sentences, hoverinfo="text")
    fig.add_bar(**bar, x=values, marker={"color": [own[name] for name in names], "line_width": 0}, hoverinfo="skip")
    notes = []
    for row, name, value in zip(rows, names, values, strict=True):
        font = {"size": 14, "color": colours.quiet if row else colours.text, "weight": 400 if row else 600}
        place = {"y": row, "yref": "y", "yshift": 9, "yanchor": "bottom", "font": font}
        notes += [note(label(name, 32), x=0, **place), note(escape(percent(value)), x=1, xanchor="right", **place)]
    add_notes(fig, notes)
    fig.update_xaxes(visible=False, range=[0, 1])
    fig.update_yaxes(visible=False, range=[len(names) - 0.6, -0.75])
    return fig.update_layout(barmode="overlay", barcornerradius=5)


def class_counts(
    class_names: Sequence[str],
    train_counts: Sequence[int],
    val_counts: Sequence[int],
    test_counts: Sequence[int] | None = None,
    *,
    dark: bool = False,
) -> go.Figure:
    """Photos per class: training photos, then validation photos (hatched), then test photos.

    Args:
        train_counts, val_counts, test_counts: (classes,) >= 0; None for the last where there are no test photos.

    Raises:
        ValueError: No class, lengths differ, or a negative count.
    """
    parts = [train_counts, val_counts, *([] if test_counts is None else [test_counts])]
    n = len(class_names)
    if n == 0 or any(len(counts) != n for counts in parts):
        raise ValueError(f"there are {n} names and {list(map(len, parts))} counts; all must be equal")
    if min(map(min, parts)) < 0:
        raise ValueError("a count is negative")
    signs = ("solid training", "hatched validation", "dotted test")[: len(parts)]
    fig = _class_rows("Photos in each class", ", ".join(signs), class_names, dark)
    solid = [class_colour(i, dark=dark) for i in range(n)]
    rows = list(zip(*parts, strict=True))
    ways = tuple(WORDS.values())
    sentences = [
        hover(f"'{name}': " + ", ".join(f"{count} {way}" for count, way in zip(row, ways, strict=False)))
        for name, row in zip(class_names, rows, strict=True)
    ]
    texture = {"size": 5, "solidity": 0.35, "fgcolor": solid, "bgcolor": palette(dark).panel}
    for counts, shape in zip(parts, ("", "/", "."), strict=False):
        marker = {"color": solid, "line_width": 0} | ({"pattern": texture | {"shape": shape}} if shape else {})
        bar = {"y": list(range(n)), "orientation": "h", "hovertext": sentences, "hoverinfo": "text"}
        fig.add_bar(**bar, x=counts, marker=marker)
    place = {"xref": "x", "yref": "y", "xshift": 6, "font_size": 12}
    totals, beside = [sum(row) for row in rows], [" + ".join(map(str, row)) for row in rows]
    add_notes(fig, [note(text, x=totals[row], y=row, **place) for row, text in enumerate(beside)])
    fig.update_xaxes(visible=False, range=[0, max(1, *totals)])
    room = max(84, max(width_px(text, 12) for text in beside) + 10)
    return fig.update_layout(barmode="stack", bargap=0.35, margin_r=room)


def class_scores(
    precision: Sequence[float | None],
    recall: Sequence[float | None],
    f1: Sequence[float | None],
    counts: Sequence[int],
    class_names: Sequence[str],
    *,
    dark: bool = False,
) -> go.Figure:
    """How well each class does, the weakest (by F1) on top; a dot for recall, a diamond for precision.

    Args:
        precision, recall, f1: (classes,) in [0, 1]; None or NaN where there is nothing to divide by.
        counts: (classes,), photos of that class behind the numbers.

    Raises:
        ValueError: No class, or lengths differ.
    """
    n = len(class_names)
    if n == 0 or any(len(values) != n for values in (precision, recall, f1, counts)):
        raise ValueError(f"there are {n} names; precision, recall, f1 and counts need as many, and at least one")
    colours = palette(dark)
    found, trusted, balance = (np.array(values, dtype=float) for values in (recall, precision, f1))
    order = np.argsort(np.where(np.isnan(balance), found, balance), kind="stable")
    found, trusted, names = found[order], trusted[order], [class_names[i] for i in order]
    key = f"<span style='color:{colours.accent}'>●</span> recall (found)    "
    key += f"<span style='color:{colours.second}'>◆</span> precision (correct when named)"
    fig = _class_rows("How each class does", key, names, dark)
    for row in np.flatnonzero(~np.isnan(found + trusted)):
        line = {"color": colours.frozen, "width": 3}
        fig.add_scatter(x=[found[row], trusted[row]], y=[row, row], mode="lines", line=line, hoverinfo="skip")
    sentences = [_score_sentence(*row) for row in zip(names, np.array(counts)[order], found, trusted, strict=True)]
    for values, symbol, size, colour in (
        (found, "circle", 13, colours.accent),
        (trusted, "diamond", 11, colours.second),
    ):
        marker = {"symbol": symbol, "size": size, "color": colour, "line": {"color": colours.paper, "width": 1.5}}
        hover_text = {"hovertext": sentences, "hoverinfo": "text"}
        fig.add_scatter(x=values, y=list(range(n)), mode="markers", marker=marker, cliponaxis=False, **hover_text)
    add_notes(fig, _score_notes(found, trusted, colours))
    # Room for a number left of a mark at 0 and right of one at 100%, in pixels: the width is not known here.
    fig.update_layout(margin={"l": fig.layout.margin.l + 44, "r": 50, "b": 24}, height=fig.layout.height + 22)
    fig.update_yaxes(ticklabelstandoff=50)
    fig.update_xaxes(range=[0, 1], tickvals=[0, 0.5, 1], ticktext=["0", "50", "100%"], tickangle=0)
    return fig.update_xaxes(showgrid=True, gridcolor=colours.line)


def _score_sentence(name: str, count: int, found: float, trusted: float) -> str:
    said = "never named" if np.isnan(trusted) else f"{percent(trusted)} correct when named"
    return hover(
        f"'{name}': " + ("no photos" if np.isnan(found) else f"{percent(found)} of {count} found") + f", {said}"
    )


def _score_notes(found: np.ndarray, trusted: np.ndarray, colours: Palette) -> list[dict]:
    """The number beside each mark, away from the other one; once where both are the same."""
    notes = []
    for row, ends in enumerate(zip(found, trusted, strict=True)):
        known = sorted(
            (end, colour) for end, colour in zip(ends, (colours.accent, colours.second), strict=True) if end >= 0
        )
        if len(known) == 2 and percent(known[0][0]) == percent(known[1][0]):
            known = known[1:]
        sides = ({"xanchor": "right", "xshift": -10}, {"xanchor": "left", "xshift": 10})[2 - len(known) :]
        for (value, colour), side in zip(known, sides, strict=True):
            font = {"size": 12, "color": colour}
            notes.append(note(escape(percent(value)), x=value, y=row, xref="x", yref="y", font=font, **side))
    return notes


def _class_rows(title: str, key: str, names: Sequence[str], dark: bool) -> go.Figure:
    """An empty figure with a row per class, first on top, and a line under the title that explains the signs."""
    shown = [shorten(name, NAME_LETTERS) for name in names]
    left = max(width_px(name, 13) for name in shown) + 8
    row_px = 32 if len(names) <= 12 else 24
    fig = figure(len(names) * row_px + 58, dark=dark, title=title, under=key, l=left, t=54, b=4)
    fig.update_yaxes(tickvals=list(range(len(names))), ticktext=[escape(name) for name in shown])
    fig.update_yaxes(range=[len(names) - 0.5, -0.5], tickfont={"size": 13, "color": palette(dark).text}, showgrid=False)
    return fig
