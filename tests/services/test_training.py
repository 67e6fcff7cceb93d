"""From settings to a queued run: checked first, and what is asked twice done once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import RESNET
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import append_items, load_items, new_item
from transfer_core.errors import ConfigError
from transfer_core.evaluation.result import load_answers
from transfer_core.jobs import worker
from transfer_core.jobs.launch import runner_lock
from transfer_core.runs import events
from transfer_core.runs.events import EventLog
from transfer_core.services import training

CONFIG = TrainConfig(backbone=RESNET, val_fraction=0.25)


@pytest.fixture(autouse=True)
def no_runner(workspace) -> Iterator[None]:
    """Holds the runner's lock, so that runs wait until the test has looked at them."""
    with runner_lock(workspace):
        yield


@pytest.fixture
def start(tiny_workspace, project):
    return lambda config=CONFIG, only=None: training.start(tiny_workspace, project, config, only)


def test_asked_in_several_windows_at_once_it_makes_one_run(start, tiny_workspace):
    with ThreadPoolExecutor(4) as windows:
        started = [future.result() for future in [windows.submit(start) for _ in range(4)]]
    assert started == runs.list_runs(tiny_workspace) * 4


def test_other_settings_or_other_photos_make_another_run(start, project):
    photos = [item.id for item in load_items(project)]
    asked = [start(), start(TrainConfig(backbone=RESNET, val_fraction=0.25, seed=1)), start(only=photos[1:])]
    assert len({run.id for run in asked}) == 3
    assert start(only=photos) == asked[0]


def test_a_label_that_changes_while_the_run_is_made_is_told_as_a_change(start, project, monkeypatch):
    monkeypatch.setattr(training, "load_labelled", changing)
    assert edits.changes_since(project, start().labels_version).relabelled == 1


def changing(project) -> list:
    """The photos, of which another window relabels one at this very moment."""
    items = load_items(project)
    edits.relabel(project, [items[0].id], "another")
    return items


@pytest.mark.parametrize("strategy", ["feature_extraction", "full"])
def test_photos_without_a_class_change_no_bit_of_a_training(start, project, strategy):
    config = replace(CONFIG, strategy=strategy, epochs=2)

    def train() -> runs.Run:
        run = start(config)
        assert worker.main(str(run.folder)) == 0, runs.read_state(run)
        return run

    def learned(run) -> list[tuple]:
        return [(epoch.train_loss, epoch.val_loss) for epoch in runs.read_state(run).epochs]

    alone = train()
    copies = [replace(item, path=f"loose/{item.path}", class_name=None) for item in load_items(project)[::5]]
    nameless = [new_item(item.photo, item.file, item.path, None, "val", (item.width, item.height)) for item in copies]
    assert len(nameless) == append_items(project, nameless) == 5
    beside = train()
    assert beside != alone and runs.load_split(beside) == runs.load_split(alone)
    first, second = load_answers(alone.evaluation_dir), load_answers(beside.evaluation_dir)
    np.testing.assert_array_equal(first.confidences, second.confidences)
    assert learned(alone) == learned(beside) != []


def test_photos_of_which_none_has_a_class_are_not_trained_on(start, project):
    edits.relabel(project, [item.id for item in load_items(project)], None)
    with pytest.raises(ConfigError, match="There are no training photos yet"):
        start()


def test_what_is_at_work_is_not_begun_a_second_time(start):
    run = start()
    EventLog(run.events_path).append(events.RunStarted())
    with run.lock().acquire():
        assert start() == run


@pytest.mark.parametrize("end", [events.RunStarted(), events.RunFailed(message="m", hint="h")])
def test_what_has_ended_can_be_asked_again(start, end):
    """Without its worker, the one that has started is interrupted."""
    run = start()
    EventLog(run.events_path).append(end)
    assert start() != run


def test_what_is_about_to_stop_can_be_asked_again(start):
    run = start()
    EventLog(run.events_path).append(events.RunStarted())
    with run.lock().acquire():
        runs.request_stop(run)
        assert start() != run
