"""Trials of the machine's speed: done while nothing else is to do, and broken off for a run."""

import shutil
from dataclasses import astuple

import pytest

from tests.helpers import RESNET, tiny_row, wait_for
from transfer_core import runs
from transfer_core.advice import machine_speed
from transfer_core.advice.machine_speed import close_request, load_speed, next_request, request_benchmark
from transfer_core.jobs.launch import ensure_runner
from transfer_core.jobs.speed_trials import Trials


@pytest.fixture
def wish(tiny_workspace):
    shutil.rmtree(tiny_workspace.home / "speeds")
    assert request_benchmark(tiny_workspace, tiny_row(RESNET))
    return next_request(tiny_workspace)[0]


@pytest.mark.full
def test_a_runner_does_the_trial_that_somebody_wishes_for(tiny_workspace, wish):
    """In all its steps, after which everything is known."""
    row = tiny_row(RESNET)
    assert load_speed(tiny_workspace, row) is None
    ensure_runner(tiny_workspace)
    wait_for(lambda: not wish.exists())
    assert not wish.with_suffix(".failed").exists()
    found = load_speed(tiny_workspace, row)
    learning = found.learning
    numbers = [*astuple(found)[:-1], *(value for value in astuple(learning) if not isinstance(value, str))]
    assert all(value >= 0 for value in numbers)
    assert found.look_s > 0 and learning.learn_s > learning.check_s > 0 and learning.device in ("cpu", "cuda", "mps")
    assert learning.learn_bytes > found.look_bytes > 5e7 and learning.learn_photo_bytes > 1e5


@pytest.mark.full
def test_a_run_is_not_kept_waiting(tiny_workspace, wish, queue_run):
    """The wish is older, and its trial at work, when the run comes; it is done afterwards."""
    ensure_runner(tiny_workspace)
    wait_for(lambda: (tiny_workspace.home / "runner.log").exists())
    run = queue_run(epochs=2)
    ensure_runner(tiny_workspace)
    wait_for(lambda: runs.read_state(run).status == "finished")
    assert wish.exists()


def test_one_that_is_broken_off_keeps_its_wish(tiny_workspace, wish):
    trials = Trials(tiny_workspace)
    trials.begin_next()
    assert trials.tend()
    trials.break_off()
    assert not trials.tend() and wish.exists()


def test_one_that_fails_is_not_begun_again(tiny_workspace, wish):
    wish.write_text("no_such_backbone")
    trials = Trials(tiny_workspace)
    trials.begin_next()
    wait_for(lambda: not trials.tend())
    assert wish.with_suffix(".failed").exists() and next_request(tiny_workspace) is None
    trials.begin_next()
    assert not trials.tend()


def test_a_wish_that_is_gone_is_no_error(tiny_workspace, wish):
    wish.unlink()
    close_request(wish, succeeded=False)
    close_request(wish, succeeded=True)
    assert machine_speed.next_request(tiny_workspace) is None
