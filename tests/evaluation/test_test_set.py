"""The test part is opened once, and its figure stands."""

import shutil

import pytest

from tests.helpers import RESNET, kill_worker
from transfer_core import runs
from transfer_core.__main__ import main
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.errors import RunError
from transfer_core.evaluation import test_set
from transfer_core.export.model_card import write_card
from transfer_core.jobs import worker
from transfer_core.jobs.queue import _Queue
from transfer_core.jobs.slots import failure_event_for
from transfer_core.metrics.wilson import wilson
from transfer_core.runs import Run, events
from transfer_core.runs.events import EventLog, read_events
from transfer_core.services.projects import summarize
from transfer_core.support.files import read_json, write_json


@pytest.fixture
def held_back(finished) -> Run:
    """The finished run, as if what it was checked with had been held back, too."""
    return hold_back(finished)


def hold_back(run: Run) -> Run:
    content = read_json(run.folder / "split.json")
    content["test"] = content["val"]
    write_json(run.folder / "split.json", content)
    return run


def work(run: Run) -> None:
    assert worker.main(str(run.folder)) == 0


def open_(run: Run) -> test_set.Opening:
    runs.request_test_set(run)
    work(run)
    assert runs.read_state(run).has_finished("test_set"), run.log_path
    return test_set.load_opening(run)


def steps(run: Run) -> list[str]:
    """Such as "export started", in the order in which it happened."""
    happened = [event for event in read_events(run.events_path)[0] if type(event).__name__.startswith("Step")]
    return [f"{event.name} {type(event).__name__.removeprefix('Step').lower()}" for event in happened]


def test_a_run_that_holds_photos_back_never_sees_them(project, tiny_workspace):
    items = load_items(project)
    config = TrainConfig(backbone=RESNET, test_fraction=0.25, epochs=3)
    run = runs.create(project, runs.TrainSpec(config), make_split(items, 0.25, 0, test_fraction=0.25))
    split = runs.load_split(run)
    assert (len(split.train), len(split.val), len(split.test)) == (12, 6, 6)
    for item in split.test:
        (run.photos_dir / item.file).unlink()
    work(run)
    history = runs.read_state(run)
    assert history.status == "finished" and history.has_finished("export")
    runs.request_test_set(run)
    work(run)
    history = runs.read_state(run)
    assert split.test[0].file and "cannot be used" in history.steps["test_set"].message
    assert history.status == "finished" and not (run.folder.parents[1] / "opened").exists()


def test_opened_once_and_a_second_ask_gives_the_first_answer(held_back, workspace):
    assert _Queue(workspace).look().waiting == []
    runs.request_test_set(held_back)
    assert _Queue(workspace).look().waiting == [held_back]
    first = open_(held_back)
    assert (first.count, first.left_out, sum(map(sum, first.confusion_matrix))) == (6, 0, 6)
    assert first.interval[0] <= first.accuracy <= first.interval[1]
    shutil.rmtree(held_back.model_dir)  # nobody asks it again
    runs.request_test_set(held_back)
    assert steps(held_back).count("test_set queued") == 1 and _Queue(workspace).look().waiting == []
    EventLog(held_back.events_path).append(events.StepQueued(name="test_set"))  # a second window, in the same moment
    work(held_back)
    assert test_set.load_opening(held_back) == first


def test_cut_off_before_it_was_said_it_comes_to_the_same(held_back):
    first = open_(held_back)
    lines = held_back.events_path.read_text().splitlines(keepends=True)
    held_back.events_path.write_text("".join(lines[:-1]))
    assert runs.read_state(held_back).is_pending("test_set")
    work(held_back)
    assert test_set.load_opening(held_back) == first and steps(held_back)[-1] == "test_set finished"


def test_a_worker_that_dies_of_it_again_and_again_is_not_sent_for_ever(held_back):
    runs.request_test_set(held_back)
    log = EventLog(held_back.events_path)
    for word in (None, events.StepFailed):
        log.append(events.StepStarted(name="test_set"))
        found = failure_event_for(runs.read_state(held_back), None, "exit code -9")
        assert (found and type(found)) == word
    log.append(found)
    assert not runs.read_state(held_back).is_pending("test_set")
    assert open_(held_back).count == 6  # a person may ask once more


def test_photos_of_unknown_classes_are_left_out_and_counted(held_back):
    content = read_json(held_back.folder / "split.json")
    content["test"][0]["class_name"] = "unheard of"
    write_json(held_back.folder / "split.json", content)
    found = open_(held_back)
    assert (found.count, found.left_out) == (5, 1)


def test_photos_that_were_learned_from_too_are_counted_and_said(finished):
    content = read_json(finished.folder / "split.json")
    content["test"] = content["val"] + content["train"][:2]
    write_json(finished.folder / "split.json", content)
    found = open_(finished)
    assert (found.count, found.learned, found.interval) == (8, 2, None)
    assert found.in_words().endswith("2 of these were training photos, too: expect less on new photos.")


def test_a_result_of_an_earlier_version_gets_the_range_that_its_photos_are_worth(held_back):
    """It counted photos of a group one by one, and which of them were right is not known any more."""
    content = read_json(held_back.folder / "split.json")
    content["test"] = [item | {"group": item["class_name"]} for item in content["test"]]
    write_json(held_back.folder / "split.json", content)
    open_(held_back)
    path = held_back.evaluation_dir / "test.json"
    told = {name: value for name, value in read_json(path).items() if name not in ("units", "copies", "crc")}
    hits = sum(row[place] for place, row in enumerate(told["confusion_matrix"]))
    write_json(path, told | {"interval": wilson(hits, 6)})
    found = test_set.load_opening(held_back)
    assert (found.count, found.units, found.interval) == (6, 3, pytest.approx(wilson(hits, 6, 3)))
    assert "Only 3 of these photos are independent of the others" in found.in_words()
    content["train"] += content["test"][:1]
    write_json(held_back.folder / "split.json", content)
    del told["learned"]
    write_json(path, told)
    assert test_set.load_opening(held_back).interval is None


def test_a_run_without_a_test_part_or_a_model_is_refused(finished, queue_run):
    with pytest.raises(RunError, match=r"This run has no test photos\. Set some aside"):
        runs.request_test_set(finished)
    with pytest.raises(RunError, match="has no model yet"):
        runs.request_test_set(hold_back(queue_run()))


def test_an_opened_run_does_not_learn_on(held_back):
    EventLog(held_back.events_path).append(events.RunStopped(result=runs.read_state(held_back).result))
    runs.request_test_set(held_back)
    with pytest.raises(RunError, match="The test photos of this run were evaluated"):
        runs.request_resume(held_back)


def test_looks_are_counted_even_of_runs_that_are_gone(held_back, workspace):
    first = open_(held_back)
    assert test_set.count_looks(held_back) == 0
    later = runs.create(workspace.open_project(held_back.project_id), held_back.spec, runs.load_split(held_back))
    shutil.copytree(held_back.model_dir, later.model_dir)
    checked = runs.read_state(held_back).steps["export"].result
    EventLog(later.events_path).append(events.StepFinished(name="export", result=checked))
    runs.delete(held_back)
    assert test_set.count_looks(later) == 1
    test_set.open_test_part(later, lambda done, total: None)
    assert test_set.count_looks(later) == 1 and test_set.load_opening(later).accuracy == first.accuracy


def test_the_card_names_the_figure(held_back):
    open_(held_back)
    card = write_card(held_back, runs.read_state(held_back), runs.load_split(held_back), {"name": "Blots"})
    assert "Final test on " in card and "of 6 test photos right: " in card
    assert "Other runs have been tested" not in card


def test_the_card_says_that_others_have_looked(held_back):
    photos = [item.photo for item in runs.load_split(held_back).test]
    write_json(held_back.folder.parents[1] / "opened" / "other.json", {"opened": 0, "photos": photos[:1]})
    open_(held_back)
    card = write_card(held_back, runs.read_state(held_back), runs.load_split(held_back), {"name": "Blots"})
    assert "Other runs were tested on these photos once before" in card


def test_by_command(held_back, capsys):
    try:
        answers = []
        for _ in range(2):
            assert main(["evaluate", held_back.id, "--test", "--json"]) == 0
            answers.append(capsys.readouterr().out)
    finally:
        kill_worker(held_back)
    assert answers[0] == answers[1] and '"count": 6' in answers[0] and '"confusion_matrix"' in answers[0]
    assert main(["evaluate", held_back.id]) == 2 and main(["evaluate", held_back.id, "photos", "--test"]) == 2
    assert "one of the two" in capsys.readouterr().err


def test_an_older_result_does_not_pass_for_one_that_is_damaged(held_back, workspace):
    project, older = workspace.open_project(held_back.project_id), open_(held_back)
    assert summarize(workspace, project).final == older.in_words()
    later = runs.create(project, held_back.spec, runs.load_split(held_back))
    EventLog(later.events_path).append(events.StepFinished(name="test_set", result={}))  # and no file with it
    assert "can no longer be read" in summarize(workspace, project).final
