"""The table of strategies, and the rules that fill in what a person leaves open."""

import pytest

from transfer_core import strategies
from transfer_core.backbones.catalog import BUILT_IN, BUNDLED
from transfer_core.config import TrainConfig
from transfer_core.errors import ConfigError
from transfer_core.strategies import BACKBONE, HEAD, Facts

ROWS = list(strategies.STRATEGIES.values())
LITE0, DINO = BUILT_IN[BUNDLED], BUILT_IN["vit_small_patch14_dinov2.lvd142m"]


def plan(strategy: str, *sizes: int, backbone=LITE0, **settings):
    return strategies.plan(TrainConfig(strategy=strategy, **settings), Facts(sizes or (50, 50), backbone))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("sizes", [(1, 1), (10, 10), (200, 200), (90_000, 10_000)])
@pytest.mark.parametrize("backbone", [LITE0, DINO], ids=lambda backbone: backbone.family)
def test_every_plan_can_be_trained(row, sizes, backbone):
    phases, resolved = plan(row.name, *sizes, backbone=backbone)
    assert phases
    for phase in phases:
        assert 1 <= phase.epochs <= 1000
        assert phase.trains in (HEAD, BACKBONE)
        assert 0 < phase.backbone_share <= 1 and 0 < phase.layer_decay <= 1
        assert 0 <= phase.frozen < len(backbone.stages)
        assert phase.title and phase.name
    assert len({phase.name for phase in phases}) == len(phases)
    assert all(reason.endswith(".") for reason in resolved.reasons.values())
    assert resolved.config.batch_size <= max(4, sum(sizes))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_settings_decide_where_they_are_given(row):
    phases, resolved = plan(row.name, epochs=7, learning_rate=0.002)
    asked = [phase for phase in phases if phase.trains == BACKBONE] or phases
    assert sum(phase.epochs for phase in asked) == 7
    assert all(phase.learning_rate in (None, 0.002) for phase in phases)
    assert "epochs" not in resolved.reasons


@pytest.mark.parametrize(
    ("photos", "epochs"),
    [
        (60, 12),  # small sets need more looks
        (32 * 25, 8),  # about 200 steps
        (100_000, 6),  # large ones more patience
    ],
)
def test_full_looks_more_often_at_small_sets(photos, epochs):
    assert plan("full", photos // 2, photos // 2)[0][0].epochs == epochs


def test_transformers_learn_more_gently():
    [cnn], [vit] = plan("full")[0], plan("full", backbone=DINO)[0]
    assert vit.learning_rate * vit.backbone_share < cnn.learning_rate * cnn.backbone_share / 2
    assert vit.layer_decay < cnn.layer_decay


@pytest.mark.parametrize(
    ("sizes", "weighted"),
    [((30, 10), False), ((31, 10), True)],  # over three times
)
def test_classes_are_weighted_from_three_times_on(sizes, weighted):
    assert plan("full", *sizes)[1].config.class_weights is weighted


def test_only_many_photos_are_spared_to_choose_the_epoch():
    assert plan("full", 600, 600)[1].config.early_stopping
    assert not plan("full", 400, 400)[1].config.early_stopping
    assert not plan("full", 2000, 5)[1].config.early_stopping


def test_gradual_opens_more_and_more():
    frozen = [phase.frozen for phase in plan("gradual")[0] if phase.trains == BACKBONE]
    assert frozen == sorted(frozen, reverse=True) and frozen[0] == 7 and frozen[-1] == 0


def test_what_does_nothing_with_a_strategy_is_named():
    asked = TrainConfig(learning_rate=0.01, mirror=False, views=3, class_weights=True)
    assert strategies.idle(asked) == [
        "Learning rate",
        "Cached views per photo",
        "A mirror image is still the same class",
    ]
    assert strategies.idle(TrainConfig(strategy="partial", views=3, frozen_stages=2)) == []
    assert strategies.idle(TrainConfig(strategy="gradual", frozen_stages=2)) == ["Frozen stages"]
    assert strategies.without_idle(asked) == TrainConfig(class_weights=True)


def test_a_head_alone_learns_from_every_photo():
    assert plan("feature_extraction", 1000, 1000)[1].config.early_stopping is False
    assert plan("lp_ft", 1000, 1000)[1].config.early_stopping is True
    assert plan("lp_ft", 1000, 1000, continue_from="r-1")[1].config.early_stopping is False


def test_everything_at_once_from_a_run_is_gentle():
    [fresh], [continued] = plan("full")[0], plan("full", continue_from="r-1")[0]
    assert continued.keeps_statistics and not fresh.keeps_statistics
    assert continued.learning_rate < fresh.learning_rate


@pytest.mark.parametrize(
    ("settings", "views"),
    [
        ({"epochs": 3, "views": 64}, 3),  # more than epochs are never looked at
        ({"epochs": 20, "views": 8, "augmentation": "none"}, 1),  # they would be the same
        ({"epochs": 20, "mixup": 0.4}, 0),  # blended photos are new every time
        ({"epochs": 20}, 6),
    ],
)
def test_as_many_variations_are_kept_as_are_of_use(settings, views):
    assert plan("partial", **settings)[0][-1].views == views


def test_going_on_from_a_run_leaves_the_probe_out():
    assert [phase.trains for phase in plan("lp_ft", continue_from="r-1")[0]] == [BACKBONE]


@pytest.mark.parametrize(
    ("strategy", "frozen", "learns"),
    [
        ("feature_extraction", None, (False,) * 8),
        ("partial", None, (False,) * 4 + (True,) * 4),
        ("partial", 7, (False,) * 7 + (True,)),
        ("lp_ft", None, (True,) * 8),
        ("gradual", None, (True,) * 8),
    ],
)
def test_what_learns_is_told_stage_by_stage(strategy, frozen, learns):
    phases, _ = plan(strategy, frozen_stages=frozen)
    assert strategies.layers_that_learn(phases, LITE0) == (*learns, True)
    expected = sum(size for size, own in zip(LITE0.stages, learns, strict=True) if own) / LITE0.parameters
    assert strategies.share_that_learns(phases, LITE0) == pytest.approx(expected)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_speak_to_beginners_and_experts(row):
    assert row.title and row.summary.endswith(".") and row.when.endswith(".") and row.expert.endswith(".")
    assert "arXiv" in row.source


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strategy": "partial", "frozen_stages": 8}, r"has 8 stages, so 1 to 7 can stay frozen, got 8"),
        ({"strategy": "full", "batch_size": 101}, r"batch size is 101, but there are only 100 training photos"),
        ({"strategy": "scratch", "continue_from": "r-1"}, r"'From scratch' cannot continue from an earlier run"),
        ({"strategy": "scratch", "l2_sp": 0.1}, r"from scratch there are none"),
        ({"strategy": "partial", "views": 3, "cutmix": 0.5}, r"views cannot be cached"),
        ({"strategy": "lp_ft", "continue_from": "r-1", "early_stopping": True}, r"Early stopping does not work"),
    ],
)
def test_what_cannot_be_done_is_said(settings, said):
    import re

    [problem] = strategies.check(TrainConfig(**settings), Facts((50, 50), LITE0))
    assert re.search(said, problem)


def test_backbones_without_known_stages_are_refused_by_name():
    from dataclasses import replace

    unknown = Facts((50, 50), replace(LITE0, stages=()))
    for name in ("partial", "gradual"):
        [problem] = strategies.check(TrainConfig(strategy=name), unknown)
        assert "needs to know the stages of EfficientNet-Lite0" in problem
    assert not strategies.check(TrainConfig(strategy="lp_ft"), unknown)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"no strategy called 'magic'. There are: feature_extraction, partial, lp_ft"):
        strategies.find("magic")
