"""What can be tried before a training: who is asked, what is refused, and what is kept."""

from dataclasses import replace

import pytest

from tests.helpers import RESNET, draw_dataset, fill_project
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import load_items
from transfer_core.errors import ConfigError, DataError
from transfer_core.runs import events
from transfer_core.runs.events import EventLog
from transfer_core.services import previews, training
from transfer_core.training.short_run_results import LrSweep, load_sweep, save_sweep

CONFIG = TrainConfig(backbone=RESNET, strategy="full")


@pytest.fixture(autouse=True)
def no_runner(monkeypatch):
    monkeypatch.setattr(previews, "ensure_runner", lambda workspace: None)


def end(run) -> None:
    EventLog(run.events_path).append(events.RunFinished(result={}))


def test_photos_of_all_classes_are_shown(tiny_workspace, project):
    shown = runs.load_split(previews.start_preview(tiny_workspace, project, CONFIG))
    assert [item.class_name for item in shown.train] == ["blue", "green", "red", "blue"]
    assert len({item.photo for item in shown.train}) == 4 and shown.class_names == ("blue", "green", "red")


def test_photos_without_a_class_are_not_shown(tiny_workspace, project):
    ids = [item.id for item in load_items(project)]
    edits.relabel(project, ids[:-1], None)
    shown = runs.load_split(previews.start_preview(tiny_workspace, project, CONFIG))
    assert [item.id for item in shown.train] == ids[-1:]
    with pytest.raises(DataError, match="Add photos first"):
        previews.start_preview(tiny_workspace, project, CONFIG, ids[:2])


def test_chosen_photos_are_shown(tiny_workspace, project):
    wanted = [item.id for item in load_items(project) if item.class_name == "red"][2:4]
    shown = runs.load_split(previews.start_preview(tiny_workspace, project, CONFIG, wanted))
    assert [item.id for item in shown.train] == wanted and shown.class_names == ("red",)


def test_one_photo_of_one_class_is_enough_to_look_at(tiny_workspace, tmp_path):
    project = fill_project(tiny_workspace, draw_dataset(tmp_path / "one", 1, ("only",)), "One")
    assert len(runs.load_split(previews.start_preview(tiny_workspace, project, CONFIG)).train) == 1


def test_without_photos_there_is_nothing_to_show(tiny_workspace):
    empty = tiny_workspace.create_project("Empty")
    with pytest.raises(DataError, match="Add photos first"):
        previews.start_preview(tiny_workspace, empty, CONFIG)
    assert runs.list_runs(tiny_workspace, kind=None) == []


def test_no_rate_is_looked_for_where_the_backbone_does_not_learn(tiny_workspace, project):
    config = replace(CONFIG, strategy="feature_extraction")
    assert not training.learns_backbone(tiny_workspace, config)
    with pytest.raises(ConfigError, match=r"'New layer only' the backbone stays frozen.*Choose another strategy"):
        previews.start_lr_finder(tiny_workspace, project, config)
    assert runs.list_runs(tiny_workspace, kind=None) == []


@pytest.mark.parametrize("start", [previews.start_preview, previews.start_lr_finder])
def test_pressing_twice_makes_one_run(tiny_workspace, project, start):
    first = start(tiny_workspace, project, CONFIG)
    assert start(tiny_workspace, project, CONFIG) == first
    end(first)
    assert start(tiny_workspace, project, CONFIG) != first


def test_only_the_newest_few_are_kept(tiny_workspace, project, queue_run):
    train, made = queue_run(), []
    for _ in range(6):
        made.append(previews.start_preview(tiny_workspace, project, CONFIG))
        end(made[-1])
    kept = runs.list_runs(tiny_workspace, project, kind="preview")
    assert [run.id for run in kept] == [run.id for run in reversed(made[-3:])]
    assert previews.newest(tiny_workspace, project, "preview") == made[-1]
    assert runs.list_runs(tiny_workspace, project) == [train]


def test_those_that_wait_or_work_are_not_deleted(tiny_workspace, project):
    waiting = [previews.start_preview(tiny_workspace, project, replace(CONFIG, seed=seed)) for seed in range(5)]
    assert len(runs.list_runs(tiny_workspace, project, kind="preview")) == 5
    EventLog(waiting[0].events_path).append(events.RunStarted())  # interrupted: nobody is at it
    previews.start_preview(tiny_workspace, project, replace(CONFIG, seed=9))
    assert not waiting[0].folder.exists() and waiting[1].folder.exists()


@pytest.mark.parametrize(
    ("change", "varies", "learns"),
    [
        ({}, True, True),
        ({"learning_rate": 0.01, "epochs": 3}, True, True),
        ({"augmentation": "strong"}, False, False),
        ({"mirror": False}, False, False),
        ({"upside_down": True}, False, False),
        ({"mixup": 0.2}, False, False),
        ({"cutmix": 0.2}, False, False),
        ({"batch_size": 4}, True, False),
        ({"strategy": "lp_ft"}, True, False),
    ],
)
def test_what_was_found_is_used_again_where_it_holds(tiny_workspace, project, change, varies, learns):
    preview = previews.start_preview(tiny_workspace, project, CONFIG)
    finder = previews.start_lr_finder(tiny_workspace, project, CONFIG)
    config = replace(CONFIG, **change)
    assert previews.varies_alike(preview, config) is varies
    assert previews.learns_alike(finder, config) is learns


def test_rates_come_back_and_torn_ones_do_not(tmp_path):
    rates = LrSweep((1e-6, 1e-5), (1.0, 0.5), (0.9, 0.6), 1e-6)
    assert load_sweep(tmp_path / "evaluation") is None
    save_sweep(tmp_path / "evaluation", rates)
    assert load_sweep(tmp_path / "evaluation") == rates
    path = tmp_path / "evaluation" / "rates.json"
    path.write_text(path.read_text().replace("0.6", "0.7"))
    assert load_sweep(tmp_path / "evaluation") is None
    (tmp_path / "evaluation" / "rates.json").write_text('{"rates": [1], "losses": [], "smoothed": [], "suggestion": 1}')
    assert load_sweep(tmp_path / "evaluation") is None
