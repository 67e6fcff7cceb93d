"""Whether pretrained knowledge helps: the sentence says what answers to the same photos say, and no more."""

import json

import numpy as np
import pytest

from tests.helpers import answered, right
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.evaluation.baselines import Baselines, save_baselines
from transfer_core.evaluation.transfer_gain import (
    control_config,
    find_controls,
    judge,
    load_knowledge,
    verdict_sentence,
)
from transfer_core.runs import events
from transfer_core.runs.events import EventLog

GOOD = right((46, True), (4, False))
POOR = right((20, True), (30, False))
GUESS = {"majority": right((12, True), (38, False)), "colours": POOR}


@pytest.mark.parametrize(
    ("own", "baselines", "scratch", "verdict", "weak", "words"),
    [
        (GOOD, GUESS, POOR, "helped", False, "Yes. This model gets 26 photos right"),
        (POOR, GUESS, GOOD, "hurt", True, "negative transfer"),
        (GOOD, GUESS, GOOD, "cannot be told apart", False, "No clear difference on 50 validation photos"),
        (GOOD, GUESS, None, None, False, "clearly better than going by colour and brightness alone: it gets 26 photos"),
        (POOR, GUESS, None, None, True, "It may not: the model is not clearly better than going by colour"),
        # Right everywhere, and so are the colours: nothing is wrong, and nothing can be told.
        (
            GOOD,
            GUESS | {"colours": GOOD},
            None,
            None,
            False,
            "Hard to tell here: going by colour and brightness alone already gets",
        ),
        (GOOD[:5], {"majority": POOR[:5], "colours": POOR[:5]}, None, None, False, "With only 5 validation photos"),
        (GOOD[:5], {}, POOR[-5:], "cannot be told apart", False, "With only 5 validation photos"),
        (POOR, {}, None, None, False, "There is nothing yet to compare"),
        (POOR, {}, GOOD, "hurt", False, "negative transfer"),
    ],
)
def test_verdict_and_words(own, baselines, scratch, verdict, weak, words):
    found = judge(own, baselines, scratch)
    assert (found.verdict, found.is_weak) == (verdict, weak)
    assert words in verdict_sentence(found)


def test_a_network_left_as_it_was_is_not_told_to_have_transferred_badly():
    words = verdict_sentence(judge(POOR, GUESS, GOOD, is_fixed=True))
    assert words.startswith("Not while it is frozen: the same network, trained from scratch, gets ")
    assert "negative transfer" not in words


def test_runs_that_were_cut_short_or_went_on_get_no_verdict(queue_run):
    control = answered(queue_run(strategy="scratch"), right((3, True), (3, False)))
    cut, further = (answered(run, right((6, True))) for run in (queue_run(), queue_run(continue_from="another")))
    EventLog(cut.events_path).append(events.RunStopped(result={}))
    for run, words in ((cut, "was stopped early"), (further, "continued from an earlier one")):
        found = load_knowledge(run, runs.load_split(run), control)
        assert found.verdict is None and words in verdict_sentence(found)


def test_the_stronger_baseline_is_the_one_that_is_named():
    found = judge(POOR, {"majority": right((30, True), (20, False)), "colours": POOR})
    assert found.unbeaten == "majority" and "most common class, which gets 30 of 50" in verdict_sentence(found)


def test_a_control_is_not_sent_for_another():
    found = judge(POOR, GUESS, is_control=True)
    assert "trained from scratch" in verdict_sentence(found)


def test_scores_stand_in_the_same_order_with_their_intervals():
    found = judge(GOOD, GUESS, POOR)
    assert [score.name for score in found.scores] == ["majority", "colours", "model", "scratch"]
    assert [score.share for score in found.scores] == [0.24, 0.4, 0.92, 0.4]
    assert all(score.interval[0] < score.share < score.interval[1] for score in found.scores)


def test_photos_of_few_groups_tell_as_little_as_few_photos():
    few = np.repeat(np.arange(5), 10)
    assert "With only 5 independent validation photos" in verdict_sentence(judge(GOOD, {}, POOR, units=few))
    assert judge(GOOD, {}, POOR).verdict == "helped"
    assert not judge(POOR, GUESS, units=few).is_weak and judge(POOR, GUESS).is_weak


def test_photos_that_were_trained_on_have_no_range_and_decide_nothing():
    learned = right((40, True), (10, False))
    found = judge(GOOD, GUESS, POOR, learned=learned)
    assert [score.interval for score in found.scores] == [None] * 4
    assert found.against["scratch"].count == 10 and found.scores[2].share == 0.92
    nothing = judge(GOOD, GUESS, POOR, learned=right((50, True)))
    assert "All validation photos were training photos" in verdict_sentence(nothing)


def test_the_control_keeps_the_photos_and_leaves_the_schedule_to_the_rules():
    asked = TrainConfig(strategy="lp_ft", epochs=3, learning_rate=0.1, l2_sp=0.5, seed=7, augmentation="strong")
    control = control_config(asked)
    assert (control.strategy, control.seed, control.augmentation) == ("scratch", 7, "strong")
    assert (control.epochs, control.learning_rate, control.l2_sp) == (None, None, 0.0)


def test_what_is_on_disk_is_put_together(queue_run):
    run = answered(queue_run(), right((6, True)))
    control = answered(queue_run(strategy="scratch"), right((3, True), (3, False)))
    split = runs.load_split(run)
    save_baselines(run.evaluation_dir, Baselines((0,) * 6, (0,) * 6))
    found = load_knowledge(run, split, control)
    assert [score.share for score in found.scores] == [pytest.approx(1 / 3), pytest.approx(1 / 3), 1.0, 0.5]
    assert found.against["scratch"].only_first == 3
    assert load_knowledge(control, split, None).is_control


def test_what_is_missing_or_damaged_is_left_out(queue_run):
    run, control = answered(queue_run(), right((6, True))), queue_run(strategy="scratch")
    split = runs.load_split(run)
    assert load_knowledge(run, split, control).against == {}  # neither baselines nor answers of the control
    (run.evaluation_dir / "baselines.json").write_text(json.dumps({"majority": [0], "colours": [1, 2]}))
    assert load_knowledge(run, split, None).against == {}


def test_only_the_same_photos_and_backbone_make_a_control(queue_run):
    run = queue_run()
    split, control = runs.load_split(run), queue_run(strategy="scratch")
    others = [queue_run(), queue_run(strategy="scratch", seed=5), control]
    others.append(queue_run(strategy="scratch", backbone="tf_efficientnet_lite0"))
    assert find_controls(run, split, others) == [control]
    assert find_controls(control, split, others) == []


@pytest.mark.parametrize("chosen", [{"epochs": 1}, {"learning_rate": 1e-6}, {"batch_size": 64}, {"weight_decay": 1.0}])
def test_a_run_from_nothing_that_was_held_back_is_no_control(queue_run, chosen):
    run = queue_run(strategy="lp_ft", **({} if "batch_size" in chosen else chosen))
    held_back, fair = queue_run(strategy="scratch", **chosen), queue_run(strategy="scratch", augmentation="light")
    assert find_controls(run, runs.load_split(run), [held_back, fair]) == [fair]


def test_the_control_of_the_very_settings_comes_first(queue_run):
    run = queue_run(augmentation="strong")
    near, exact = queue_run(strategy="scratch"), queue_run(strategy="scratch", augmentation="strong")
    assert find_controls(run, runs.load_split(run), [near, exact]) == [exact, near]
