"""Charts of the learning itself: the curves, and which layers learn."""

import math
from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go

from transfer_core.charts.line_labels import End, end_labels
from transfer_core.charts.style import add_notes, escape, figure, hover, label, note, palette
from transfer_core.support.wording import percent

TITLES = {"loss": "Loss (how wrong the answers are)", "accuracy": "Accuracy (share of right answers)"}
_HEIGHT_PX, _TOP_PX, _BOTTOM_PX = 264, 56, 40
_PLOT_PX = _HEIGHT_PX - _TOP_PX - _BOTTOM_PX
_RIGHT_PX, _RIGHT_WITH_LEVEL_PX = 128, 156  # room for "validation 100%", for "before fine-tuning 0.021"


def learning_curves(
    train: Sequence[float | None],
    val: Sequence[float | None],
    *,
    metric: Literal["loss", "accuracy"],
    total_epochs: int,
    kept_epoch: int | None = None,
    level: float | None = None,
    level_name: str = "before fine-tuning",
    dark: bool = False,
) -> go.Figure:
    """The curves of one measure so far, on an axis that already has room for all epochs.

    Args:
        train: One value per finished epoch: loss >= 0 or accuracy in [0, 1]; None where it was not a number.
        val: As long as train; None for an epoch that was not checked.
        total_epochs: At least 1 and at least len(train).
        kept_epoch: 1 for the first.
        level: A value on validation photos that these epochs did not bring about, drawn as a line to compare with.
        level_name: What it is.

    Raises:
        ValueError: Lengths or epochs do not fit together, or a value is outside its range.
    """
    train, val = ([_finite(value) for value in values] for values in (train, val))
    _check_curves(train, val, metric, total_epochs, kept_epoch)
    colours = palette(dark)
    right = _RIGHT_PX if level is None else _RIGHT_WITH_LEVEL_PX
    fig = figure(_HEIGHT_PX, dark=dark, title=TITLES[metric], l=44, r=right, t=_TOP_PX, b=_BOTTOM_PX)
    low, high = y_range([*train, *val, level], metric)
    ends = []
    for name, values, colour, dash in (
        ("training", train, colours.accent, "solid"),
        ("validation", val, colours.second, "7px,4px"),
    ):
        points = [(epoch, value) for epoch, value in enumerate(values, 1) if value is not None]
        if points:
            fig.add_traces(_curve(name, points, colour, dash, metric))
            epoch, value = points[-1]
            ends.append(End(f"{name} <b>{_shown(value, metric)}</b>", epoch, value, colour))
    has_begun = bool(ends)
    if level is not None:
        fig.add_hline(level, line={"color": colours.quiet, "width": 1.5, "dash": "2px,3px"})
        ends.append(End(f"{level_name} {_shown(level, metric)}", total_epochs, level, colours.quiet))
    add_notes(fig, end_labels(ends, low, high, _PLOT_PX))
    if kept_epoch:
        _add_kept(fig, kept_epoch, (val[kept_epoch - 1], train[kept_epoch - 1]), dark)
    if not has_begun:
        place = {"x": 0.5, "y": 0.5, "xanchor": "center", "font_color": colours.quiet}
        add_notes(fig, [note("The curve begins after the first epoch", **place)])
    add_epoch_axes(fig, total_epochs, low, high, metric, dark)
    fig.update_yaxes(showgrid=has_begun, showticklabels=has_begun)
    return fig.update_layout(hovermode="x unified")


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _check_curves(train: list, val: list, metric: str, total_epochs: int, kept_epoch: int | None) -> None:
    if metric not in TITLES:
        raise ValueError(f"metric is '{metric}'; allowed are {', '.join(TITLES)}")
    if len(train) != len(val):
        raise ValueError(f"train has {len(train)} epochs and val has {len(val)}; they must be equal")
    if total_epochs < max(1, len(train)):
        raise ValueError(f"total_epochs is {total_epochs}; it must be at least 1 and at least {len(train)}")
    if kept_epoch is not None and not 1 <= kept_epoch <= len(train):
        raise ValueError(f"kept_epoch is {kept_epoch}; it must be from 1 to {len(train)}")
    highest = 1 if metric == "accuracy" else math.inf
    if any(value is not None and not 0 <= value <= highest for value in train + val):
        raise ValueError("an accuracy lies outside [0, 1]" if metric == "accuracy" else "a loss is negative")


def y_range(values: list[float | None], metric: str) -> tuple[float, float]:
    """Ends that seldom move while values arrive, so that the picture stays still."""
    known = [value for value in values if value is not None]
    if metric == "accuracy":
        lowest = min(known, default=0)
        return (0.8 if lowest > 0.85 else 0.5 if lowest > 0.55 else 0.0), 1.0
    highest = max(known, default=0) or 1.0
    power = 10 ** math.floor(math.log10(highest))
    return 0.0, next(step * power for step in (1, 1.5, 2, 3, 5, 7.5, 10, 15) if step * power >= highest * 1.02)


def _epoch_ticks(total: int) -> list[int]:
    """The first epoch and at most six round ones after it; whole numbers."""
    steps = (digit * 10**power for power in range(12) for digit in (1, 2, 5))
    step = next(step for step in steps if total / step <= 6)
    return sorted({1, *range(step, total + 1, step)})


def add_epoch_axes(fig: go.Figure, total_epochs: int, low: float, high: float, metric: str, dark: bool) -> None:
    """Epochs across from the first to the last, the measure from `low` to `high` upwards."""
    pad = 0.5 if total_epochs == 1 else (total_epochs - 1) * 0.02
    fig.update_xaxes(range=[1 - pad, total_epochs + pad], tickvals=_epoch_ticks(total_epochs))
    fig.update_xaxes(title_text="epoch", title_standoff=6, showline=True, linecolor=palette(dark).line)
    fig.update_xaxes(showspikes=False, unifiedhovertitle_text="epoch %{x}")
    fig.update_yaxes(range=[low, high], nticks=5, exponentformat="power")
    if metric == "accuracy":
        values = [low, (low + high) / 2, high]
        fig.update_yaxes(tickvals=values, ticktext=[percent(value) for value in values])


def _curve(name: str, points: list[tuple[int, float]], colour: str, dash: str, metric: str) -> list[go.Scatter]:
    epochs, values = zip(*points, strict=True)
    value_format = ".1%" if metric == "accuracy" else ".3f"
    line = go.Scatter(
        x=epochs,
        y=values,
        name=name,
        mode="lines",
        line={"color": colour, "width": 2.5, "dash": dash},
        cliponaxis=False,
        hovertemplate=f"%{{y:{value_format}}}",
    )
    end = go.Scatter(
        x=epochs[-1:],
        y=values[-1:],
        mode="markers",
        marker={"color": colour, "size": 8},
        hoverinfo="skip",
        cliponaxis=False,
    )
    return [line, end]


def _shown(value: float, metric: str) -> str:
    if metric == "accuracy":
        return escape(percent(value))
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _add_kept(fig: go.Figure, epoch: int, values: tuple[float | None, ...], dark: bool) -> None:
    colours = palette(dark)
    fig.add_vline(epoch, line={"color": colours.quiet, "width": 1, "dash": "1px,3px"})
    place = {"x": epoch, "xref": "x", "y": 1, "xanchor": "center", "yanchor": "bottom", "yshift": 10}
    add_notes(fig, [note("saved", font={"size": 12, "color": colours.quiet}, **place)])
    value = next((value for value in values if value is not None), None)
    ring = {"symbol": "circle-open", "color": colours.text, "size": 13, "line_width": 2}
    if value is not None:
        fig.add_scatter(x=[epoch], y=[value], mode="markers", marker=ring, hoverinfo="skip", cliponaxis=False)


def layers(names: Sequence[str], learns: Sequence[bool], *, dark: bool = False) -> go.Figure:
    """The network as rising bars, from the first layers to the new layer: grey stays frozen, green is trained.

    Args:
        names: (n,), from input to output.
        learns: (n,).

    Raises:
        ValueError: No layers, or lengths differ.
    """
    if not names or len(names) != len(learns):
        raise ValueError(f"there are {len(names)} names and {len(learns)} marks; equal numbers from 1 up are needed")
    colours, count = palette(dark), len(names)
    fig = figure(168, dark=dark, t=24, b=34)
    fig.add_bar(
        x=list(range(count)),
        y=[0.5 + 0.5 * i / max(1, count - 1) for i in range(count)],
        marker={"color": [colours.accent if on else colours.frozen for on in learns], "line": {"width": 0}},
        hovertext=[hover(f"{name}: {'learns' if on else 'frozen'}") for name, on in zip(names, learns, strict=True)],
        hoverinfo="text",
    )
    place = {"y": 1, "yanchor": "bottom", "yshift": 6, "font_size": 12}
    if not all(learns):
        add_notes(fig, [note("frozen", x=0, font_color=colours.quiet, **place)])
    if any(learns):
        add_notes(fig, [note("learns", x=1, xanchor="right", font_color=colours.accent, **place)])
    shown = _layer_names(names)
    fig.update_xaxes(tickvals=list(shown), ticktext=list(shown.values()), range=[-0.5, count - 0.5])
    fig.update_xaxes(tickangle=0, tickfont_size=11 if count <= 6 else 10, ticklabeloverflow="allow")
    fig.update_yaxes(visible=False, range=[0, 1])
    return fig.update_layout(bargap=0.1, barcornerradius=4)


def _layer_names(names: Sequence[str]) -> dict[int, str]:
    """Position -> name that fits under its bar in a narrow card: words under each other; of many layers, the outer two.

    280 px is what a card of three leaves on a laptop, 6 px a letter at this size.
    """
    count = len(names)
    shown = range(count) if count <= 8 else (0, count - 1)
    letters = max(5, 280 // count // 6)
    return {i: "<br>".join(label(word, letters) for word in names[i].split()[:2]) for i in shown}
