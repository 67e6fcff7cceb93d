"""The figures say what the numbers say, in colours that can be read, and take no orders from names."""

import ast
import math
import re
import tomllib
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from transfer_core import charts
from transfer_core.charts import style
from transfer_core.charts.matrix import _ink
from transfer_core.support import wording

ROOT = Path(__file__).parents[2]
NASTY = {
    "tag": "<b>x</b><a href='javascript:alert(1)'>hm</a>",
    "entity": "&lt;b&gt; & co",
    "long": "naming " * 35 + "end.",
    "emoji": "fox 🦊",
    "right to left": "عربى \u202etxt.exe",
    "lines": "two\nlines\tand\x00more\u2028here",
    "formula": "$x^2$",
    "template": "%{y} %{customdata[0]}",
    "nothing": "",
    "half a character": "\ud800",
}


def texts(fig: go.Figure) -> list[str]:
    """Every text of a figure that a name may get into."""
    found = [note.text for note in fig.layout.annotations]
    for axis in (fig.layout.xaxis, fig.layout.yaxis):
        found += list(axis.ticktext or ())
    for trace in fig.data:
        for values in (trace.hovertext, trace.text):
            found += [] if values is None else np.ravel(np.array(values, dtype=object)).tolist()
    return [text for text in found if text]


def figures(names: list[str], dark: bool = False) -> dict[str, go.Figure]:
    """One of each."""
    n = len(names)
    numbers = np.arange(n * n).reshape(n, n) % 7
    shares = np.linspace(0, 1, n).tolist()
    return {
        "curves": charts.learning_curves([1.0, 0.5], [1.2, None], metric="loss", total_epochs=5, dark=dark),
        "matrix": charts.confusion_matrix(numbers, names, dark=dark),
        "clickable matrix": charts.confusion_matrix(numbers, names, selectable=True, dark=dark),
        "scores": charts.class_scores(shares, shares[::-1], shares, [9] * n, names, dark=dark),
        "confidences": charts.confidence_bars(dict.fromkeys(names, 1 / n), top=n, dark=dark),
        "counts": charts.class_counts(names, [5] * n, [2] * n, dark=dark),
        "parts": charts.class_counts(names, [1234] * n, [567] * n, [89] * n, dark=dark),
        "rates": charts.rate_curve([1e-6, 1e-3, 1.0], [1.0, 0.4, 9.0], [0.9, 0.5, 6.0], 1.2e-4, dark=dark),
        "layers": charts.layers(names, [False] * (n - 1) + [True], dark=dark),
        "compared": charts.compared_curves([(name, [0.5, None, 0.7]) for name in names[:4]], dark=dark),
        "shares": charts.share_bars([(name, 0.001, (0.0, 0.999)) for name in names], own=0, dark=dark),
        "dots": charts.share_dots([(name, 0.001, (0.0, 0.999)) for name in names], own=0, dark=dark),
    }


# Looks


def test_the_core_stays_free_of_streamlit_and_torch():
    for file in (ROOT / "transfer_core" / "charts").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {name.split(".")[0] for name in names} & {"streamlit", "torch", "timm", "torchvision"}, file


@pytest.mark.parametrize("dark", [False, True])
def test_charts_and_app_have_the_same_colours(dark):
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
    theme, ours = settings["dark" if dark else "light"], style.palette(dark)
    assert theme["chartCategoricalColors"] == [charts.class_colour(i, dark=dark) for i in range(8)]
    assert (theme["backgroundColor"], theme["secondaryBackgroundColor"]) == (ours.paper, ours.panel)
    assert (theme["textColor"], theme["borderColor"], theme["primaryColor"]) == (ours.text, ours.line, ours.accent)
    assert settings["font"].split(",")[0] == style.FONT.split(",")[0]


@pytest.mark.parametrize("dark", [False, True])
def test_the_theme_can_be_read(dark):
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"][
        "dark" if dark else "light"
    ]
    for colour in ("red", "orange", "yellow", "blue", "green", "violet", "gray"):
        text, ground = theme[f"{colour}TextColor"], theme[f"{colour}BackgroundColor"]
        for under in (ground, theme["backgroundColor"], theme["secondaryBackgroundColor"]):
            assert style.contrast(text, under) >= 4.5, (colour, under)
    # assets/style.css writes primary buttons in black where the text is light, and in white where it is dark.
    assert style.contrast("#000000" if dark else "#FFFFFF", theme["primaryColor"]) >= 4.5


def test_contrast_is_that_of_wcag():
    assert style.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert style.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_and_marks_stand_out(dark):
    colours = style.palette(dark)
    for ground in (colours.paper, colours.panel):
        for text in (colours.text, colours.quiet, colours.accent, colours.second):
            assert style.contrast(text, ground) >= 4.5
        for class_id in range(16):
            assert style.contrast(charts.class_colour(class_id, dark=dark), ground) >= 3


@pytest.mark.parametrize("dark", [False, True])
def test_figures_can_be_read_on_every_shade_of_the_matrix(dark):
    heat = style.palette(dark).heat[1:]
    for share in np.linspace(0, 1, 201):
        place = share * (len(heat) - 1)
        step = min(int(place), len(heat) - 2)
        ground = style.mix(heat[step], heat[step + 1], place - step)
        assert style.contrast(_ink(share, heat, dark), ground) >= 4.5
    assert style.contrast(_ink(0, heat, dark), style.palette(dark).heat[0]) >= 4.5


# Normal sight, and Machado, Oliveira, Fernandes 2009 (severity 1) for linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def oklab(colour: str, sight) -> np.ndarray:
    """Source: https://bottosson.github.io/posts/oklab/"""
    levels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    cones = [
        [0.41222147, 0.53633254, 0.05144599],
        [0.2119035, 0.68069955, 0.10739696],
        [0.08830246, 0.28171884, 0.6299787],
    ]
    axes = [
        [0.21045426, 0.79361779, -0.00407205],
        [1.9779985, -2.42859221, 0.45059371],
        [0.02590404, 0.78277177, -0.80867577],
    ]
    return np.array(axes) @ np.cbrt(np.array(cones) @ np.clip(np.array(sight) @ linear, 0, 1))


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("dark", [False, True])
def test_the_eight_class_colours_differ_for_colour_blind_eyes(sight, dark):
    seen = [oklab(charts.class_colour(i, dark=dark), SIGHTS[sight]) for i in range(8)]
    worst = min(np.linalg.norm(one - other) for one, other in combinations(seen, 2))
    assert worst >= (0.09 if sight == "tritan" else 0.11)  # tritan sight is about a thousand times rarer


def test_a_class_keeps_its_colour():
    assert (
        charts.class_colour(3)
        == charts.CLASS_COLOURS[3]
        == charts.class_counts(list("abcd"), [1] * 4, [1] * 4).data[0].marker.color[3]
    )
    assert len({charts.class_colour(i) for i in range(16)}) == 16
    assert charts.class_colour(29) == charts.class_colour(13)


@pytest.mark.parametrize(
    ("count", "dark"),
    [
        (2, True),
        (30, False),
        *(pytest.param(*case, marks=pytest.mark.full) for case in ((2, False), (5, True), (30, True))),
    ],
)
def test_every_figure_has_our_look(count, dark):
    for name, fig in figures([f"class {i}" for i in range(count)], dark).items():
        layout = fig.layout
        assert layout.height and layout.uirevision == "keep" and layout.template.layout.paper_bgcolor == style.CLEAR, (
            name
        )
        assert layout.template.layout.font.family.startswith("Inter") and not layout.template.layout.showlegend
        for axis in (layout.template.layout.xaxis, layout.template.layout.yaxis):
            assert axis.fixedrange and axis.ticks == "" and not axis.zeroline
        fig.to_json()


# Names from outside


def test_no_name_means_anything_to_plotly():
    for kind, fig in figures([*NASTY.values(), "plain"]).items():
        for text in texts(fig):
            bare = text.replace("<br>", "")
            if kind in ("curves", "rates", "compared", "shares", "dots"):  # our bold figures, beside an escaped name
                bare = bare.replace("<b>", "").replace("</b>", "")
            assert "<" not in bare, (kind, text)
            assert "$" not in bare, (kind, text)
            assert "\u202e" not in text and "\n" not in text and "\x00" not in text
        fig.to_json().encode()  # half a character would end in an error here
        for trace in fig.data:
            assert not [name for name in NASTY.values() if name and name in (trace.hovertemplate or "")]


def test_label_escapes_and_shortens():
    assert charts.label("<b>x</b> & $y$", 40) == "&lt;b&gt;x&lt;/b&gt; &amp; &#36;y&#36;"
    assert charts.label("photos of ") == "photos of"
    assert charts.label(" \n\t") == "(no name)"
    assert charts.label("0123456789abcdef", 9) == "0123…cdef"
    assert len(charts.label("x" * 250)) == 24
    assert charts.label("fox 🦊") == "fox 🦊"
    assert charts.label("<" * 30, 9) == "&lt;" * 4 + "…" + "&lt;" * 4  # shortened before it is escaped


def test_the_whole_name_is_in_the_hover_box():
    fig = charts.confusion_matrix(np.eye(2, dtype=int), [NASTY["long"], "b"])
    sentence = fig.data[0].hovertext[0][0]
    assert sentence.replace("<br>", " ").count("naming") == 70 and "end." in sentence
    assert max(map(len, sentence.split("<br>"))) <= 48


def test_equal_short_forms_stay_two_classes():
    names = ["a" * 100 + middle + "b" * 100 for middle in "xy"]
    fig = charts.confusion_matrix(np.array([[3, 0], [1, 2]]), names)
    assert list(fig.layout.yaxis.tickvals) == [0, 1] and len(set(fig.layout.yaxis.ticktext)) == 1


# Curves


def curves(train, val, metric="loss", total=30, kept=None, before=None):
    return charts.learning_curves(
        train, val, metric=metric, total_epochs=total, kept_epoch=kept, level=before, dark=False
    )


def line(fig: go.Figure, name: str) -> go.Scatter:
    return next(trace for trace in fig.data if trace.name == name)


def notes(fig: go.Figure) -> dict[str, go.layout.Annotation]:
    """By their first word, those at the end of a line by all their words."""
    return {
        note.text.split(" <b>")[0] if "<b>" in note.text else note.text.split(" ")[0]: note
        for note in fig.layout.annotations
    }


def test_the_chosen_cell_is_outlined_and_no_other():
    assert not charts.confusion_matrix(COUNTS, NAMES, selectable=True).layout.shapes
    [outline] = charts.confusion_matrix(COUNTS, NAMES, selectable=True, chosen=(0, 2)).layout.shapes
    assert (outline.x0, outline.x1, outline.y0, outline.y1) == (1.5, 2.5, -0.5, 0.5)  # across: what the model says
    assert outline.line.color == style.LIGHT.second and outline.fillcolor is None


def test_curves_hold_the_numbers_and_leave_gaps_out():
    fig = curves([1.0, 0.5, math.nan], [1.5, None, 0.8])
    assert (line(fig, "training").x, line(fig, "training").y) == ((1, 2), (1.0, 0.5))
    assert (line(fig, "validation").x, line(fig, "validation").y) == ((1, 3), (1.5, 0.8))


def test_train_and_validation_differ_in_colour_line_and_label():
    fig = curves([1.0, 0.5], [1.5, 0.8])
    one, other = line(fig, "training").line, line(fig, "validation").line
    assert one.color != other.color and one.dash != other.dash
    assert (
        notes(fig)["training"].text == "training <b>0.50</b>"
        and notes(fig)["validation"].text == "validation <b>0.80</b>"
    )


@pytest.mark.parametrize(("train", "val"), [(0.5, 0.5), (0.5, 0.51), (0.0, 0.01), (0.01, 0.0), (2.0, 0.1)])
def test_end_labels_do_not_collide_or_leave_the_plot(train, val):
    fig = curves([2.0, train], [2.0, val])
    low, high = fig.layout.yaxis.range
    plot_px = fig.layout.height - fig.layout.margin.t - fig.layout.margin.b
    place = {
        name: (notes(fig)[name].y - low) / (high - low) * plot_px + notes(fig)[name].yshift
        for name in ("training", "validation")
    }
    assert abs(place["training"] - place["validation"]) >= 16.9 and min(place.values()) >= 8
    if train != val:
        assert (place["training"] > place["validation"]) == (train > val)


@pytest.mark.parametrize(("train", "val", "before"), [(0.98, 0.91, 0.91), (0.91, 0.91, 0.91), (0.5, 0.5, 0.5)])
def test_what_was_reached_before_is_named_beside_the_figure_and_covers_no_other_label(train, val, before):
    fig = curves([train], [val], "accuracy", 6, before=before)
    low, high = fig.layout.yaxis.range
    plot_px = fig.layout.height - fig.layout.margin.t - fig.layout.margin.b
    names = ("training", "validation", "before fine-tuning")
    labels = [next(note for note in fig.layout.annotations if note.text.startswith(name)) for name in names]
    places = sorted((label.y - low) / (high - low) * plot_px + label.yshift for label in labels)
    assert places[0] >= 8 and all(above - below >= 16.9 for below, above in pairwise(places))
    assert [label.x for label in labels] == [1, 1, 6]


@pytest.mark.parametrize(("metric", "before"), [("loss", None), ("loss", 0.0214), ("accuracy", None), ("accuracy", 1)])
def test_names_of_curves_fit_beside_the_plot(metric, before):
    fig = curves([0.0321], [0.0321], metric, 6, before=before)
    named = [note for note in fig.layout.annotations if note.xshift]
    assert len(named) == (2 if before is None else 3)
    for note in named:  # in Inter at 12 px a letter takes 5.6 px on average, 6.1 where it is bold
        letters = len(re.sub("<.*?>", "", note.text))
        assert note.xshift + 6 * letters <= fig.layout.margin.r


@pytest.mark.parametrize("done", [0, 1, 2, 1000])
@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_curves_of_any_length_grow_into_the_same_axis(done, metric):
    values = [0.9] * done
    fig, first = curves(values, values, metric, 1000, done or None), curves([], [], metric, 1000)
    assert fig.layout.xaxis.range == first.layout.xaxis.range and fig.layout.height == first.layout.height
    assert fig.layout.xaxis.range[0] < 1 and fig.layout.xaxis.range[1] > 1000
    assert ("The" in notes(fig)) == (done == 0) and ("saved" in notes(fig)) == (done > 0)
    assert all(isinstance(tick, int) for tick in fig.layout.xaxis.tickvals) and len(fig.layout.xaxis.tickvals) <= 7


def test_one_epoch_of_one_stands_in_the_middle():
    assert curves([0.5], [0.5], total=1).layout.xaxis.range == (0.5, 1.5)


def test_the_kept_epoch_is_marked_on_the_validation_curve():
    fig = curves([1.0, 0.5, 0.4], [1.5, 0.8, 0.9], kept=2)
    assert notes(fig)["saved"].x == 2 and fig.layout.shapes[0].x0 == 2
    assert (fig.data[-1].x, fig.data[-1].y) == ((2,), (0.8,))


@pytest.mark.parametrize(("worst", "low"), [(0.2, 0), (0.6, 0.5), (0.9, 0.8)])
def test_accuracy_is_in_percent_and_nothing_is_cut_off(worst, low):
    fig = curves([worst, 1.0], [worst, 0.99], "accuracy")
    assert fig.layout.yaxis.range == (low, 1) and fig.layout.yaxis.ticktext[-1] == "100%"
    assert "99%" in notes(fig)["validation"].text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"val": [1.0]}, "train has 2 epochs and val has 1"),
        ({"total": 1}, "total_epochs is 1"),
        ({"kept": 3}, "kept_epoch is 3; it must be from 1 to 2"),
        ({"kept": 0}, "kept_epoch is 0"),
        ({"metric": "f1"}, "allowed are loss, accuracy"),
        ({"metric": "accuracy"}, "outside"),
        ({"train": [-1.0, 1.0]}, "negative"),
    ],
)
def test_curves_refuse_what_does_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        curves(**({"train": [2.0, 1.0], "val": [2.0, 1.0]} | change))


# Matrix


COUNTS = np.array([[12, 3, 0], [0, 0, 0], [1, 0, 299]])
NAMES = ["oak", "ash", "maple"]


def test_matrix_shows_each_count_once_and_no_zeros():
    fig = charts.confusion_matrix(COUNTS, NAMES)
    shown = [(i, j, trace.text[i][j]) for trace in fig.data for i in range(3) for j in range(3) if trace.text[i][j]]
    assert sorted(shown) == [(0, 0, "12"), (0, 1, "3"), (2, 0, "1"), (2, 2, "299")]
    shares = np.nansum([trace.z for trace in fig.data], axis=0)
    assert shares == pytest.approx(np.array([[0.8, 0.2, 0], [0, 0, 0], [1 / 300, 0, 299 / 300]]))


def test_matrix_says_it_in_a_sentence():
    fig = charts.confusion_matrix(np.array([[3, 12], [0, 5]]), ["oak", "maple"])
    assert fig.data[0].hovertext[0][1].replace("<br>", " ") == "12 of 15 'oak' photos were called 'maple' (80%)"


def test_matrix_names_its_sides_and_how_many_were_right():
    fig = charts.confusion_matrix(COUNTS, NAMES)
    said = [note.text for note in fig.layout.annotations]
    assert said == [
        "Model's answer",
        "True class",
        "right",
        "80%",
        "&gt;99%",
    ]  # no photo of an ash, no share
    assert fig.layout.yaxis.range[0] > fig.layout.yaxis.range[1]  # the first class is on top
    assert "right" not in notes(charts.confusion_matrix(COUNTS, NAMES, show_recall=False))


def test_matrix_can_be_clicked():
    fig = charts.confusion_matrix(COUNTS, NAMES, selectable=True)
    target = fig.data[-1]
    assert target.type == "scatter" and len(target.customdata) == 9
    for x, y, (true, said), sentence in zip(target.x, target.y, target.customdata, target.hovertext, strict=True):
        assert (x, y) == (said, true) and f"{COUNTS[true, said]} of" in sentence
    assert all(trace.hoverinfo == "skip" for trace in fig.data[:-1])


@pytest.mark.parametrize(("count", "tallest"), [(1, 200), (2, 200), (5, 450), (30, 800), (100, 2200)])
def test_matrix_height_follows_the_number_of_classes(count, tallest):
    fig = charts.confusion_matrix(np.eye(count, dtype=int), [f"kind {i}" for i in range(count)])
    assert 60 < fig.layout.height <= tallest and (fig.layout.xaxis.tickangle == -90) == (count > 12)
    cell_px = (fig.layout.height - fig.layout.margin.t - fig.layout.margin.b) / count
    assert 20 <= cell_px <= 64


@pytest.mark.parametrize(
    ("counts", "names", "message"),
    [
        (np.zeros((2, 3), int), ["a", "b"], "need \\(2, 2\\)"),
        (np.zeros((2, 2), int), ["a"], "1 classes need"),
        (np.zeros((0, 0), int), [], "0 classes"),
        (np.zeros((1, 1)), ["a"], "whole numbers"),
        (np.array([[-1]]), ["a"], "whole numbers"),
    ],
)
def test_matrix_refuses_what_is_no_table_of_counts(counts, names, message):
    with pytest.raises(ValueError, match=message):
        charts.confusion_matrix(counts, names)


# Rows


def test_scores_put_the_weakest_first_and_say_when_there_is_nothing():
    fig = charts.class_scores(
        [0.9, None, 0.5], [0.8, 0.0, None], [0.85, 0.0, None], [10, 4, 0], ["good", "never", "none"]
    )
    assert list(fig.layout.yaxis.ticktext) == ["never", "good", "none"]
    assert fig.data[-1].hovertext[0] == "'never': 0% of 4 found, never named"
    assert fig.data[-1].hovertext[2].startswith("'none': no photos")
    assert [note.text for note in fig.layout.annotations] == ["0%", "80%", "90%", "50%"]


def test_equal_scores_are_written_once_and_low_ones_to_the_left():
    fig = charts.class_scores([0.5, 0.2], [0.5, 0.9], [0.5, 0.3], [1, 1], ["a", "b"])
    assert [(note.text, note.xanchor) for note in fig.layout.annotations] == [
        ("20%", "right"),
        ("90%", "left"),
        ("50%", "left"),
    ]


def test_confidences_come_best_first_each_class_in_its_own_colour():
    fig = charts.confidence_bars({"low": 0.001, "high": 0.9, "middle": 0.099}, top=2)
    assert fig.data[1].x == (0.9, 0.099)
    assert [note.text for note in fig.layout.annotations] == ["high", "90%", "middle", "10%"]
    assert fig.data[1].marker.color == (charts.class_colour(1), charts.class_colour(2))


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0"), (0.0004, "<1"), (0.005, "1"), (0.125, "13"), (0.996, ">99"), (1, "100")]
)
def test_percent_never_rounds_to_certainty(share, text):
    assert wording.percent(share) == f"{text}%"


def test_counts_stand_beside_their_bars():
    fig = charts.class_counts(["a", "b"], [30, 0], [8, 0])
    assert [note.text for note in fig.layout.annotations] == ["30 + 8", "0 + 0"]
    assert fig.data[0].x == (30, 0) and fig.data[1].x == (8, 0) and fig.data[1].marker.pattern.shape == "/"


def test_what_is_held_back_is_dotted_behind_the_others():
    fig = charts.class_counts(["a", "b"], [30, 1000], [8, 100], [4, 99])
    assert [note.text for note in fig.layout.annotations] == ["30 + 8 + 4", "1000 + 100 + 99"]
    assert [bar.marker.pattern.shape for bar in fig.data] == [None, "/", "."] and fig.data[2].x == (4, 99)
    assert fig.data[0].hovertext[0] == "'a': 30 training, 8 validation, 4 test"
    assert fig.layout.margin.r >= style.width_px("1000 + 100 + 99", 12)
    assert style.width_px(fig.layout.title.subtitle.text, 12) <= 330  # a phone's box


@pytest.mark.parametrize(
    "call",
    [
        lambda: charts.class_counts(["a"], [1, 2], [1]),
        lambda: charts.class_counts([], [], []),
        lambda: charts.class_counts(["a"], [-1], [1]),
        lambda: charts.class_counts(["a"], [1], [1], []),
        lambda: charts.confidence_bars({}),
        lambda: charts.confidence_bars({"a": 1.5}),
        lambda: charts.confidence_bars({"a": math.nan}),
        lambda: charts.confidence_bars({"a": 0.5}, top=0),
        lambda: charts.class_scores([0.5], [0.5], [0.5, 0.1], [1], ["a"]),
        lambda: charts.layers(["a"], []),
        lambda: charts.layers([], []),
    ],
)
def test_rows_refuse_what_does_not_fit(call):
    with pytest.raises(ValueError):
        call()


# Layers


def test_layers_rise_and_what_learns_has_the_accent():
    fig = charts.layers(["stem", "stage 1", "new layer"], [False, False, True])
    bars = fig.data[0]
    assert list(bars.y) == sorted(bars.y) and bars.marker.color == (style.LIGHT.frozen,) * 2 + (style.LIGHT.accent,)
    assert list(fig.layout.xaxis.ticktext) == ["stem", "stage<br>1", "new<br>layer"]
    assert set(notes(fig)) == {"frozen", "learns"}
    assert set(notes(charts.layers(["a"], [True]))) == {"learns"}


@pytest.mark.parametrize("count", [1, 7, 8, 9, 40])
def test_layer_names_fit_under_their_bars(count):
    fig = charts.layers(["embedding block"] * count, [True] * count)
    room_px = 280 / len(fig.layout.xaxis.ticktext) if count <= 8 else 140
    for text in fig.layout.xaxis.ticktext:
        assert max(len(word) for word in text.split("<br>")) * 6 <= room_px


def test_the_rate_to_take_is_marked_where_it_stands():
    fig = charts.rate_curve([1e-5, 1e-3, 0.1], [1.0, 0.4, 3.0], [0.9, 0.5, 3.0], 1.2e-3)
    [mark] = fig.layout.shapes
    assert mark.x0 == mark.x1 == 1.2e-3
    [words] = [note for note in fig.layout.annotations if "use" in note.text]
    assert words.text == "use <b>0.0012</b>" and words.x == pytest.approx(math.log10(1.2e-3))
    assert fig.layout.xaxis.type == "log" and fig.layout.xaxis.ticktext == ("0.00001", "0.0001", "0.001", "0.01", "0.1")
    assert fig.layout.xaxis.range[0] < -5 and fig.layout.xaxis.range[1] > -1
    assert fig.data[1].y == (0.9, 0.5, 3.0) and fig.layout.yaxis.range == (0, pytest.approx(1.44))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], [], 0.1), "there are 0 rates"),
        (([1.0], [1.0, 2.0], [1.0], 0.1), "there are 1 rates, 2 losses and 1 smoothed"),
        (([0.0, 1.0], [1.0, 2.0], [1.0, 2.0], 0.1), "not above 0"),
        (([0.1, 1.0], [1.0, 2.0], [1.0, 2.0], 0.0), "not above 0"),
    ],
)
def test_rates_refuse_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        charts.rate_curve(*arguments)


def test_a_test_of_one_step_is_a_picture_too():
    assert charts.rate_curve([1e-6], [0.0], [0.0], 1e-6).layout.yaxis.range == (0, 1)
