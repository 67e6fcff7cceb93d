"""Corrections where a mistake is seen: the cards of Understand, and the foot that offers to train with them."""

import errno

import pytest

from tests.pages.conftest import button, errors, press, said, write
from transfer_core import runs
from transfer_core.data.labels.dataset import load_items
from transfer_core.evaluation.result import ValAnswers, evaluate, save_evaluation
from transfer_core.runs import events
from transfer_core.support import kept_log
from transfer_core.support.arrays import read_arrays
from transfer_core.support.files import read_json, write_json


@pytest.fixture
def mistaken(finished):
    """The finished run, its first answer turned wrong: a photo of `blue` that it takes for another class."""
    split = runs.load_split(finished)
    arrays, _ = read_arrays(finished.evaluation_dir / "val.safetensors")
    arrays["confidences"][:1] = arrays["confidences"][:1][:, [1, 0, 2]]
    answers = ValAnswers(**arrays)
    assert answers.mistakes().tolist() == [0]
    result = evaluate(split, answers, 30, {"total": 1.0, "features": 0.5, "train": 0.5})
    save_evaluation(finished.evaluation_dir, result, answers)
    return write(finished, events.RunFinished(result=result.to_json()))


@pytest.fixture
def photo(mistaken):
    """The photo that the run gets wrong, and the class it names."""
    split = runs.load_split(mistaken)
    arrays, _ = read_arrays(mistaken.evaluation_dir / "val.safetensors")
    return split.val[0], split.class_names[arrays["confidences"][0].argmax()]


def card(app, run):
    """The menu of the photo's card among the mistakes."""
    [menu] = [menu for menu in app.get("menu_button") if menu.proto.id.endswith(f"wrong-mistakes-{run.id}-0")]
    return menu


def labels(project) -> dict[str, str | None]:
    return {item.id: item.class_name for item in load_items(project)}


def test_a_wrong_label_is_put_right_with_the_models_answer_on_top(visit, workspace, mistaken, photo):
    project, (item, answer) = workspace.open_project(mistaken.project_id), photo
    before = labels(project)
    app = visit("understand", project=project.id)
    menu = card(app, mistaken)
    assert menu.options[0] == f"It is {answer}" and menu.options[-1] == "Leave this photo out"
    assert f"It is {item.class_name}" not in menu.options and len(menu.options) == 3
    app = menu.click_index(0).run()
    assert errors(app) == [] and labels(project) == before | {item.id: answer}
    assert f"Now labelled {answer}" in said(app) and "1 correction since this run." in said(app)
    assert press(app.switch_page("pages/sort.py").run(), "Undo") and labels(project) == before


def test_a_photo_can_be_left_out(visit, workspace, mistaken, photo):
    project = workspace.open_project(mistaken.project_id)
    app = visit("understand", project=project.id)
    app = card(app, mistaken).click_index(2).run()
    assert errors(app) == [] and photo[0].id not in labels(project) and "Left out" in said(app)


def test_the_foot_trains_again_with_the_corrections_and_the_same_settings(visit, workspace, mistaken, photo):
    project = workspace.open_project(mistaken.project_id)
    app = visit("understand", project=project.id)
    assert button(app, "Try it").proto.type == "primary"
    app = card(app, mistaken).click_index(0).run()
    [again] = [entry for entry in app.button if entry.key == "train-corrected"]
    assert again.label.startswith("Train again with 1 correction") and again.proto.type == "primary"
    assert button(app, "Try it").proto.type == "secondary"
    app = again.click().run()
    assert errors(app) == [] and app.title[0].value == "Train"
    newest, _ = runs.list_runs(workspace, project)
    assert newest.config == mistaken.config and app.query_params["run"] in (newest.id, [newest.id])
    split = runs.load_split(newest)
    assert {item.id: item.class_name for item in (*split.train, *split.val)}[photo[0].id] == photo[1]


def test_corrections_of_a_run_whose_backbone_is_not_known_here_are_kept_and_said(visit, workspace, mistaken, photo):
    """A run that came with a project from another computer."""
    content = read_json(mistaken.folder / "config.json")
    content["spec"]["config"]["backbone"] = "unheard_of"
    write_json(mistaken.folder / "config.json", content)
    app = visit("understand", project=mistaken.project_id)
    app = card(app, mistaken).click_index(0).run()
    assert any("There is no backbone called" in message for message in errors(app)) and button(app, "Try it")
    assert labels(workspace.open_project(mistaken.project_id))[photo[0].id] == photo[1]


def test_a_correction_that_a_full_disk_refuses_is_said(visit, workspace, mistaken, monkeypatch):
    project = workspace.open_project(mistaken.project_id)
    before = labels(project)
    app = visit("understand", project=project.id)

    def refuse(path, lines, owner):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(kept_log, "append", refuse)
        app = card(app, mistaken).click_index(0).run()
    assert errors(app) == ["The disk is full. Free some space, then try again."] and labels(project) == before
    assert errors(app.run()) == []
