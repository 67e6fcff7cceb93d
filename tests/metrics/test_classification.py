"""Counts and shares."""

import numpy as np
import pytest

from transfer_core.metrics.classification import class_scores, confusion_matrix, mean_log_loss


@pytest.fixture
def ids():
    generator = np.random.default_rng(1)
    return generator.integers(0, 4, 200), generator.integers(0, 4, 200)


def test_matrix_has_true_classes_in_its_rows():
    found = confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_matrix_and_scores_agree_with_counting_by_hand(ids):
    true_ids, said_ids = ids
    matrix = confusion_matrix(true_ids, said_ids, 4)
    scores = class_scores(matrix)
    for own in range(4):
        for said in range(4):
            assert matrix[own, said] == sum(t == own and s == said for t, s in zip(true_ids, said_ids, strict=True))
        hits = matrix[own, own]
        precision, recall = hits / (said_ids == own).sum(), hits / (true_ids == own).sum()
        assert (scores.precision[own], scores.recall[own]) == pytest.approx((precision, recall))
        assert scores.f1[own] == pytest.approx(2 * precision * recall / (precision + recall))
        assert scores.count[own] == (true_ids == own).sum()


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="equal shapes"):
        confusion_matrix(np.zeros(3, int), np.zeros(2, int), 2)


def test_scores_that_are_undefined_are_nan():
    scores = class_scores([[2, 0, 0], [1, 0, 0], [0, 0, 0]])
    assert np.isnan(scores.precision).tolist() == [False, True, True]  # never said
    assert np.isnan(scores.recall).tolist() == [False, False, True]  # no photo
    assert scores.count.tolist() == [2, 1, 0]
    assert scores.recall[1] == 0


def test_log_loss_is_the_mean_and_stays_finite():
    shares = np.array([[0.5, 0.5], [0.75, 0.25]])
    assert mean_log_loss(shares, np.array([0, 1])) == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert np.isfinite(mean_log_loss(np.array([[1.0, 0.0]]), np.array([1])))
