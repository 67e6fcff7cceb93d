"""What only a graphics card shows; skipped by name where there is none."""

import numpy as np
import pytest

from tests.training.test_engine import epochs_of, make_context
from transfer_core.training import engine
from transfer_core.training.augment.crops import NEUTRAL

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA graphics card")


def test_the_card_is_chosen_and_the_network_learns_on_it(tiny_workspace, queue_run):
    seen, run = [], queue_run(strategy="full", epochs=10, augmentation="light", batch_size=4, learning_rate=0.01)
    context = make_context(tiny_workspace, run, seen.append)
    assert context.plan.device == "cuda"
    trained = engine.fit(context)
    assert epochs_of(seen)[-1].train_loss < epochs_of(seen)[0].train_loss
    assert next(trained.network.parameters()).device.type == "cpu"  # ready for the export


def test_card_and_processor_agree_on_a_photo(tiny_workspace, queue_run):
    from dataclasses import replace

    from transfer_core.training.finetune.learner import build_learner, vary

    context = make_context(tiny_workspace, queue_run(strategy="full"), [].append)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 64, 64), np.uint8)
    answers = []
    for device in ("cuda", "cpu"):
        learner = build_learner(
            replace(context, plan=replace(context.plan, device=device, precision="float32")), 0, None
        )
        with torch.no_grad():
            learner.head.weight.copy_(torch.linspace(-1, 1, learner.head.weight.numel()).view_as(learner.head.weight))
        answers.append(learner.confidences(pixels))
    np.testing.assert_allclose(*answers, atol=1e-4)
    variations = np.array([[1, 0.9, 1.1, 1.2], [0, 1.1, 0.9, 0.8], NEUTRAL, NEUTRAL], np.float32)
    shown = [vary(torch.from_numpy(pixels).to(device), variations).cpu() for device in ("cuda", "cpu")]
    assert torch.allclose(*shown, atol=1e-2)


def test_memory_that_does_not_suffice_is_noticed_and_given_back():
    from transfer_core.training.finetune import device

    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8, device="cuda")
    assert device.is_out_of_memory(caught.value)
    device.free_memory("cuda")
