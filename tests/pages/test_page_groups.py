"""The question which photos belong together: asked on Photos, kept with the project, shown by Train."""

import pytest

from tests.pages.conftest import errors, press, said
from transfer_core import runs
from transfer_core.data.labels.dataset import append_items, new_item

ASKED = "File names begin with p0 ... p5."


@pytest.fixture
def patients(workspace):
    """Two classes, of each four photos of six patients."""
    project = workspace.create_project("Patients")
    names = [(name, f"{name}/p{n % 6}_{n}.jpg") for name in ("ill", "well") for n in range(24)]
    append_items(project, [new_item(path, "x.jpg", path, name, None, (9, 9)) for name, path in names])
    return project


def test_yes_is_kept_with_the_project_and_trained_with(visit, patients, workspace):
    app = visit("photos", project=patients.id)
    assert ASKED in said(app).replace("\\", "")
    app = press(app, "Keep them together")
    assert errors(app) == [] and ASKED not in said(app).replace("\\", "")
    pattern = workspace.open_project(patients.id).group_pattern
    app = visit("train", project=patients.id)  # in another session
    assert app.text_input(key="setting-group_pattern").value == pattern
    assert "Found 6 groups" in said(app)
    press(app, "Train")
    [run] = runs.list_runs(workspace, patients)
    split = runs.load_split(run)
    assert run.config.group_pattern == pattern
    assert not {item.group for item in split.train} & {item.group for item in split.val}


def test_no_is_kept_too_and_the_way_back_is_under_advanced(visit, patients, workspace):
    press(visit("photos", project=patients.id), "No")
    assert workspace.open_project(patients.id).group_pattern == ""
    assert ASKED not in said(visit("photos", project=patients.id)).replace("\\", "")
    app = visit("train", project=patients.id)
    [pattern] = [entry.value for entry in app.code]
    app.text_input(key="setting-group_pattern").set_value(pattern).run()
    assert errors(app) == [] and workspace.open_project(patients.id).group_pattern == pattern


def test_an_answer_is_taken_back_in_the_field_and_one_that_cannot_be_read_is_not_kept(visit, patients, workspace):
    workspace.keep_groups(patients, r"(p\d)_")
    app = visit("train", project=patients.id)
    app.text_input(key="setting-group_pattern").set_value("(p").run()
    assert workspace.open_project(patients.id).group_pattern == r"(p\d)_"
    app.text_input(key="setting-group_pattern").set_value("").run()
    assert workspace.open_project(patients.id).group_pattern == ""
    press(app, "Train")
    [run] = runs.list_runs(workspace, patients)
    assert run.config.group_pattern is None


def test_an_answer_reaches_the_settings_already_drafted_in_this_session(visit, patients):
    app = visit("train", project=patients.id)
    app = app.switch_page("pages/photos.py").run()
    app = press(app, "Keep them together")
    app = app.switch_page("pages/train.py").run()
    assert app.text_input(key="setting-group_pattern").value


def test_photos_that_came_with_groups_or_split_are_not_asked_about(visit, workspace):
    for part, group in (("val", None), (None, "anna")):
        project = workspace.create_project("Given")
        items = [
            new_item(path := f"{name}/p{n % 6}_{n}.jpg", "x.jpg", path, name, part if n < 6 else None, (9, 9), group)
            for name in ("ill", "well")
            for n in range(24)
        ]
        append_items(project, items)
        assert ASKED not in said(visit("photos", project=project.id)).replace("\\", "")
