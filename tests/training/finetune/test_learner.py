"""One step of the network that learns: parts add up to a batch, variations do what they say, state comes back."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from tests.training.test_engine import make_context
from transfer_core.training.augment.crops import NEUTRAL
from transfer_core.training.finetune.learner import build_learner, vary


@pytest.fixture
def context(tiny_workspace, queue_run):
    return make_context(tiny_workspace, queue_run(strategy="full"), [].append)


def batch(count: int = 8):
    generator = np.random.default_rng(0)
    pixels = torch.from_numpy(generator.integers(0, 256, (count, 3, 64, 64), np.uint8))
    return pixels, np.tile(NEUTRAL, (count, 1)), np.arange(count) % 3


@pytest.mark.parametrize("micro_batch", [1, 3, 8])
def test_a_step_in_parts_is_the_step_of_the_whole_batch(context, micro_batch):
    """In eval mode, where batch norm does not look at the other photos."""
    steps = []
    for size in (8, micro_batch):
        learner = build_learner(context, 0, None)
        learner.body.eval()
        sums = learner.learn(*batch(), size)
        steps.append((sums.numpy(), learner.state()))
    (whole_sums, whole), (part_sums, parts) = steps
    np.testing.assert_allclose(part_sums, whole_sums, rtol=1e-5)
    for name, value in whole.items():
        # Adam's first step is as long for a tiny gradient as for a large one, so only the gradients' mean is compared.
        if name.endswith("exp_avg"):
            np.testing.assert_allclose(parts[name], value, atol=1e-5 * max(1, np.abs(value).max()), err_msg=name)


def test_the_sums_are_of_losses_and_right_answers(context):
    learner = build_learner(context, 0, None)
    pixels, variations, class_ids = batch()
    losses, hits = learner.learn(pixels, variations, class_ids, 8).tolist()
    assert losses == pytest.approx(8 * np.log(3), rel=1e-5)  # a head of zeros finds all classes equally likely
    assert hits == (class_ids == 0).sum()


def test_the_state_comes_back_exactly(context):
    learner = build_learner(context, 0, None)
    for _ in range(2):
        learner.learn(*batch(), 8)
    other = build_learner(context, 0, None)
    other.restore(learner.state())
    for both in (learner, other):
        both.learn(*batch(), 8)
    ours, theirs = learner.state(), other.state()
    assert ours.keys() == theirs.keys() and any(name.startswith("optimizer.") for name in ours)
    for name, value in ours.items():
        np.testing.assert_array_equal(theirs[name], value, err_msg=name)


def test_confidences_do_not_depend_on_the_neighbours(context):
    learner = build_learner(context, 0, None)
    learner.learn(*batch(), 8)
    pixels = batch()[0].numpy()
    together = learner.confidences(pixels)
    alone = np.concatenate([learner.confidences(pixels[i : i + 1]) for i in range(8)])
    np.testing.assert_allclose(together.sum(1), 1)
    np.testing.assert_allclose(alone, together, atol=1e-5)


def photo() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 3, 20, 30), np.uint8))


def test_neutral_variations_leave_the_pixels_alone():
    assert torch.equal(vary(photo(), np.tile(NEUTRAL, (2, 1))), photo())


def test_only_the_photo_that_is_to_be_mirrored_is():
    shown = vary(photo(), np.array([[1, 1, 1, 1], NEUTRAL], np.float32))
    assert torch.allclose(shown[0], photo()[0].flip(-1).float(), atol=1e-3)
    assert torch.allclose(shown[1], photo()[1].float(), atol=1e-3)


@pytest.mark.parametrize(
    ("place", "enhancer"), [(1, ImageEnhance.Brightness), (2, ImageEnhance.Contrast), (3, ImageEnhance.Color)]
)
@pytest.mark.parametrize("factor", [0.8, 1.0, 1.2])
def test_colours_change_as_pillow_changes_them(place, enhancer, factor):
    variation = NEUTRAL.copy()
    variation[place] = factor
    shown = vary(photo(), np.stack([variation, [1, 0.9, 1, 1]]).astype(np.float32))[0].numpy()
    image = Image.fromarray(photo()[0].numpy().transpose(1, 2, 0))
    expected = np.asarray(enhancer(image).enhance(factor)).transpose(2, 0, 1)
    assert np.abs(shown - expected).max() <= 1.5  # Pillow rounds in between
