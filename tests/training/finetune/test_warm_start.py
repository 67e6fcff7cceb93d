"""Going on from an earlier run: its backbone, and its head in the order of the new classes."""

import shutil

import numpy as np
import pytest
import torch

from tests.helpers import RESNET, rewrite_labels, tiny_row
from tests.training.test_engine import make_context
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.errors import ConfigError, RunError
from transfer_core.jobs import worker
from transfer_core.services import training
from transfer_core.training import engine
from transfer_core.training.finetune.warm_start import begin_from
from transfer_core.training.trained_model import load_head
from transfer_core.workspace import Workspace

SETTINGS = {"epochs": 2, "batch_size": 4}


@pytest.fixture(scope="module")
def _tuned_home(tiny_weights, _filled_home, tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("tuned"))
    shutil.copytree(tiny_weights, workspace.weights_dir)
    shutil.copytree(_filled_home, workspace.home, dirs_exist_ok=True)
    [project] = workspace.projects()
    config = TrainConfig(backbone=RESNET, strategy="full", val_fraction=0.25, **SETTINGS)
    run = runs.create(project, runs.TrainSpec(config), make_split(load_items(project), 0.25, 0))
    assert worker.main(str(run.folder)) == 0
    return workspace.home


@pytest.fixture
def tuned(tiny_workspace, project, _tuned_home):
    """A run that has changed a backbone: trained for real, once, and copied into `project`."""
    shutil.copytree(_tuned_home, tiny_workspace.home, dirs_exist_ok=True)
    return runs.list_runs(tiny_workspace, project)[0]


def test_it_begins_where_the_earlier_run_ended(tiny_workspace, queue_run, tuned):
    run = queue_run(strategy="full", continue_from=tuned.id, epochs=1, batch_size=4, learning_rate=1e-6)
    context = make_context(tiny_workspace, run, [].append)
    first = context.start()
    assert first.head.weight.any() and not first.network.training
    trained = engine.fit(context)
    earlier = runs.read_state(tuned).result["val_accuracy"]
    own = (trained.val_confidences.argmax(1) == context.val.class_ids).mean()
    assert own == pytest.approx(earlier, abs=0.2)  # hardly a step further
    old = first.network.state_dict()
    assert all(
        torch.allclose(value, old[name], atol=1e-3)
        for name, value in trained.network.state_dict().items()
        if name.endswith("conv1.weight")
    )


def test_classes_are_matched_by_name_and_new_ones_start_at_zero(tiny_workspace, tuned):
    names = runs.load_split(tuned).class_names
    known = begin_from(tiny_workspace, tuned.id, tiny_row(RESNET), names).head
    found = begin_from(tiny_workspace, tuned.id, tiny_row(RESNET), ("amber", *reversed(names))).head
    assert not found.weight[0].any() and found.bias[0] == 0
    np.testing.assert_array_equal(found.weight[1:], known.weight[::-1])


def test_a_frozen_run_is_gone_on_from_with_what_stands_in_for_its_head(finished):
    """Its own head sees stages that fine-tuning would change under it."""
    names = runs.load_split(finished).class_names
    first = begin_from(finished.workspace, finished.id, tiny_row(RESNET), names)
    assert load_head(finished).weight.shape == (3, 768) and first.head.weight.shape == (3, 96)
    assert first.network is None and first.head.weight.any()
    (finished.model_dir / "head-to-tune.safetensors").unlink()
    with pytest.raises(RunError, match=r"its file head-to-tune.safetensors is missing. Train again"):
        begin_from(finished.workspace, finished.id, tiny_row(RESNET), names)


def test_photos_that_it_has_learned_from_are_never_kept_aside(tiny_workspace, project, tuned):
    """Whatever the seed and the share."""
    learned = {item.photo for item in runs.load_split(tuned).train}
    for seed, share in ((0, 0.25), (7, 0.25), (3, 0.5)):
        asked = {"seed": seed, "val_fraction": share, "strategy": "full", "continue_from": tuned.id}
        split, _ = training.check(tiny_workspace, project, TrainConfig(backbone=tuned.config.backbone, **asked))
        assert split.val and not {item.photo for item in split.val} & learned
        assert len(split.train) + len(split.val) == 24
    assert runs.learned_photos(tuned) == learned


def test_in_parts_that_were_given_they_are_a_problem(tiny_workspace, project, tuned):
    first = {item.photo for item in runs.load_split(tuned).train[:2]}

    def into_parts(line):
        return line | {"part": "val" if line["photo"] in first or line["path"].endswith("7.jpg") else "train"}

    rewrite_labels(project, lambda lines: list(map(into_parts, lines)))
    config = TrainConfig(backbone=tuned.config.backbone, strategy="full", continue_from=tuned.id)
    with pytest.raises(ConfigError, match=r"training photos? of the earlier run.* Choose other validation"):
        training.check(tiny_workspace, project, config)


def test_a_run_that_has_begun_needs_the_earlier_one_no_longer(tiny_workspace, queue_run, tuned):
    run = queue_run(strategy="full", continue_from=tuned.id, **SETTINGS)
    asked = []
    context = make_context(tiny_workspace, run, [].append, lambda: asked.append(1) or len(asked) > 5)
    assert engine.fit(context).stopped
    shutil.rmtree(tuned.folder)
    assert not engine.fit(make_context(tiny_workspace, run, [].append)).stopped


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"backbone": "tf_efficientnet_lite0", "strategy": "full"}, "has another backbone"),
        ({"strategy": "feature_extraction"}, "cannot continue from an earlier run"),
    ],
)
def test_what_cannot_be_gone_on_from_is_said(tiny_workspace, project, tuned, settings, said):
    config = TrainConfig(
        **{"backbone": tuned.config.backbone, "val_fraction": 0.25, "continue_from": tuned.id} | settings
    )
    with pytest.raises(ConfigError, match=said):
        training.check(tiny_workspace, project, config)


def test_a_run_without_a_result_or_gone_is_said(tiny_workspace, project, queue_run):
    queued = queue_run(strategy="full")
    asked = {"backbone": queued.config.backbone, "val_fraction": 0.25, "strategy": "full"}
    with pytest.raises(ConfigError, match="has no model to continue from yet"):
        training.check(tiny_workspace, project, TrainConfig(continue_from=queued.id, **asked))
    with pytest.raises(ConfigError, match=r"no-such-run.* Begin with the pretrained weights"):
        training.check(tiny_workspace, project, TrainConfig(continue_from="no-such-run", **asked))
    assert len(load_items(project)) == 24
