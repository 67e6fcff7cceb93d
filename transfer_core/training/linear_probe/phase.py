"""The phase that trains a head on cached features of the frozen backbone. Imports no torch."""

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from transfer_core.backbones import features
from transfer_core.data.splits.groups import find_units
from transfer_core.metrics.classification import mean_log_loss
from transfer_core.runs.events import CheckpointSaved, Notice, PhaseStarted, Progress
from transfer_core.training.checkpoints import Checkpoint, save_checkpoint
from transfer_core.training.context import TrainContext, Trained
from transfer_core.training.linear_probe.head import (
    DEFAULT_L2,
    HeadState,
    Scaler,
    balance,
    search_l2,
    train_epochs,
)

# All epochs of a small set take less than this; a checkpoint each would cost more than doing them again.
_CHECKPOINT_EVERY_S = 5


def run_phase(
    context: TrainContext, index: int, earlier: Trained | None, checkpoint: Checkpoint | None
) -> Trained | None:
    """Trains the head from zero, or from the checkpoint; None when stopped before the first epoch."""
    path, rows = context.run.folder / "features.bin", None
    try:
        rows = _compute_features(context, path)
        # One core per product of matrices: they are small, and several cores at one, which wait for each other at every
        # step, took ten times as long beside another busy program. The sums no longer depend on the machine, either.
        with threadpool_limits(1, "blas"):
            return _train(context, index, rows, checkpoint)
    except InterruptedError:
        return None
    finally:
        rows = None  # lets go of the file
        with suppress(OSError):  # Windows keeps a file that is still mapped; the next attempt writes over it
            path.unlink()


def _compute_features(context: TrainContext, path: Path) -> np.ndarray:
    """Features float32 (n, d) of the training and then the validation photos; InterruptedError when stopped."""
    context.emit(PhaseStarted(name="features", title="Looking at your photos"))
    return features.compute_features(
        context.backbone,
        context.photos((*context.learned, *context.split.val)),
        context.workspace,
        path,
        lambda done, total: context.emit(Progress(done=done, total=total)),
        context.should_stop,
    )


def _train(context: TrainContext, index: int, rows: np.ndarray, checkpoint: Checkpoint | None) -> Trained | None:
    train, val = rows[: len(context.learned)], rows[len(context.learned) :]
    phase, settings = context.plan.phases[index], context.plan.settings
    context.begin_phase(index)
    if checkpoint:
        strength, first, state = _restore(checkpoint)
    else:
        strength, first, state = _choose_l2(context, index, train), 0, None
    scaler = Scaler.of(train)
    trained = None if state is None else _trained(context, index, first, state, scaler, val)
    saved = time.monotonic()
    left = phase.epochs - first
    weights = balance(context.train_ids, context.class_count)[context.train_ids] if settings.class_weights else None
    states = train_epochs(train, scaler, context.train_ids, context.class_count, [strength], left, state, weights)
    for epoch, state in enumerate(states, first + 1):
        trained = _trained(context, index, epoch, state, scaler, val)
        own = trained.head.confidences(train)
        accuracy = float((own.argmax(1) == context.train_ids).mean())
        context.report_epoch(index, epoch, (mean_log_loss(own, context.train_ids), accuracy), trained.val_confidences)
        if time.monotonic() - saved > _CHECKPOINT_EVERY_S:
            _save(context, index, epoch, strength, state)
            saved = time.monotonic()
        if context.should_stop():
            return replace(trained, stopped=epoch < phase.epochs)
    return trained


def _choose_l2(context: TrainContext, index: int, train: np.ndarray) -> float:
    """The best one; a middle one, and a word about it, where there is nothing to choose it by."""
    unit_of, settings = find_units(context.learned), context.plan.settings
    units = [unit_of[item.photo] for item in context.learned]
    epochs = context.plan.phases[index].epochs
    found = search_l2(
        train, context.train_ids, units, context.class_count, epochs, settings.seed, settings.class_weights
    )
    if found is None:
        context.emit(
            Notice(
                message="Each class has only one training photo, or one group of them, so Graft could not test how "
                "closely the new layer should follow them. It took a middle value."
            )
        )
    return found or DEFAULT_L2


def _trained(
    context: TrainContext, index: int, epoch: int, state: HeadState, scaler: Scaler, val: np.ndarray
) -> Trained:
    head = state.head(scaler)
    return Trained(head, head.confidences(val), context.epochs_before(index) + epoch)


def _save(context: TrainContext, index: int, epoch: int, strength: float, state: HeadState) -> None:
    step = context.epochs_before(index) + epoch
    tensors = {
        "now": state.now,
        "before": state.before,
        "momentum_steps": state.momentum_steps,
        "strength": np.array([strength]),
    }
    save_checkpoint(context.run.checkpoint_path, Checkpoint(index, epoch, step, tensors))
    context.emit(CheckpointSaved(step=step))


def _restore(checkpoint: Checkpoint) -> tuple[float, int, HeadState]:
    tensors = checkpoint.arrays
    state = HeadState(tensors["now"], tensors["before"], tensors["momentum_steps"])
    return float(tensors["strength"][0]), checkpoint.epoch, state
