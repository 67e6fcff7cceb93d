"""The trial: real, once per machine and backbone, and asked for only where it can succeed."""

import shutil

import pytest

from tests.helpers import RESNET, VIT, pretend_speed, run_python, tiny_row
from transfer_core.advice import machine_speed, speed_benchmark
from transfer_core.advice.machine_speed import (
    AGAIN,
    close_request,
    load_speed,
    next_request,
    request_benchmark,
    save_speed,
    speed_path,
)


@pytest.fixture(autouse=True)
def unknown_machine(tiny_workspace) -> None:
    shutil.rmtree(tiny_workspace.home / "speeds")


@pytest.mark.parametrize("damage", ["digit", "cut", "empty", "zeros", "a list", "another's"])
def test_a_damaged_record_counts_as_none(tiny_workspace, damage):
    row = tiny_row(RESNET)
    pretend_speed(tiny_workspace, row)
    path, other = speed_path(tiny_workspace, row), tiny_row(VIT)
    content = path.read_bytes()
    assert load_speed(tiny_workspace, row)
    digit = next(place for place, value in enumerate(content) if chr(value).isdigit())
    path.write_bytes(
        {
            "digit": content[:digit] + bytes([content[digit] ^ 1]) + content[digit + 1 :],
            "cut": content[:50],
            "empty": b"",
            "zeros": bytes(len(content)),
            "a list": b"[1]",
            "another's": content,
        }[damage]
    )
    if damage == "another's":
        path = path.rename(speed_path(tiny_workspace, other))
        row = other
    assert load_speed(tiny_workspace, row) is None


@pytest.mark.full
def test_the_first_step_finds_the_frozen_half_without_torch(tiny_workspace):
    """What a runner makes of all steps: tests/jobs/test_speed_trials.py."""
    assert load_speed(tiny_workspace, tiny_row(RESNET)) is None
    code = (
        "import sys\n"
        "from transfer_core.advice import speed_benchmark\n"
        "code = speed_benchmark.main(*sys.argv[1:])\n"
        "print(code, sorted({'torch', 'timm'} & sys.modules.keys()))"
    )
    answer = run_python("-c", code, str(tiny_workspace.home), RESNET)
    assert answer.stdout == f"{AGAIN} []\n", answer.stderr  # the trunk is here already
    found = load_speed(tiny_workspace, tiny_row(RESNET))
    assert found.look_s > 0 and found.learning is None


def test_steps_are_timed_as_training_does_them(tiny_workspace, monkeypatch):
    """With batch norm's statistics following the photos, as `full` has it, and kept, as after a linear probe."""
    from torch import nn

    from transfer_core.training.finetune.learner import Learner

    learn, modes = Learner.learn, []

    def note(self, *given):
        modes.append({module.training for module in self.body.modules() if isinstance(module, nn.BatchNorm2d)})
        return learn(self, *given)

    monkeypatch.setattr(Learner, "learn", note)
    frozen = speed_benchmark.Speed(*[1.0] * 6)
    found = speed_benchmark.try_learning(tiny_workspace, tiny_row(RESNET), frozen)
    assert modes == 6 * [{True}] + 3 * [{False}]
    assert (
        found.learning.learn_s > found.learning.check_s > 0 and found.learning.steady_learn_s > found.learning.check_s
    )


def test_another_machine_finds_nothing_of_this_one(tiny_workspace, monkeypatch):
    here = speed_path(tiny_workspace, tiny_row(RESNET))
    monkeypatch.setattr(machine_speed.platform, "node", lambda: "another")
    assert speed_path(tiny_workspace, tiny_row(RESNET)) != here


def test_a_wish_is_kept_until_its_trial_is_over(tiny_workspace):
    row = tiny_row(RESNET)
    assert next_request(tiny_workspace) is None
    assert request_benchmark(tiny_workspace, row) and request_benchmark(tiny_workspace, row)
    path, name = next_request(tiny_workspace)
    assert name == RESNET
    close_request(path, succeeded=True)
    assert next_request(tiny_workspace) is None


def test_a_trial_that_failed_is_not_begun_for_ever(tiny_workspace):
    assert request_benchmark(tiny_workspace, tiny_row(RESNET))
    close_request(next_request(tiny_workspace)[0], succeeded=False)
    assert not request_benchmark(tiny_workspace, tiny_row(RESNET)) and next_request(tiny_workspace) is None


def test_what_cannot_be_read_counts_as_unknown(tiny_workspace):
    row = tiny_row(RESNET)
    save_speed(tiny_workspace, row, speed_benchmark.Speed(*[1.0] * 6))
    path = speed_path(tiny_workspace, row)
    for content in ("", "{}", '{"news": 1}', "[]", '{"learning": {"news": 1}}'):
        path.write_text(content)
        assert load_speed(tiny_workspace, row) is None
