"""From which lead on an answer is given as one."""

import numpy as np
import pytest

from transfer_core.evaluation.result import ValAnswers
from transfer_core.evaluation.unsure import RULE_OF_THUMB, find_margin


def answers(*photos: tuple[float, bool]) -> ValAnswers:
    """Of two classes: each photo by its lead and whether it is right."""
    leads, right = np.array([lead for lead, _ in photos]), np.array([is_right for _, is_right in photos])
    return ValAnswers(np.stack([(1 + leads) / 2, (1 - leads) / 2], axis=1), np.where(right, 0, 1))


def test_at_most_half_of_the_photos_below_it_are_right():
    wrong_when_close = [(0.02 * step, step % 3 == 0) for step in range(1, 10)]  # up to 0.18: 3 of 9 right
    sure = [(0.5 + 0.01 * step, True) for step in range(20)]
    found = find_margin(answers(*sure, *wrong_when_close))
    assert found.photos == 8 and found.margin == pytest.approx(0.17)  # 2 of 8 are right, and the next one is
    assert "less than 17 points apart: of the 8 validation photos" in found.in_words()


def test_the_same_lead_is_on_one_side():
    found = find_margin(answers(*[(0.3, False)] * 6, *[(0.3, True)] * 5, *[(0.8, True)] * 30))
    leads = [0.3] * 11 + [0.8] * 30
    assert found.photos == sum(lead < found.margin for lead in leads) == 11


@pytest.mark.parametrize(
    "photos",
    [
        [(0.1, False)] * 4 + [(0.9, True)] * 50,  # four mistakes say little
        [(0.9, True)] * 50,
        [],
    ],
)
def test_where_mistakes_are_few_it_is_a_rule_of_thumb_and_said_to_be_one(photos):
    found = find_margin(answers(*photos)) if photos else find_margin(ValAnswers(np.zeros((0, 2)), np.zeros(0, int)))
    assert (found.margin, found.photos) == (RULE_OF_THUMB, None) and "a rule of thumb" in found.in_words()


def test_surely_wrong_answers_leave_the_rule_of_thumb():
    photos = [(0.1 + 0.01 * step, True) for step in range(30)] + [(0.9, False)] * 6
    assert find_margin(answers(*photos)).margin == RULE_OF_THUMB


def test_one_class_has_no_second():
    assert find_margin(ValAnswers(np.ones((8, 1)), np.zeros(8, int))).margin == RULE_OF_THUMB
