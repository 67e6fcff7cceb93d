"""Fine-tuning: the schedule, the batches, the groups, and what it does to a network."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.test_engine import epochs_of, make_task
from transfer_core.backbones.build import build_backbone
from transfer_core.errors import TransferError
from transfer_core.events import PhaseStarted
from transfer_core.training import engine, finetune
from transfer_core.training.finetune import learning_rate_share


@pytest.mark.parametrize("steps", [1, 2, 10, 600])
def test_the_learning_rate_rises_and_falls_and_is_never_zero(steps):
    shares = [learning_rate_share(step, steps) for step in range(steps)]
    peak = int(np.argmax(shares))
    assert all(0 < share <= 1 for share in shares) and max(shares) == 1
    assert np.all(np.diff(shares[: peak + 1]) > 0) and np.all(np.diff(shares[peak:]) <= 0)
    assert peak <= 0.1 * steps
    if steps > 100:
        assert shares[-1] < 0.01


@pytest.mark.parametrize(("count", "size"), [(1, 32), (33, 32), (65, 32), (100, 8), (7, 512), (7, 2)])
def test_batches_hold_every_photo_once_and_none_is_a_leftover_of_one(count, size):
    batches = finetune._batches(count, size, 0, 3)
    assert sorted(np.concatenate(batches)) == list(range(count))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 1 or count == 1


def test_batches_follow_seed_and_epoch():
    def order(seed, epoch):
        return np.concatenate(finetune._batches(50, 8, seed, epoch)).tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_full_fine_tuning_learns_and_changes_the_whole_network(tiny_workspace, queue_run):
    seen, run = [], queue_run(strategy="full", epochs=10, augmentation="none", batch_size=4, learning_rate=0.01)
    task = make_task(tiny_workspace, run, seen.append)
    trained = engine.fit(task)
    epochs = epochs_of(seen)
    assert epochs[-1].train_loss < 0.8 * epochs[0].train_loss
    before = build_backbone(task.backbone, tiny_workspace.weights_dir).state_dict()
    after = trained.network.state_dict()
    unchanged = [name for name, value in after.items() if value.ndim > 1 and torch.equal(value, before[name])]
    assert not unchanged
    assert not trained.network.training


def test_biases_and_norms_are_not_decayed(tiny_workspace, queue_run):
    learner = finetune._build(make_task(tiny_workspace, queue_run(strategy="full"), [].append), 0, None)
    groups = learner.optimizer.param_groups
    assert [group["weight_decay"] > 0 for group in groups] == [True, False, True, False]
    assert all(p.ndim <= 1 for group in groups if not group["weight_decay"] for p in group["params"])
    assert groups[0]["peak"] == pytest.approx(0.1 * groups[2]["peak"])  # the backbone learns at a tenth
    in_groups = sum(len(group["params"]) for group in groups)
    assert in_groups == len([*learner.body.parameters(), *learner.head.parameters()])


def test_a_head_starts_at_zero(tiny_workspace, queue_run):
    learner = finetune._build(make_task(tiny_workspace, queue_run(strategy="full"), [].append), 0, None)
    assert not learner.head.weight.any() and not learner.head.bias.any()


def test_a_loss_that_is_no_number_ends_the_run_with_advice(tiny_workspace, queue_run, monkeypatch):
    build = finetune._build

    def broken(*arguments):
        learner = build(*arguments)
        with torch.no_grad():
            learner.head.weight[0, 0] = float("nan")
        return learner

    monkeypatch.setattr(finetune, "_build", broken)
    with pytest.raises(TransferError, match=r"no longer a number.*smaller learning rate"):
        engine.fit(make_task(tiny_workspace, queue_run(strategy="full", epochs=1), [].append))


def test_too_few_photos_for_a_batch_still_train(tiny_workspace, queue_run):
    run = queue_run(strategy="full", epochs=1, batch_size=512)
    trained = engine.fit(make_task(tiny_workspace, run, [].append))
    assert np.isfinite(trained.val_confidences).all()


def test_stopping_in_the_middle_of_an_epoch(tiny_workspace, queue_run):
    """Two batches of the second epoch are learned from, then somebody presses Stop."""
    asked, seen = [], []

    def should_stop():
        asked.append(any(isinstance(event, PhaseStarted) and event.name == "everything" for event in seen))
        return sum(asked) > 2 + 1  # an epoch of 18 photos in batches of 8 asks twice

    run = queue_run(strategy="full", epochs=3)
    task = make_task(tiny_workspace, run, seen.append, should_stop)
    trained = engine.fit(replace(task))
    assert trained.stopped
    assert trained.epochs == len(epochs_of(seen)) == 1  # only whole epochs count, though what came after is kept
