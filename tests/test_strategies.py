"""The table of strategies."""

import pytest

from transfer_core import strategies
from transfer_core.config import TrainConfig
from transfer_core.errors import ConfigError

ROWS = list(strategies.STRATEGIES.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("train_count", [1, 20, 400, 100_000])
def test_every_plan_can_be_trained(row, train_count):
    phases = row.plan(TrainConfig(), train_count)
    assert phases
    for phase in phases:
        assert 1 <= phase.epochs <= 1000
        assert phase.trains in (strategies.HEAD, strategies.EVERYTHING)
        assert 0 < phase.backbone_factor <= 1
        assert phase.title and phase.name


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_settings_decide_where_they_are_given(row):
    phases = row.plan(TrainConfig(epochs=7, learning_rate=0.002), 100)
    assert sum(phase.epochs for phase in phases) == 7
    assert all(phase.learning_rate in (None, 0.002) for phase in phases)


@pytest.mark.parametrize(
    ("train_count", "epochs"),
    [
        (10, 30),  # small sets need more looks
        (32 * 40, 15),  # about 600 steps
        (100_000, 8),  # large ones more patience
    ],
)
def test_full_looks_more_often_at_small_sets(train_count, epochs):
    assert strategies.find("full").plan(TrainConfig(), train_count)[0].epochs == epochs


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_speak_to_beginners_and_experts(row):
    assert row.title and row.summary.endswith(".") and row.expert.endswith(".") and "arXiv" in row.source
    assert len({len(other.layers_learn) for other in ROWS}) == 1


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"no strategy called 'magic'. There are: feature_extraction, full"):
        strategies.find("magic")
