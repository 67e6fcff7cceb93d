"""Fine-tuning: the schedule, the batches, the groups, and what it does to a network."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.test_engine import Killed, epochs_of, make_context, without_time
from transfer_core.backbones.torch_backbone import build_backbone
from transfer_core.errors import TransferError
from transfer_core.runs.events import Notice, PhaseStarted
from transfer_core.training import engine
from transfer_core.training.augment import loader
from transfer_core.training.checkpoints import load_checkpoint
from transfer_core.training.finetune import device, phase
from transfer_core.training.finetune.learner import build_learner, learning_rate_share
from transfer_core.training.plan import load_plan


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
    batches = loader.split_into_batches(count, size, 0, 3)
    assert sorted(np.concatenate(batches)) == list(range(count))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 1 or count == 1


def test_batches_follow_seed_and_epoch():
    def order(seed, epoch):
        return np.concatenate(loader.split_into_batches(50, 8, seed, epoch)).tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_full_fine_tuning_learns_and_changes_the_whole_network(tiny_workspace, queue_run):
    seen, run = [], queue_run(strategy="full", epochs=10, augmentation="none", batch_size=4, learning_rate=0.01)
    context = make_context(tiny_workspace, run, seen.append)
    trained = engine.fit(context)
    epochs = epochs_of(seen)
    assert epochs[-1].train_loss < 0.8 * epochs[0].train_loss
    before = build_backbone(context.backbone, tiny_workspace.weights_dir).state_dict()
    after = trained.network.state_dict()
    unchanged = [name for name, value in after.items() if value.ndim > 1 and torch.equal(value, before[name])]
    assert not unchanged
    assert not trained.network.training


def groups_of(learner) -> list[dict]:
    return learner.optimizer.param_groups


def test_biases_and_norms_are_not_decayed(tiny_workspace, queue_run):
    learner = build_learner(make_context(tiny_workspace, queue_run(strategy="full"), [].append), 0, None)
    for group in groups_of(learner):
        assert all((parameter.ndim > 1) == (group["weight_decay"] > 0) for parameter in group["params"])
    in_groups = sum(len(group["params"]) for group in groups_of(learner))
    assert in_groups == len([*learner.body.parameters(), *learner.head.parameters()])


def test_later_layers_learn_faster_and_the_head_fastest(tiny_workspace, queue_run):
    """Peaks as the settings say: the head's, a tenth of it for the last layers, less and less towards the first."""
    run = queue_run(strategy="full", learning_rate=0.01, backbone_share=0.1, layer_decay=0.5)
    learner = build_learner(make_context(tiny_workspace, run, [].append), 0, None)
    peak_of = {id(parameter): group["peak"] for group in groups_of(learner) for parameter in group["params"]}
    network = learner.body.network
    first, last = network.conv1[0].weight, network.layer4[-1].conv1.weight
    assert peak_of[id(learner.head.weight)] == peak_of[id(learner.head.bias)] == 0.01
    assert peak_of[id(last)] == pytest.approx(0.001)
    assert peak_of[id(first)] < 0.2 * peak_of[id(last)]


def test_a_head_starts_at_zero(tiny_workspace, queue_run):
    learner = build_learner(make_context(tiny_workspace, queue_run(strategy="full"), [].append), 0, None)
    assert not learner.head.weight.any() and not learner.head.bias.any()


def test_a_loss_that_is_no_number_ends_the_run_with_advice(tiny_workspace, queue_run, monkeypatch):
    def broken(*arguments):
        broken = build_learner(*arguments)
        with torch.no_grad():
            broken.head.weight[0, 0] = float("nan")
        return broken

    monkeypatch.setattr(phase, "build_learner", broken)
    with pytest.raises(TransferError, match=r"no longer a number.*smaller learning rate"):
        engine.fit(make_context(tiny_workspace, queue_run(strategy="full", epochs=1), [].append))


def test_too_few_photos_for_a_batch_still_train(tiny_workspace, queue_run):
    run = queue_run(strategy="full", epochs=1, batch_size=512)
    trained = engine.fit(make_context(tiny_workspace, run, [].append))
    assert np.isfinite(trained.val_confidences).all()


def test_stopping_in_the_middle_of_an_epoch(tiny_workspace, queue_run):
    """Two batches of the second epoch are learned from, then somebody presses Stop."""
    asked, seen = [], []

    def should_stop():
        asked.append(any(isinstance(event, PhaseStarted) and event.name == "everything" for event in seen))
        return sum(asked) > 2 + 1  # an epoch of 18 photos in batches of 8 asks twice

    run = queue_run(strategy="full", epochs=3)
    context = make_context(tiny_workspace, run, seen.append, should_stop)
    trained = engine.fit(replace(context))
    assert trained.stopped
    assert trained.epochs == len(epochs_of(seen)) == 1  # only whole epochs count, though what came after is kept


def test_going_on_in_the_middle_of_an_epoch_is_exact(tiny_workspace, queue_run, monkeypatch):
    """A checkpoint after every batch; killed before the second of the second epoch is learned from."""
    monkeypatch.setattr(phase, "_CHECKPOINT_EVERY_S", 0)
    settings = {"strategy": "full", "epochs": 3, "batch_size": 4}
    whole_seen, seen = [], []
    whole = engine.fit(make_context(tiny_workspace, queue_run(**settings), whole_seen.append))
    run, asked = queue_run(**settings), []

    def die_in_the_second_epoch():
        asked.append(1)
        if len(asked) == 4 + 3:  # once per batch, of which an epoch of 18 photos has four
            raise Killed

    with pytest.raises(Killed):
        engine.fit(make_context(tiny_workspace, run, seen.append, die_in_the_second_epoch))
    checkpoint = load_checkpoint(run.checkpoint_path)
    assert (checkpoint.epoch, checkpoint.batch, checkpoint.step) == (1, 2, 1)
    resumed = engine.fit(make_context(tiny_workspace, run, seen.append))
    assert [without_time(epoch) for epoch in epochs_of(seen)] == [
        without_time(epoch) for epoch in epochs_of(whole_seen)
    ]
    np.testing.assert_array_equal(resumed.val_confidences, whole.val_confidences)
    ours, theirs = resumed.network.state_dict(), whole.network.state_dict()
    assert all(np.array_equal(ours[name].numpy(), theirs[name].numpy()) for name in theirs)


def test_a_run_stopped_in_the_middle_of_an_epoch_goes_on_from_there(tiny_workspace, queue_run):
    settings = {"strategy": "full", "epochs": 2, "batch_size": 4}
    whole = engine.fit(make_context(tiny_workspace, queue_run(**settings), [].append))
    run, asked = queue_run(**settings), []
    context = make_context(tiny_workspace, run, [].append, lambda: asked.append(1) or len(asked) > 2)
    assert engine.fit(context).stopped
    assert load_checkpoint(run.checkpoint_path).batch == 2
    resumed = engine.fit(make_context(tiny_workspace, run, [].append))
    np.testing.assert_array_equal(resumed.val_confidences, whole.val_confidences)


def test_fewer_photos_at_a_time_where_memory_does_not_suffice(tiny_workspace, queue_run, small_card):
    sizes = small_card(3)
    seen, run = [], queue_run(strategy="full", epochs=2, batch_size=8)
    context = make_context(tiny_workspace, run, seen.append)
    trained = engine.fit(context)
    assert trained.epochs == 2 and not trained.stopped
    said = [event.message for event in seen if isinstance(event, Notice)]
    assert len(said) == 2 and "continues with 3 at a time" in said[-1] and "batch size stays 8" in said[-1]
    assert set(sizes) <= {2, 3}  # 9 photos in three parts, 6 kept aside in two
    assert load_plan(run.plan_path).micro_batch == 3  # a resumed run repeats it


def test_memory_that_does_not_suffice_for_one_photo_ends_the_run_with_advice(tiny_workspace, queue_run, small_card):
    small_card(0)
    with pytest.raises(TransferError, match=r"even for one photo at a time\. Choose a smaller backbone"):
        engine.fit(make_context(tiny_workspace, queue_run(strategy="full", epochs=1), [].append))


@pytest.mark.full
def test_going_on_with_fewer_photos_at_a_time_is_exact(tiny_workspace, queue_run, small_card):
    """Killed after memory did not suffice: what was written down then holds for the resumed run too."""
    small_card(2)
    settings = {"strategy": "full", "epochs": 3, "batch_size": 4}
    whole = engine.fit(make_context(tiny_workspace, queue_run(**settings), [].append))
    run, seen = queue_run(**settings), []

    def die(event):
        if epochs_of([event]) and event.step == 3:
            raise Killed
        seen.append(event)

    with pytest.raises(Killed):
        engine.fit(make_context(tiny_workspace, run, die))
    context = make_context(tiny_workspace, run, seen.append)
    resumed = engine.fit(replace(context, plan=load_plan(run.plan_path)))
    np.testing.assert_array_equal(resumed.val_confidences, whole.val_confidences)


def test_with_memory_enough_no_batch_is_parted(tiny_workspace, queue_run, small_card):
    """18 photos in batches of 8 are two of 9: a ninth photo by itself would spoil batch norm."""
    sizes = small_card(100)
    engine.fit(make_context(tiny_workspace, queue_run(strategy="full", epochs=1, batch_size=8), [].append))
    assert sizes == [9, 9, 6]


def test_what_lacks_memory_is_told_from_other_failures():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert device.is_out_of_memory(caught.value)
    assert device.is_out_of_memory(MemoryError())
    assert device.is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"))
    assert not device.is_out_of_memory(RuntimeError("shape mismatch"))
    assert not device.is_out_of_memory(ValueError("out of memory"))


@pytest.mark.parametrize("spared", [False, True])
def test_answers_that_are_no_numbers_end_the_run(tiny_workspace, queue_run, monkeypatch, spared):
    """The loss may still be one: in training, batch norm goes by its batch, not by its statistics."""
    run = queue_run(strategy="full", epochs=2, batch_size=4, augmentation="none", early_stopping=spared)
    context = make_context(tiny_workspace, run, [].append)
    tuning = phase.FineTuning(context, 0)
    for module in tuning.learner.body.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.fill_(float("nan"))
    with pytest.raises(TransferError, match="values that are not numbers"):
        tuning.run()
