"""What a queued run waits for, in words."""

import time

import pytest
from filelock import FileLock

from transfer_core import runs
from transfer_core.jobs.machine import machine_dir
from transfer_core.runs import events
from transfer_core.runs.state import RunState
from transfer_core.services.waiting import Wait, find_other_home, find_wait, lateness
from transfer_core.support.files import write_json


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (Wait(0), ""),
        (Wait(1), "Waiting for 1 other run"),
        (Wait(2), "Waiting for 2 other runs"),
        (Wait(1, "Frozen"), "Waiting for 'Frozen'"),
        (
            Wait(1, "Fine-tuned 2", "Spring flowers", 180),
            "Waiting for 'Fine-tuned 2' of Spring flowers, about 3 min left",
        ),
        (Wait(3, "Frozen", None, 5), "Waiting for 'Frozen', about 5 s left, then 2 other runs"),
    ],
)
def test_it_is_said_by_name_and_time(wait, words):
    assert wait.in_words() == words


def append(run, *happened):
    for event in happened:
        events.EventLog(run.events_path).append(event)


def test_the_training_at_work_is_named_and_its_project_where_it_is_another(workspace, project, queue_run):
    working, waiting = queue_run(strategy="full"), queue_run(strategy="full")
    assert find_wait(workspace, waiting) == Wait(1)  # nobody is at work yet
    append(working, events.RunStarted())
    with working.lock().acquire():
        found = find_wait(workspace, waiting)
        assert (found.count, found.name, found.project) == (1, "All at once", None)
        elsewhere = runs.create(workspace.create_project("Else"), waiting.spec, runs.load_split(waiting))
        found = find_wait(workspace, elsewhere)
        assert (found.count, found.project) == (2, project.name)


def expecting(project, run, seconds):
    """A run as this one that was expected to take so long."""
    return runs.create(project, runs.TrainSpec(run.config, expected_s=seconds), runs.load_split(run))


def test_the_time_left_is_that_of_the_estimate_and_none_where_it_has_run_out(workspace, project, queue_run):
    working, waiting = expecting(project, queue_run(strategy="full", epochs=10), 100.0), queue_run()
    runs.request_stop(runs.list_runs(workspace, project)[-1])
    now = time.time()
    append(working, events.RunStarted(time=now))
    with working.lock().acquire():
        assert find_wait(workspace, waiting).seconds_left == pytest.approx(100, abs=5)
        append(working, events.RunStarted(time=now - 1e6))
        assert find_wait(workspace, waiting).seconds_left is None  # it was wrong, and nothing is made up


# --- an estimate that turned out wrong ---


def at_work(began: float, *phases: str, done: int = 0, of: int = 100, at: float = 0.0) -> RunState:
    """Began then; the progress of its last phase at that moment, counted from the beginning of the run."""
    state = RunState(alive=True, lifecycle=events.RunStarted(time=began), started=began)
    state.phases = [events.PhaseStarted(name=name, title=name, time=began) for name in phases]
    state.first_progress = events.Progress(done=0, total=of, time=began)
    state.progress = events.Progress(done=done, total=of, time=at)
    return state


@pytest.mark.parametrize(
    ("expected", "elapsed", "done", "said"),
    [
        (60.0, 50.0, 80, ""),  # 62 s in all
        (60.0, 80.0, 25, "This takes longer than expected: about 4 min more."),
        (10.0, 20.0, 80, ""),  # fifteen seconds more than expected are nobody's concern
        (None, 1e4, 1, ""),
    ],
)
def test_a_wrong_estimate_is_corrected_in_words(project, queue_run, monkeypatch, expected, elapsed, done, said):
    run = expecting(project, queue_run(strategy="full"), expected)
    monkeypatch.setattr("transfer_core.services.waiting._is_last_phase", lambda run, state: True)
    assert lateness(run, at_work(1000.0, "everything", done=done, at=1000.0 + elapsed), 1000.0 + elapsed) == said


def test_before_its_last_phase_nothing_is_said_of_how_long(project, queue_run):
    run = expecting(project, queue_run(strategy="full"), 60.0)
    assert lateness(run, at_work(1000.0, "head", done=50, at=1080.0), 1080.0) == ""
    assert lateness(run, at_work(1000.0, "head", done=50, at=1100.0), 1100.0) == "This takes longer than expected."


def test_who_waits_for_another_folder_is_not_late(project, queue_run):
    run = expecting(project, queue_run(strategy="full"), 60.0)
    assert lateness(run, at_work(1000.0, "wait"), 5000.0) == ""


# --- another Graft folder of this machine ---


def test_the_training_of_another_folder_is_named(queue_run, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_MACHINE_DIR", str(tmp_path))
    run, note = queue_run(), machine_dir() / "device.json"
    assert find_other_home(run) == ""
    write_json(note, {"home": "/home/ann/.graft", "project": "Moths", "until": time.time() + 300})
    assert find_other_home(run) == ""  # left behind by a worker that was killed
    with FileLock(machine_dir() / "device.lock"):
        told = "Waiting for a training of 'Moths' in another Graft folder (/home/ann/.graft)"
        assert find_other_home(run) == f"{told}, about 5 min left"
        write_json(note, {"home": "/home/ann/.graft", "project": "Moths", "until": time.time() - 1})
        assert find_other_home(run) == told
        write_json(note, {"home": str(run.workspace.home), "project": "Moths", "until": None})
        assert find_other_home(run) == ""  # its own
        note.write_text("[]")
        assert find_other_home(run) == ""
