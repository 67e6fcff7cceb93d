"""Runs: their folder, what their events add up to, and who is alive."""

import os
import shutil
import threading
import time
from dataclasses import replace

import pytest

from tests.helpers import start_python, wait_for
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.errors import RunError
from transfer_core.runs import events, trash
from transfer_core.runs.events import EventLog
from transfer_core.runs.state import RunState, reduce_events
from transfer_core.support.files import read_json, write_json


def epoch(step: int) -> events.EpochFinished:
    return events.EpochFinished(
        phase="head",
        epoch=step,
        epochs=9,
        step=step,
        train_loss=1 / step,
        train_accuracy=0.5,
        val_loss=None,
        val_accuracy=0.5,
        confusion_matrix=[[1]],
    )


QUEUED, STARTED, RESUMED = events.RunQueued(), events.RunStarted(), events.RunResumed(from_step=2)
FINISHED, STOPPED = events.RunFinished(result={"val_accuracy": 1.0}, steps=("export",)), events.RunStopped(result=None)
FAILED = events.RunFailed(message="m", hint="h")


@pytest.mark.parametrize(
    ("happened", "alive", "status"),
    [
        ([], False, "queued"),  # the folder was made, the first event is on its way
        ([QUEUED], False, "queued"),
        ([QUEUED], True, "queued"),  # a worker has it, and has not said so yet
        ([QUEUED, STARTED], True, "running"),
        ([QUEUED, STARTED], False, "interrupted"),  # killed
        ([QUEUED, STARTED, epoch(1)], False, "interrupted"),  # killed later
        ([QUEUED, STARTED, FINISHED], True, "finished"),  # the worker still exports
        ([QUEUED, STARTED, FINISHED], False, "finished"),
        ([QUEUED, STARTED, STOPPED], False, "stopped"),
        ([QUEUED, STARTED, FAILED], False, "failed"),
        ([QUEUED, STARTED, QUEUED], False, "queued"),  # resumed by a person, waits again
        ([QUEUED, STARTED, QUEUED, RESUMED], True, "running"),
        ([QUEUED, STARTED, QUEUED, RESUMED], False, "interrupted"),  # killed twice
        ([QUEUED, STARTED, FAILED, QUEUED, RESUMED, FINISHED], False, "finished"),
        ([QUEUED, FAILED], False, "failed"),  # the worker never started
    ],
)
def test_status_is_the_newest_lifecycle_event_and_the_lock(happened, alive, status):
    assert reduce_events(RunState(alive=alive), happened).status == status


def test_a_resume_drops_the_epochs_that_no_longer_hold():
    history = reduce_events(RunState(), [QUEUED, STARTED, *map(epoch, range(1, 6)), QUEUED, RESUMED])
    assert [entry.step for entry in history.epochs] == [1, 2]
    reduce_events(history, map(epoch, range(3, 10)))
    assert [entry.step for entry in history.epochs] == list(range(1, 10))


def test_epochs_that_are_done_anew_replace_those_before():
    """As where a newer version cannot go on from an older one's checkpoint: it begins at the first epoch again."""
    history = reduce_events(RunState(), [QUEUED, STARTED, *map(epoch, range(1, 6)), QUEUED, RESUMED])
    reduce_events(history, map(epoch, range(1, 4)))
    assert [entry.step for entry in history.epochs] == [1, 2, 3]


def test_a_resume_forgets_the_old_end():
    exported = events.StepFinished(name="export", result={"changed_labels": 0})
    stopped = events.RunStopped(result={"val_accuracy": 0.5})
    history = reduce_events(RunState(), [QUEUED, STARTED, stopped, exported, QUEUED, RESUMED])
    assert (history.result, history.steps, history.failure) == (None, {}, None)
    assert reduce_events(RunState(), [QUEUED, STARTED, FAILED, QUEUED]).failure is None


@pytest.mark.parametrize(
    ("happened", "needed"),
    [
        ([STARTED], False),
        ([STARTED, FINISHED], True),
        ([STARTED, FINISHED, events.StepStarted(name="export")], True),  # cut off in between
        ([STARTED, FINISHED, events.StepFailed(name="export", message="m")], False),
        ([STARTED, STOPPED], False),  # nothing was learned
        ([STARTED, events.RunStopped(result={"val_accuracy": 0.5}, steps=("export",))], True),
        ([STARTED, FAILED], False),
    ],
)
def test_who_needs_an_export(happened, needed):
    assert reduce_events(RunState(), happened).is_pending("export") is needed


def test_reading_goes_on_where_it_ended(queue_run):
    run = queue_run()
    log = EventLog(run.events_path)
    history = runs.read_state(run)
    for event in (STARTED, events.PhaseStarted(name="head", title="Learning"), epoch(1), epoch(2), FINISHED):
        log.append(event)
        history = runs.read_state(run, history)
    assert vars(history) == vars(runs.read_state(run))


def test_seconds_left_follow_the_pace():
    history = reduce_events(
        RunState(), [events.PhaseStarted(name="f", title="F"), events.Progress(done=10, total=100, time=100.0)]
    )
    assert history.seconds_left(110) is None
    reduce_events(history, [events.Progress(done=40, total=100, time=105.0)])
    assert history.seconds_left(110) == pytest.approx(20)


def test_a_run_comes_back_as_it_was_made(tiny_workspace, project, queue_run):
    run = queue_run(seed=4, epochs=3)
    assert runs.open_run(tiny_workspace, run.id) == run
    assert runs.open_run(tiny_workspace, str(run.folder)) == run
    assert run.config == TrainConfig(backbone=run.config.backbone, batch_size=8, val_fraction=0.25, seed=4, epochs=3)
    split = runs.load_split(run)
    assert sorted(item.id for item in split.train + split.val) == sorted(item.id for item in load_items(project))
    assert runs.read_state(run).status == "queued"


def test_a_split_with_hostile_names_comes_back(workspace):
    from transfer_core.data.labels.dataset import new_item
    from transfer_core.data.splits.split import Split

    project = workspace.create_project("x")
    items = [new_item(str(n), "0.jpg", "caf\udce9\n|.jpg", "=1+1 🦋", None, (1, 1)) for n in range(2)]
    split = Split(("=1+1 🦋",), (items[0],), (items[1],), True, (("caf\udce9", "b"),))
    assert runs.load_split(runs.create(project, runs.TrainSpec(TrainConfig()), split)) == split


@pytest.mark.parametrize(
    "name", ["../x", "..", "", "a/b", "/etc", "nothing-here", "x" * 5000, "a\0b", "A", "20261121-000000-abcdef/..", "~"]
)
def test_runs_that_are_not_there_are_refused(tiny_workspace, queue_run, name):
    queue_run()
    with pytest.raises(RunError):
        runs.open_run(tiny_workspace, name)


def test_a_broken_config_is_said_and_passed_over_in_lists(tiny_workspace, queue_run):
    good, bad = queue_run(), queue_run()
    (bad.folder / "config.json").write_text('{"kind": "train"}')
    assert [run.id for run in runs.list_runs(tiny_workspace)] == [good.id]
    with pytest.raises(RunError, match="cannot be read"):
        runs.open_run(tiny_workspace, bad.id)


def test_the_newest_run_is_listed_first(tiny_workspace, project, queue_run):
    made = [queue_run() for _ in range(3)]
    other = tiny_workspace.create_project("Other")
    assert [run.id for run in runs.list_runs(tiny_workspace)] == [run.id for run in reversed(made)]
    assert [run.id for run in runs.list_runs(tiny_workspace, project)] == [run.id for run in reversed(made)]
    assert runs.list_runs(tiny_workspace, other) == []


_HOLD = """
import sys, time
from transfer_core import runs
from transfer_core.workspace import Workspace
run = runs.open_run(Workspace.default(), sys.argv[1])
with run.lock().acquire():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.training
def test_a_held_lock_is_life_and_death_frees_it(tiny_workspace, queue_run):
    run = queue_run()
    EventLog(run.events_path).append(STARTED)
    holder = start_python("-c", _HOLD, run.id)
    try:
        assert holder.stdout.readline() == "held\n"
        assert runs.is_alive(run) and runs.read_state(run).status == "running"
        with pytest.raises(RunError, match=r"still training. Stop it first"):
            runs.delete(run)
    finally:
        holder.kill()
        holder.communicate()
    assert wait_for(lambda: runs.read_state(run).status == "interrupted", 5)


def test_a_worker_that_begins_between_two_looks_is_not_taken_for_dead(tiny_workspace, queue_run, monkeypatch):
    run, answers = queue_run(), [False, True]
    EventLog(run.events_path).append(STARTED)  # said after the first look, before the events were read
    monkeypatch.setattr(runs.run, "is_alive", lambda run: answers.pop(0))
    assert runs.read_state(run).status == "running"


def test_a_deleted_run_is_not_alive_and_does_not_come_back(tiny_workspace, queue_run):
    run = queue_run()
    runs.delete(run)
    assert not runs.is_alive(run)
    assert not run.folder.exists()
    assert runs.list_runs(tiny_workspace) == []


def test_resuming_queues_again_and_takes_back_a_stop(queue_run):
    run = queue_run()
    for end in (STARTED, STOPPED, FAILED):
        EventLog(run.events_path).append(end)
        runs.request_stop(run)
        assert runs.stop_requested(run)
        runs.request_resume(run)
        assert runs.read_state(run).status == "queued" and not runs.stop_requested(run)


def test_a_queued_run_is_not_queued_twice_and_a_finished_one_not_again(queue_run):
    run = queue_run()
    size = run.events_path.stat().st_size
    runs.request_resume(run)
    assert run.events_path.stat().st_size == size
    EventLog(run.events_path).append(FINISHED)
    with pytest.raises(RunError, match="is finished"):
        runs.request_resume(run)


def test_those_ahead_are_counted(tiny_workspace, queue_run):
    first, second, third = queue_run(), queue_run(), queue_run()
    assert [runs.count_ahead(tiny_workspace, run) for run in (first, second, third)] == [0, 1, 2]
    assert [runs.count_ahead(tiny_workspace, run, slots=2) for run in (first, second, third)] == [0, 0, 1]
    known = {run.id: runs.read_state(run) for run in (first, second, third)}
    EventLog(first.events_path).append(FINISHED)
    assert runs.count_ahead(tiny_workspace, third, read=lambda run: known[run.id]) == 2  # as far as its reader knows
    with first.lock().acquire():
        assert runs.count_ahead(tiny_workspace, third) == 2  # its worker still writes the model
    assert runs.count_ahead(tiny_workspace, third) == 1


def test_the_reserve_takes_room_and_gives_it_back(queue_run):
    run = queue_run()
    runs.keep_reserve(run)
    assert (run.folder / "reserve").stat().st_blocks * 512 >= 200_000
    runs.free_reserve(run)
    runs.free_reserve(run)
    assert "reserve" not in os.listdir(run.folder)


def test_a_home_that_was_moved_still_has_its_runs(tiny_workspace, queue_run, tmp_path):
    run = queue_run()
    shutil.move(tiny_workspace.home, tmp_path / "elsewhere")
    moved = replace(tiny_workspace, home=tmp_path / "elsewhere")
    found = runs.open_run(moved, run.id)
    assert all((found.photos_dir / item.file).is_file() for item in runs.load_split(found).train)


def at(seconds: float, event: events.Event) -> events.Event:
    return replace(event, time=seconds)


def phase(name: str) -> events.PhaseStarted:
    return events.PhaseStarted(name=name, title=name)


def test_time_is_counted_by_phase_and_over_interruptions():
    happened = [
        at(0, QUEUED),
        at(100, STARTED),  # waiting is not work
        at(101, phase("features")),
        at(104, phase("head")),
        at(106, epoch(1)),  # killed after this
        at(500, QUEUED),
        at(600, RESUMED),
        at(600.5, phase("features")),
        at(601, phase("head")),
        at(605, epoch(3)),
        at(606, FINISHED),
        at(900, events.StepStarted(name="export")),
    ]
    spent = reduce_events(RunState(), happened).spent_s
    assert spent == {"": pytest.approx(1.5), "features": pytest.approx(3.5), "head": pytest.approx(7)}


def test_a_clock_that_was_set_back_takes_no_time_away():
    happened = [at(100, STARTED), at(101, phase("head")), at(50, epoch(1)), at(52, FINISHED)]
    assert reduce_events(RunState(), happened).spent_s == {"": pytest.approx(1), "head": pytest.approx(2)}


def test_a_run_made_before_there_were_test_parts_still_loads(queue_run):
    run = queue_run()
    split, content = runs.load_split(run), read_json(run.folder / "split.json")
    for part in ("train", "val"):
        content[part] = [{key: value for key, value in item.items() if key != "group"} for item in content[part]]
    write_json(
        run.folder / "split.json", {key: content[key] for key in content if key not in ("test", "crossing_groups")}
    )
    assert runs.load_split(run) == split and split.test == split.crossing_groups == ()


def test_test_part_and_crossings_come_back(project, queue_run):
    items = [replace(item, group="g", part="val" if n % 2 else "train") for n, item in enumerate(load_items(project))]
    split = make_split(items, 0.25, 0, test_fraction=0.25, group_pattern=r"(\d)\.")
    assert split.crossing_groups == ()
    split = replace(split, test=split.val, crossing=(("a", "b"),), crossing_groups=("p01",))
    run = runs.create(project, runs.TrainSpec(TrainConfig(group_pattern=r"(\d)\.")), split)
    assert runs.load_split(run) == split and runs.open_run(run.workspace, run.id).config.group_pattern == r"(\d)\."


# --- what cannot be read harms nothing else ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda content: content["spec"]["config"].update(val_fraction=0.9), "must be a number from 0.05 to 0.5"),
        (lambda content: content["spec"]["config"].update(epochs="many"), "must be a whole number"),
        (
            lambda content: content.update(kind="dream"),
            "of the kind 'dream', which this version",
        ),
        (lambda content: content.pop("created"), "'created'"),
        (lambda content: content.update(spec=[]), "cannot be read"),
        (lambda content: content.update(kind=["train"]), "cannot be read"),
    ],
)
def test_a_run_with_settings_outside_todays_limits_is_listed_as_unreadable(workspace, queue_run, spoil, reason):
    good, bad = queue_run(), queue_run()
    path = bad.folder / "config.json"
    content = read_json(path)
    spoil(content)
    write_json(path, content)
    assert runs.list_runs(workspace, kind=None) == [good]
    [found] = runs.list_unreadable(workspace)
    assert (found.id, found.project_id, found.folder) == (bad.id, bad.project_id, bad.folder)
    assert reason in found.reason and "Delete it" in found.reason
    with pytest.raises(RunError, match="cannot be read"):
        runs.open_run(workspace, bad.id)


def spoil(run, text):
    """Damages a run's settings and their copy."""
    for name in ("config.json", "config.json.bak"):
        (run.folder / name).write_text(text)


def test_damaged_settings_are_taken_from_their_copy(workspace, queue_run):
    run = queue_run()
    (run.folder / "config.json").write_text("{")
    [found] = runs.list_runs(workspace, kind=None)
    assert found == run and "config.json is damaged" in found.problem and "nothing is missing" in found.problem
    (run.folder / "config.json").unlink()
    assert runs.open_run(workspace, run.id) == run


def test_settings_of_another_run_are_not_taken_for_its_own(workspace, queue_run):
    run, other = queue_run(epochs=3), queue_run(epochs=7)
    for name in ("config.json", "config.json.bak", "split.json"):
        (run.folder / name).write_bytes((other.folder / name).read_bytes())
    [found] = runs.list_unreadable(workspace)
    assert found.id == run.id and "belongs elsewhere" in found.reason
    with pytest.raises(RunError, match="belongs elsewhere"):
        runs.load_split(run)


def test_a_run_whose_settings_are_gone_is_unreadable_but_one_that_is_just_being_made_is_none(workspace, queue_run):
    run = queue_run()
    for name in ("config.json", "config.json.bak"):
        (run.folder / name).unlink()
    assert runs.list_unreadable(workspace) == []
    os.utime(run.events_path, (1, 1))
    [found] = runs.list_unreadable(workspace)
    assert found.id == run.id and "it is missing" in found.reason


@pytest.mark.parametrize("content", [b"", b"\0" * 300, None])
def test_a_run_without_its_log_does_not_look_as_if_it_waited(queue_run, content):
    run = queue_run()
    run.events_path.unlink() if content is None else run.events_path.write_bytes(content)
    state = runs.read_state(run)
    assert state.status == "failed" and "events.jsonl is missing or cannot be read" in state.failure.message


def test_the_log_of_another_run_is_not_taken_for_its_own(queue_run, stopped):
    run = queue_run()
    run.events_path.write_bytes(stopped.events_path.read_bytes())
    state = runs.read_state(run)
    assert (state.status, state.lost) == ("failed", 2) and "2 lines" in state.damage


def test_settings_nested_without_end_break_no_list(workspace, queue_run):
    good, bad = queue_run(), queue_run()
    spoil(bad, "[" * 200_000)
    assert runs.list_runs(workspace, kind=None) == [good]
    assert [found.id for found in runs.list_unreadable(workspace)] == [bad.id]


def test_an_unreadable_run_can_be_deleted_and_brought_back(workspace, project, queue_run):
    run = queue_run()
    spoil(run, "{")
    [found] = runs.list_unreadable(workspace)
    trash.delete_unreadable(project, found)
    assert runs.list_unreadable(workspace) == [] and trash.deleted(project) == [run.id]
    trash.restore(project, run.id)
    assert [entry.id for entry in runs.list_unreadable(workspace)] == [run.id]


def test_a_run_of_an_earlier_version_is_read(workspace, queue_run):
    run = queue_run(epochs=7)
    content = read_json(run.folder / "config.json")
    config = content.pop("spec")["config"]
    write_json(run.folder / "config.json", content | {"intake_s": 2.5, "train": config})
    [found] = runs.list_runs(workspace)
    assert found.spec == runs.TrainSpec(run.config, 2.5)
    write_json(run.folder / "config.json", content | {"kind": "find_rate", "intake_s": 0.0, "train": config})
    [found] = runs.list_runs(workspace, kind="lr_finder")
    assert found.spec == runs.LrFinderSpec(run.config)


def test_a_damaged_split_is_said(queue_run):
    run = queue_run()
    (run.folder / "split.json").write_text('{"train": [{"id": 1}]}')
    with pytest.raises(RunError, match=f"The photos of run '{run.id}' cannot be read"):
        runs.load_split(run)


# --- the result stands ------------------------------------------------------------------------------------------------


def test_what_goes_wrong_after_the_result_does_not_fail_the_run():
    for end in (FINISHED, events.RunStopped(result={"val_accuracy": 0.5}, steps=("export",))):
        state = reduce_events(RunState(), [QUEUED, STARTED, end, FAILED])
        assert state.status in ("finished", "stopped") and state.failure is None
    assert reduce_events(RunState(), [QUEUED, STARTED, STOPPED, FAILED]).status == "failed"  # there was no result


def test_looking_at_a_live_run_waits_for_nothing(queue_run, monkeypatch):
    run = queue_run()
    with run.lock().acquire():
        monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"slept for {seconds} s"))
        assert runs.is_alive(run)


def test_asking_never_makes_a_lock_look_held(queue_run):
    """Several tabs, the runner and the command line all ask at once."""
    run, wrong = queue_run(), []
    run.lock().acquire().lock.release()  # so that there is a file

    def ask():
        for _ in range(500):
            if runs.is_alive(run):
                wrong.append(1)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert not wrong
