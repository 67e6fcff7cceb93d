"""Runs side by side: photo by photo, and only what differs among their settings."""

import pytest

from tests.helpers import answered, right
from transfer_core import runs, strategies
from transfer_core.backbones import catalog
from transfer_core.errors import RunError
from transfer_core.evaluation.compare_runs import compare_right, load_right, settings_that_differ, val_photos
from transfer_core.strategies import Facts
from transfer_core.training.plan import Plan, save_plan


def planned(run):
    """Writes down how the run is carried out, as its worker would."""
    phases, resolved = strategies.plan(run.config, Facts((6, 6, 6), catalog.BUILT_IN[catalog.BUNDLED]))
    save_plan(run.plan_path, Plan(phases, resolved.config, 8))
    return run


def test_right_answers_are_paired_by_photo(queue_run):
    one, other = (
        answered(queue_run(), right((5, True), (1, False))),
        answered(queue_run(), right((2, True), (4, False))),
    )
    paired = compare_right(load_right(one), load_right(other))
    assert (paired.only_first, paired.only_second, paired.both, paired.neither) == (3, 0, 2, 1)
    assert val_photos(runs.load_split(one)) == load_right(other).right.keys()


def test_other_photos_cannot_be_compared(queue_run):
    one, other = answered(queue_run(), right((6, True))), answered(queue_run(seed=3), right((6, True)))
    with pytest.raises(RunError, match="different validation photos"):
        compare_right(load_right(one), load_right(other))


@pytest.mark.parametrize("content", [None, b"", b"damaged"])
def test_answers_that_are_gone_are_said(queue_run, content):
    run = queue_run()
    if content is not None:
        run.evaluation_dir.mkdir()
        (run.evaluation_dir / "val.safetensors").write_bytes(content)
    with pytest.raises(RunError, match="are missing or cannot be read"):
        load_right(run)


def test_only_settings_that_differ_are_listed(queue_run):
    assert settings_that_differ([queue_run(), queue_run()]) == []
    rows = dict(settings_that_differ([queue_run(epochs=3), queue_run(seed=2)]))
    assert rows == {"Epochs": ["3", "automatic"], "Seed": ["0", "2"]}


def test_what_a_rule_decided_counts_and_what_plays_no_part_does_not(queue_run):
    head, full, nothing = (
        planned(queue_run()),
        planned(queue_run(strategy="full")),
        planned(queue_run(strategy="scratch")),
    )
    rows = dict(settings_that_differ([head, full, nothing]))
    assert rows["Strategy"] == ["New layer only", "All layers at once", "From scratch"]
    assert rows["Epochs"][0] == "100" and "automatic" not in rows["Epochs"]
    assert rows["Backbone learning rate"] == ["not used", "0.1", "1"]
    assert "Batch size" not in rows


def test_a_plan_that_was_spoilt_leaves_what_was_asked_for(queue_run):
    one, other = planned(queue_run()), queue_run(epochs=5)
    one.plan_path.write_text("{")
    assert settings_that_differ([one, other]) == [("Epochs", ["automatic", "5"])]
