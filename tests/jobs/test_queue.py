"""The queue: one run after the other in each slot, none lost, and an end of its own."""

import os
import signal
import time
from itertools import chain, repeat

import pytest
from filelock import Timeout

from tests.helpers import run_python, wait_for
from transfer_core import runs
from transfer_core.errors import RunError
from transfer_core.jobs import queue
from transfer_core.jobs.launch import card_path, ensure_runner, runner_lock, slot_count
from transfer_core.jobs.slots import Slot, failure_event_for
from transfer_core.runs import Run, events
from transfer_core.runs.events import EventLog, read_events
from transfer_core.support.files import read_json, write_json


def status(run) -> str:
    return runs.read_state(run).status


def _is_held(workspace) -> bool:
    """Whether a runner lives."""
    try:
        with runner_lock(workspace).acquire(timeout=0.05, poll_interval=0.005):
            return False
    except Timeout:
        return True


def worker(run) -> dict:
    """Who has the run, or had it last."""
    return read_json(run.folder / "worker.json")


def kinds(run) -> list[str]:
    return [type(event).__name__ for event in read_events(run.events_path)[0]]


def times(run) -> tuple[float, float]:
    """When the worker took the run, and when it had done everything."""
    said = read_events(run.events_path)[0]
    started = next(event.time for event in said if isinstance(event, events.RunStarted))
    return started, said[-1].time


def test_two_runs_at_once_are_done_one_after_the_other_and_then_it_ends(tiny_workspace, queue_run):
    first, second = queue_run(epochs=5), queue_run(epochs=5)
    for _ in range(3):
        ensure_runner(tiny_workspace)  # three clients at once; one runner must come of it
    wait_for(lambda: status(first) == status(second) == "finished")
    wait_for(lambda: not _is_held(tiny_workspace), 20)
    assert times(first)[1] < times(second)[0]
    for run in (first, second):
        assert kinds(run).count("RunStarted") == 1
        assert worker(run)["pid"] != read_json(card_path(tiny_workspace))["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(wait_gone(read_json(card_path(tiny_workspace))["pid"]), 0)


def wait_gone(pid: int) -> int:
    """Waits for a child that was started detached, so that its number is free."""

    def reap():
        try:
            return os.waitpid(pid, os.WNOHANG)[0] == pid
        except ChildProcessError:
            return True

    wait_for(reap, 10)
    return pid


def ids(found: list[Run]) -> list[str]:
    return [run.id for run in found]


def test_the_one_queued_first_comes_first(tiny_workspace, queue_run):
    first, second = queue_run(), queue_run()
    looking = queue._Queue(tiny_workspace)
    assert ids(looking.look().waiting) == ids([first, second])
    EventLog(first.events_path).append(events.RunFailed(message="m", hint="h"))
    assert ids(looking.look().waiting) == ids([second])
    runs.request_resume(first)
    assert ids(looking.look().waiting) == ids([second, first])  # whoever resumes stands at the end


def test_runs_that_somebody_works_on_or_that_ended_are_left_alone(tiny_workspace, queue_run):
    working, done, interrupted, ours = (queue_run() for _ in range(4))
    EventLog(done.events_path).append(events.RunStopped(result=None))
    EventLog(interrupted.events_path).append(events.RunStarted())
    with working.lock().acquire():
        waiting, orphans = queue._Queue(tiny_workspace).look({ours.id})  # which may not have taken its lock yet
    assert (waiting, ids(orphans)) == ([], [working.id])


def test_a_cut_off_export_is_taken_up_once_after_everything_else(tiny_workspace, queue_run):
    cut_off, waiting = queue_run(), queue_run()
    EventLog(cut_off.events_path).append(events.RunFinished(result={"val_accuracy": 1.0}, steps=("export",)))
    looking = queue._Queue(tiny_workspace)
    assert ids(looking.look().waiting) == ids([waiting, cut_off])
    EventLog(waiting.events_path).append(events.RunStopped(result=None))
    EventLog(cut_off.events_path).append(events.StepFailed(name="export", message="It did not work."))
    assert looking.look().waiting == []
    runs.request_step(cut_off, "export")
    assert ids(looking.look().waiting) == [cut_off.id]


def test_a_run_that_cannot_be_read_does_not_stop_the_others(tiny_workspace, queue_run):
    unreadable, other = queue_run(), queue_run()
    unreadable.events_path.unlink()
    unreadable.events_path.mkdir()
    assert ids(queue._Queue(tiny_workspace).look().waiting) == [other.id]


@pytest.mark.parametrize(
    ("gpus", "stray", "free"),
    [
        ([None], [], [None]),
        ([None], [""], []),  # a worker of an earlier runner is still at work on the processor
        (["a", "b"], ["a"], ["b"]),
        (["a", "b"], ["b"], ["a"]),
        (["a", "b"], ["a", "b"], []),
        (["a", "b"], [None], ["b"]),  # it sees both and takes the first
        (["a", "b"], ["c"], ["b"]),
    ],
)
def test_slots_of_stray_workers_are_not_free(tiny_workspace, queue_run, gpus, stray, free):
    orphans = [queue_run() for _ in stray]
    for run, gpu in zip(orphans, stray, strict=True):
        write_json(run.folder / "worker.json", {"pid": 1, "gpu": gpu})
    slots = [Slot(tiny_workspace, gpu) for gpu in gpus]
    assert [slot.gpu for slot in queue._free_slots(slots, orphans)] == free


class Actor(Slot):
    """A slot without processes: a function does its runs, at once or in as many looks as it says."""

    def __init__(self, workspace, do):
        super().__init__(workspace)
        self._do, self._looks = do, 0

    def begin(self, run) -> bool:
        self._looks = self._do(run) or 0
        self.run = run if self._looks else None
        return self.run is not None

    def tend(self) -> bool:
        self._looks -= 1
        if self.run is None or self._looks > 0:
            return False
        self.run = None
        return True

    def keep_standby(self) -> None:
        pass


@pytest.fixture
def in_process(tiny_workspace, monkeypatch):
    """Runs the runner in this process, a function in place of its workers; returns what it gave them."""
    monkeypatch.setenv("GRAFT_IDLE_S", "0.2")
    monkeypatch.setattr(queue.os, "nice", lambda by: 0)
    monkeypatch.setattr(queue, "_LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(queue, "_WAKE_EVERY_S", 0.01)
    given = []

    def serve(do, slots: int = 1) -> list:
        def note(run):
            given.append(run.id)
            assert len(given) < 5, "the same run again and again"
            return do(run)

        monkeypatch.setattr(queue, "open_slots", lambda workspace: [Actor(workspace, note) for _ in range(slots)])
        assert queue.main(str(tiny_workspace.home)) == 0
        return given

    return serve


def test_an_export_that_kills_its_worker_is_not_begun_for_ever(queue_run, in_process):
    run = queue_run()
    EventLog(run.events_path).append(events.RunFinished(result={"val_accuracy": 1.0}, steps=("export",)))

    def die(run):
        EventLog(run.events_path).append(events.StepStarted(name="export"))
        if word := failure_event_for(runs.read_state(run), None, "exit code -9"):
            EventLog(run.events_path).append(word)

    assert in_process(die) == [run.id, run.id]  # once more than the first, which may have been an accident
    assert "ended unexpectedly (exit code -9)" in runs.read_state(run).steps["export"].message
    runs.request_step(run, "export")
    assert in_process(die)[2:] == [run.id, run.id]  # a person may ask for it again


def test_a_run_queued_while_the_runner_is_about_to_end_is_not_lost(queue_run, in_process, monkeypatch):
    """Its client saw the lock held and started no other runner."""
    late, serve = [], queue._serve

    def serve_then_queue(*arguments):
        serve(*arguments)
        if not late:
            late.append(queue_run())  # the idle time is over, the lock is still held

    monkeypatch.setattr(queue, "_serve", serve_then_queue)
    given = in_process(lambda run: EventLog(run.events_path).append(events.RunStopped(result=None)))
    assert given == [late[0].id]


def test_a_second_runner_ends_at_once(tiny_workspace, in_process, monkeypatch):
    monkeypatch.setenv("GRAFT_IDLE_S", "60")
    with runner_lock(tiny_workspace).acquire():
        began = time.monotonic()
        assert in_process(lambda run: None) == []
        assert time.monotonic() - began < 30  # without waiting for work


def test_a_worker_that_dies_before_its_first_word_is_a_failed_run(tiny_workspace, queue_run):
    run, other = queue_run(), queue_run(epochs=2)
    (run.folder / "worker.json").mkdir()  # so that the worker cannot even write who it is
    (run.folder / "worker.json" / "x").touch()
    ensure_runner(tiny_workspace)
    wait_for(lambda: status(run) == "failed")
    failure = runs.read_state(run).failure
    assert "could not start (exit code 1)" in failure.message and "worker.log" in failure.hint
    assert "Traceback" in run.log_path.read_text()
    wait_for(lambda: status(other) == "finished")  # the others do not suffer


@pytest.mark.full
def test_a_runner_outlives_whoever_started_it(tiny_workspace, queue_run):
    run = queue_run(epochs=2)
    answer = run_python(
        "-c",
        "from transfer_core.jobs.launch import ensure_runner; from transfer_core.workspace import Workspace\n"
        "ensure_runner(Workspace.default())",
    )
    assert answer.returncode == 0, answer.stderr
    wait_for(lambda: status(run) == "finished")


def test_a_runner_of_older_code_hands_over(tiny_workspace, queue_run, in_process, monkeypatch):
    run = queue_run()
    versions, called = chain(["old", "old"], repeat("new")), []
    monkeypatch.setattr(queue, "code_version", lambda: next(versions))
    monkeypatch.setattr(queue, "ensure_runner", called.append)
    assert in_process(lambda run: None) == [] and called == [tiny_workspace]
    assert status(run) == "queued"


def test_a_runner_of_older_code_sees_its_run_to_the_end_and_takes_no_other(queue_run, in_process, monkeypatch):
    run, late, versions = queue_run(), [], ["old"]
    monkeypatch.setattr(queue, "code_version", lambda: versions[-1])
    monkeypatch.setattr(queue, "ensure_runner", lambda workspace: None)

    def begin(run) -> int:
        versions.append("new")
        late.append(queue_run())
        return 20  # looks until it has ended

    left = []
    monkeypatch.setattr(Actor, "stop_standby", lambda self: left.append(self.run))
    assert in_process(begin, slots=2) == [run.id]  # the second slot was free
    assert left == [None, None] and status(late[0]) == "queued"


@pytest.mark.full
def test_each_gpu_does_a_run_at_once_and_a_killed_worker_hurts_no_other(
    tiny_workspace, queue_run, queue_stuck_run, driver_tool
):
    driver_tool("echo 'GPU 0: X (UUID: GPU-aa)'; echo 'GPU 1: X (UUID: GPU-bb)'")
    first, second, third = queue_stuck_run(), queue_stuck_run(), queue_run(epochs=2)
    ensure_runner(tiny_workspace)
    wait_for(lambda: status(first) == status(second) == "running")
    assert slot_count(tiny_workspace) == 2
    assert (worker(first)["gpu"], worker(second)["gpu"], status(third)) == ("GPU-aa", "GPU-bb", "queued")
    killed = time.time()
    os.kill(worker(first)["pid"], signal.SIGKILL)
    wait_for(lambda: status(third) == "finished")
    assert times(third)[0] > killed and worker(third)["gpu"] == "GPU-aa"
    assert (status(first), status(second)) == ("interrupted", "running")


@pytest.mark.full
def test_a_runner_after_a_killed_one_waits_for_the_worker_it_left(tiny_workspace, queue_run, queue_stuck_run):
    first, second = queue_stuck_run(), queue_run(epochs=2)
    ensure_runner(tiny_workspace)
    wait_for(lambda: status(first) == "running")
    dead = read_json(card_path(tiny_workspace))["pid"]
    os.kill(dead, signal.SIGKILL)
    wait_gone(dead)
    ensure_runner(tiny_workspace)
    wait_for(lambda: read_json(card_path(tiny_workspace))["pid"] != dead)
    time.sleep(0.7)  # longer than it would need to begin the second, and than it stays without work
    assert (status(first), status(second)) == ("running", "queued")
    killed = time.time()
    os.kill(worker(first)["pid"], signal.SIGKILL)
    wait_for(lambda: status(second) == "finished")
    assert times(second)[0] > killed and kinds(first).count("RunStarted") == 1


def test_a_run_whose_model_is_being_written_cannot_be_resumed_yet(queue_run, monkeypatch):
    monkeypatch.setattr(runs.requests, "_PATIENCE_S", 0.1)
    run = queue_run()
    EventLog(run.events_path).append(events.RunStopped(result={"val_accuracy": 1.0}))
    with run.lock().acquire(), pytest.raises(RunError, match="being exported"):
        runs.request_resume(run)


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_an_idle_time_that_is_none_is_said_instead_of_waiting_for_ever(tiny_workspace, monkeypatch, text):
    monkeypatch.setenv("GRAFT_IDLE_S", text)
    with pytest.raises(RunError, match=f"GRAFT_IDLE_S is '{text}', which is not a number of seconds"):
        ensure_runner(tiny_workspace)
