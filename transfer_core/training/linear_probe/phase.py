"""The phase that trains a head on cached features of the frozen backbone. Imports no torch."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from transfer_core.config import decided
from transfer_core.errors import StopRequested
from transfer_core.metrics.classification import mean_log_loss
from transfer_core.runs.events import Notice, PhaseStarted
from transfer_core.support.every import Every
from transfer_core.training.checkpoints import Checkpoint
from transfer_core.training.context import TrainContext, Trained, check_numbers
from transfer_core.training.linear_probe.head import HeadState, Scaler, balance, train_epochs
from transfer_core.training.linear_probe.l2_search import DEFAULT_L2, search_l2

# All epochs of a small set take less than this; a checkpoint each would cost more than doing them again.
_CHECKPOINT_EVERY_S = 5


def run_phase(
    context: TrainContext, index: int, earlier: Trained | None, checkpoint: Checkpoint | None
) -> Trained | None:
    """Trains the head from zero, or from the checkpoint; None when stopped before the first epoch."""
    digests = (*context.train.digests, *context.val.digests)
    context.emit(PhaseStarted(name="features", title="Looking at your photos"))
    try:
        # One core per product of matrices: they are small, and several cores at one, which wait for each other at every
        # step, took ten times as long beside another busy program. The sums no longer depend on the machine, either.
        with (
            context.photos.features(digests, context.report_progress, context.should_stop) as rows,
            threadpool_limits(1, "blas"),
        ):
            probe = LinearProbe(context, index, rows, checkpoint)
            trained = probe.run()
            del probe, rows  # lets go of the file, which Windows would not delete otherwise
            return trained
    except StopRequested:
        return None


class LinearProbe:
    """One phase on its way.

    Args:
        index: Of the phase.
        rows: Features float32 (n, d) of the training and then the validation photos.
        checkpoint: Where this phase stood when it was interrupted.
    """

    def __init__(self, context: TrainContext, index: int, rows: np.ndarray, checkpoint: Checkpoint | None):
        self.context, self.index, self.phase = context, index, context.plan.phases[index]
        self._train, self._val = rows[: len(context.train)], rows[len(context.train) :]
        self._scaler = Scaler.of(self._train)
        context.begin_phase(index)
        self.epoch, self.strength = 0, 0.0
        self.state: HeadState | None = None
        if checkpoint:
            self._restore(checkpoint)
        else:
            self.strength = self._choose_l2()

    def run(self) -> Trained | None:
        """Trains to the end of the phase, or to where a person stops it."""
        should_save = Every(_CHECKPOINT_EVERY_S)
        trained = self._trained(self.state) if self.state else None
        for epoch, state in enumerate(self._states(), self.epoch + 1):
            self.epoch, self.state = epoch, state
            trained = self._trained(state)
            self._report(trained)
            if should_save():
                self._save(state)
            if self.context.should_stop():
                return replace(trained, stopped=epoch < self.phase.epochs)
        return trained

    def _states(self) -> Iterator[HeadState]:
        """Yields the state after each epoch that is left."""
        train, classes = self.context.train, self.context.class_count
        weights = balance(train.class_ids, classes)[train.class_ids] if self._is_weighted else None
        left = self.phase.epochs - self.epoch
        return train_epochs(
            self._train, self._scaler, train.class_ids, classes, [self.strength], left, self.state, weights
        )

    @property
    def _is_weighted(self) -> bool:
        return decided(self.context.plan.settings.class_weights)

    def _choose_l2(self) -> float:
        """The best strength; a middle one, and a word about it, where there is nothing to choose it by."""
        train, seed = self.context.train, self.context.plan.settings.seed
        found = search_l2(
            self._train,
            train.class_ids,
            train.units or train.digests,
            self.context.class_count,
            self.phase.epochs,
            seed,
            self._is_weighted,
        )
        if found is None:
            self.context.emit(
                Notice(
                    message="Each class has only one training photo, or one group of them, so Graft could not test how "
                    "closely the new layer should follow them. It took a middle value."
                )
            )
        return found or DEFAULT_L2

    def _trained(self, state: HeadState) -> Trained:
        head = state.head(self._scaler)
        return Trained(head, head.confidences(self._val), self.context.epochs_before(self.index) + self.epoch)

    def _report(self, trained: Trained) -> None:
        own, class_ids = trained.head.confidences(self._train), self.context.train.class_ids
        check_numbers(own)
        accuracy = float((own.argmax(1) == class_ids).mean())
        loss = mean_log_loss(own, class_ids)
        self.context.report_epoch(self.index, self.epoch, (loss, accuracy), trained.val_confidences)

    def _save(self, state: HeadState) -> None:
        arrays = {**vars(state), "strength": np.array([self.strength])}
        step = self.context.epochs_before(self.index) + self.epoch
        self.context.save_checkpoint(Checkpoint(self.index, self.epoch, step, arrays))

    def _restore(self, checkpoint: Checkpoint) -> None:
        arrays = dict(checkpoint.arrays)
        self.strength = float(arrays.pop("strength")[0])
        self.epoch, self.state = checkpoint.epoch, HeadState(**arrays)
