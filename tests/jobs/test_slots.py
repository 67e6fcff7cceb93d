"""One slot: its standby worker, the run it is given, and what is said when a worker dies."""

import errno

import pytest

from tests.helpers import wait_for
from transfer_core import runs
from transfer_core.jobs.slots import Slot, failure_event_for
from transfer_core.runs import events
from transfer_core.runs.events import EventLog


@pytest.fixture
def slot(tiny_workspace):
    slot = Slot(tiny_workspace)
    yield slot
    slot.stop_standby()


def status(run) -> str:
    return runs.read_state(run).status


def test_a_spare_worker_does_the_run_it_is_given(tiny_workspace, slot, queue_run):
    run = queue_run(epochs=2)
    slot.keep_standby()
    standby = slot._standby
    slot.keep_standby()
    assert slot._standby is standby  # one is enough
    assert slot.begin(run) and slot._worker is standby
    assert (slot.run, slot.tend()) == (run, False)
    wait_for(slot.tend)
    assert slot.run is None and status(run) == "finished" and run.log_path.exists()
    assert not (tiny_workspace.home / "needs-torch").exists()


@pytest.mark.full
def test_a_spare_worker_that_died_is_replaced(slot, queue_run):
    run = queue_run(epochs=2)
    slot.keep_standby()
    dead = slot._standby
    dead.kill()
    dead.wait()
    assert slot.begin(run) and slot._worker is not dead
    wait_for(slot.tend)
    assert status(run) == "finished"


@pytest.mark.full
def test_a_spare_worker_that_is_not_needed_ends(slot):
    slot.keep_standby()
    slot.stop_standby()
    assert slot._standby.poll() == 0


def test_a_run_that_was_deleted_while_it_waited_leaves_the_slot_free(slot, queue_run):
    run = queue_run()
    runs.delete(run)
    assert not slot.begin(run) and slot.run is None
    assert not run.folder.exists()


def test_a_run_whose_worker_cannot_be_started_has_failed(slot, queue_run):
    run = queue_run()
    run.log_path.mkdir()
    assert not slot.begin(run) and slot.run is None
    assert "could not start ([Errno 21] Is a directory" in runs.read_state(run).failure.message


def test_a_last_word_that_cannot_be_said_hurts_nobody(slot, queue_run, monkeypatch, caplog):
    run = queue_run()
    run.log_path.mkdir()

    def full(self, event):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EventLog, "append", full)
    assert not slot.begin(run) and slot.run is None
    assert "No space left" in caplog.text


def test_a_run_that_was_resumed_before_its_worker_ended_is_not_called_failed(queue_run):
    """A worker that has said its last word needs a moment to end; Resume may be pressed meanwhile."""
    run = queue_run()
    before = runs.read_state(run).lifecycle
    log = EventLog(run.events_path)
    assert failure_event_for(runs.read_state(run), before, "exit code 1") is not None  # not a word was said
    log.append(events.RunStarted())
    log.append(events.RunStopped(result=None))
    runs.request_resume(run)
    assert status(run) == "queued"
    assert failure_event_for(runs.read_state(run), before, "exit code 0") is None
