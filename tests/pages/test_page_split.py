"""What is learned from and what is kept aside: the bars, the sliders, the pattern; and the test part, opened once."""

import pytest

from pages._train import split
from tests.helpers import COLOURS, draw_photo, fill_project
from tests.pages.conftest import button, charts, errors, press, said, write
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import append_items, load_items, new_item
from transfer_core.evaluation import test_set
from transfer_core.runs import events
from transfer_core.support.files import read_json, write_json


@pytest.fixture
def patients(workspace, tmp_path):
    """Two classes, of each two photos of six patients, and one photo that names none."""
    for class_id, name in enumerate(("ill", "well")):
        for n in range(12):
            draw_photo(tmp_path / name / f"p{n // 2}_{n}.jpg", list(COLOURS.values())[class_id], 100 * class_id + n)
    draw_photo(tmp_path / "well" / "unknown.jpg", COLOURS["red"], 999)
    return fill_project(workspace, tmp_path, "Patients")


def counts(app) -> list[list[int]]:
    """Photos per class in each part, as the bars have them."""
    return [bar["x"] for bar in charts(app)["parts"]["data"]]


def test_the_bars_follow_the_sliders(visit, project, workspace):
    app = visit("train", project=project.id)
    assert counts(app) == [[6, 6, 6], [2, 2, 2]] and "18 training, 6 validation, 0 test" in said(app)
    app.slider(key="setting-test_fraction").set_value(0.25)
    app.run()
    assert counts(app) == [[4, 4, 4], [2, 2, 2], [2, 2, 2]]
    assert "sees your 18 photos once" in said(app)  # not at those held back
    press(app, "Train")
    [run] = runs.list_runs(workspace, project)
    assert run.config.test_fraction == 0.25 and len(runs.load_split(run).test) == 6


def test_one_slider_pushes_the_other_back(visit, project):
    app = visit("train", project=project.id)
    app.slider(key="setting-val_fraction").set_value(0.5)
    app.run()
    app.slider(key="setting-test_fraction").set_value(0.5)
    app.run()
    assert errors(app) == [] and app.slider(key="setting-val_fraction").value == pytest.approx(0.3)
    assert app.slider(key="setting-test_fraction").value == 0.5


def test_groups_by_pattern_are_found_while_typing_and_kept_together(visit, patients, workspace):
    app = visit("train", project=patients.id)
    app.text_input(key="setting-group_pattern").set_value(r"(p\d)_")
    app.run()
    text = said(app)
    assert "Found 6 groups, for example **p0**, **p1**, **p2**. 1 photo belongs to no group" in text
    press(app, "Train")
    [run] = runs.list_runs(workspace, patients)
    split = runs.load_split(run)
    assert run.config.group_pattern == r"(p\d)_"
    assert not {item.group for item in split.train} & {item.group for item in split.val}


@pytest.mark.parametrize(("pattern", "words"), [("(p", "cannot be read"), ("p", "has 0 brackets")])
def test_a_pattern_that_cannot_be_read_stops_training_until_it_is_mended(visit, patients, workspace, pattern, words):
    app = visit("train", project=patients.id)
    app.text_input(key="setting-group_pattern").set_value(pattern)
    app = press(app, "Train")
    assert any(words in message for message in errors(app)) and button(app, "Train").disabled
    assert runs.list_runs(workspace) == []
    app.text_input(key="setting-group_pattern").set_value("")
    app.run()
    assert errors(app) == [] and not button(app, "Train").disabled


def test_a_pattern_that_finds_nothing_shows_a_path(visit, patients):
    app = visit("train", project=patients.id)
    app.text_input(key="setting-group_pattern").set_value(r"(q\d)_")
    app.run()
    assert any(
        "The pattern finds nothing. A path looks like this: ill/p0" in w.value.replace("\\", "") for w in app.warning
    )


def test_what_cannot_be_shared_out_is_said_before_the_training(visit, patients):
    app = visit("train", project=patients.id)
    app.text_input(key="setting-group_pattern").set_value("^([a-z]+)/")
    app.run()
    assert "All 12 photos of class 'ill' are in one group, 'ill'" in said(app).replace("\\", "")
    assert "parts" not in charts(app)


def test_groups_that_came_with_the_photos_are_named_and_their_crossings_reported(visit, workspace):
    project = workspace.create_project("Parts")
    parts = [("train", 6), ("val", 3), ("test", 2)]
    append_items(
        project,
        [
            new_item(
                f"{name}{part}{n}", "x.jpg", f"{part}/{name}/{n}.jpg", name, part, (9, 9), f"*{n + (part != 'train')}*"
            )
            for part, count in parts
            for name in "ab"
            for n in range(count)
        ],
    )
    app = visit("train", project=project.id)
    text = said(app).replace("\\", "")
    assert "3 groups are in two sets of your data" in text and "Put all photos of a group into one set" in text
    assert "came with a validation set" in text and "came with a test set" in text
    assert "Your photos came with 6 groups, for example ***0***" in text and not app.slider
    assert counts(app) == [[6, 6], [3, 3], [2, 2]]


def test_a_slider_says_its_value_each_time_it_is_drawn(visit, project):
    """Or a browser that missed the first time would show the least share, and send that."""
    app = visit("train", project=project.id)
    for _ in range(2):
        assert [slider.proto.default for slider in app.slider] == [[0.2], [0.0]]
        app = app.run()


def test_photos_moved_to_the_last_test_are_held_back(visit, project):
    edits.move(project, [item.id for item in load_items(project) if item.path.endswith(("1.jpg", "2.jpg"))], "test")
    app = visit("train", project=project.id)
    assert counts(app) == [[5, 5, 5], [1, 1, 1], [2, 2, 2]]
    assert "came with a test set" in said(app)
    assert [slider.key for slider in app.slider] == ["setting-val_fraction"]


def test_bars_of_labels_that_change_at_this_moment_are_not_remembered_for_later(project, monkeypatch):
    def changing(project):
        items = load_items(project)
        edits.relabel(project, [item.id for item in items if item.class_name == "red"], "blue")
        return items

    with monkeypatch.context() as patch:
        patch.setattr(split, "load_labelled", changing)
        assert split.look_ahead(project, TrainConfig()).counts.keys() == {"blue", "green", "red"}
    assert split.look_ahead(project, TrainConfig()).counts.keys() == {"blue", "green"}


# --- the test part, on Understand ----------------------------------------------------------------------------------


@pytest.fixture
def held_back(finished):
    content = read_json(finished.folder / "split.json")
    write_json(finished.folder / "split.json", content | {"test": content["val"]})
    return finished


def test_where_nothing_was_held_back_there_is_nothing_to_open(visit, finished):
    app = visit("understand", project=finished.project_id)
    assert "This run has no test photos." in said(app)
    assert not [entry for entry in app.button if entry.key == "open-test"]


def test_whoever_is_asked_once_more_may_leave_the_final_test_for_later(visit, held_back):
    ask = "Run the final test (once)"
    press(press(visit("understand", project=held_back.project_id), ask), ask, "Not yet")
    assert not runs.read_state(held_back).is_pending("test_set")


def test_the_test_part_is_opened_on_purpose(visit, held_back):
    app = visit("understand", project=held_back.project_id)
    assert "**6 test photos are kept for this.**" in said(app) and not (held_back.evaluation_dir / "test.json").exists()
    app = press(app, "Run the final test (once)")
    assert "A fair final test can be run only once" in said(app) and not runs.read_state(held_back).is_pending(
        "test_set"
    )
    app = press(app, "Run the final test (once)", "Run it")
    assert "Starting the final test" in said(app)
    assert runs.read_state(held_back).is_pending("test_set")
    write(held_back, events.Progress(done=2, total=6))
    assert "test photos: 2 of 6" in said(app.run())
    test_set.open_test_part(held_back, lambda done, total: None)
    write(held_back, events.StepFinished(name="test_set"))
    app = app.run()
    text = said(app)
    assert app.markdown[0].value.startswith("**Final test:** ") and "of 6 test photos right" in app.markdown[0].value
    assert "Tested " in text and "tested on these photos" not in text and "Run the final test (once)" not in text


def test_a_failed_opening_can_be_asked_for_again(visit, held_back):
    write(
        held_back,
        events.StepQueued(name="test_set"),
        events.StepFailed(name="test_set", message="'a.jpg' cannot be used."),
    )
    app = visit("understand", project=held_back.project_id)
    assert r"'a\.jpg' cannot be used\." in errors(app)[0]
    press(press(app, "Run the final test (once)"), "Run the final test (once)", "Run it")
    assert runs.read_state(held_back).is_pending("test_set")


def test_looks_of_other_runs_are_counted(visit, held_back):
    photos = [item.photo for item in runs.load_split(held_back).test]
    for number in range(3):
        write_json(held_back.folder.parents[1] / "opened" / f"{number}.json", {"opened": number, "photos": photos[:1]})
    app = visit("understand", project=held_back.project_id)
    assert any("tested on these photos 3 times before" in warning.value for warning in app.warning)


def test_an_opening_that_was_spoilt_is_said(visit, held_back):
    write(held_back, events.StepQueued(name="test_set"), events.StepFinished(name="test_set"))
    assert "cannot be read" in errors(visit("understand", project=held_back.project_id))[0]
