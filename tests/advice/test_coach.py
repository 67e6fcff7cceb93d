"""One suggestion from what is known already: each rule, and their order."""

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.test_headline import result_of
from transfer_core.advice.coach import FrozenRival, suggest
from transfer_core.evaluation.headline import make_headline
from transfer_core.metrics.paired_test import compare
from transfer_core.runs.events import EpochFinished

FINE = result_of([[19, 1], [1, 19]])
GUESS = result_of([[3, 1], [2, 2]])
PLENTY = {"class 0": 80, "class 1": 80}
BY_HEART = EpochFinished(
    phase="everything",
    epoch=9,
    epochs=9,
    step=109,
    train_loss=0.01,
    train_accuracy=1.0,
    val_loss=0.5,
    val_accuracy=0.8,
)
RIGHT = np.ones(40, bool)
RIVAL = FrozenRival("run-1", "Frozen", 0.95, 6.0, compare(RIGHT, RIGHT))


def ask(result, counts=PLENTY, **more):
    return suggest(result, make_headline(result), counts, **more)


def test_nothing_is_suggested_where_nothing_stands_out():
    assert ask(FINE) is None


def test_changed_labels_come_first():
    found = ask(GUESS, {"class 0": 3, "class 1": 80}, changed_labels="2 labels have changed")
    assert (found.reason, found.act) == ("labels_changed", "train_again")
    assert found.sentence.startswith("2 labels have changed since this run.")


def test_a_guess_is_told_before_a_small_class():
    assert ask(GUESS, {"class 0": 3, "class 1": 80}).reason == "guessing"


def test_the_smallest_class_is_named():
    found = ask(FINE, {"class 0": 80, "class 1": 3})
    assert found.reason == "few_photos"
    assert found.sentence == "'class 1' has only 3 training photos. More photos of it will help most."
    assert "and 1 other class few as well" in ask(FINE, {"class 0": 4, "class 1": 3}).sentence


def test_fine_tuning_that_gained_nothing_is_said_with_the_way_to_the_quick_model():
    found = ask(FINE, rival=RIVAL)
    assert (found.reason, found.act, found.run_id) == ("not_worth_it", "other_run", "run-1")
    assert "95% is not clearly better than the 95% of 'Frozen', which took 6 s" in found.sentence


def test_fine_tuning_that_gained_something_is_left_alone():
    better = replace(RIVAL, paired=compare(RIGHT, np.arange(40) < 30))
    assert ask(FINE, rival=better) is None


@pytest.mark.parametrize(
    ("train_accuracy", "matrix", "is_said"),
    [
        (1.0, [[15, 5], [5, 15]], True),  # 75%, at most 86%: far below what it does on its own photos
        (0.9, [[15, 5], [5, 15]], False),  # it has not learned them by heart
        (1.0, [[19, 1], [1, 19]], False),  # 5 points are no gap
        (1.0, [[3, 1], [0, 4]], False),  # so few photos allow 100%, too
    ],
)
def test_overfitting_is_said_only_where_the_interval_allows_no_other_reading(train_accuracy, matrix, is_said):
    found = ask(result_of(matrix), last_epoch=replace(BY_HEART, train_accuracy=train_accuracy))
    assert (found is not None and found.reason == "overfitting") is is_said
