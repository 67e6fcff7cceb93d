"""Wrong labels are found among clear classes, and none are made of classes that are hard to tell apart."""

import numpy as np
import pytest

from transfer_core.doctor.wrong_labels import find_suspects


def draw_classes(apart: float, seed: int = 0, per_class: int = 40, classes: int = 3):
    """Features of classes that lie so far apart, in 12 directions, and their ids."""
    rng = np.random.default_rng(seed)
    centres = apart * rng.normal(size=(classes, 12))
    class_ids = np.repeat(np.arange(classes), per_class)
    return (centres[class_ids] + rng.normal(size=(len(class_ids), 12))).astype(np.float32), class_ids


def keys(class_ids):
    return [str(number) for number in range(len(class_ids))]


def test_wrong_labels_are_found_and_the_right_ones_suggested():
    features, class_ids = draw_classes(3)
    wrong = np.array([3, 17, 50, 88, 110])
    labels = class_ids.copy()
    labels[wrong] = (labels[wrong] + 1) % 3
    found = find_suspects(features, labels, keys(labels))
    assert {one.number for one in found[:5]} == set(wrong)
    assert all(one.suggested == class_ids[one.number] and one.other > one.given for one in found[:5])


@pytest.mark.parametrize("seed", range(5))
def test_where_all_is_clear_nothing_is_suspected(seed):
    features, class_ids = draw_classes(3, seed)
    assert find_suspects(features, class_ids, keys(class_ids)) == []


@pytest.mark.parametrize("seed", range(5))
def test_hard_classes_are_no_wrong_labels(seed):
    features, class_ids = draw_classes(0.3, seed, per_class=15)
    assert find_suspects(features, class_ids, keys(class_ids)) == []


def test_copies_with_the_same_wrong_label_do_not_speak_for_it():
    features, class_ids = draw_classes(3)
    labels = class_ids.copy()
    features[40:48] = features[0]  # nine copies of one photo of the first class, eight of them labelled as the second
    units = keys(labels)
    units[40:48] = ["0"] * 8
    assert {one.number for one in find_suspects(features, labels, units)} >= set(range(40, 48))


def test_of_one_photo_of_each_class_nothing_can_be_said():
    features, class_ids = draw_classes(3, per_class=1)
    assert find_suspects(features, class_ids, keys(class_ids)) == []
