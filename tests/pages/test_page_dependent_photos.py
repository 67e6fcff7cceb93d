"""Copies and groups on the pages: counted once, said in words, and shown once."""

import numpy as np
import pytest

from tests.helpers import RESNET, answered
from tests.pages.conftest import errors, said, write
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import append_items, load_items, new_item
from transfer_core.data.splits.split import make_split
from transfer_core.runs import events
from transfer_core.support.files import read_json


@pytest.fixture
def project(tiny_workspace):
    """Twenty photos of two classes."""
    return tiny_workspace.create_project("Photos")


def fill(project, copies: int = 1, per_group: int = 0) -> None:
    """Each photo so many times, or photos in groups; only the labels know of them."""
    append_items(
        project,
        [
            new_item(
                digest := f"{name}{n}",
                f"{digest}.jpg",
                f"{name}/{n}_{copy}.jpg",
                name,
                None,
                (9, 9),
                f"{name} {n // per_group}" if per_group else None,
            )
            for name in ("ant", "bee")
            for n in range(10)
            for copy in range(copies)
        ],
    )


def ended(project, wrong: int, **settings):
    """A finished run that is wrong about so many different validation photos."""
    split = make_split(load_items(project), 0.2, 0)
    run = runs.create(project, runs.TrainSpec(TrainConfig(backbone=RESNET, **settings)), split)
    different = sorted({item.photo for item in split.val})
    answered(run, np.array([different.index(item.photo) >= wrong for item in split.val]))
    result = read_json(run.evaluation_dir / "result.json")
    return write(run, events.RunStarted(), events.RunFinished(result=result))


def test_copies_are_counted_and_shown_once(visit, project):
    fill(project, copies=10)
    ended(project, 1)
    app = visit("understand", project=project.id)
    text = said(app).replace("\\", "")
    assert errors(app) == []
    assert "3 of 4 different validation photos right (40 with copies): 75%, probably between 30% and 95%" in text
    assert "independent" not in text and "1 mistake, the most confident first." in text
    assert "ant classified as bee: 1 photo" in app.selectbox[-1].options
    assert list(app.dataframe[0].value["Photos"]) == [2, 2]
    mistakes = next(tab for tab in app.tabs if tab.label == "Every mistake")
    assert len([entry for entry in mistakes.markdown if entry.value.startswith("You said: **")]) == 1


def test_groups_are_said_to_count_together(visit, project):
    fill(project, per_group=2)
    ended(project, 0)
    text = said(visit("understand", project=project.id)).replace("\\", "")
    assert "4 of 4 validation photos right: 100%, probably between 34% and 100% on new photos like these." in text
    assert "Only 2 of these photos are independent of the others, because photos of one group are alike." in text


def test_compare_counts_them_as_often_as_the_figures_do(visit, project):
    fill(project, copies=10)
    ended(project, 0)
    ended(project, 4, strategy="full")
    app = visit("compare", project=project.id)
    text = said(app).replace("\\", "")
    assert errors(app) == [] and "4 different photos; probably between 51% and 100%" in text
    assert "No clear difference" in text and "A right, B wrong (4)" in [tab.label for tab in app.tabs]
