"""Blended batches: what is in the picture is in the answer, and the seed decides."""

import pytest
import torch

from transfer_core.training.augment.mixup import blend


def batch(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Each photo is of one level, 40 times its number; as many classes."""
    pixels = (torch.arange(count) * 40).view(-1, 1, 1, 1).expand(count, 3, 16, 16).to(torch.uint8)
    return pixels.contiguous(), torch.eye(count)


def blended(seed: int, mixup: float, cutmix: float, count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    return blend(*batch(count), mixup, cutmix)


def test_with_both_off_the_very_same_come_back():
    pixels, wanted = batch()
    state = torch.get_rng_state()
    found = blend(pixels, wanted, 0.0, 0.0)
    assert found[0] is pixels and found[1] is wanted
    assert torch.equal(torch.get_rng_state(), state)


def test_one_photo_alone_has_nothing_to_be_blended_with():
    pixels, wanted = batch(1)
    found = blend(pixels, wanted, 1.0, 1.0)
    assert found[0] is pixels and found[1] is wanted


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.2, 1.0)])
def test_the_answer_names_what_is_in_the_picture(mixup, cutmix):
    """The photo's mean level must be the mean of the levels of its classes, in the shares that are asked for."""
    levels = torch.arange(6) * 40.0
    for seed in range(20):
        pixels, wanted = blended(seed, mixup, cutmix)
        assert (pixels.shape, pixels.dtype, wanted.dtype) == ((6, 3, 16, 16), torch.float32, torch.float32)
        torch.testing.assert_close(wanted.sum(1), torch.ones(6))
        torch.testing.assert_close(pixels.mean((1, 2, 3)), wanted @ levels, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.2, 1.0)])
def test_the_seed_decides(mixup, cutmix):
    for one, other in zip(blended(3, mixup, cutmix), blended(3, mixup, cutmix), strict=True):
        assert torch.equal(one, other)
    assert len({tuple(blended(seed, mixup, cutmix)[1].flatten().tolist()) for seed in range(5)}) > 1


def test_where_both_are_on_each_has_its_turn():
    """A photo laid over another has one level, a patched one has two."""
    kinds = {len(blended(seed, 1.0, 1.0)[0][1].unique()) for seed in range(30)}
    assert kinds == {1, 2}


def test_what_came_in_stays_as_it_was():
    pixels, wanted = batch()
    blend(pixels.float(), wanted, 1.0, 1.0)
    assert torch.equal(pixels, batch()[0]) and torch.equal(wanted, torch.eye(6))
