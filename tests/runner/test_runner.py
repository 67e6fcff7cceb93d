"""The queue: one run after the other, none lost, and an end of its own."""

import os
import time

import pytest
from filelock import Timeout

from tests.helpers import run_python, wait_for
from transfer_core import events, runs
from transfer_core.errors import RunError
from transfer_core.events import EventLog, read_events
from transfer_core.runner import runner
from transfer_core.runner.launch import ensure_runner, runner_lock
from transfer_core.workspace import read_json


def status(run) -> str:
    return runs.read_history(run).status


def _is_held(workspace) -> bool:
    """Whether a runner lives."""
    try:
        with runner_lock(workspace).acquire(timeout=0.05, poll_interval=0.005):
            return False
    except Timeout:
        return True


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
        assert [type(event).__name__ for event in read_events(run.events_path)[0]].count("RunStarted") == 1
        assert read_json(run.folder / "worker.json")["pid"] != read_json(tiny_workspace.home / "runner.json")["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(wait_gone(read_json(tiny_workspace.home / "runner.json")["pid"]), 0)


def wait_gone(pid: int) -> int:
    """Waits for a child that was started detached, so that its number is free."""

    def reap():
        try:
            return os.waitpid(pid, os.WNOHANG)[0] == pid
        except ChildProcessError:
            return True

    wait_for(reap, 10)
    return pid


def test_the_one_queued_first_comes_first(tiny_workspace, queue_run):
    first, second = queue_run(), queue_run()
    queue = runner._Queue(tiny_workspace)
    assert queue.next_run().id == first.id
    EventLog(first.events_path).append(events.RunFailed(message="m", hint="h"))
    assert queue.next_run().id == second.id
    runs.request_resume(first)
    assert queue.next_run().id == second.id  # whoever resumes stands at the end


def test_runs_that_somebody_works_on_or_that_ended_are_left_alone(tiny_workspace, queue_run):
    working, done, interrupted = queue_run(), queue_run(), queue_run()
    EventLog(done.events_path).append(events.RunStopped(result=None))
    EventLog(interrupted.events_path).append(events.RunStarted())
    with working.lock().acquire():
        assert runner._Queue(tiny_workspace).next_run() is None


def test_a_cut_off_export_is_taken_up_once_after_everything_else(tiny_workspace, queue_run):
    cut_off, waiting = queue_run(), queue_run()
    EventLog(cut_off.events_path).append(events.RunFinished(result={"val_accuracy": 1.0}))
    queue = runner._Queue(tiny_workspace)
    assert queue.next_run().id == waiting.id
    EventLog(waiting.events_path).append(events.RunStopped(result=None))
    assert queue.next_run().id == cut_off.id
    EventLog(cut_off.events_path).append(events.ExportFailed(message="It did not work."))
    assert queue.next_run() is None
    runs.request_export(cut_off)
    assert queue.next_run().id == cut_off.id


@pytest.fixture
def in_process(tiny_workspace, monkeypatch):
    """Runs the runner in this process, its workers replaced; returns what it gave them."""
    monkeypatch.setenv("GRAFT_IDLE_S", "0.2")
    monkeypatch.setattr(runner.os, "nice", lambda by: 0)
    monkeypatch.setattr(runner, "_LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(runner, "_WAKE_EVERY_S", 0.01)
    given = []

    def serve(do) -> list:
        def note(run, spare):
            given.append(run.id)
            assert len(given) < 5, "the same run again and again"
            do(run)

        monkeypatch.setattr(runner, "_do", note)
        monkeypatch.setattr(runner._Spare, "start", lambda self: None)
        assert runner.main(str(tiny_workspace.home)) == 0
        return given

    return serve


def test_an_export_that_kills_its_worker_is_not_begun_for_ever(queue_run, in_process):
    run = queue_run()
    EventLog(run.events_path).append(events.RunFinished(result={"val_accuracy": 1.0}))

    def die(run):
        EventLog(run.events_path).append(events.ExportStarted())
        if last_word := runner._last_word(runs.read_history(run), None, -9):
            EventLog(run.events_path).append(last_word)

    assert in_process(die) == [run.id, run.id]  # once more than the first, which may have been an accident
    assert "ended without a word (exit code -9)" in runs.read_history(run).export.message
    runs.request_export(run)
    assert in_process(die)[2:] == [run.id, run.id]  # a person may ask for it again


def test_a_run_queued_while_the_runner_is_about_to_end_is_not_lost(queue_run, in_process, monkeypatch):
    """Its client saw the lock held and started no other runner."""
    late, serve = [], runner._serve

    def serve_then_queue(*arguments):
        serve(*arguments)
        if not late:
            late.append(queue_run())  # the idle time is over, the lock is still held

    monkeypatch.setattr(runner, "_serve", serve_then_queue)
    given = in_process(lambda run: EventLog(run.events_path).append(events.RunStopped(result=None)))
    assert given == [late[0].id]


def test_a_second_runner_ends_at_once(tiny_workspace, in_process):
    with runner_lock(tiny_workspace).acquire():
        began = time.monotonic()
        assert in_process(lambda run: None) == []
        assert time.monotonic() - began < 0.2


def test_a_worker_that_dies_before_its_first_word_is_a_failed_run(tiny_workspace, queue_run):
    run, other = queue_run(), queue_run(epochs=2)
    (run.folder / "worker.json").mkdir()  # so that the worker cannot even write who it is
    (run.folder / "worker.json" / "x").touch()
    ensure_runner(tiny_workspace)
    wait_for(lambda: status(run) == "failed")
    failure = runs.read_history(run).failure
    assert "could not start (exit code 1)" in failure.message and "worker.log" in failure.hint
    assert "Traceback" in run.log_path.read_text()
    wait_for(lambda: status(other) == "finished")  # the others do not suffer


def test_a_run_that_was_deleted_while_it_waited_does_not_hurt_the_runner(tiny_workspace, queue_run):
    run = queue_run()
    runs.delete(run)
    runner._do(run, runner._Spare(tiny_workspace))
    assert not run.folder.exists()


def test_a_runner_outlives_whoever_started_it(tiny_workspace, queue_run):
    run = queue_run(epochs=2)
    answer = run_python(
        "-c",
        "from transfer_core.runner.launch import ensure_runner; from transfer_core.workspace import Workspace\n"
        "ensure_runner(Workspace.default())",
    )
    assert answer.returncode == 0, answer.stderr
    wait_for(lambda: status(run) == "finished")


def test_a_spare_worker_does_the_run_it_is_given(tiny_workspace, queue_run):
    run = queue_run(epochs=2)
    spare = runner._Spare(tiny_workspace)
    spare.start()
    waiting = spare._worker.pid
    spare.start()
    assert spare._worker.pid == waiting  # one is enough
    worker = spare.give(run)
    assert (worker.pid, worker.wait(timeout=60)) == (waiting, 0)
    assert status(run) == "finished" and run.log_path.exists()
    assert not (tiny_workspace.home / "needs-torch").exists()


def test_a_spare_worker_that_died_is_replaced(tiny_workspace, queue_run):
    run = queue_run(epochs=2)
    spare = runner._Spare(tiny_workspace)
    spare.start()
    dead = spare._worker
    dead.kill()
    dead.wait()
    worker = spare.give(run)
    assert worker.pid != dead.pid and worker.wait(timeout=60) == 0
    assert status(run) == "finished"


def test_a_spare_worker_that_is_not_needed_ends(tiny_workspace):
    spare = runner._Spare(tiny_workspace)
    spare.start()
    worker = spare._worker
    spare.end()
    assert worker.poll() == 0


def test_a_runner_of_older_code_hands_over(tiny_workspace, queue_run, in_process, monkeypatch):
    run = queue_run()
    versions, called = iter(["old", "old", "new", "new"]), []
    monkeypatch.setattr(runner, "code_version", lambda: next(versions))
    monkeypatch.setattr(runner, "ensure_runner", called.append)
    assert in_process(lambda run: None) == [] and called == [tiny_workspace]
    assert status(run) == "queued"


def test_a_run_that_was_resumed_before_its_worker_ended_is_not_called_failed(queue_run):
    """A worker that has said its last word needs a moment to end; Resume may be pressed meanwhile."""
    run = queue_run()
    before = runs.read_history(run).lifecycle
    log = EventLog(run.events_path)
    assert runner._last_word(runs.read_history(run), before, 1) is not None  # not a word was said
    log.append(events.RunStarted())
    log.append(events.RunStopped(result=None))
    runs.request_resume(run)
    assert status(run) == "queued"
    assert runner._last_word(runs.read_history(run), before, 0) is None


def test_a_run_whose_model_is_being_written_cannot_be_resumed_yet(queue_run):
    run = queue_run()
    EventLog(run.events_path).append(events.RunStopped(result={"val_accuracy": 1.0}))
    with run.lock().acquire(), pytest.raises(RunError, match="just being written"):
        runs.request_resume(run)
