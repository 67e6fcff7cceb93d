"""The test of learning rates: what it suggests, when it ends, and that it leaves nothing behind."""

import numpy as np
import pytest

from tests.training.test_engine import make_context
from transfer_core.errors import StopRequested, TransferError
from transfer_core.runs import events
from transfer_core.runs.events import Notice, PhaseStarted, Progress
from transfer_core.training import lr_finder
from transfer_core.training.lr_finder import find_lr, smooth, suggest

RATES = np.geomspace(1e-6, 1, 60)


def bowl(lowest: float, noise: float = 0.02) -> np.ndarray:
    """Losses that fall until that rate, and rise far more steeply after it."""
    decades = np.log10(RATES / lowest)
    losses = 1 + 0.5 * np.tanh(-decades - 1) + np.exp(4 * (decades - 0.5))
    return np.minimum(losses, 8) + np.random.default_rng(0).normal(0, noise, 60)


@pytest.mark.parametrize("lowest", [1e-4, 1e-3, 1e-2, 1e-1])
def test_where_it_falls_most_steeply_and_a_tenth_below_the_lowest(lowest):
    losses = bowl(lowest)
    smoothed = smooth(losses.tolist())
    found = suggest(RATES, losses, smoothed)
    assert found <= RATES[smoothed.argmin()] / 5
    assert lowest / 200 < found < lowest / 4


@pytest.mark.parametrize("edge", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("seed", range(5))
def test_where_nothing_falls_a_tenth_of_what_does_no_harm(edge, seed):
    """As after a new part that has learned already: the lowest loss may stand anywhere by chance."""
    losses = 0.5 + np.random.default_rng(seed).normal(0, 0.05, 60) + np.maximum(0, 3 * np.log10(RATES / edge))
    found = suggest(RATES, losses, smooth(losses.tolist()))
    assert edge / 40 < found < edge / 2


def test_a_loss_that_never_rises_allows_a_tenth_of_the_highest_rate():
    losses = np.linspace(1, 0.1, 60)
    assert suggest(RATES, losses, smooth(losses.tolist())) <= 0.1


def test_smoothing_keeps_a_straight_line_and_does_not_shift_a_step():
    np.testing.assert_allclose(smooth([2.0] * 20), 2)
    stepped = smooth([0.0] * 30 + [1.0] * 30)
    assert stepped[29] + stepped[30] == pytest.approx(1) and stepped[25] < 0.01 and stepped[34] > 0.99


@pytest.mark.parametrize("strategy", ["full", pytest.param("lp_ft", marks=pytest.mark.full)])
def test_a_tiny_network_finds_a_rate_on_its_own_photos(tiny_workspace, queue_run, strategy):
    seen, run = [], queue_run(strategy=strategy)
    found = find_lr(make_context(tiny_workspace, run, seen.append))
    assert 1e-5 < found.suggestion < 0.5
    assert 10 <= len(found.rates) <= 60 and found.rates[0] == pytest.approx(1e-6)
    assert all(np.isfinite(found.losses)) and found.losses[0] > 0
    kinds = {type(event).__name__ for event in seen}
    assert kinds == {"PhaseStarted", "Progress"}  # no epochs: this is no training
    names = [event.name for event in seen if isinstance(event, PhaseStarted)]
    assert names == {"full": ["rates"], "lp_ft": ["features", "head", "rates"]}[strategy]
    steps = [event for event in seen if isinstance(event, Progress) and event.unit == "steps"]
    assert [event.done for event in steps] == list(range(1, len(found.rates) + 1))


def test_the_same_photos_and_settings_give_the_same_curve(tiny_workspace, queue_run, monkeypatch):
    monkeypatch.setattr(lr_finder, "STEPS", 12)
    one, other = (find_lr(make_context(tiny_workspace, queue_run(strategy="full"), [].append)) for _ in range(2))
    assert one == other


def test_it_ends_early_when_the_loss_has_grown(tiny_workspace, queue_run, monkeypatch):
    monkeypatch.setattr(lr_finder, "_HIGHEST", 1e6)
    found = find_lr(make_context(tiny_workspace, queue_run(strategy="full"), [].append))
    assert len(found.rates) < 55
    assert found.smoothed[-1] > 4 * min(found.smoothed) or found.rates[-1] > 1
    assert found.suggestion < 0.5


@pytest.mark.parametrize(("broken_from", "told"), [(20, True), (3, False)])
def test_a_loss_that_is_no_number_ends_it(tiny_workspace, queue_run, monkeypatch, broken_from, told):
    def broken(*_):
        yield from np.linspace(1, 0.5, broken_from)
        yield float("nan")
        pytest.fail("went on")

    monkeypatch.setattr(lr_finder, "_losses", broken)
    context = make_context(tiny_workspace, queue_run(strategy="full"), [].append)
    if told:
        assert len(find_lr(context).rates) == broken_from
    else:
        with pytest.raises(TransferError, match="not a number even with tiny steps"):
            find_lr(context)


@pytest.mark.parametrize("phase", ["features", "head", "rates"])
def test_it_stops_where_it_is_asked_to(tiny_workspace, queue_run, phase):
    seen, run = [], queue_run(strategy="lp_ft")

    def should_stop() -> bool:
        return any(isinstance(event, events.PhaseStarted) and event.name == phase for event in seen)

    with pytest.raises(StopRequested):
        find_lr(make_context(tiny_workspace, run, seen.append, should_stop))
    assert not run.model_dir.exists() and not (run.folder / "features.bin").exists()


def test_where_memory_does_not_suffice_fewer_photos_go_through_at_a_time(
    tiny_workspace, queue_run, small_card, monkeypatch
):
    monkeypatch.setattr(lr_finder, "STEPS", 12)
    settings, seen = {"strategy": "full", "batch_size": 8}, []
    sizes = small_card(5)
    found = find_lr(make_context(tiny_workspace, queue_run(**settings), seen.append))
    assert max(sizes) <= 5 and len(found.rates) >= 10
    [*_, said] = [event.message for event in seen if isinstance(event, Notice)]
    assert "There was too little memory" in said and "batch size stays 8" in said
