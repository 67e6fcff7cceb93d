"""The engine on the frozen strategy: what it reports, how it stops, and that going on is exact."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from transfer_core import runs
from transfer_core.backbones import catalog
from transfer_core.errors import TransferError
from transfer_core.runs import events
from transfer_core.runs.events import EpochFinished, EventLog, RunResumed, read_events
from transfer_core.runs.state import RunState, reduce_events
from transfer_core.strategies import Facts
from transfer_core.training import engine
from transfer_core.training.checkpoints import load_checkpoint
from transfer_core.training.context import TrainContext, Trained
from transfer_core.training.linear_probe import phase
from transfer_core.training.linear_probe.head import Head
from transfer_core.training.photos import LabelledPhotos, StoredPhotos
from transfer_core.training.run_context import context_of_run


class Killed(BaseException):
    """Ends the training as abruptly as Python can."""


def make_context(workspace, run, emit, should_stop=lambda: False) -> TrainContext:
    split = runs.load_split(run)
    backbone = catalog.find(run.config.backbone, workspace.weights_dir)
    plan = engine.make_plan(run.config, Facts(split.train_sizes, backbone))
    return context_of_run(run, split, backbone, plan, emit, should_stop)


def epochs_of(seen) -> list[EpochFinished]:
    return [event for event in seen if isinstance(event, EpochFinished)]


def without_time(event: EpochFinished) -> dict:
    return {key: value for key, value in vars(event).items() if key != "time"}


def test_a_frozen_run_learns_and_reports_every_epoch(tiny_workspace, queue_run):
    seen, run = [], queue_run(epochs=40)
    trained = engine.fit(make_context(tiny_workspace, run, seen.append))
    context = make_context(tiny_workspace, run, seen.append)
    epochs = epochs_of(seen)
    assert [epoch.step for epoch in epochs] == [epoch.epoch for epoch in epochs] == list(range(1, 41))
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert epochs[-1].train_accuracy > 0.9 and epochs[-1].val_accuracy >= 0.5
    for epoch in epochs:
        matrix = np.array(epoch.confusion_matrix)
        assert matrix.sum() == len(context.val.class_ids)
        assert epoch.val_accuracy == pytest.approx(np.trace(matrix) / matrix.sum())
    assert trained.val_confidences.shape == (len(context.val), 3)
    assert (trained.epochs, trained.stopped, trained.network) == (40, False, None)
    names = [event.name for event in seen if isinstance(event, events.PhaseStarted)]
    assert names == ["features", "head"]


@pytest.mark.parametrize("is_solved", [False, True])
def test_of_two_kinds_of_head_the_chosen_one_is_kept(tiny_workspace, queue_run, monkeypatch, is_solved):
    """A trained one is that of the last epoch; epochs do nothing to one that is solved."""
    found, choose = [], phase.choose
    monkeypatch.setattr(
        phase, "choose", lambda *given: found.append(choose(*given)) or replace(found[0], is_solved=is_solved)
    )
    kept = []
    for epochs in (2, 40):
        seen = []
        kept.append(engine.fit(make_context(tiny_workspace, queue_run(epochs=epochs), seen.append)))
        [chosen] = [event for event in seen if isinstance(event, events.HeadChosen)]
        assert chosen.kept == ("solved" if is_solved else "trained")
        assert (chosen.solved_loss, chosen.trained_loss) == (found[0].solved_loss, found[0].trained_loss)
        state = reduce_events(
            RunState(), [*seen, events.RunFinished(result={"confusion_matrix": "that of what is kept"})]
        )
        shown = state.confusion_after(epochs, 3)
        assert shown == ("that of what is kept" if is_solved else epochs_of(seen)[-1].confusion_matrix)
        assert state.confusion_after(1, 3) == epochs_of(seen)[0].confusion_matrix
    assert np.array_equal(kept[0].head.weight, kept[1].head.weight) is is_solved
    assert kept[1].head.weight.shape == (3, 768) and kept[1].stands_in.weight.shape == (3, 96)
    if not is_solved:
        own = make_context(tiny_workspace, queue_run(epochs=40), seen.append).val.class_ids
        assert (kept[1].val_confidences.argmax(1) == own).mean() == epochs_of(seen)[-1].val_accuracy


def test_a_head_that_fine_tuning_begins_with_sees_the_last_layer_alone(tiny_workspace, queue_run):
    context = make_context(tiny_workspace, queue_run(strategy="lp_ft", epochs=1), [].append)
    trained = phase.run_phase(context, 0, None, None)
    assert trained.head.weight.shape == (3, 96) and trained.stands_in is None


def test_reporting_never_changes_the_training(tiny_workspace, queue_run):
    run = queue_run(epochs=20)
    one = engine.fit(make_context(tiny_workspace, run, lambda event: None))
    other = engine.fit(make_context(tiny_workspace, run, [].append))
    np.testing.assert_array_equal(one.head.weight, other.head.weight)


def test_a_flipped_bit_in_the_cache_changes_no_figure_and_is_told(tiny_workspace, queue_run):
    run = queue_run(epochs=20)
    whole = engine.fit(make_context(tiny_workspace, run, lambda event: None))
    [path] = tiny_workspace.features_dir.glob("*/rows.bin")
    content = bytearray(path.read_bytes())
    for place in range(3, len(content), len(content) // 7):
        content[place] ^= 0x40  # the exponent of a float32, which makes 1 into 1e38
    path.write_bytes(content)
    seen = []
    again = engine.fit(make_context(tiny_workspace, run, seen.append))
    np.testing.assert_array_equal(again.val_confidences, whole.val_confidences)
    assert [event.message for event in seen if isinstance(event, events.Notice)] == [
        "What Graft had kept of your photos was damaged on the disk. It looks at the photos concerned again."
    ]


@pytest.mark.parametrize("strategy", ["feature_extraction", "full"])
def test_going_on_after_being_killed_is_exact(tiny_workspace, queue_run, monkeypatch, strategy):
    """In this process: killed between a checkpoint and the next, at an epoch that is then done again."""
    monkeypatch.setattr(phase, "_CHECKPOINT_EVERY_S", 0)
    epochs, killed_at = (40, 23) if strategy == "feature_extraction" else (4, 3)
    whole_seen, run = [], queue_run(strategy=strategy, epochs=epochs)
    whole = engine.fit(make_context(tiny_workspace, run, whole_seen.append))
    killed = queue_run(strategy=strategy, epochs=epochs)
    seen = []

    def die(event):
        if isinstance(event, EpochFinished) and event.step == killed_at:
            raise Killed
        seen.append(event)

    with pytest.raises(Killed):
        engine.fit(make_context(tiny_workspace, killed, die))
    step = load_checkpoint(killed.checkpoint_path).step
    assert step == killed_at - 1
    seen.append(RunResumed(from_step=step))
    resumed = engine.fit(make_context(tiny_workspace, killed, seen.append))
    kept = reduce_events(RunState(), seen).epochs
    assert [without_time(epoch) for epoch in kept] == [without_time(epoch) for epoch in epochs_of(whole_seen)]
    np.testing.assert_array_equal(resumed.head.weight, whole.head.weight)
    np.testing.assert_array_equal(resumed.val_confidences, whole.val_confidences)
    assert resumed.epochs == whole.epochs
    if strategy == "full":
        ours, theirs = resumed.network.state_dict(), whole.network.state_dict()
        assert all(np.array_equal(ours[name].numpy(), theirs[name].numpy()) for name in theirs)


@pytest.mark.parametrize("strategy", ["feature_extraction", "full"])
def test_a_run_stopped_before_anything_was_learned_gives_nothing(tiny_workspace, queue_run, strategy):
    run = queue_run(strategy=strategy, epochs=3)
    assert engine.fit(make_context(tiny_workspace, run, [].append, lambda: True)) is None


@pytest.mark.parametrize("strategy", ["feature_extraction", "full"])
def test_a_stopped_run_keeps_what_it_learned(tiny_workspace, queue_run, strategy):
    seen, run = [], queue_run(strategy=strategy, epochs=5)
    trained = engine.fit(make_context(tiny_workspace, run, seen.append, lambda: len(epochs_of(seen)) >= 2))
    assert trained.stopped and trained.epochs == 2
    np.testing.assert_allclose(trained.val_confidences.sum(1), 1)


def test_the_seed_decides(tiny_workspace, queue_run):
    def train(seed):
        run = queue_run(strategy="full", epochs=1, seed=seed)
        return engine.fit(make_context(tiny_workspace, run, [].append)).head.weight

    np.testing.assert_array_equal(train(1), train(1))
    assert not np.array_equal(train(1), train(2))


@pytest.mark.parametrize(("classes", "dense"), [(30, True), (31, False)])
def test_a_confusion_matrix_of_many_classes_is_logged_by_its_cells(tiny_workspace, queue_run, classes, dense):
    said = report_epochs(make_context(tiny_workspace, queue_run(), [].append), classes, 40)
    [epoch] = said(1)
    assert (epoch.confusion_matrix is not None, epoch.confusion_cells is None) == (dense, dense)
    matrix = np.array(epoch.matrix(classes))
    assert matrix.shape == (classes, classes) and matrix.sum() == 40
    assert epoch.hits == np.trace(matrix) and epoch.val_accuracy == pytest.approx(np.trace(matrix) / 40)


@pytest.mark.full
def test_a_hundred_epochs_of_a_thousand_classes_take_few_megabytes(tiny_workspace, queue_run, tmp_path):
    """Every photo in a cell of its own, which is the most that there can be; whole matrices took 300 MB."""
    log = EventLog(tmp_path / "events.jsonl")
    said = report_epochs(make_context(tiny_workspace, queue_run(), log.append), 1000, 5000)
    said(100)
    assert log.path.stat().st_size < 10_000_000
    read = reduce_events(RunState(), read_events(log.path)[0]).epochs
    assert len(read) == 100 and sum(map(sum, read[-1].matrix(1000))) == 5000
    assert 0 < read[-1].hits == round(read[-1].val_accuracy * 5000)


def report_epochs(context, classes: int, photos: int):
    """Reports so many epochs in which the answers are drawn, and returns the events."""
    generator, seen = np.random.default_rng(0), []
    val = LabelledPhotos(tuple(map(str, range(photos))), generator.integers(0, classes, photos))

    def emit(event) -> None:
        seen.append(event)
        context.emit(event)

    own = replace(context, class_count=classes, val=val, emit=emit)

    def said(epochs: int) -> list[EpochFinished]:
        confidences = generator.random((photos, classes), np.float32)
        for epoch in range(1, epochs + 1):
            own.report_epoch(0, epoch, (0.5, 0.5), np.roll(confidences, epoch, 0))
        return seen

    return said


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_model_that_answers_no_numbers_cannot_exist(value):
    weight, bias, confidences = np.ones((2, 3), np.float32), np.zeros(2, np.float32), np.full((4, 2), 0.5)
    assert Trained(Head(weight, bias), confidences, 1).epochs == 1
    for array in (weight, bias, confidences):
        kept, array.flat[1] = array.flat[1], value
        with pytest.raises(TransferError, match="values that are not numbers"):
            Trained(Head(weight, bias), confidences, 1)
        array.flat[1] = kept


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", ["train", "val"])
def test_a_run_over_what_are_no_numbers_fails(tiny_workspace, queue_run, monkeypatch, value, part):
    """Wherever they come from: such as a cache that checks nothing."""
    run = queue_run(epochs=3)
    context = make_context(tiny_workspace, run, lambda event: None)
    shape = len(context.train) + len(context.val), sum(context.backbone.feature_blocks)
    rows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    rows[0 if part == "train" else -1, 2] = value
    monkeypatch.setattr(StoredPhotos, "features", lambda *_: contextlib.nullcontext(rows))
    with pytest.raises(TransferError, match="not numbers"), np.errstate(all="ignore"):
        engine.fit(context)
