"""The chart of accuracy against speed."""

import math

import pytest

from transfer_core.charts import accuracy_and_speed

ROWS = [("Frozen", 200.0, 0.8, 0.6, 0.9), ("<b>$Mine$", 20.0, 0.9, None, None)]


def test_each_model_stands_at_its_speed_and_accuracy_with_its_interval():
    [dots] = accuracy_and_speed(ROWS).data
    assert (list(dots.x), list(dots.y)) == ([200, 20], [0.8, 0.9])
    assert [round(value, 6) for value in (*dots.error_y.array, *dots.error_y.arrayminus)] == [0.1, 0, 0.2, 0]
    assert dots.text[1] == "&lt;b&gt;&#36;Mine&#36;"
    assert "80%, 200 photos per second" in dots.hovertext[0].replace("<br>", " ")


def test_names_stand_towards_the_middle_and_no_dot_at_the_edge():
    fig = accuracy_and_speed(ROWS)
    assert fig.data[0].textposition == ("middle left", "middle right")
    low, high = (10**value for value in fig.layout.xaxis.range)
    assert low < 20 and high > 200 and all(low <= tick <= high for tick in fig.layout.xaxis.tickvals)
    assert math.log10(high / low) < 2


def test_many_have_their_names_in_the_hover_box_alone():
    fig = accuracy_and_speed([(f"Run {n}", 10.0 + n, 0.5, 0.4, 0.6) for n in range(9)])
    assert fig.data[0].mode == "markers" and len(fig.data[0].hovertext) == 9


def test_no_name_covers_another():
    rows = [("Frozen", 100, 0.9, 0.8, 0.95), ("Fine-tuned", 101, 0.92, 0.8, 0.97), ("Small", 300, 0.91, 0.8, 0.97)]
    [dots] = accuracy_and_speed(rows).data
    assert dots.text == ("Frozen", "", "Small") and "Fine-tuned" in dots.hovertext[1]


@pytest.mark.parametrize(
    "rows", [[], [("a", 0, 0.5, None, None)], [("a", 1, 1.5, None, None)], [("a", 1, 0.5, 0.6, 0.7)]]
)
def test_what_cannot_be_drawn_is_refused(rows):
    with pytest.raises(ValueError):
        accuracy_and_speed(rows)


def test_a_single_model_can_be_drawn_in_the_dark():
    assert accuracy_and_speed(ROWS[:1], dark=True).data[0].marker.color
