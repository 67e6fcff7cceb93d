"""The confusion matrix: which class was taken for which."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from transfer_core.charts.style import (
    NAME_LETTERS,
    add_notes,
    contrast,
    escape,
    figure,
    hover,
    mix,
    note,
    palette,
    width_px,
)
from transfer_core.support.text import wrap_apart
from transfer_core.support.wording import percent

_TWO_LINES_PX = 30  # the height of a row in which a name may take two lines
_WIDEST = 1.5  # a cell's width by its height; a narrow page makes it narrower
_CLICKABLE = "rgba(128,128,128,0.01)"  # a mark that is fully clear would take no click


def confusion_matrix(
    counts: np.ndarray,
    class_names: Sequence[str],
    *,
    selectable: bool = False,
    chosen: tuple[int, int] | None = None,
    show_recall: bool = True,
    dark: bool = False,
) -> go.Figure:
    """Photos by what they are (down) and what the model says (across); colour = share of the row.

    Args:
        counts: int (classes, classes) >= 0, rows = true class.
        selectable: Adds a nearly invisible mark per cell, because Streamlit reports no selection of a heat map. Its
            `customdata` is [true id, predicted id].
        chosen: (true id, predicted id) of the cell that is outlined.
        show_recall: Whether each row ends with the share that was right.

    Raises:
        ValueError: The table is not square, not whole, negative, or of another size than the names.
    """
    counts = np.asarray(counts)
    _check(counts, class_names)
    n = len(class_names)
    cell_px = int(min(64, max(20, 320 / n)))
    fig = _frame(class_names, cell_px, show_recall, dark)
    totals = counts.sum(1)
    shares = np.divide(counts, totals[:, None], out=np.zeros(counts.shape), where=totals[:, None] > 0)
    sentences = _sentences(counts, totals, class_names)
    _add_cells(fig, counts, shares, sentences, 14 if n <= 6 else 12 if n <= 12 else 10, dark)
    if selectable:
        _add_targets(fig, sentences, cell_px)
    if chosen is not None:
        true, said = chosen
        corners = {"x0": said - 0.5, "x1": said + 0.5, "y0": true - 0.5, "y1": true + 0.5}
        fig.add_shape(type="rect", **corners, line={"color": palette(dark).second, "width": 3})
    if show_recall:
        _add_recall(fig, shares.diagonal(), totals, dark)
    return fig


def _frame(class_names: Sequence[str], cell_px: int, show_recall: bool, dark: bool) -> go.Figure:
    """The empty table with its names and captions; a name that is cut is whole in its hover box."""
    n = len(class_names)
    names = wrap_apart(class_names, NAME_LETTERS, 2 if cell_px >= _TWO_LINES_PX else 1)
    name_px = max(width_px(line, 12) for name in names for line in name.split("\n")) + 8
    turned = n > 12 or name_px > 60
    top, right, bottom = (24, 48, 44) if show_recall else (4, 4, 44)
    if turned:
        bottom += name_px - 22
    fig = figure(top + n * cell_px + bottom, dark=dark, l=name_px + 22, r=right, t=top, b=bottom)
    fig.update_layout(width=name_px + 22 + int(n * cell_px * _WIDEST) + right)
    fig.update_xaxes(range=[-0.5, n - 0.5], showticklabels=False, showgrid=False)
    fig.update_yaxes(range=[n - 0.5, -0.5], showticklabels=False, showgrid=False)
    quiet = {"size": 12, "color": palette(dark).quiet}
    below = {
        "y": 0,
        "yanchor": "top",
        "yshift": -4,
        "xref": "x",
        "xanchor": "center",
        "textangle": -90 if turned else 0,
    }
    beside = {"x": 0, "xanchor": "right", "xshift": -6, "yref": "y"}
    texts = [(escape(name).replace("\n", "<br>"), hover(whole)) for name, whole in zip(names, class_names, strict=True)]
    add_notes(
        fig,
        [
            note(text, x=place, hovertext=whole, font=quiet, align="right" if turned else "center", **below)
            for place, (text, whole) in enumerate(texts)
        ],
    )
    add_notes(
        fig,
        [
            note(text, y=place, hovertext=whole, font=quiet, align="right", **beside)
            for place, (text, whole) in enumerate(texts)
        ],
    )
    across = {"x": 0.5, "xanchor": "center", "y": 0, "yanchor": "bottom", "yshift": -bottom, "font": quiet}
    down = {"x": 0, "xshift": -name_px - 22, "y": 0.5, "textangle": -90, "font": quiet}
    add_notes(fig, [note("Model's answer", **across), note("True class", **down)])
    return fig


def _check(counts: np.ndarray, class_names: Sequence[str]) -> None:
    n = len(class_names)
    if n == 0 or counts.shape != (n, n):
        raise ValueError(f"counts has shape {counts.shape}; {n} classes need ({n}, {n})")
    if not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
        raise ValueError("counts must be whole numbers from 0 up")


def _sentences(counts: np.ndarray, totals: np.ndarray, class_names: Sequence[str]) -> np.ndarray:
    """A sentence for each cell, escaped; object (classes, classes)."""
    sentences = np.empty(counts.shape, dtype=object)
    for (true, said), count in np.ndenumerate(counts):
        share = f" ({percent(count / totals[true])})" if totals[true] else ""
        photos = f"{count} of {totals[true]} '{class_names[true]}' photos"
        sentences[true, said] = hover(f"{photos} were called '{class_names[said]}'{share}")
    return sentences


def _add_cells(
    fig: go.Figure, counts: np.ndarray, shares: np.ndarray, sentences: np.ndarray, size: int, dark: bool
) -> None:
    """One heat map per colour of figures, because a heat map writes all its figures in one colour."""
    empty, *heat = palette(dark).heat
    scale = [[0, empty], [1e-6, heat[0]], *([i / (len(heat) - 1), c] for i, c in enumerate(heat) if i)]
    inks = np.array([[_ink(share, heat, dark) for share in row] for row in shares])
    for ink in np.unique(inks):
        here = inks == ink
        fig.add_heatmap(
            z=np.where(here, shares, np.nan),
            zmin=0,
            zmax=1,
            colorscale=scale,
            showscale=False,
            xgap=2,
            ygap=2,
            text=np.where(here & (counts > 0), counts.astype(str), ""),
            texttemplate="%{text}",
            textfont={"color": str(ink), "size": size},
            hovertext=sentences,
            hoverinfo="text",
            hoverongaps=False,
        )


def _ink(share: float, heat: Sequence[str], dark: bool) -> str:
    """The calmest colour that can be read on the colour of that share."""
    step = min(int(share * (len(heat) - 1)), len(heat) - 2)
    ground = mix(heat[step], heat[step + 1], share * (len(heat) - 1) - step)
    inks = (palette(dark).text, "#FFFFFF", "#000000")
    return next(ink for ink in inks if contrast(ink, ground) >= 4.5)


def _add_targets(fig: go.Figure, sentences: np.ndarray, cell_px: int) -> None:
    fig.update_traces(hoverinfo="skip")
    true, said = (ids.ravel() for ids in np.indices(sentences.shape))
    fig.add_scatter(
        x=said,
        y=true,
        mode="markers",
        marker={"symbol": "square-open", "size": cell_px * 0.75, "color": _CLICKABLE, "line_width": 2},
        selected={"marker": {"color": _CLICKABLE, "opacity": 1}},  # the outline says what is chosen
        unselected={"marker": {"color": _CLICKABLE, "opacity": 1}},
        customdata=np.column_stack([true, said]).tolist(),
        hovertext=sentences.ravel(),
        hoverinfo="text",
    )


def _add_recall(fig: go.Figure, recall: np.ndarray, totals: np.ndarray, dark: bool) -> None:
    place = {"x": 1, "xshift": 8, "font": {"size": 12, "color": palette(dark).quiet}}
    notes = [
        note(escape(percent(share)), y=row, yref="y", **place)
        for row, (share, total) in enumerate(zip(recall, totals, strict=True))
        if total
    ]
    add_notes(fig, [note("right", y=1, yshift=5, yanchor="bottom", **place), *notes])
