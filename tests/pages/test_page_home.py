import pytest

from tests.helpers import draw_dataset, fill_project
from tests.pages.conftest import button, errors, press, said, write
from transfer_core import deletion, runs, storage
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.errors import RunError
from transfer_core.evaluation import test_set
from transfer_core.runs import events
from transfer_core.runs.events import EventLog
from transfer_core.services import projects
from transfer_core.support.files import read_json, write_json


def test_home_without_projects_says_how_to_begin(visit):
    app = visit()
    assert "No projects yet." in said(app)
    assert button(app, "New project") and button(app, "Try it with sample photos")


def test_home_shows_the_newest_project_first(visit, workspace):
    for name in ("First", "Second", "Third", "Fourth"):
        workspace.create_project(name)
    cards = [entry.value for entry in visit().markdown if entry.value.startswith("**")]
    assert cards == ["**Fourth**", "**Third**", "**Second**", "**First**"]


def result(run, accuracy: float) -> dict:
    return runs.read_state(run).result | {"val_accuracy": accuracy}


def another(run, *happened: events.Event):
    """A later run of the same project, on the same photos."""
    project = run.workspace.open_project(run.project_id)
    return write(runs.create(project, runs.TrainSpec(run.config), runs.load_split(run)), *happened)


def test_card_tells_photos_classes_and_the_result(visit, finished):
    text = said(visit())
    assert "24 photos, 3 classes" in text and "Accuracy: **100%**, probably" in text and "Changed " in text
    assert "Not trained yet" not in text and "Best of" not in text and "Training now" not in text


def test_card_of_several_runs_says_of_how_many_the_best_is_the_best(visit, finished):
    """A range would be too good for the best of several; a worse run that came later hides it no longer."""
    another(finished, events.RunStarted(), events.RunFinished(result=result(finished, 0.5)))
    text = said(visit())
    assert "Best of 2 runs: **100%**" in text and "probably" not in text


def test_final_test_leads_the_card(visit, finished):
    content = read_json(finished.folder / "split.json")
    write_json(finished.folder / "split.json", content | {"test": content["val"]})
    test_set.open_test_part(finished, lambda done, total: None)
    write(finished, events.StepFinished(name="test_set"))
    text = said(visit())
    assert "Final test: " in text and "of 6 test photos right" in text.replace("\\", "") and "Accuracy: " not in text


def test_card_says_that_training_is_going_on(visit, finished):
    another(finished)
    text = said(visit())
    assert "Training now" in text and "Accuracy: **100%**" in text


def test_card_of_a_run_that_was_checked_with_what_it_learned_from_names_no_range(visit, finished):
    log = EventLog(finished.events_path)
    result = runs.read_state(finished).result
    log.append(events.RunFinished(result=result | {"val_learned": 2}))
    text = said(visit())
    assert "but some of these photos were training photos, too" in text and "probably" not in text


def test_card_of_an_untrained_and_of_an_empty_project(visit, workspace, project):
    workspace.create_project("Empty")
    text = said(visit())
    assert "No photos yet" in text and "0 photos, 0 classes" in text
    assert text.count("Not trained yet") == 2


def test_open_leads_to_photos_before_the_first_run_and_to_train_after(visit, project, queue_run):
    assert press(visit(), "Open").title[0].value == "Photos"
    queue_run()
    assert press(visit(), "Open").title[0].value == "Train"


def test_new_project_is_there_at_once_and_named_afterwards(visit, workspace):
    app = press(visit(), "New project")
    [made] = workspace.projects()
    assert made.name == "My project" and app.title[0].value == "Photos"
    assert app.query_params["project"] in (made.id, [made.id])
    press(visit(), "New project")
    assert [entry.name for entry in workspace.projects()] == ["My project 2", "My project"]


def test_project_is_named_from_its_title_row(visit, workspace):
    project = workspace.create_project("My project")
    app = press(visit("photos", project=project.id), ":gray[My project]")
    app.text_input[-1].set_value("  Leaves in our street ")
    app = press(app, ":gray[My project]", "Rename")
    assert errors(app) == [] and button(app, ":gray[Leaves in our street]")
    assert [entry.name for entry in workspace.projects()] == ["Leaves in our street"]


def test_a_long_name_is_cut_with_a_word(visit, workspace):
    """The browser would drop the whole of a text that was pasted into a field that takes less."""
    workspace.create_project("Old")
    app = visit()
    more(app, "Rename").text_input[0].set_value("l" * 81)
    app = confirm(app, "Rename")
    assert [entry.value for entry in app.toast] == ["The name was cut to 80 characters."]
    assert [entry.name for entry in workspace.projects()] == ["l" * 80]


def test_a_project_needs_a_name(visit, workspace):
    workspace.create_project("Old")
    app = visit()
    more(app, "Rename").text_input[0].set_value("  ")
    app = confirm(app, "Rename")
    assert len(errors(app)) == 1 and "needs a name" in errors(app)[0]
    assert [entry.name for entry in workspace.projects()] == ["Old"]


def more(app, choice):
    """Chooses from the first card's menu, which opens a dialog."""
    return app.get("menu_button")[0].click(choice).run()


def confirm(app, label):
    """Presses a dialog's button; a dialog is there only in the run in which its opener was pressed, too."""
    app.get("menu_button")[0].click(label)
    return press(app, label)


def test_rename(visit, workspace):
    workspace.create_project("Old")
    app = visit()
    more(app, "Rename").text_input[0].set_value("New")
    assert "**New**" in said(confirm(app, "Rename"))
    assert [entry.name for entry in workspace.projects()] == ["New"]


def test_delete_names_what_goes_and_deletes_it(visit, workspace, project):
    app = visit()
    assert "24 photos and 0 runs" in said(more(app, "Delete"))
    assert "No projects yet." in said(confirm(app, "Delete"))
    assert not project.folder.exists() and workspace.projects() == []


def test_labels_of_a_project_are_summed_up_again_only_when_they_have_changed(visit, project, monkeypatch):
    asked = []
    monkeypatch.setattr(projects, "load_items", lambda project: asked.append(project.id) or load_items(project))
    app = visit().run()
    assert len(asked) == 1
    edits.rename_class(project, "blue", "red")
    assert "24 photos, 2 classes" in said(app.run()) and len(asked) == 2


def test_delete_and_rename_of_a_project_that_another_window_has_deleted(visit, workspace, project):
    app, other = visit(), visit()
    more(app, "Delete")
    more(other, "Rename").text_input[0].set_value("Ghost")
    deletion.delete_project(workspace, project)
    storage.delete_project(workspace, project)
    with pytest.raises(RunError, match="There is no project"):
        workspace.rename_project(project, "Ghost")
    assert "No projects yet." in said(confirm(app, "Delete")) and errors(app) == []
    assert "No projects yet." in said(other.run()) and workspace.projects() == []


def test_delete_of_a_project_at_work_says_to_stop_it_first(visit, workspace, training):
    app = visit()
    more(app, "Delete")
    confirm(app, "Delete")
    assert len(errors(app)) == 1 and "Stop it first" in errors(app)[0]
    assert workspace.projects()


def test_clearing_the_caches_says_what_goes_and_that_nothing_is_lost(visit, workspace, finished):
    app = press(visit(), "Clear caches")
    text = said(app)
    for words in (
        "thumbnails: ",
        "photos prepared for training: ",
        "features that pretrained networks found in your photos: ",
    ):
        assert words in text
    assert "loses no photo, label or run" in text
    before = len(app.image)
    app = press(app, "Clear caches", "Clear")
    use = storage.cache_use(workspace)
    assert errors(app) == [] and use["prepared"] == 0 and use["features"] < 1000
    assert len(app.image) == before  # the cards have had their thumbnails made again
    assert "24 photos, 3 classes" in said(app)


def test_caches_are_not_cleared_under_a_run(visit, workspace, training):
    before = storage.cache_use(workspace)
    app = press(press(visit(), "Clear caches"), "Clear caches", "Clear")
    assert len(errors(app)) == 1 and "training or waiting" in errors(app)[0]
    assert storage.cache_use(workspace) == before


def test_what_the_disk_holds_is_told_anew_when_something_came(visit, workspace, dataset):
    assert "0 kB for projects" in said(visit())
    fill_project(workspace, dataset)
    assert "for projects" in said(visit()) and "0 kB for projects" not in said(visit())


def test_empty_caches_are_not_offered_to_be_cleared(visit):
    assert [entry.label for entry in visit().button if "caches" in entry.label] == []


def test_a_photo_whose_file_is_gone_costs_the_card_only_its_thumbnail(visit, workspace, project):
    storage.clear_caches(workspace)
    next(project.photos_dir.iterdir()).unlink()
    assert "24 photos, 3 classes" in said(visit())


def test_sample_set_makes_a_project_of_four_classes(visit, workspace, monkeypatch):
    monkeypatch.setattr(projects, "_SAMPLE_PER_CLASS", 3)  # drawing all of them takes seconds
    app = press(visit(), "Try it with sample photos")
    [made] = workspace.projects()
    assert list(count_classes(load_items(made)).values()) == [3, 3, 3, 3]
    assert app.title[0].value == "Photos"


def test_project_that_vanishes_from_disk_leaves_a_working_home(visit, workspace, tmp_path):
    gone = workspace.create_project("Gone")
    fill_project(workspace, draw_dataset(tmp_path / "set"), "Stays")
    app = visit()
    deletion.delete_project(workspace, gone)
    (workspace.projects_dir / "stray").mkdir()
    assert "**Stays**" in said(app.run()) and "**Gone**" not in said(app)


def test_what_onnxruntime_had_kept_for_its_maker_is_said_and_deleted(visit, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "Microsoft" / "DeveloperTools" / ".onnxruntime"
    folder.mkdir(parents=True)
    (folder / "onnxruntime.db").write_bytes(bytes(24_576))
    app = visit()
    assert "has kept 25 kB about this computer" in said(app)
    app = press(app, "Delete it")
    assert errors(app) == [] and "about this computer" not in said(app) and not folder.exists()
