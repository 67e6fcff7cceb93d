"""Understand's answer to "Did the pretrained network help?", and the way to the control from nothing."""

from dataclasses import replace

import pytest

from tests.helpers import RESNET, answered, draw_dataset, fill_project, right
from tests.pages.conftest import after_epochs, button, charts, errors, press, said, write
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.evaluation.baselines import Baselines, save_baselines
from transfer_core.runs import events
from transfer_core.runs.events import EventLog
from transfer_core.support.files import read_json


@pytest.fixture
def control(finished, workspace):
    """A queued run from nothing beside the finished one, on the same photos."""
    project = workspace.open_project(finished.project_id)
    return runs.create(
        project, runs.TrainSpec(replace(finished.config, strategy="scratch", epochs=None)), runs.load_split(finished)
    )


def end(run, hits):
    answered(run, hits)
    result = read_json(run.evaluation_dir / "result.json")
    return write(run, events.RunStarted(), *after_epochs(3), events.RunFinished(result=result))


def test_without_a_control_the_baselines_speak(visit, finished):
    app = visit("understand", project=finished.project_id)
    assert "Head start" in [tab.label for tab in app.tabs]
    names = [note["text"] for note in charts(app)["knowledge"]["layout"]["annotations"]]
    assert names[::2] == ["Always the most common class", "By colour and brightness alone", "This model"]
    assert button(app, "Compare with training from scratch")


def test_a_weak_result_says_that_the_head_start_may_not_have_helped(visit, tiny_workspace, tmp_path):
    project = fill_project(tiny_workspace, draw_dataset(tmp_path / "many", 28))  # so that a difference could show
    config = TrainConfig(backbone=RESNET)
    run = runs.create(project, runs.TrainSpec(config), make_split(load_items(project), 0.25, 0))
    count = len(runs.load_split(run).val)
    end(run, right((8, True), (count - 8, False)))
    save_baselines(run.evaluation_dir, Baselines((0,) * count, (1,) * count))
    app = visit("understand", project=project.id)
    assert "It may not" in said(app)
    assert button(app, "Compare with training from scratch")


def test_the_control_is_started_with_the_same_photos_and_leads_to_train(visit, finished, workspace):
    app = press(visit("understand", project=finished.project_id), "Compare with training from scratch")
    assert errors(app) == [] and app.title[0].value == "Train"
    newest = runs.list_runs(workspace)[0]
    assert (newest.config.strategy, newest.config.epochs) == ("scratch", None)
    assert runs.load_split(newest) == runs.load_split(finished)
    assert app.query_params["run"] in (newest.id, [newest.id])


def test_a_quick_one_for_lessons_is_offered_beside_it_and_is_no_control(visit, finished, workspace):
    app = visit("understand", project=finished.project_id)
    assert "cannot tell what the head start is worth" in said(app)
    app = press(app, "Quick, on small pictures")
    assert errors(app) == [] and app.title[0].value == "Train"
    newest = runs.list_runs(workspace)[0]
    assert newest.config.strategy == "scratch_small" and runs.load_split(newest) == runs.load_split(finished)
    app = visit("understand", project=finished.project_id, run=finished.id)
    assert button(app, "Compare with training from scratch") and "being trained from scratch now" not in said(app)


def test_a_control_under_way_is_shown_instead_of_a_second(visit, finished, control):
    app = visit("understand", project=finished.project_id, run=finished.id)
    assert "being trained from scratch now" in said(app)
    assert press(app, "Watch it").title[0].value == "Train"


def test_a_finished_control_is_compared(visit, finished, control):
    end(control, right((1, True), (5, False)))
    app = visit("understand", project=finished.project_id, run=finished.id)
    assert "No clear difference on 6 validation photos" in said(app)
    assert {"knowledge", "both"} <= set(charts(app))
    assert not [entry for entry in app.button if entry.key in ("start-control", "watch-control")]


def test_a_run_from_nothing_is_the_control_itself(visit, finished, control):
    end(control, right((1, True), (5, False)))
    app = visit("understand", project=finished.project_id, run=control.id)
    assert "This run was trained from scratch" in said(app)
    assert not [entry for entry in app.button if entry.key in ("start-control", "watch-control")]


def test_baselines_are_waited_for_while_the_worker_is_at_them(visit, finished):
    (finished.evaluation_dir / "baselines.json").unlink()
    EventLog(finished.events_path).append(events.StepQueued(name="baselines"))
    with finished.lock():
        assert "Graft is measuring how good simple guesses are" in said(
            visit("understand", project=finished.project_id)
        )
    EventLog(finished.events_path).append(events.StepFailed(name="baselines", message="m"))
    app = visit("understand", project=finished.project_id)
    assert "There is nothing yet to compare" in said(
        app
    ) and "Graft is measuring how good simple guesses are" not in said(app)
