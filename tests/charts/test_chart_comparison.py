"""Runs held against each other: nothing told by colour alone, every name readable beside its curve."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from tests.charts.test_charts import SIGHTS, oklab
from transfer_core import charts
from transfer_core.charts import style
from transfer_core.charts.comparison import curve_colours
from transfer_core.charts.line_labels import spread

CURVES = [("A", [0.5, 0.7, 0.9]), ("B", [0.4, 0.9]), ("C", [0.2, None, 0.91, 0.905]), ("D", [None, 0.1])]


@pytest.mark.parametrize("dark", [False, True])
def test_curves_differ_by_colour_and_line_for_every_eye(dark):
    colours = curve_colours(dark)
    ground = style.palette(dark)
    assert min(style.contrast(colour, paper) for colour in colours for paper in (ground.paper, ground.panel)) >= 4.5
    for sight in ("normal", "protan", "deutan"):
        seen = [oklab(colour, SIGHTS[sight]) for colour in colours]
        assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) >= 0.1, sight
    lines = [trace.line for trace in charts.compared_curves(CURVES, dark=dark).data if trace.hovertemplate]
    assert tuple(line.color for line in lines) == colours and len({line.dash for line in lines}) == 4


def test_a_short_curve_goes_on_faintly_to_its_name():
    fig = charts.compared_curves(CURVES)
    faint = [trace for trace in fig.data if trace.line.width == 1]
    assert [tuple(trace.x) for trace in faint] == [(3, 4), (2, 4), (2, 4)]
    assert {note.x for note in fig.layout.annotations} == {4}


def test_names_stand_in_the_order_of_the_values_and_do_not_touch():
    notes = charts.compared_curves(CURVES).layout.annotations
    assert [note.text[:1] for note in notes] == ["D", "A", "B", "C"]  # equal values: as given
    low, high, plot_px = 0.0, 1.0, 300 - 44 - 40
    heights = [(note.y - low) / (high - low) * plot_px + note.yshift for note in notes]
    assert all(after - before >= 18 - 1e-6 for before, after in pairwise(heights))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], []),
        ([5], [5]),
        ([0, 50], [0, 50]),
        ([10, 10], [5, 15]),
        ([10, 10, 10], [0, 10, 20]),
        ([0, 12, 14], [-4 / 3, 26 / 3, 56 / 3]),  # the pair that touches pushes against the first
    ],
)
def test_spread(wanted, found):
    assert spread(wanted, 10) == pytest.approx(found)


def test_a_run_without_epochs_leaves_room():
    assert charts.compared_curves([("A", []), ("B", [0.5])]).layout.annotations[0].text.startswith("B")
    assert not charts.compared_curves([("A", [])]).layout.annotations


@pytest.mark.parametrize("draw", [charts.share_bars, charts.share_dots])
def test_a_share_without_a_range_has_no_line(draw):
    """Photos that were trained on: the share is drawn, and nothing is said of new photos."""
    with_range, without = (draw([("Frozen", 0.9, interval)]) for interval in ((0.8, 0.95), None))
    assert "probably" in str(with_range) and "probably" not in str(without)
    assert "90%" in str(without) and "95%" not in str(without)


def test_shares_show_how_sure_they_are():
    fig = charts.share_bars([("colours", 0.4, (0.3, 0.5)), ("this model", 0.9, (0.8, 0.95))], own=1)
    bars = fig.data[1]
    assert list(bars.error_x.array) == pytest.approx([0.1, 0.05])
    assert list(bars.error_x.arrayminus) == pytest.approx([0.1, 0.1])
    assert bars.marker.color == (style.LIGHT.frozen, style.LIGHT.accent)
    assert "<b>40%</b>  30 to 50%" in [note.text for note in fig.layout.annotations]


def test_dots_stand_on_their_intervals_and_the_own_one_has_the_accent():
    fig = charts.share_dots([("Frozen", 0.9, (0.8, 0.95)), ("<b>mine</b>", 0.6, (0.5, 0.7))], own=1)
    lines, dots = fig.data[::2], fig.data[1::2]
    assert [list(line.x) for line in lines] == [[0.8, 0.95], [0.5, 0.7]]
    assert [list(dot.x) + list(dot.y) for dot in dots] == [[0.9, 0], [0.6, 1]]
    assert [dot.marker.color for dot in dots] == [style.LIGHT.quiet, style.LIGHT.accent]
    assert dots[0].hovertext == "Frozen: 90%, probably between 80% and 95%" and "<b>" not in dots[1].hovertext
    assert "<b>mine" not in fig.layout.yaxis.ticktext[1] and fig.layout.yaxis.range == (1.5, -0.5)  # first on top
    assert [note.text for note in fig.layout.annotations] == ["<b>90%</b>", "<b>60%</b>"]


@pytest.mark.parametrize("low", [0.1, 0.56])
def test_the_axis_of_the_dots_holds_every_interval(low):
    fig = charts.share_dots([("a", 0.9, (0.8, 0.95)), ("b", 0.6, (low, 0.7))])
    assert fig.layout.xaxis.range[0] <= low and fig.layout.xaxis.range[1] == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: charts.share_dots([]),
        lambda: charts.share_dots([("x", 0.5, (0.6, 0.7))]),
        lambda: charts.compared_curves([]),
        lambda: charts.compared_curves([("x", [0.5])] * 5),
        lambda: charts.compared_curves([("x", [1.5])]),
        lambda: charts.share_bars([]),
        lambda: charts.share_bars([("x", 0.5, (0.6, 0.7))]),
        lambda: charts.share_bars([("x", 1.5, (0.6, 1.7))]),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError):
        call()
