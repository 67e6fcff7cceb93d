"""Whose turn it is: quick runs pass longer ones that wait, for a while; the runner and the pages agree."""

import random

import pytest

from transfer_core import runs
from transfer_core.jobs import queue
from transfer_core.runs import events
from transfer_core.runs.turns import _PASSED_FOR_S

LONG, QUICK = {"strategy": "full"}, {"strategy": "feature_extraction"}


@pytest.fixture
def queue_at(queue_run):
    """Queues a run of that strategy so many seconds after the first moment."""

    def queue_at(seconds: float, settings: dict):
        run = queue_run(**settings)
        events.EventLog(run.events_path).append(events.RunQueued(order=1e9 + seconds))
        return run

    return queue_at


def waiting(workspace) -> list[str]:
    return [run.id for run in queue._Queue(workspace).look().waiting]


def test_a_quick_run_passes_longer_ones_and_no_quick_one(tiny_workspace, queue_at):
    long, longer = queue_at(0, LONG), queue_at(1, LONG)
    quick, second = queue_at(2, QUICK), queue_at(3, QUICK)
    assert waiting(tiny_workspace) == [run.id for run in (quick, second, long, longer)]
    assert [runs.count_ahead(tiny_workspace, run) for run in (quick, second, long, longer)] == [0, 1, 2, 3]


def test_a_long_run_is_passed_for_a_while_only(tiny_workspace, queue_at):
    """However many quick ones come: nobody waits for ever."""
    long = queue_at(0, LONG)
    quick = [queue_at(_PASSED_FOR_S / 2 * n, QUICK) for n in (1, 3, 4)]
    assert waiting(tiny_workspace) == [run.id for run in (quick[0], long, *quick[1:])]
    assert runs.count_ahead(tiny_workspace, long) == 1


def test_a_run_at_work_is_passed_by_nobody(tiny_workspace, queue_at):
    working, waits, quick = queue_at(0, LONG), queue_at(1, LONG), queue_at(2, QUICK)
    with working.lock().acquire():
        assert [run.id for run in runs.list_ahead(tiny_workspace, quick)] == [working.id]
        assert [run.id for run in runs.list_ahead(tiny_workspace, waits)] == [working.id, quick.id]


@pytest.mark.parametrize("seed", range(3))
def test_what_a_page_counts_is_the_order_in_which_they_are_done(tiny_workspace, queue_at, seed):
    rng = random.Random(seed)
    for _ in range(6):
        queue_at(rng.uniform(0, 2 * _PASSED_FOR_S), rng.choice((LONG, QUICK)))
    found = {run.id: runs.count_ahead(tiny_workspace, run) for run in runs.list_runs(tiny_workspace)}
    assert [found[run_id] for run_id in waiting(tiny_workspace)] == list(range(6))
