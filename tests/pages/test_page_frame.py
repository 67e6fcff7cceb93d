"""The frame of all pages: the title row with names and the run chooser, and the foot with the one next step."""

import pytest

from tests.pages.conftest import PAGES, after_epochs, button, errors, press, run_chooser, said, write
from transfer_core import runs
from transfer_core.runs import events
from transfer_core.runs.notes import RunNotes, load_notes, save_notes

WITHOUT_FOOT = ("home",)  # its next step stands beside the picture


def primary(place) -> list[str]:
    """The primary buttons drawn there, whether or not they can be pressed by now."""
    found = [*place.get("button"), *place.get("download_button")]
    return [entry.proto.label for entry in found if entry.proto.type == "primary"]


def foot(app):
    """What is drawn in the bar at the bottom."""
    [bar] = [block for block in app.get("container") if block.key == "foot"]
    return bar


def check(app, page: str) -> None:
    """Whether the page has one next step, and it is the last button of the foot."""
    errors(app)
    assert len(primary(app)) == 1, (page, primary(app))
    if page not in WITHOUT_FOOT:
        in_foot = [*foot(app).get("button"), *foot(app).get("download_button")]
        assert primary(app) == [in_foot[-1].proto.label], page


@pytest.fixture
def empty(workspace):
    return workspace.create_project("Empty").id


@pytest.fixture
def photos(project):
    return project.id


@pytest.fixture
def queued(queue_run):
    return queue_run().project_id


@pytest.fixture
def running(training):
    return training.project_id


@pytest.fixture
def done(finished):
    return finished.project_id


@pytest.fixture
def failed(queue_run):
    return write(queue_run(), events.RunStarted(), events.RunFailed(message="No memory.", hint="")).project_id


@pytest.fixture
def interrupted(queue_run):
    return write(queue_run(strategy="full"), events.RunStarted(), *after_epochs(2)).project_id


@pytest.fixture
def changed(visit, finished):
    """The labels have changed since the run."""
    app = visit("understand", project=finished.project_id)
    [menu, *_] = [menu for menu in app.get("menu_button") if menu.proto.id.endswith("-0")]
    assert errors(menu.click_index(0).run()) == []
    return finished.project_id


@pytest.mark.parametrize(
    "state",
    [
        "empty",
        "photos",
        "running",
        "done",
        *(pytest.param(state, marks=pytest.mark.full) for state in ("queued", "failed", "interrupted", "changed")),
    ],
)
def test_every_page_has_one_next_step_and_it_stands_in_the_foot(visit, request, state):
    project_id = request.getfixturevalue(state)
    for page in ("home", *PAGES):
        check(visit(page, project=project_id), page)


def test_setting_up_another_run_has_one_next_step(visit, finished):
    app = press(visit("train", project=finished.project_id), "Train again")
    check(app, "train")
    check(press(app, "Thorough: fine-tune all layers"), "train")


def test_a_run_is_named_in_its_menu_and_called_so_everywhere(visit, finished):
    def menu():
        [menu] = [menu for menu in app.get("menu_button") if menu.proto.id.endswith(f"more-{finished.id}")]
        return menu

    project = finished.project_id
    app = visit("compare", project=project)
    app = menu().click("Rename").run()
    app.text_input[-1].set_value("Only *sunny* days")
    menu().click("Rename")  # a dialog stays open only while what opens it is pressed
    app = press(app, "Rename")
    assert errors(app) == [] and load_notes(finished).name == "Only *sunny* days"
    for page in ("train", "export", "compare"):
        assert r"Only \*sunny\* days" in said(visit(page, project=project)), page


def test_a_long_name_of_a_run_is_cut_with_a_word_and_keeps_note_and_star(visit, finished):
    save_notes(finished, RunNotes(True, "for the fair"))
    app = visit("compare", project=finished.project_id)
    for _ in range(2):
        [menu] = [menu for menu in app.get("menu_button") if menu.proto.id.endswith(f"more-{finished.id}")]
        menu.click("Rename")
        if app.text_input:
            app.text_input[-1].set_value("n" * 61)
            button(app, "Rename").click()
        app = app.run()
    assert [entry.value for entry in app.toast] == ["The name was cut to 60 characters."]
    assert load_notes(finished) == RunNotes(True, "for the fair", "n" * 60)


def test_the_chooser_tells_runs_of_one_name_apart(visit, finished):
    project = finished.workspace.open_project(finished.project_id)
    other = runs.create(project, runs.TrainSpec(finished.config), runs.load_split(finished))
    write(other, events.RunStarted(), events.RunFinished(result=runs.read_state(finished).result))
    for run in (finished, other):
        save_notes(run, RunNotes(name="Sunny"))
    app = visit("train", project=project.id)
    assert run_chooser(app).options == ["Sunny (2): 100%", "Sunny: 100%"]
    assert run_chooser(app).value.id == other.id
    app = run_chooser(app).set_value(finished).run()
    assert errors(app) == [] and app.query_params["run"] in (finished.id, [finished.id])
    assert "**Sunny**" in said(app)


def test_export_begins_with_the_best_run_the_others_with_the_newest(visit, finished):
    project = finished.workspace.open_project(finished.project_id)
    worse = runs.create(project, runs.TrainSpec(finished.config), runs.load_split(finished))
    result = runs.read_state(finished).result | {"val_accuracy": 0.5}
    write(worse, events.RunStarted(), *after_epochs(2), events.RunFinished(result=result))
    assert visit("export", project=project.id).query_params["run"] in (finished.id, [finished.id])
    assert visit("try_it", project=project.id).query_params["run"] in (worse.id, [worse.id])


def test_all_three_strategies_are_trained_one_after_the_other_the_quickest_first(visit, project, workspace):
    app = visit("train", project=project.id)
    [everything] = [entry for entry in app.button if entry.key == "train-all"]
    assert everything.label.startswith("Train all three, about ")
    app = everything.click().run()
    assert errors(app) == []
    made = sorted(runs.list_runs(workspace, project), key=lambda run: (run.created, run.id))
    assert [run.config.strategy for run in made] == ["feature_extraction", "partial", "lp_ft"]
    assert app.query_params["run"] in (made[0].id, [made[0].id]) and button(app, "Leave the queue")
    splits = [runs.load_split(run) for run in made]
    assert splits[0].val == splits[1].val == splits[2].val  # they can be compared
    assert "Waiting for 2 other runs" in said(visit("train", project=project.id, run=made[2].id))
