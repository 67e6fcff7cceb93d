"""What is said first of a result: against guessing, and with the class behind the average."""

import pytest

from transfer_core.evaluation.headline import make_headline
from transfer_core.metrics.wilson import wilson


def result_of(matrix: list[list[int]], **more: object) -> dict:
    hits, count = sum(row[place] for place, row in enumerate(matrix)), sum(map(sum, matrix))
    names = [f"class {place}" for place in range(len(matrix))]
    return {
        "class_names": names,
        "confusion_matrix": matrix,
        "val_count": count,
        "val_accuracy": hits / count,
        "val_interval": wilson(hits, count),
        "val_units": count,
        "recall_intervals": [wilson(row[place], sum(row)) if sum(row) else None for place, row in enumerate(matrix)],
        "recall_units": [sum(row) for row in matrix],
        **more,
    }


@pytest.mark.parametrize(
    ("matrix", "colours", "verdict"),
    [
        ([[3, 1], [2, 2]], None, "guessing"),  # 5 of 8 of two equal classes: a coin does as well
        ([[20, 0], [3, 0]], None, "guessing"),  # 87%, but so has who always says the first
        ([[20, 0], [1, 19]], None, "good"),  # 39 of 40
        ([[20, 0], [1, 19]], 0.7, "good"),
        ([[20, 0], [1, 19]], 0.95, "open"),  # clear of guessing; colours alone nearly do it
        ([[20, 0], [1, 19]], float("nan"), "good"),  # nothing was measured
    ],
)
def test_a_result_is_held_against_guessing_and_against_colours(matrix, colours, verdict):
    assert make_headline(result_of(matrix), colours).verdict == verdict


def test_photos_that_were_trained_on_make_no_result_good():
    found = make_headline(result_of([[20, 0], [0, 20]], val_learned=3))
    assert found.verdict == "open" and found.weakest_sentence == ""


def test_only_a_guess_is_told_so():
    assert "Not yet clearly better than guessing" in make_headline(result_of([[3, 1], [2, 2]])).judgement
    assert "50%" in make_headline(result_of([[3, 1], [2, 2]])).judgement
    assert make_headline(result_of([[20, 0], [1, 19]])).judgement == ""


def test_the_rare_class_stands_beside_a_perfect_average():
    weakest = make_headline(result_of([[20, 0], [0, 3]])).weakest_sentence
    assert weakest == ("Weakest class: class 1, 3 of 3 right, probably between 44% and 100%: too few photos to say.")


def test_the_class_that_is_found_least_is_the_weakest():
    found = make_headline(result_of([[30, 0, 0], [0, 24, 6], [0, 0, 30]])).weakest
    assert (found.name, found.right, found.count) == ("class 1", 24, 30)


def test_a_class_without_validation_photos_is_no_weakest_one():
    found = make_headline(result_of([[30, 0], [0, 0]]))
    assert found.weakest.name == "class 0"


def test_few_groups_say_as_little_as_few_photos():
    """Twenty photos of two animals: found all, and still too few to say."""
    found = make_headline(result_of([[30, 0], [0, 20]], recall_units=[30, 2], recall_intervals=[[0.88, 1], [0.34, 1]]))
    assert found.weakest_sentence == (
        "Weakest class: class 1, 20 of 20 right, probably between 34% and 100%: too few photos to say."
    )
