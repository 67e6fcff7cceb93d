"""The solved head, held against its formula written out, and how sure it may be."""

import numpy as np
import pytest

from tests.training.linear_probe.test_head import blobs
from transfer_core.training.linear_probe.basis import Basis
from transfer_core.training.linear_probe.folds import fold_per_row
from transfer_core.training.linear_probe.head import Head, Scaler, balance, softmax
from transfer_core.training.linear_probe.sharpness import sharpen
from transfer_core.training.linear_probe.solved_head import SHRINKAGES, discriminants_left_out, imitate, solve


def written_out(rows, class_ids, shrinkage, weights):
    """Discriminants as a function of rows, and the classes' shares: by the inverse of the whole covariance."""
    weights = weights / weights.sum()
    shares = np.array([weights[class_ids == c].sum() for c in range(class_ids.max() + 1)])
    means = np.array([weights[class_ids == c] @ rows[class_ids == c] for c in range(len(shares))]) / shares[:, None]
    centred = (rows - means[class_ids]) * np.sqrt(weights)[:, None]
    covariance = centred.T @ centred
    inverse = np.linalg.inv(covariance + shrinkage * np.trace(covariance) * np.eye(rows.shape[1]))
    return lambda new: new @ inverse @ means.T - 0.5 * np.einsum("cd,de,ce->c", means, inverse, means), shares


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("width", [10, 150])  # fewer features than photos, and more
def test_it_is_the_formula(width, weighted):
    features, class_ids = blobs(per_class=20, width=width, spread=4)
    features, class_ids = features[:-8], class_ids[:-8]
    weights = balance(class_ids, 3)[class_ids] if weighted else np.ones(len(class_ids), np.float32)
    basis = Basis.of(features)
    rows = basis.scaler(features).astype(np.float64)
    coordinates = basis.coordinates(features)
    assert coordinates.shape == (52, min(52, width))
    for shrinkage in (SHRINKAGES[0], SHRINKAGES[4]):
        by_formula, shares = written_out(rows, class_ids, shrinkage, weights.astype(np.float64))
        plain = Scaler.identity(coordinates.shape[1])
        head = basis.head(*solve(coordinates, plain, class_ids, 3, shrinkage, weights).sharpened(0.5))
        expected = softmax(0.5 * by_formula(rows) + np.log(shares))
        np.testing.assert_allclose(head.confidences(features), expected, atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
def test_photos_left_out_are_answered_by_the_formula_on_the_others(weighted):
    features, class_ids = blobs(per_class=20, width=100, spread=4)
    features, class_ids = features[:-7], class_ids[:-7]
    weights = balance(class_ids, 3)[class_ids] if weighted else np.ones(len(class_ids), np.float32)
    fold_of = fold_per_row(class_ids, [str(number) for number in range(53)], np.random.default_rng(0))
    basis = Basis.of(features)
    told, log_shares = discriminants_left_out(basis.coordinates(features), class_ids, fold_of, 3, weights)
    rows = basis.scaler(features).astype(np.float64)
    for fold in range(5):
        inside, outside = fold_of != fold, fold_of == fold
        for place in (0, 5):
            by_formula, shares = written_out(
                rows[inside], class_ids[inside], SHRINKAGES[place], weights[inside].astype(np.float64)
            )
            expected = by_formula(rows[outside])
            np.testing.assert_allclose(told[place, outside], expected, atol=2e-3 * np.abs(expected).max())
            np.testing.assert_allclose(log_shares[outside], np.log(shares)[np.newaxis].repeat(outside.sum(), 0))


def test_a_class_without_photos_is_never_named():
    features, class_ids = blobs()
    head = Basis.of(features).head(*solve(features, Scaler.of(features), class_ids, 4, 1e-2).sharpened(1.0))
    assert np.isfinite(head.weight).all() and head.confidences(features)[:, 3].max() < 1e-3


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-4])
def test_photos_of_a_class_that_are_all_alike_make_no_head_that_is_quite_sure(noise):
    rng = np.random.default_rng(0)
    class_ids = np.repeat([0, 1, 2], 6)
    features = rng.random((3, 200))[class_ids] + noise * rng.normal(size=(18, 200))
    basis = Basis.of(features.astype(np.float32))
    rows, plain = basis.coordinates(features.astype(np.float32)), Scaler.identity(18)
    fold_of = fold_per_row(class_ids, [str(number) for number in range(18)], rng)
    told, _ = discriminants_left_out(rows, class_ids, fold_of, 3)
    for place, shrinkage in enumerate(SHRINKAGES):
        solved = solve(rows, plain, class_ids, 3, shrinkage)
        own = rows @ solved.weight + solved.offset  # of photos like those left out, hence much the same
        np.testing.assert_allclose(own, told[place], atol=0.1 * np.abs(told[place]).max())
    losses = sharpen(told, np.zeros((18, 3)), class_ids, np.ones(18))[1].mean(1)
    assert losses.min() < 0.3  # the doubt that is always left; quite sure of everything costs 1.4


def test_the_sharpness_is_that_of_the_smallest_loss():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (400, 3))
    class_ids = np.array([rng.choice(3, p=row) for row in softmax(2 * logits)])
    told = np.stack([logits, 10 * logits])  # the second is far too sure of itself
    sharpness, losses = sharpen(told, np.zeros((400, 3)), class_ids, np.ones(400))
    assert sharpness[0] == pytest.approx(2, rel=0.3) and sharpness[1] == pytest.approx(0.2, rel=0.3)
    assert losses[0].mean() == pytest.approx(losses[1].mean(), abs=1e-3)


def test_of_few_photos_all_right_nobody_is_quite_sure():
    """By the loss alone, the sharper the better."""
    told = np.array([[[1.0, 0.0], [0.0, 1.0]] * 5])
    [few], _ = sharpen(told, np.zeros((10, 2)), np.array([0, 1] * 5), np.ones(10))
    many = np.tile(told, (1, 100, 1))
    [more], _ = sharpen(many, np.zeros((1000, 2)), np.array([0, 1] * 500), np.ones(1000))
    assert softmax(np.array([few, 0.0])).max() == pytest.approx(11 / 12, abs=0.02)
    assert softmax(np.array([more, 0.0])).max() > 0.99


def test_a_head_on_the_last_layer_can_stand_in():
    features, class_ids = blobs(per_class=40, width=30)
    wide = np.concatenate([features, np.random.default_rng(1).normal(size=(120, 20)).astype(np.float32)], 1)
    head: Head = Basis.of(wide).head(*solve(wide, Scaler.of(wide), class_ids, 3, 1e-2).sharpened(0.5))
    stands_in = imitate(head, wide, 30)
    assert stands_in.weight.shape == (3, 30)
    assert (stands_in.confidences(features).argmax(1) == head.confidences(wide).argmax(1)).mean() > 0.95
    assert np.abs(stands_in.logits(features) - head.logits(wide)).mean() < 0.2 * np.abs(head.logits(wide)).mean()
