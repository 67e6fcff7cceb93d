"""Choosing the head's strength by photos left out, and what heads say of those."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import RESNET
from tests.training.linear_probe.test_head import blobs, last
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.jobs import worker
from transfer_core.training.linear_probe import l2_search, phase
from transfer_core.training.linear_probe.folds import fold_per_row
from transfer_core.training.linear_probe.head import Scaler, train_epochs
from transfer_core.training.linear_probe.l2_search import predict_out_of_fold, search_l2


@pytest.mark.parametrize(
    ("spread", "firm"),
    [
        (0.1, False),  # clearly apart: hardly any restraint is best
        (30.0, True),  # nothing but noise: the firmest is
    ],
)
def test_the_strength_follows_the_data(spread, firm):
    features, class_ids = blobs(spread=spread)
    photos = [str(i) for i in range(len(features))]
    strength = search_l2(features, class_ids, photos, 3, 100, 0)
    assert (strength >= 0.03) is firm


def test_identical_photos_are_left_out_together():
    """Random labels, every photo there twice: with its twin in training, memorizing would look like knowing."""
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(40, 60)).astype(np.float32), 2, 0)
    class_ids = np.repeat(rng.integers(0, 2, 40), 2)
    twins = [str(i // 2) for i in range(80)]
    strangers = [str(i) for i in range(80)]
    assert search_l2(features, class_ids, twins, 2, 100, 0) > 10 * search_l2(features, class_ids, strangers, 2, 100, 0)


def test_folds_spread_each_class_evenly():
    class_ids = np.repeat([0, 1], [50, 10])
    folds = fold_per_row(class_ids, [str(i) for i in range(60)], np.random.default_rng(0))
    assert np.bincount(folds[:50]).tolist() == [10] * 5 and np.bincount(folds[50:]).tolist() == [2] * 5


def test_large_sets_are_searched_on_a_part(monkeypatch):
    monkeypatch.setattr(l2_search, "SEARCH_PHOTOS", 30)
    features, class_ids = blobs(per_class=100)
    photos = [str(i) for i in range(300)]
    first = search_l2(features, class_ids, photos, 3, 20, 0)
    assert first == search_l2(features, class_ids, photos, 3, 20, 0)


def test_rows_of_one_unit_are_left_out_together_and_folds_fill_evenly():
    class_ids = np.repeat([0, 1], [60, 60])
    units = [f"g{n % 15}" for n in range(60)] + [f"h{n // 4}" for n in range(60)]
    folds = fold_per_row(class_ids, units, np.random.default_rng(0))
    assert all(len(set(folds[np.array(units) == unit])) == 1 for unit in set(units))
    assert np.bincount(folds[:60]).tolist() == np.bincount(folds[60:]).tolist() == [12] * 5


def test_what_holds_all_of_a_class_is_never_left_out():
    class_ids = np.array([0] * 6 + [1] * 6)
    units = ["one"] * 6 + ["one"] * 2 + list("abcd")
    folds = fold_per_row(class_ids, units, np.random.default_rng(0))
    assert set(folds[:8]) == {-1} and set(folds[8:]) == {0, 1, 2, 3}


def test_in_one_unit_per_class_there_is_nothing_to_choose_by():
    features, class_ids = blobs()
    assert search_l2(features, class_ids, [str(i) for i in class_ids], 3, 20, 0) is None


def test_a_run_with_nothing_to_choose_by_says_so_and_takes_the_middle(project, monkeypatch):
    used, train = [], phase.train_epochs
    monkeypatch.setattr(phase, "train_epochs", lambda *given: used.append(given[4]) or train(*given))
    items = [
        replace(item, part="val") if n % 8 == 7 else replace(item, part="train", group=item.class_name)
        for n, item in enumerate(load_items(project))
    ]
    run = runs.create(project, runs.TrainSpec(TrainConfig(backbone=RESNET, epochs=2)), make_split(items, 0.25, 0))
    assert worker.main(str(run.folder)) == 0
    [notice] = runs.read_state(run).notices
    assert used == [[1e-3]] and notice.startswith("Each class has only one training photo, or one group")


def test_a_run_leaves_whole_groups_out(project, monkeypatch):
    asked = []

    def note(examples, *rest):
        asked.append(examples.units)

    monkeypatch.setattr(phase, "choose", note)
    config = TrainConfig(backbone=RESNET, epochs=2, group_pattern=r"(\d)\.jpg")
    split = make_split(load_items(project), 0.25, 0, group_pattern=config.group_pattern)
    assert worker.main(str(runs.create(project, runs.TrainSpec(config), split).folder)) == 0
    assert asked == [tuple(f" {item.group}" for item in split.train)] and len(set(asked[0])) == 6


def names(count: int) -> list[str]:
    return [str(i) for i in range(count)]


@pytest.mark.parametrize("searched", [1000, 30])  # all of the photos, or a part of them
def test_out_of_fold_answers_are_those_of_heads_that_have_not_seen_the_photos(monkeypatch, searched):
    """Trained here one by one, on the photos of the other folds."""
    monkeypatch.setattr(l2_search, "SEARCH_PHOTOS", searched)
    features, class_ids = blobs(per_class=20, width=100, spread=4)
    found = predict_out_of_fold(features, class_ids, names(60), 3, 40, 0)
    assert found.strength == search_l2(features, class_ids, names(60), 3, 40, 0)
    assert np.bincount(found.folds).tolist() == [12] * 5
    np.testing.assert_allclose(found.confidences.sum(1), 1)
    for fold in range(5):
        inside, outside = found.folds != fold, found.folds == fold
        scaler = Scaler.of(features)  # which knows no classes
        state = last(train_epochs(features[inside], scaler, class_ids[inside], 3, [found.strength], 40))
        expected = state.head(scaler).confidences(features[outside])
        np.testing.assert_allclose(found.confidences[outside], expected, atol=1e-3)


def test_a_wrong_label_is_contradicted_by_heads_that_have_not_seen_it():
    features, class_ids = blobs(per_class=20, spread=0.5)
    wrong = class_ids.copy()
    wrong[7] = 2
    found = predict_out_of_fold(features, wrong, names(60), 3, 100, 0)
    own = found.confidences[np.arange(60), wrong]
    assert own.argmin() == 7 and found.confidences[7].argmax() == class_ids[7]


def test_of_more_photos_than_are_searched_every_one_is_answered(monkeypatch):
    features, class_ids = blobs(per_class=40)
    monkeypatch.setattr(l2_search, "SEARCH_PHOTOS", 30)
    found = predict_out_of_fold(features, class_ids, names(120), 3, 40, 0)
    assert found.strength == search_l2(features, class_ids, names(120), 3, 40, 0)
    assert np.isfinite(found.confidences).all() and np.bincount(found.folds).tolist() == [24] * 5


def test_what_no_fold_leaves_out_has_no_answer():
    features, class_ids = blobs(per_class=12)
    units = ["one" if class_id == 0 else str(i) for i, class_id in enumerate(class_ids)]
    found = predict_out_of_fold(features, class_ids, units, 3, 40, 0)
    assert set(found.folds[:12]) == {-1} and np.isnan(found.confidences[:12]).all()
    assert -1 not in found.folds[12:] and np.isfinite(found.confidences[12:]).all()
    assert predict_out_of_fold(features, class_ids, [str(i) for i in class_ids], 3, 40, 0) is None
