"""From scratch on small pictures: its own preparation all the way to the export, and never taken for the control."""

import numpy as np
import pytest

from tests.helpers import pretend_speed
from transfer_core import runs, strategies
from transfer_core.backbones import catalog
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items, load_labelled
from transfer_core.data.splits.split import make_split
from transfer_core.errors import ConfigError
from transfer_core.evaluation.result import load_answers
from transfer_core.evaluation.transfer_gain import find_controls, load_knowledge, verdict_sentence
from transfer_core.inference.predictor import Predictor
from transfer_core.jobs import worker
from transfer_core.services import training
from transfer_core.services.runs import name_runs
from transfer_core.strategies import Facts

SMALL = "scratch_small"


def test_photos_are_small_with_this_strategy_alone(workspace):
    whole = catalog.find(catalog.BUNDLED, workspace.weights_dir)
    for name in strategies.STRATEGIES:
        seen = strategies.network_of(TrainConfig(strategy=name), workspace.weights_dir)
        assert seen.preparation.size_px == (64 if name == SMALL else 224)
        assert (seen == whole) is (name != SMALL)


def test_a_network_that_sees_one_size_only_is_refused(workspace):
    vit = next(row for row in catalog.BUILT_IN.values() if row.family == "transformer")
    [problem] = strategies.check(TrainConfig(strategy=SMALL), Facts((50, 50), vit))
    assert "sees photos of one size only" in problem and "EfficientNet-Lite0" in problem


@pytest.fixture
def small(workspace, project):
    """Trained for real, for an epoch, to the export."""
    config = TrainConfig(strategy=SMALL, epochs=1, batch_size=8, val_fraction=0.25)
    run = runs.create(project, runs.TrainSpec(config), make_split(load_items(project), 0.25, 0))
    assert worker.main(str(run.folder)) == 0, runs.read_state(run)
    return run


def test_what_is_exported_answers_as_the_trained_model_does(workspace, project, small):
    state = runs.read_state(small)
    assert state.has_finished("export"), state.failure_of("export")
    checked = state.steps["export"].result
    assert (checked["changed_labels"], checked["checked"]) == (0, 6) and checked["max_difference"] < 1e-4
    answers, predictor = load_answers(small.evaluation_dir), Predictor.of_run(small, threads=1)
    for row, item in enumerate(runs.load_split(small).val):
        with (project.photos_dir / item.file).open("rb") as photo:
            found = predictor.predict(photo)
        np.testing.assert_allclose(found.confidences, answers.confidences[row], atol=1e-4)
    # It is named as such, tells nothing of a head start, and nothing is trained on from it.
    assert name_runs([small])[small.id] == "From scratch, quick (small pictures)"
    knowledge = load_knowledge(small, runs.load_split(small), None)
    assert "on small pictures" in verdict_sentence(knowledge)
    going_on = TrainConfig(strategy="full", val_fraction=0.25, continue_from=small.id)
    with pytest.raises(ConfigError, match="photos of another size"):
        training.check(workspace, project, going_on)


def test_it_is_no_control_for_other_runs(queue_run):
    run, quick, whole = queue_run(), queue_run(strategy=SMALL), queue_run(strategy="scratch")
    assert find_controls(run, runs.load_split(run), [quick, whole]) == [whole]


def test_its_time_is_estimated_by_the_pixels_it_sees(workspace, project):
    pretend_speed(workspace, catalog.find(catalog.BUNDLED, workspace.weights_dir))
    items = load_labelled(project)
    found = {
        name: training.estimate_run(workspace, items, TrainConfig(strategy=name))[0] for name in (SMALL, "scratch")
    }
    assert found[SMALL].seconds < found["scratch"].seconds / 3
    assert found[SMALL].memory_bytes <= found["scratch"].memory_bytes
