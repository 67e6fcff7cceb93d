"""The head: a convex problem, so its optimum can be checked."""

import numpy as np
import pytest

from transfer_core.training.linear_probe.head import Head, Scaler, balance, softmax, train_epochs
from transfer_core.training.linear_probe.l2_search import DEFAULT_L2, search_l2

PLAIN = Scaler.identity(10)


def blobs(per_class: int = 30, classes: int = 3, width: int = 10, spread: float = 1.0, seed: int = 0):
    """Features float32 (n, width) around one centre per class, and their class ids."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (classes, width))
    class_ids = np.repeat(np.arange(classes), per_class)
    return (centres[class_ids] + rng.normal(0, spread, (len(class_ids), width))).astype(np.float32), class_ids


def last(states):
    *_, state = states
    return state


def test_softmax_adds_up_and_survives_large_numbers():
    shares = softmax(np.array([[1e4, 0, -1e4], [0, 0, 0]], np.float32))
    np.testing.assert_allclose(shares, [[1, 0, 0], [1 / 3] * 3])
    assert shares.dtype == np.float64


def test_training_reaches_the_optimum():
    """There the slope of loss and penalty is zero; computed here anew, in float64."""
    features, class_ids = blobs()
    scaled = Scaler.of(features)(features)
    strength = 1e-2
    state = last(train_epochs(scaled, PLAIN, class_ids, 3, [strength], 800))
    weight, bias = state.now[:-1, 0].astype(float), state.now[-1, 0].astype(float)
    error = softmax(scaled @ weight + bias) - np.eye(3)[class_ids]
    assert np.abs(scaled.T @ error / len(scaled) + strength * weight).max() < 1e-5
    assert np.abs(error.mean(0)).max() < 1e-5


def test_strengths_trained_side_by_side_are_those_trained_alone():
    features, class_ids = blobs()
    scaled = Scaler.of(features)(features)
    together = last(train_epochs(scaled, PLAIN, class_ids, 3, [1e-1, 1e-3], 50)).now
    alone = last(train_epochs(scaled, PLAIN, class_ids, 3, [1e-3], 50)).now
    np.testing.assert_allclose(together[:, 1], alone[:, 0], atol=1e-4)


def test_sets_trained_side_by_side_are_those_trained_alone():
    """Of different sizes: photos that only fill up have no weight, and could say anything."""
    sets = [blobs(seed=seed) for seed in (0, 1)]
    features, class_ids = (np.stack(arrays) for arrays in zip(*sets, strict=True))
    weights = np.ones((2, 90), np.float32)
    weights[1, 50:] = 0
    together = last(train_epochs(features, PLAIN, class_ids, 3, [1e-2, 1e-4], 50, weights=weights)).now
    for number, count in enumerate((90, 50)):
        alone = train_epochs(features[number, :count], PLAIN, class_ids[number, :count], 3, [1e-2, 1e-4], 50)
        np.testing.assert_allclose(together[number], last(alone).now, atol=1e-4)


def test_with_weights_a_photo_counts_as_if_it_were_there_so_often():
    features, class_ids = blobs()
    often = np.where(class_ids == 0, 3, 1)
    repeated = np.repeat(np.arange(90), often)
    weighted = last(train_epochs(features, PLAIN, class_ids, 3, [1e-2], 200, weights=often.astype(np.float32)))
    longer = last(train_epochs(features[repeated], PLAIN, class_ids[repeated], 3, [1e-2], 200))
    np.testing.assert_allclose(weighted.now, longer.now, atol=1e-3)


def test_balanced_classes_weigh_the_same():
    class_ids = np.repeat([0, 1, 3], [60, 20, 4])
    weights = balance(class_ids, 4)[class_ids]  # of class 2 there is no photo
    assert weights.mean() == pytest.approx(1)
    sums = np.bincount(class_ids, weights)
    assert sums[[0, 1, 3]] == pytest.approx([28, 28, 28])


@pytest.mark.parametrize("cut", [1, 13, 49])
def test_going_on_from_a_state_is_exact(cut):
    features, class_ids = blobs()
    scaled = Scaler.of(features)(features)
    whole = last(train_epochs(scaled, PLAIN, class_ids, 3, [1e-3], 50))
    half = last(train_epochs(scaled, PLAIN, class_ids, 3, [1e-3], cut))
    resumed = last(train_epochs(scaled, PLAIN, class_ids, 3, [1e-3], 50 - cut, half))
    for one, other in (
        (whole.now, resumed.now),
        (whole.before, resumed.before),
        (whole.momentum_steps, resumed.momentum_steps),
    ):
        np.testing.assert_array_equal(one, other)


def test_the_loss_falls():
    features, class_ids = blobs(spread=3)
    scaler = Scaler.of(features)
    losses = []
    for state in train_epochs(features, scaler, class_ids, 3, [1e-3], 60):
        shares = state.head(scaler).confidences(features)
        losses.append(-np.log(shares[np.arange(len(features)), class_ids]).mean())
    assert losses[-1] < 0.5 * losses[0]
    assert max(np.diff(losses)) < 0.02


def test_the_head_on_raw_features_equals_the_one_on_scaled_ones():
    features, class_ids = blobs(width=5)
    features = features * np.float32([100, 1, 0.01, 1, 1]) + 7
    scaler = Scaler.of(features)
    state = last(train_epochs(features, scaler, class_ids, 3, [1e-3], 30))
    expected = softmax(scaler(features) @ state.now[:-1, 0] + state.now[-1, 0])
    np.testing.assert_allclose(state.head(scaler).confidences(features), expected, atol=1e-4)


def test_scaled_rows_have_about_norm_one():
    features, _ = blobs(width=200)
    assert np.linalg.norm(Scaler.of(features)(features * 1), axis=1).mean() == pytest.approx(0.9, abs=0.1)


@pytest.mark.parametrize(
    ("features", "class_ids"),
    [
        (np.eye(2, 6, dtype=np.float32), np.array([0, 1])),  # one photo per class
        (np.ones((6, 4), np.float32), np.array([0, 1] * 3)),  # all features the same
        (np.zeros((4, 3), np.float32), np.array([0, 0, 1, 1])),  # a dead network
        (np.array([[0.1, 5]] * 3 + [[0.1, 6]] * 3, np.float32), np.array([0] * 3 + [1] * 3)),  # one constant feature
        (1e6 * np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1])),  # huge ones
    ],
    ids=["two photos", "all the same", "all zero", "one constant", "huge"],
)
def test_extreme_features_give_finite_answers(features, class_ids):
    photos = [str(i) for i in range(len(features))]
    strength = search_l2(features, class_ids, photos, 2, 20, 0) or DEFAULT_L2
    scaler = Scaler.of(features)
    found = last(train_epochs(features, scaler, class_ids, 2, [strength], 20)).head(scaler)
    assert np.isfinite(found.weight).all() and np.isfinite(found.bias).all()
    np.testing.assert_allclose(found.confidences(features).sum(1), 1)
    if len(np.unique(features, axis=0)) == 1:
        np.testing.assert_allclose(found.confidences(features), 0.5, atol=1e-3)


def test_the_head_knows_unseen_points():
    features, class_ids = blobs(per_class=60)
    scaler = Scaler.of(features[::2])
    trained: Head = last(train_epochs(features[::2], scaler, class_ids[::2], 3, [1e-3], 100)).head(scaler)
    assert (trained.confidences(features[1::2]).argmax(1) == class_ids[1::2]).mean() > 0.95
