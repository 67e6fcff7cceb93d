"""The plan of a run: written down whole, and read back as it was."""

import json

import pytest

from transfer_core import strategies
from transfer_core.backbones import catalog
from transfer_core.config import TrainConfig
from transfer_core.errors import RunError
from transfer_core.training import engine
from transfer_core.training.plan import Plan, load_plan, save_plan

FACTS = strategies.Facts((60, 40), catalog.BUILT_IN[catalog.BUNDLED])


@pytest.mark.parametrize("strategy", strategies.STRATEGIES)
def test_a_plan_comes_back_as_it_was(tmp_path, strategy):
    phases, resolved = strategies.plan(TrainConfig(strategy=strategy), FACTS)
    plan = Plan(phases, resolved.config, 8, "cuda", "bfloat16", 3)
    save_plan(tmp_path / "plan.json", plan)
    assert load_plan(tmp_path / "plan.json") == plan


def test_there_may_be_none_yet(tmp_path):
    assert load_plan(tmp_path / "plan.json") is None


def test_what_a_newer_version_added_is_left_out(tmp_path):
    plan = engine.make_plan(TrainConfig(strategy="full"), FACTS)
    save_plan(tmp_path / "plan.json", plan)
    content = json.loads((tmp_path / "plan.json").read_text())
    content |= {"news": 1, "phases": [phase | {"more": 2} for phase in content["phases"]]}
    (tmp_path / "plan.json").write_text(json.dumps(content))
    assert load_plan(tmp_path / "plan.json") == plan


def test_a_graphics_card_that_is_gone_is_replaced_by_the_processor():
    phases, resolved = strategies.plan(TrainConfig(strategy="full"), FACTS)
    plan = Plan(phases, resolved.config, 16, "no such device", "bfloat16", 1)
    found = engine.fit_to_machine(plan)
    assert (found.device, found.precision, found.micro_batch, found.phases) == ("cpu", "float32", 16, plan.phases)


def test_a_frozen_run_needs_no_torch_for_its_plan():
    plan = engine.make_plan(TrainConfig(), FACTS)
    assert not engine.needs_torch(plan.phases) and plan.device == "cpu"
    assert engine.fit_to_machine(plan) is plan


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"phases": [1]}', '{"phases": [{"name": "x"}]}'])
def test_a_plan_that_was_spoilt_is_said(tmp_path, content):
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(RunError, match=r"can no longer be read .*Start a new run instead"):
        load_plan(tmp_path / "plan.json")
