"""A deleted run is in no list, comes back by undo, and goes for good after a day."""

import os
import re
import time

import pytest

from transfer_core import runs
from transfer_core.errors import RunError
from transfer_core.runs import events, trash
from transfer_core.runs.events import EventLog
from transfer_core.support.wording import format_time


def test_deleted_is_in_no_list_and_comes_back_as_it_was(tiny_workspace, project, stopped):
    before = {path.name: path.read_bytes() for path in stopped.folder.iterdir()}
    trash.delete(project, stopped)
    assert runs.list_runs(tiny_workspace) == [] and stopped.id in trash.deleted(project)
    with pytest.raises(RunError, match="There is no run"):
        runs.open_run(tiny_workspace, stopped.id)
    trash.restore(project, stopped.id)
    assert runs.list_runs(tiny_workspace, project) == [stopped]
    assert {name: (stopped.folder / name).read_bytes() for name in before} == before
    assert stopped.id not in trash.deleted(project)


def test_what_waits_or_works_is_not_deleted(project, queue_run):
    waiting, working = queue_run(), queue_run()
    EventLog(working.events_path).append(events.RunStarted())
    with working.lock():
        for run in (waiting, working):
            with pytest.raises(RunError, match="Stop it first"):
                trash.delete(project, run)
    trash.delete(project, working)  # its worker was killed


def test_a_run_whose_model_is_being_checked_is_not_at_work(project, queue_run):
    run = queue_run()
    EventLog(run.events_path).append(events.RunFinished(result={}))
    with run.lock(), pytest.raises(RunError, match="being exported and checked"):
        trash.delete(project, run)


@pytest.mark.parametrize("last", [events.RunQueued(), events.RunStarted(), events.RunStopped(result=None)])
def test_what_another_run_still_needs_is_not_deleted(project, stopped, queue_run, last):
    heir = queue_run(strategy="full", continue_from=stopped.id)
    EventLog(heir.events_path).append(last)
    with pytest.raises(RunError, match=re.escape(format_time(heir.created))):
        trash.delete(project, stopped)
    EventLog(heir.events_path).append(events.RunFinished(result={}))
    trash.delete(project, stopped)


def test_those_deleted_are_listed_the_last_first(project, queue_run):
    assert trash.deleted(project) == []
    one, other = queue_run(), queue_run()
    for run in (other, one):
        EventLog(run.events_path).append(events.RunStopped(result=None))
        trash.delete(project, run)
    assert trash.deleted(project) == [one.id, other.id]
    trash.restore(project, one.id)
    assert trash.deleted(project) == [other.id]


def test_a_run_that_cannot_be_moved_is_not_called_gone(project, stopped):
    trash.delete(project, stopped)
    (stopped.folder / "in the way").mkdir(parents=True)
    with pytest.raises(RunError, match="cannot be restored now"):
        trash.restore(project, stopped.id)


def test_it_goes_for_good_after_a_day(project, stopped, queue_run):
    trash.delete(project, stopped)
    trash.empty(project)
    assert stopped.id in trash.deleted(project)
    yesterday = time.time() - trash.KEPT_S - 60
    os.utime(project.runs_dir / ".deleted" / stopped.id, (yesterday, yesterday))
    other = queue_run()
    EventLog(other.events_path).append(events.RunStopped(result=None))
    trash.delete(project, other)
    assert stopped.id not in trash.deleted(project) and other.id in trash.deleted(project)
    with pytest.raises(RunError, match=r"cannot be restored\. It was restored already"):
        trash.restore(project, stopped.id)


@pytest.mark.parametrize("run_id", ["..", "../..", "", "a/b"])
def test_odd_ids_move_nothing(project, run_id):
    with pytest.raises(RunError):
        trash.restore(project, run_id)
