"""A run that cannot be read breaks no page: it is named with the reason, can be deleted, and brought back."""

import pytest

from tests.pages.conftest import press, said
from transfer_core import runs
from transfer_core.support.files import read_json, write_json


@pytest.fixture
def unreadable(finished):
    """A second run beside the finished one, whose settings lie outside today's limits."""
    project = finished.workspace.open_project(finished.project_id)
    run = runs.create(project, finished.spec, runs.load_split(finished))
    content = read_json(run.folder / "config.json")
    content["spec"]["config"]["epochs"] = 10**9
    write_json(run.folder / "config.json", content)
    return run


@pytest.mark.parametrize("page", ["home", "photos", "sort", "train", "understand", "try_it", "export", "compare"])
def test_every_page_works_beside_it(visit, unreadable, page):
    assert said(visit(page, project=unreadable.project_id))  # `said` fails too if the page raised


@pytest.mark.parametrize("page", ["train", "compare"])
def test_it_is_named_deleted_and_brought_back(visit, unreadable, workspace, page):
    app = visit(page, project=unreadable.project_id)
    assert "cannot be read" in said(app) and "must be a whole number from 1 to 1000" in said(app)
    app = press(app, "Delete")
    assert runs.list_unreadable(workspace) == [] and "cannot be read" not in said(app)
    press(app, "Undo")
    assert [run.id for run in runs.list_unreadable(workspace)] == [unreadable.id]
