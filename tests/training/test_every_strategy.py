"""Every strategy on a network of every family: that it learns what it says, and that going on is exact."""

import shutil
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.helpers import RESNET, VIT, draw_dataset, fill_project, save_random_weights, tiny_row
from tests.training.test_engine import Killed, epochs_of, make_context, without_time
from transfer_core import runs, strategies
from transfer_core.backbones.catalog import BUNDLED
from transfer_core.backbones.onnx_backbone import ensure_trunk
from transfer_core.backbones.torch_backbone import build_backbone, stages
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.runs.events import PhaseStarted
from transfer_core.training import engine
from transfer_core.training.finetune import phase
from transfer_core.training.plan import load_plan, save_plan

TUNING = ["partial", "lp_ft", "full", "gradual", "scratch"]
HYBRID = "test_coatnet"
TINY_HYBRID = replace(tiny_row(HYBRID), model_args=(("img_size", 64),), stages=(1, 1, 1, 1, 1))
SETTINGS = {"epochs": 2, "batch_size": 6}


def changed_stages(context, trained) -> list[bool]:
    """Whether each stage's numbers, statistics of its norms included, differ from the pretrained ones."""
    before = build_backbone(context.backbone, context.weights_dir)
    groups = stages(before)
    old, new = before.state_dict(), trained.network.state_dict()

    def differs(stage: list[str]) -> bool:
        modules = {name.rpartition(".")[0] for name in stage}
        names = [name for name in old if name in stage or name.rpartition(".")[0] in modules]
        return any(not torch.equal(old[name], new[name]) for name in names)

    return [differs(stage) for stage in groups]


@pytest.mark.parametrize("name", TUNING)
def test_what_a_strategy_says_learns_does_and_nothing_else(tiny_workspace, queue_run, name):
    context = make_context(tiny_workspace, queue_run(strategy=name, **SETTINGS), [].append)
    trained = engine.fit(context)
    expected = strategies.layers_that_learn(context.plan.phases, context.backbone)[:-1]
    assert changed_stages(context, trained) == list(expected)
    assert trained.val_confidences.shape == (6, 3) and not trained.network.training
    assert trained.head.weight.any()


@pytest.fixture(scope="module")
def family_weights(tiny_weights, tmp_path_factory):
    """Weights of a network of each family."""
    folder = tmp_path_factory.mktemp("families")
    shutil.copytree(tiny_weights, folder, dirs_exist_ok=True)
    save_random_weights(TINY_HYBRID, folder)
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Three classes of four photos: enough for a step or two."""
    return draw_dataset(tmp_path_factory.mktemp("few") / "blots", 4)


FAMILIES = [RESNET, VIT, HYBRID, BUNDLED]
ALWAYS = {("scratch", VIT), ("gradual", HYBRID), ("feature_extraction", BUNDLED)}  # the others are in the full tier
PAIRS = [
    pytest.param(name, backbone, marks=() if (name, backbone) in ALWAYS else pytest.mark.full)
    for name in strategies.STRATEGIES
    for backbone in FAMILIES
]


@pytest.mark.parametrize(("name", "backbone"), PAIRS)
def test_every_family_can_be_trained_by_every_strategy(workspace, family_weights, few, name, backbone):
    """A step or two of each phase."""
    if name not in ("full", "scratch") and backbone in (VIT, HYBRID):  # exported once for all of them
        ensure_trunk(tiny_row(VIT) if backbone == VIT else TINY_HYBRID, family_weights)
    shutil.copytree(family_weights, workspace.weights_dir)
    project = fill_project(workspace, few)
    epochs = {"feature_extraction": 20, "gradual": 3}.get(name, 1)
    config = TrainConfig(strategy=name, backbone=backbone, epochs=epochs, batch_size=8, val_fraction=0.25)
    run = runs.create(project, runs.TrainSpec(config), make_split(load_items(project), 0.25, 0))
    trained = engine.fit(make_context(workspace, run, [].append))
    assert np.isfinite(trained.val_confidences).all() and trained.epochs >= epochs


class Life:
    """Takes events until a given one, and dies with it."""

    def __init__(self, seen: list, die_at: int):
        self._seen, self._left = seen, die_at

    def __call__(self, event) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed
        self._seen.append(event)


EXACT = [
    *[pytest.param(name, {}, id=name, marks=() if name == "partial" else pytest.mark.full) for name in TUNING],
    pytest.param("partial", {"views": 2}, id="partial views", marks=pytest.mark.full),
    pytest.param(
        "partial", {"views": 2, "augmentation": "strong"}, id="partial views augmentation", marks=pytest.mark.full
    ),
    pytest.param(
        "lp_ft",
        {"early_stopping": True, "average_weights": True, "label_smoothing": 0.1, "class_weights": True},
        id="lp_ft early_stopping average_weights label_smoothing class_weights",
    ),
    pytest.param(
        "full",
        {"mixup": 0.5, "cutmix": 0.5, "l2_sp": 0.2, "upside_down": True},
        id="full mixup cutmix l2_sp upside_down",
        marks=pytest.mark.full,
    ),
]


@pytest.mark.parametrize(("name", "extra"), EXACT)
def test_killed_anywhere_it_comes_to_the_same(tiny_workspace, queue_run, monkeypatch, name, extra):
    """Killed in the middle, and once more in the middle of the rest, with a checkpoint after every batch."""
    monkeypatch.setattr(phase, "_CHECKPOINT_EVERY_S", 0)
    settings = {"strategy": name, **SETTINGS, **extra}
    whole_seen, seen = [], []
    whole = engine.fit(make_context(tiny_workspace, queue_run(**settings), whole_seen.append))
    run = queue_run(**settings)
    context = make_context(tiny_workspace, run, [].append)
    save_plan(run.plan_path, context.plan)
    with pytest.raises(Killed):
        engine.fit(replace(context, emit=Life(seen, len(whole_seen) // 2)))
    with suppress(Killed):  # some have ended by then
        engine.fit(replace(context, emit=Life(seen, len(whole_seen) // 2)))
    resumed = engine.fit(replace(context, plan=load_plan(run.plan_path), emit=seen.append))
    np.testing.assert_array_equal(resumed.val_confidences, whole.val_confidences)
    ours, theirs = resumed.network.state_dict(), whole.network.state_dict()
    assert all(np.array_equal(ours[name].numpy(), theirs[name].numpy()) for name in theirs)
    newest = {epoch.step: without_time(epoch) for epoch in epochs_of(seen)}
    assert newest == {epoch.step: without_time(epoch) for epoch in epochs_of(whole_seen)}
    assert resumed.epochs == whole.epochs


def test_stopped_between_two_phases_the_first_ones_outcome_is_kept(tiny_workspace, queue_run):
    seen = []

    def should_stop() -> bool:
        return any(isinstance(event, PhaseStarted) and event.name == "prepare" for event in seen)

    run = queue_run(strategy="lp_ft", **SETTINGS)
    trained = engine.fit(make_context(tiny_workspace, run, seen.append, should_stop))
    assert trained.stopped and trained.network is None and trained.head.weight.any()
    resumed = engine.fit(make_context(tiny_workspace, run, [].append))
    whole = engine.fit(make_context(tiny_workspace, queue_run(strategy="lp_ft", **SETTINGS), [].append))
    np.testing.assert_array_equal(resumed.val_confidences, whole.val_confidences)


def test_stopped_while_it_gets_ready_again_a_resumed_run_keeps_what_it_had(tiny_workspace, queue_run):
    run, asked = queue_run(strategy="full", **SETTINGS), []
    first = engine.fit(make_context(tiny_workspace, run, [].append, lambda: asked.append(1) or len(asked) > 7))
    again = engine.fit(make_context(tiny_workspace, run, [].append, lambda: True))
    assert again.stopped and again.epochs == first.epochs
    np.testing.assert_array_equal(again.val_confidences, first.val_confidences)


def test_scratch_begins_with_random_weights_of_the_seed(tiny_workspace, queue_run):
    from transfer_core.training.finetune.learner import build_learner

    def first_layer(seed: int, strategy: str = "scratch"):
        context = make_context(tiny_workspace, queue_run(strategy=strategy, seed=seed), [].append)
        return build_learner(context, 0, None).body.network.conv1[0].weight

    assert torch.equal(first_layer(0), first_layer(0))
    assert not torch.equal(first_layer(0), first_layer(1))
    assert not torch.equal(first_layer(0), first_layer(0, "full"))


# --- the best epoch ---------------------------------------------------------------------------------------------------


def test_the_epoch_is_chosen_by_spared_photos_alone(tiny_workspace, queue_run):
    seen = []
    run = queue_run(strategy="full", early_stopping=True, epochs=8, batch_size=4, learning_rate=0.05)
    context = make_context(tiny_workspace, run, seen.append)
    trained = engine.fit(context)
    spared, learned, val = (set(part.digests) for part in (context.spared, context.train, context.val))
    assert spared and not spared & learned and not (spared | learned) & val
    assert set(context.spared.class_ids) == {0, 1, 2}
    losses = [epoch.spared_loss for epoch in epochs_of(seen)]
    best = int(np.argmin(losses))
    matrix = np.zeros((3, 3), int)
    np.add.at(matrix, (context.val.class_ids, trained.val_confidences.argmax(1)), 1)
    assert matrix.tolist() == epochs_of(seen)[best].confusion_matrix
    assert len(losses) == 8 or len(losses) - 1 - best == 3  # ended because nothing got better


def test_without_it_nothing_is_spared_and_the_last_epoch_is_kept(tiny_workspace, queue_run):
    seen = []
    context = make_context(tiny_workspace, queue_run(strategy="full", **SETTINGS), seen.append)
    engine.fit(context)
    assert len(context.spared) == 0 and len(context.train) == 18
    assert all(epoch.spared_loss is None for epoch in epochs_of(seen))
