"""Intervals of photos that depend on each other: never narrower than they may be, and plain where nothing depends."""

import numpy as np
import pytest

from tests.benchmarks.coverage import SIZES, simulate
from transfer_core.metrics.clustered import clustered_interval, effective_count, fewest_worth
from transfer_core.metrics.wilson import wilson


@pytest.mark.parametrize("count", [0, 1, 2, 7, 49, 300])
def test_independent_photos_have_wilsons_interval_to_the_last_bit(count):
    for hits in range(count + 1):
        right = np.arange(count) < hits
        assert clustered_interval(right, np.arange(count)) == wilson(hits, count)


@pytest.mark.parametrize(("hits", "count"), [(3, 4), (4, 4), (0, 4), (37, 40), (100, 200)])
def test_units_that_are_right_or_wrong_as_a_whole_count_as_one_photo_each(hits, count):
    right, units = np.arange(count) < hits, np.arange(count)
    found = clustered_interval(np.repeat(right, 10), np.repeat(units, 10))
    assert found == pytest.approx(wilson(hits, count), abs=1e-12)


def test_it_lies_around_the_share_and_is_never_narrower_than_wilsons():
    rng = np.random.default_rng(1)
    for _ in range(500):
        sizes = rng.integers(1, 21, rng.integers(1, 40))
        units, right = np.repeat(np.arange(len(sizes)), sizes), rng.random(sizes.sum()) < rng.random()
        low, high = clustered_interval(right, units)
        plain_low, plain_high = wilson(int(right.sum()), len(right))
        assert 0 <= low <= right.mean() <= high <= 1
        assert high - low >= plain_high - plain_low - 1e-12
        assert fewest_worth(units) - 1e-9 <= effective_count(right, units) <= len(right)


def test_one_wrong_photo_does_not_make_a_range_much_narrower_than_none():
    """A single mistake is little evidence that photos of a group are independent."""
    units = np.repeat(np.arange(10), 10)
    none, one = np.ones(100, bool), np.arange(100) > 0
    assert effective_count(none, units) == 10 and effective_count(one, units) < 20


def test_what_units_are_called_does_not_matter():
    right, units = np.array([1, 0, 1, 1, 0, 1], bool), np.array([0, 0, 1, 2, 2, 2])
    named = np.array(["b", "b", "z", "a", "a", "a"])
    assert clustered_interval(right, units) == clustered_interval(right, named)


def test_it_holds_the_true_share_as_often_as_it_says():
    """A small share of `python -m tests.benchmarks.coverage`, which prints the whole table."""
    found = [
        simulate(np.random.default_rng(5), 300, count, SIZES[name], alike, 0.85)
        for count in (6, 25, 100)
        for name in ("1 to 20", "10")
        for alike in (0.0, 0.3, 1.0)
    ]
    assert 0.93 < np.mean(found) < 0.99 and min(found) > 0.88


def test_with_copies_of_each_photo_plain_counting_would_not():
    rng, held = np.random.default_rng(5), []
    for _ in range(300):
        right = np.repeat(rng.random(25) < 0.85, 10)
        low, high = wilson(int(right.sum()), len(right))
        held.append(low <= 0.85 <= high)
    assert np.mean(held) < 0.6
