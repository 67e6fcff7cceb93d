"""Which head is kept, and on what."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.linear_probe.test_head import blobs
from transfer_core.training.linear_probe import choice, examples
from transfer_core.training.linear_probe.choice import Choice, choose, choose_trained
from transfer_core.training.linear_probe.examples import Examples, Space
from transfer_core.training.linear_probe.head import Scaler
from transfer_core.training.linear_probe.l2_search import search_l2


def some(per_class: int = 30, **options) -> Examples:
    features, class_ids = blobs(per_class=per_class, **options)
    return Examples(features, class_ids, [str(number) for number in range(len(class_ids))], 3)


def test_noise_round_means_is_solved():
    """What linear discriminant analysis takes clouds for is what they are here."""
    found = choose(some(width=60, spread=4), 100, 0)
    assert found.is_solved and found.solved_loss < found.trained_loss < np.log(3)


def test_a_cloud_that_is_no_cloud_is_trained():
    """A class with far outliers on its own side: they bend means and covariance, and harm no border."""
    features, class_ids = blobs(per_class=60, width=4, spread=1.5)
    features[:20] += 40 * (features[:60].mean(0) - features.mean(0))
    given = Examples(features, class_ids, [str(number) for number in range(180)], 3)
    found = choose(given, 100, 0)
    assert not found.is_solved and found.trained_loss < found.solved_loss


def test_where_nothing_can_be_left_out_nothing_is_chosen():
    given = some()
    assert choose(replace(given, units=[str(class_id) for class_id in given.class_ids]), 20, 0) is None


def test_copies_are_left_out_together():
    """Random labels, every photo there twice: with its twin in training, remembering would look like knowing."""
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(40, 60)).astype(np.float32), 2, 0)
    class_ids = np.repeat(rng.integers(0, 2, 40), 2)
    found = choose(Examples(features, class_ids, [str(number // 2) for number in range(80)], 2), 100, 0)
    assert min(found.solved_loss, found.trained_loss) > 0.6


def test_a_choice_comes_back_from_a_checkpoint():
    found = choose(some(), 20, 0)
    assert Choice.from_array(found.to_array()) == found


def test_more_photos_than_are_tried_out(monkeypatch):
    monkeypatch.setattr(examples, "SEARCH_PHOTOS", 30)
    given = some(per_class=60)
    assert choose(given, 20, 0) == choose(given, 20, 0) and not given.are_few
    space = Space.of(given, given.features[:5])
    assert space.basis is None and space.train is given.features
    np.testing.assert_array_equal(space.scaler.factor, Scaler.of(given.features).factor)


def test_a_head_to_be_tuned_is_trained_as_ever():
    given = some()
    found = choose_trained(given, 20, 0)
    assert found.l2 == search_l2(given.features, given.class_ids, given.units, 3, 20, 0)
    assert not found.is_solved and found.trained_sharpness == 1


def test_blocks_are_scaled_each_by_itself():
    """Of the second, all features vary little, and in one scale with the first they would count for nothing."""
    features, _ = blobs(width=10)
    both = np.concatenate([features, 1e-4 * features], 1)
    apart, together = Scaler.of(both, (10, 10))(both), Scaler.of(both)(both)
    np.testing.assert_allclose(apart[:, :10], apart[:, 10:], atol=2e-2)
    assert np.abs(together[:, 10:]).max() < 0.01 * np.abs(together[:, :10]).max()


@pytest.mark.parametrize("weighted", [False, True])
def test_clearly_less_means_by_more_than_the_standard_error(weighted):
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 2, 200) if weighted else np.ones(200)
    base = rng.normal(1, 1, 200)
    assert choice._is_clearly_less(base - 0.2, base + rng.normal(0, 1, 200), weights)
    assert not choice._is_clearly_less(base - 0.01, base + rng.normal(0, 1, 200), weights)
    assert not choice._is_clearly_less(base, base, weights)
