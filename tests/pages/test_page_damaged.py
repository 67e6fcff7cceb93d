"""A damaged file costs a page what stands in it, and the page says so; everything else is shown."""

import pytest

from tests.pages.conftest import button, errors, press, said, write
from transfer_core import runs
from transfer_core.data.labels.dataset import load_items
from transfer_core.evaluation.result import ValAnswers, load_answers, save_evaluation
from transfer_core.runs import events
from transfer_core.support.checked_json import copy_path


@pytest.fixture
def project(finished):
    return finished.workspace.open_project(finished.project_id)


def spoil(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("page", ["train", "understand", "try_it", "export"])
def test_a_run_that_cannot_be_read_says_so_at_its_address(visit, finished, project, page):
    bad = runs.create(project, finished.spec, runs.load_split(finished))
    for name in ("config.json", "config.json.bak"):
        spoil(bad.folder / name)
    app = visit(page, project=project.id, run=bad.id)
    [message] = errors(app)
    assert "cannot be read" in message and "validation photos right" not in said(app)
    app = press(app, "Go to the other runs")
    assert errors(app) == [] and "cannot be read" not in "".join(errors(app))


def test_a_run_that_is_gone_is_not_confused_with_the_newest(visit, finished):
    assert "not here, or has no result. This is the newest" in said(
        visit("understand", project=finished.project_id, run="gone")
    )


def test_a_project_whose_file_is_lost_is_shown_by_its_id_and_can_be_renamed(visit, project, workspace):
    for path in (project.folder / "project.json", copy_path(project.folder / "project.json")):
        path.write_bytes(b"")
    app = visit()
    assert project.id in said(app).replace("\\", "") and "name is not known" in said(app) and "24 photos" in said(app)
    assert "name is not known" in said(visit("understand", project=project.id))
    workspace.rename_project(workspace.open_project(project.id), "Blots again")
    app = visit()
    assert "Blots again" in said(app) and "damaged" not in said(app)


@pytest.mark.parametrize("page", ["home", "photos", "sort"])
def test_labels_from_the_copy_are_all_there_and_it_is_said(visit, project, page):
    spoil(project.labels_path)
    text = said(visit(page, project=project.id))
    assert "nothing is missing" in text or page == "sort"
    assert len(load_items(project)) == 24


def test_labels_lost_in_both_are_counted(visit, project):
    for path in (project.labels_path, copy_path(project.labels_path)):
        path.write_bytes(path.read_bytes().replace(b'"class_name": "blue"', b'"class_name": "glue"', 2))
    for page in ("home", "photos"):
        text = said(visit(page, project=project.id))
        assert "2 lines of" in text and "cannot be read" in text
    assert len(load_items(project)) == 22


@pytest.mark.parametrize("name", ["split.json", "evaluation/val.safetensors"])
def test_understand_shows_the_rest_where_photos_or_answers_are_damaged(visit, finished, name):
    spoil(finished.folder / name)
    app = visit("understand", project=finished.project_id)
    [message] = errors(app)
    assert name.rsplit("/")[-1] in message.replace("\\", "") and "cannot be read" in message
    assert "validation photos right" in said(app)  # the figure stands in the log


def test_answers_that_do_not_come_to_the_result_are_not_shown(visit, finished):
    answers = load_answers(finished.evaluation_dir)
    changed = ValAnswers(1 - answers.confidences, answers.true_ids)
    result = runs.read_state(finished).result
    from transfer_core.evaluation.result import Result

    save_evaluation(finished.evaluation_dir, Result.from_json(result), changed)
    [message] = errors(visit("understand", project=finished.project_id))
    assert "do not come to the run" in message


def test_a_lost_line_of_the_course_is_said(visit, finished):
    lines = finished.events_path.read_bytes().splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if b'"EpochFinished"' in line)
    lines[place] = lines[place].replace(b'"step"', b'"stop"')
    finished.events_path.write_bytes(b"".join(lines))
    for page in ("train", "understand"):
        assert "1 line of this run" in said(visit(page, project=finished.project_id))


def test_a_damaged_split_of_one_run_leaves_compare_and_train_to_the_others(visit, finished, project):
    bad = runs.create(project, finished.spec, runs.load_split(finished))
    result = runs.read_state(finished).result
    write(bad, events.RunStarted(), events.RunFinished(result=result))
    spoil(bad.folder / "split.json")
    assert "cannot be read" in said(visit("compare", project=project.id))
    app = visit("train", project=project.id, run=finished.id)
    assert errors(app) == [] and button(app, "See the results")
