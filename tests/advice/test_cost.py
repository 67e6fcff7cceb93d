"""Estimates: they grow with what is to be done, leave out what is done already, and say what they do not know."""

from dataclasses import replace

import pytest

from tests.helpers import RESNET, tiny_row
from transfer_core.advice.cost import estimate
from transfer_core.advice.machine_speed import LearningSpeed, Speed
from transfer_core.backbones.features import compute_features
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items

SPEED = Speed(
    prepare_s=0.01,
    prepare_megapixel_s=0.1,
    look_s=1.0,
    search_s=0,
    head_s=0,
    look_bytes=1e8,
    learning=LearningSpeed(
        start_s=5, learn_s=2.0, check_s=0.5, learn_bytes=1e9, learn_photo_bytes=1e7, device="cpu", steady_learn_s=1.7
    ),
)


@pytest.fixture
def guess(tiny_workspace, project):
    def guess(items=None, speed=SPEED, **settings):
        config = TrainConfig(**{"backbone": RESNET, "val_fraction": 0.25} | settings)
        return estimate(tiny_workspace, tiny_row(RESNET), config, items or load_items(project), speed)

    return guess


def test_looking_at_every_photo_once_takes_what_it_takes(guess, tiny_workspace):
    tiny = 24 * (1.0 + 0.01 + 61 * 47 / 1e6 * 0.1)
    decoded_at_intake = 24 * 1.0
    assert decoded_at_intake <= guess().seconds - 0.2 <= tiny + 1e-6


def test_photos_that_were_looked_at_before_take_nothing(guess, tiny_workspace, project, tmp_path):
    items = load_items(project)
    photos = [(item.photo, project.photos_dir / item.file) for item in items[:12]]
    before = guess().seconds
    compute_features(tiny_row(RESNET), photos, tiny_workspace, tmp_path / "rows", lambda *_: None)
    assert before - guess().seconds >= 12 * 1.0


def test_a_head_takes_time_by_photos_classes_and_epochs(guess):
    slow = replace(SPEED, search_s=1e-4, head_s=1e-3)
    more = guess(speed=slow, epochs=50).seconds - guess(epochs=50).seconds
    assert more == pytest.approx(18 * 3 * 50 * (1e-4 + 1e-3))


def test_learning_everything_takes_its_epochs(guess):
    one, three = (guess(strategy="full", epochs=epochs).seconds for epochs in (1, 3))
    assert three - one == pytest.approx(2 * (18 * 2.0 + 6 * 0.5))
    assert one >= 5 + 18 * 2.0 + 6 * 0.5


def test_frozen_stages_only_look(guess):
    """Two of five stages frozen: they are gone through forwards, every time or once per kept variation."""
    settings = {"strategy": "partial", "frozen_stages": 2, "epochs": 10}
    always, kept = guess(views=0, **settings).seconds, guess(views=4, **settings).seconds
    back_s = 1.2 * 3 / 5
    assert always - guess(strategy="lp_ft", epochs=10).seconds == pytest.approx(18 * 10 * (0.5 + back_s - 1.7))
    assert always - kept == pytest.approx(18 * (10 - 4) * 0.5 * 2 / 5)


def test_parts_that_were_given_are_counted(guess, project):
    items = [replace(item, part="val" if number < 12 else "train") for number, item in enumerate(load_items(project))]
    one, two = (guess(items, strategy="full", epochs=epochs).seconds for epochs in (1, 2))
    assert two - one == pytest.approx(12 * 2.0 + 12 * 0.5)


def test_memory_grows_with_the_batch_and_the_largest_photo(guess, project):
    small, large = (guess(strategy="full", batch_size=size).memory_bytes for size in (8, 16))
    assert large - small == pytest.approx(8e7)
    items = load_items(project)
    with_large = [*items, replace(items[0], width=8000, height=6000)]
    assert guess(with_large).memory_bytes - guess().memory_bytes > 48e6 * 3
    assert not replace(guess(), memory_bytes=1e15).fits
    assert replace(guess(), memory_bytes=1e15, free_bytes=None).fits


def test_what_the_trial_has_not_found_out_yet_is_not_guessed(guess):
    half = replace(SPEED, learning=None)
    assert guess(speed=half, strategy="full") is None
    assert guess(speed=half) is not None


def test_photos_that_are_held_back_cost_nothing(guess, project):
    items = load_items(project)
    held = [replace(item, part="test") if n % 8 < 2 else item for n, item in enumerate(items)]
    assert guess(items=held).seconds == pytest.approx(0.2 + 18 / 24 * (guess(items=items).seconds - 0.2))
