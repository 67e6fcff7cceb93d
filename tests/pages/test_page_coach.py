"""The one suggestion below a result: a line and a button for each reason, and where the button leads."""

from dataclasses import replace

import pytest

from tests.benchmarks.labels import draw_items
from tests.helpers import RESNET, answered, right
from tests.pages.conftest import after_epochs, button, charts, errors, press, said, write
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import append_items, load_items
from transfer_core.data.splits.split import make_split
from transfer_core.runs import events
from transfer_core.support.files import read_json

PER_CLASS, VAL = 30, 18  # photos of each class, and in all of the three that are kept back


@pytest.fixture
def many(tiny_workspace):
    """A project of three classes with plenty of photos, which only the labels know of."""
    project = tiny_workspace.create_project("Many")
    append_items(project, draw_items(3 * PER_CLASS, ["blue", "green", "red"]))
    return project


def ended(project, hits, strategy="feature_extraction", train_accuracy=0.9, **settings):
    """A run that has finished with so many right answers on its validation photos."""
    config = TrainConfig(backbone=RESNET, strategy=strategy, val_fraction=0.2, **settings)
    run = runs.create(project, runs.TrainSpec(config), make_split(load_items(project), 0.2, 0))
    assert len(runs.load_split(run).val) == VAL
    answered(run, right((hits, True), (VAL - hits, False)))
    *before, last = after_epochs(3)
    result = read_json(run.evaluation_dir / "result.json")
    ended = replace(last, train_accuracy=train_accuracy)
    return write(run, events.RunStarted(), *before, ended, events.RunFinished(result=result))


def test_where_nothing_stands_out_nothing_is_suggested(visit, many):
    ended(many, VAL)
    app = visit("understand", project=many.id)
    assert errors(app) == [] and [entry for entry in app.button if entry.key == "coach-button"] == []
    assert "18 of 18 validation photos right" in app.success[0].value


@pytest.mark.parametrize("page", ["train", "understand"])
def test_changed_labels_ask_for_training_again(visit, many, page):
    ended(many, VAL)
    edits.relabel(many, [load_items(many)[0].id], "red")
    app = visit(page, project=many.id)
    assert "1 label has changed since this run. Train again to use today's labels." in said(app).replace("\\", "")
    app = app.button(key="coach-button").click().run()
    assert app.title[0].value == "Train" and button(app, "Back to the results")


def test_groups_that_were_named_since_ask_for_training_again(visit, many, workspace):
    run = ended(many, VAL)
    workspace.keep_groups(many, r"(\d)\.jpg$")
    split = runs.load_split(run)
    names = {item.path[-5] for item in split.train}
    parted = sum(item.path[-5] in names for item in split.val)
    app = visit("understand", project=many.id)
    assert parted and f"{parted} validation photos have others of the same group among" in said(app)
    assert "Train again to keep groups together" in said(app).replace("\\", "")


def test_a_guess_is_amber_and_leads_to_photos(visit, many):
    ended(many, 6)
    app = visit("understand", project=many.id)
    assert "Not yet clearly better than guessing" in app.warning[0].value and not app.success
    assert press(app, "Add photos").title[0].value == "Photos"


def test_a_small_class_leads_to_photos(visit, many):
    edits.remove(many, [item.id for item in load_items(many) if item.class_name == "red"][6:])
    config = TrainConfig(backbone=RESNET, val_fraction=0.2)
    run = runs.create(many, runs.TrainSpec(config), make_split(load_items(many), 0.2, 0))
    answered(run, right((len(runs.load_split(run).val), True)))
    write(run, events.RunStarted(), events.RunFinished(result=read_json(run.evaluation_dir / "result.json")))
    app = visit("understand", project=many.id)
    assert "'red' has only 5 training photos" in said(app)
    assert press(app, "Add photos").title[0].value == "Photos"


def test_overfitting_leads_to_photos(visit, many):
    ended(many, 12, train_accuracy=1.0)
    app = visit("understand", project=many.id)
    assert "This is called overfitting." in said(app).replace("\\", "")
    assert press(app, "Add photos").title[0].value == "Photos"


def test_fine_tuning_that_was_not_worth_it_leads_to_the_quick_run(visit, many):
    quick = ended(many, 16)
    ended(many, 16, strategy="full")
    app = press(visit("train", project=many.id), "See 'Frozen'")
    assert app.title[0].value == "Understand" and app.query_params["run"] in (quick.id, [quick.id])


def test_runs_of_the_same_photos_stand_in_one_picture_and_lead_to_compare(visit, many):
    ended(many, 16)
    assert "runs" not in charts(visit("train", project=many.id))
    ended(many, 12, strategy="full")
    app = visit("train", project=many.id)
    assert "runs" in charts(app)  # by the last word of its key
    [chart] = [element for element in app.get("plotly_chart") if element.proto.alt.startswith("Frozen ")]
    assert chart.proto.alt == "Frozen 89%; All at once 67%"
    assert press(app, "Compare in detail").title[0].value == "Compare"
