"""Results of earlier versions, which counted copies and photos of a group one by one."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import RESNET, answered
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import append_items, load_items, new_item
from transfer_core.data.splits.split import make_split
from transfer_core.evaluation.compare_runs import compare_right, load_right
from transfer_core.evaluation.recount import recount
from transfer_core.metrics.classification import confusion_matrix
from transfer_core.metrics.wilson import wilson
from transfer_core.runs import Run, events
from transfer_core.runs.events import EventLog
from transfer_core.services.comparison import compare
from transfer_core.services.runs import read_state
from transfer_core.services.training import outcome_of
from transfer_core.support.files import read_json

COPIES, VAL = 10, 4  # of each photo, and different validation photos


@pytest.fixture
def copied(tiny_workspace):
    """A project of twenty photos of two classes, each ten times."""
    project = tiny_workspace.create_project("Copies")
    items = [
        new_item(f"{name}{n}", f"{name}{n}.jpg", f"{name}/{n}_{copy}.jpg", name, None, (9, 9))
        for name in ("ant", "bee")
        for n in range(10)
        for copy in range(COPIES)
    ]
    append_items(project, items)
    return project


def earlier(project, wrong: int = 1, **settings) -> tuple[Run, dict]:
    """A finished run as an earlier version left it, wrong about so many different photos; and the result it told."""
    split = make_split(load_items(project), 0.2, 0)
    run = runs.create(project, runs.TrainSpec(TrainConfig(backbone=RESNET, **settings)), split)
    different = sorted({item.photo for item in split.val})
    hits = np.array([different.index(item.photo) >= wrong for item in split.val])
    assert len(different) == VAL and len(split.val) == VAL * COPIES
    answered(run, hits)
    true = np.array([split.class_names.index(item.class_name) for item in split.val])
    told = read_json(run.evaluation_dir / "result.json")
    for name in ("val_units", "val_copies", "recall_intervals", "recall_units", "crc"):
        told.pop(name, None)
    told |= {
        "val_count": len(hits),
        "val_interval": wilson(int(hits.sum()), len(hits)),
        "confusion_matrix": confusion_matrix(true, np.where(hits, true, 1 - true), 2).tolist(),
    }
    EventLog(run.events_path).append(events.RunFinished(result=told))
    return run, told


def test_it_is_counted_again_from_the_photos_that_the_run_has(copied):
    run, told = earlier(copied)
    found = recount(run, told)
    assert (found["val_count"], found["val_units"], found["val_copies"]) == (VAL, VAL, VAL * (COPIES - 1))
    assert found["val_accuracy"] == 0.75 and tuple(found["val_interval"]) == wilson(3, 4)
    assert recount(run, found) is found
    state = read_state(run)
    assert state.result == found and read_state(run, state).result == found
    assert outcome_of(run, runs.read_state(run)).to_json()["val_units"] == VAL


def test_without_its_answers_the_accuracy_stands_and_the_range_is_the_widest(copied):
    run, told = earlier(copied)
    (run.evaluation_dir / "val.safetensors").unlink()
    found = recount(run, told)
    assert (found["val_accuracy"], found["val_count"], found["val_units"]) == (0.75, VAL * COPIES, VAL)
    assert found["val_interval"] == pytest.approx(wilson(3, 4)) and found["recall_intervals"] == [None, None]


def test_without_its_photos_it_stands_as_it_was_told(copied):
    run, told = earlier(copied)
    (run.folder / "split.json").unlink()
    found = recount(run, told)
    assert {name: found[name] for name in told} == told and found["val_units"] == VAL * COPIES


def test_two_of_them_are_compared_on_different_photos(copied):
    one, other = earlier(copied, 0)[0], earlier(copied, 4, strategy="full")[0]
    paired = compare_right(load_right(one), load_right(other))
    assert (paired.only_first, paired.count, paired.units, paired.verdict) == (4, 4, 4, "cannot be told apart")
    found = compare([one, other]).to_json()
    assert [entry["count"] for entry in found["runs"]] == [VAL, VAL] and found["pairs"][0]["p"] == pytest.approx(1 / 8)


def test_photos_that_one_run_was_trained_on_are_left_out_of_a_comparison(copied):
    one, other = earlier(copied, 0)[0], earlier(copied, 4, strategy="full")[0]
    right = load_right(one)
    learned = frozenset(list(right.right)[:3])
    assert compare_right(replace(right, learned=learned), load_right(other)).count == 1
    assert compare_right(replace(right, learned=frozenset(right.right)), load_right(other)).verdict == (
        "cannot be told apart"
    )
