"""Compare: runs as rows, two to four side by side, and what can be done with a run."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import answered, right
from tests.pages.conftest import EVERY_PAGE, after_epochs, button, charts, errors, press, said, write
from transfer_core import runs
from transfer_core.evaluation.result import load_answers
from transfer_core.runs import events
from transfer_core.runs.notes import RunNotes, load_notes, save_notes
from transfer_core.support.files import read_json


def ended(run, hits: np.ndarray, epochs: int = 3):
    """A run that has finished with right answers where `hits` says so."""
    answered(run, hits)
    result = read_json(run.evaluation_dir / "result.json")
    return write(run, events.RunStarted(), *after_epochs(epochs), events.RunFinished(result=result))


@pytest.fixture
def two(queue_run):
    """The better run and the worse one, of six photos."""
    better = ended(queue_run(epochs=3), right((6, True)))
    worse = ended(queue_run(epochs=2), right((2, True), (4, False)), epochs=2)
    return better, worse


def more(app, run):
    """The menu of a run's row."""
    [menu] = [menu for menu in app.get("menu_button") if menu.proto.id.endswith(f"more-{run.id}")]
    return menu


def choose(app, run, option: str):
    return more(app, run).click(option).run()


def test_compare_appears_with_the_second_result(visit, queue_run, project):
    ended(queue_run(), right((6, True)))
    app = visit("compare", project=project.id)
    assert "as soon as two have a result" in said(app) and len(app.get("menu_button")) == 1
    ended(queue_run(), right((6, True)))
    assert "Side by side (two to four)" in [entry.label for entry in visit("compare", project=project.id).multiselect]


def test_rows_are_the_best_first_and_say_what_can_be_told(visit, two, project):
    app = visit("compare", project=project.id)
    titles = [entry.value.split("**")[1] for entry in app.markdown if entry.value.startswith("**Frozen")]
    assert titles == [r"Frozen\: 100%", r"Frozen 2\: 33%"]
    assert "Best]" not in said(app)  # none is called so where it cannot be told
    assert "No clear difference from the best." in said(app)  # 4 photos that differ of 6 may be luck


def test_side_by_side_shows_only_settings_that_differ(visit, two, project):
    app = visit("compare", project=project.id)
    table = app.dataframe[0].value
    assert table[table.columns[0]].tolist()[:4] == ["Accuracy", "Probably on new photos", "Validation photos", "Time"]
    assert table.iloc[4:].values.tolist() == [["Epochs", "3", "2"]]
    assert "**Against A:** No clear difference on 6 photos." in said(app)
    assert "compared" in charts(app)


def test_a_new_layer_that_was_solved_is_a_level_line(visit, queue_run, project):
    """Its epochs are those of the other kind; those of a trained one are its own, and need no such line."""
    for kept, hits in (("solved", right((6, True))), ("trained", right((2, True), (4, False)))):
        run = queue_run(epochs=3)
        answered(run, hits)
        result = read_json(run.evaluation_dir / "result.json")
        epochs = [replace(e, phase="head") for e in after_epochs(3) if isinstance(e, events.EpochFinished)]
        chosen = events.HeadChosen(kept=kept, solved_loss=0.25, trained_loss=0.5)
        write(run, events.RunStarted(), chosen, *epochs, events.RunFinished(result=result))
    [note] = [text for text in said(visit("compare", project=project.id)).split("\n") if "A flat line shows" in text]
    assert note.endswith("which takes moments: A.")  # the better one


def test_photos_that_tell_them_apart_stand_in_a_gallery(visit, two, project):
    app = visit("compare", project=project.id)
    assert [tab.label for tab in app.tabs] == ["A right, B wrong (4)", "B right, A wrong (0)"]
    wrong = [entry.value for entry in app.caption if entry.value.startswith("B: **")]
    assert len(wrong) == 4 and len(app.image) == 4


def test_four_can_stand_side_by_side_and_each_is_held_against_the_best(visit, two, queue_run, workspace, project):
    for count in (3, 4):
        ended(queue_run(seed=0, epochs=count + 4), right((count, True), (6 - count, False)))
    app = visit("compare", project=project.id)
    app.multiselect[0].set_value([run.id for run in runs.list_runs(workspace, project)]).run()
    assert [f"- **{letter}** is" in said(app) for letter in "ABCD"] == [True] * 4
    assert list(app.dataframe[0].value.columns[1:]) == ["A", "B", "C", "D"]
    app.get_by_key("against").set_value("D").run()
    assert [tab.label for tab in app.tabs] == ["A right, D wrong (4)", "D right, A wrong (0)"]
    app.multiselect[0].set_value([two[0].id]).run()
    assert "Choose at least two." in said(app) and not app.dataframe


def test_runs_of_other_photos_stand_apart_and_say_why(visit, two, queue_run, project):
    other = ended(queue_run(seed=5), right((6, True)))
    app = visit("compare", project=project.id)
    assert "Runs with other validation photos" in said(app) and "other photos may be easier" in said(app)
    sizes = [option.partition(",")[0] for option in app.selectbox[0].options]
    assert sizes == ["2 runs on 6 photos", "1 run on 6 photos"]
    app = visit("compare", project=project.id, run=other.id)
    assert app.selectbox[0].value == 1 and not app.multiselect


def test_groups_and_runs_that_look_alike_can_be_told_apart(visit, queue_run, project):
    for seed in (5, 5, 6, 7):
        ended(queue_run(seed=seed), right((6, True)))
    app = visit("compare", project=project.id)
    assert len(set(app.selectbox[0].options)) == 3
    assert len(set(app.multiselect[0].options)) == 2
    app.selectbox[0].set_value(2)
    assert app.run().selectbox[0].value == 2 and not app.multiselect


def test_many_equal_runs_are_not_told_apart_by_luck(visit, two, queue_run, project):
    nought = ended(queue_run(), right((6, False)))
    app = visit("compare", project=project.id)
    assert "Worse:" not in said(app) and "all 3 pairs" in said(app)  # 0 against 6 of 6: p is 0.03, of three 0.09
    more(app, two[1]).click("Delete").run()
    app = visit("compare", project=project.id)
    assert "Worse: it gets 6 photos wrong that the best gets right" in said(app) and "pairs" not in said(app)
    assert said(app).count("Best]") == 1
    assert nought.folder.is_dir()


def test_a_lone_run_is_not_the_best_of_any(visit, queue_run, project):
    ended(queue_run(), right((6, True)))
    text = said(visit("compare", project=project.id))
    assert "Best" not in text and "See the results" in text


def test_charts_say_what_they_show(visit, two, project):
    app = visit("compare", project=project.id)
    [chart] = app.get("plotly_chart")
    assert "A at" in chart.proto.alt and "B at" in chart.proto.alt


def test_a_star_and_a_note(visit, two, project):
    _, worse = two
    app = choose(visit("compare", project=project.id), worse, "Star")
    assert load_notes(worse) == RunNotes(True)
    assert ":material/star:" in said(app) and more(app, worse).options[0] == "Remove star"
    save_notes(worse, RunNotes(True, "with *less* <b>"))
    assert r"with \*less\* \<b\>" in said(visit("compare", project=project.id))
    choose(visit("compare", project=project.id), worse, "Remove star")
    assert load_notes(worse) == RunNotes(False, "with *less* <b>")


def test_a_note_is_kept_by_its_dialog(visit, two, project):
    app = choose(visit("compare", project=project.id), two[1], "Note")
    app.text_input[0].set_value("for the fair")
    more(app, two[1]).click("Note")  # a dialog stays open only while what opens it is pressed
    button(app, "Save").click()
    app.run()
    assert load_notes(two[1]).note == "for the fair"


def test_a_deleted_run_comes_back_by_undo(visit, two, project):
    _, worse = two
    app = choose(visit("compare", project=project.id), worse, "Delete")
    assert errors(app) == [] and not worse.folder.exists()
    assert "1 run deleted" in said(app) and not app.multiselect
    app = press(visit("compare", project=project.id), "Undo")  # a page that was reloaded finds it, too
    assert errors(app) == [] and worse.folder.is_dir() and len(app.multiselect) == 1
    assert "deleted" not in said(app)


def test_a_run_at_work_is_not_deleted(visit, two, training, project):
    app = choose(visit("compare", project=project.id), training, "Delete")
    [message] = errors(app)
    assert "Stop it first" in message and training.folder.is_dir()


@pytest.mark.parametrize("page", [page for page in EVERY_PAGE if page.values[0] not in ("photos", "sort")])
def test_a_run_that_others_went_on_from_may_be_gone(visit, queue_run, project, page):
    one, gone = ended(queue_run(), right((6, True))), ended(queue_run(), right((6, True)))
    heir = ended(queue_run(strategy="full", continue_from=gone.id), right((6, True)))
    app = visit("compare", project=project.id)
    choose(app, gone, "Delete")
    write(one, events.StepFailed(name="export", message="x"))
    write(heir, events.StepFailed(name="export", message="x"))
    visited = visit(page, project=project.id, run=gone.id)
    assert not visited.exception


def test_spoilt_files_break_nothing(visit, two, queue_run, project):
    spoilt = ended(queue_run(), right((6, True)))
    (spoilt.evaluation_dir / "val.safetensors").write_bytes(b"no")
    (two[0].folder / "about.json").write_text("{")
    two[1].plan_path.write_text("{")
    app = visit("compare", project=project.id)
    assert errors(app) == [] and "cannot be read" in app.warning[0].value
    assert "1 run without a result" in said(app) and "**Against A:**" in said(app)


def test_stopped_early_without_an_epoch(visit, two, queue_run, project):
    early = answered(queue_run(), right((1, True), (5, False)))
    result = read_json(early.evaluation_dir / "result.json")
    write(early, events.RunStarted(), events.RunStopped(result=json.loads(json.dumps(result))))
    app = visit("compare", project=project.id)
    app.multiselect[0].set_value([two[0].id, early.id]).run()
    assert errors(app) == [] and "compared" in charts(app)


def test_leads_to_the_best(visit, two, project):
    app = press(visit("compare", project=project.id), "See the results of the best run")
    assert app.title[0].value == "Understand" and len(load_answers(two[0].evaluation_dir).true_ids) == 6
    assert app.query_params["run"] in (two[0].id, [two[0].id])
