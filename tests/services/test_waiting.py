"""What a queued run waits for, in words."""

import time

import pytest

from transfer_core import runs
from transfer_core.runs import events
from transfer_core.services.waiting import Wait, find_wait


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


def test_the_time_left_is_the_estimate_for_the_whole_and_none_where_that_has_run_out(tiny_workspace, queue_run):
    working, waiting = queue_run(strategy="full", epochs=10), queue_run()
    now = time.time()
    append(working, events.RunStarted(time=now))
    with working.lock().acquire():
        first = find_wait(tiny_workspace, waiting).seconds_left
        assert first is not None and first > 0
        append(working, events.RunStarted(time=now - 1e6))
        assert find_wait(tiny_workspace, waiting).seconds_left is None  # it was wrong, and nothing is made up
