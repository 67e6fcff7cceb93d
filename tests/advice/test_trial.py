"""The trial: real, once per machine and backbone, and asked for only where it can succeed."""

import shutil
from dataclasses import asdict

import pytest

from tests.helpers import RESNET, run_python, tiny_row
from transfer_core.advice import speed, trial
from transfer_core.advice.speed import AGAIN, load_speed, next_wanted, save_speed, settle_wanted, speed_path, want_trial


@pytest.fixture(autouse=True)
def unknown_machine(tiny_workspace) -> None:
    shutil.rmtree(tiny_workspace.home / "speeds")


def test_a_trial_finds_out_everything(tiny_workspace):
    row = tiny_row(RESNET)
    assert load_speed(tiny_workspace, row) is None
    codes = []
    while not codes or codes[-1] == AGAIN:
        codes.append(run_python("-m", "transfer_core.advice.trial", str(tiny_workspace.home), RESNET).returncode)
    assert codes == [AGAIN, 0]  # the trunk is here already
    found = load_speed(tiny_workspace, row)
    assert None not in asdict(found).values()
    assert all(value >= 0 for value in asdict(found).values() if not isinstance(value, str))
    assert found.look_s > 0 and found.learn_s > found.check_s > 0 and found.device in ("cpu", "cuda", "mps")
    assert found.learn_bytes > found.look_bytes > 5e7 and found.learn_photo_bytes > 1e5


def test_the_frozen_half_needs_no_torch(tiny_workspace):
    code = (
        "import sys; from pathlib import Path\n"
        "from transfer_core.advice.trial import try_frozen\n"
        "from transfer_core.backbones import catalog; from transfer_core.workspace import Workspace\n"
        "workspace = Workspace(Path(sys.argv[1]))\n"
        "found = try_frozen(workspace, catalog.find(sys.argv[2], workspace.weights_dir))\n"
        "print(found.look_s > 0, found.learn_s, 'torch' in sys.modules)"
    )
    answer = run_python("-c", code, str(tiny_workspace.home), RESNET)
    assert answer.stdout == "True None False\n", answer.stderr


def test_another_machine_finds_nothing_of_this_one(tiny_workspace, monkeypatch):
    here = speed_path(tiny_workspace, tiny_row(RESNET))
    monkeypatch.setattr(speed.platform, "node", lambda: "another")
    assert speed_path(tiny_workspace, tiny_row(RESNET)) != here


def test_a_wish_is_kept_until_its_trial_is_over(tiny_workspace):
    row = tiny_row(RESNET)
    assert next_wanted(tiny_workspace) is None
    assert want_trial(tiny_workspace, row) and want_trial(tiny_workspace, row)
    path, name = next_wanted(tiny_workspace)
    assert name == RESNET
    settle_wanted(path, succeeded=True)
    assert next_wanted(tiny_workspace) is None


def test_a_trial_that_failed_is_not_begun_for_ever(tiny_workspace):
    assert want_trial(tiny_workspace, tiny_row(RESNET))
    settle_wanted(next_wanted(tiny_workspace)[0], succeeded=False)
    assert not want_trial(tiny_workspace, tiny_row(RESNET)) and next_wanted(tiny_workspace) is None


def test_what_cannot_be_read_counts_as_unknown(tiny_workspace):
    row = tiny_row(RESNET)
    save_speed(tiny_workspace, row, trial.Speed(*[1.0] * 6))
    path = speed_path(tiny_workspace, row)
    for content in ("", "{}", '{"news": 1}', "[]"):
        path.write_text(content)
        assert load_speed(tiny_workspace, row) is None
