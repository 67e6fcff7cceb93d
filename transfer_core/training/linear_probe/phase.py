"""The phase that trains a head on cached features of the frozen backbone. Imports no torch."""

from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from transfer_core.config import decided
from transfer_core.errors import StopRequested
from transfer_core.metrics.classification import mean_log_loss
from transfer_core.runs.events import HeadChosen, Notice, PhaseStarted
from transfer_core.support.every import Every
from transfer_core.training.checkpoints import Checkpoint
from transfer_core.training.context import TrainContext, Trained, check_numbers
from transfer_core.training.linear_probe.choice import UNTRIED, Choice, choose, choose_trained
from transfer_core.training.linear_probe.examples import Examples, Space
from transfer_core.training.linear_probe.head import Head, HeadState, train_epochs
from transfer_core.training.linear_probe.solved_head import imitate, solve

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

    A head for fine-tuning is trained, on the pooled last layer alone: it will learn on with the network. One that is
    kept sees the last stages, too, and is solved or trained, whichever suits. Its epochs are those of the trained head
    in either case: what is solved has none.

    Args:
        index: Of the phase.
        rows: Features float32 (n, d) of the training and then the validation photos.
        checkpoint: Where this phase stood when it was interrupted.
    """

    def __init__(self, context: TrainContext, index: int, rows: np.ndarray, checkpoint: Checkpoint | None):
        self.context, self.index, self.phase = context, index, context.plan.phases[index]
        self._is_kept = index == len(context.plan.phases) - 1  # no phase goes on with it
        blocks = context.backbone.feature_blocks or (rows.shape[1],)
        self._pooled = blocks[0]
        used = blocks if self._is_kept else blocks[:1]
        train, rows = context.train, rows[:, : sum(used)]
        self._val = rows[len(train) :]
        units, weighted = train.units or train.digests, decided(context.plan.settings.class_weights)
        self._examples = Examples(rows[: len(train)], train.class_ids, units, context.class_count, used, weighted)
        context.begin_phase(index)
        self.epoch, self.choice = 0, UNTRIED
        self.state: HeadState | None = None
        if checkpoint and "choice" in checkpoint.arrays:  # an earlier version's head is not this one's
            self._restore(checkpoint)
        else:
            self.choice = self._choose()
        self._space = Space.of(self._examples, self._val)

    def run(self) -> Trained | None:
        """Trains to the end of the phase, or to where a person stops it."""
        should_save = Every(_CHECKPOINT_EVERY_S)
        for epoch, state in enumerate(self._states(), self.epoch + 1):
            self.epoch, self.state = epoch, state
            self._report(state)
            if should_save():
                self._save(state)
            if self.context.should_stop():
                break
        return self._trained(self.state) if self.state else None

    def _states(self) -> Iterator[HeadState]:
        """Yields the state after each epoch that is left."""
        space, examples, left = self._space, self._examples, self.phase.epochs - self.epoch
        strengths, ids = [self.choice.l2], examples.class_ids
        return train_epochs(
            space.train, space.scaler, ids, examples.class_count, strengths, left, self.state, examples.weights
        )

    def _choose(self) -> Choice:
        """The head that suits; a trained one of middle strength, and a word, where there is nothing to choose by."""
        find = choose if self._is_kept else choose_trained
        choice = find(self._examples, self.phase.epochs, self.context.plan.settings.seed)
        if choice is None:
            self.context.emit(
                Notice(
                    message="Each class has only one training photo, or one group of them, so Graft could not test how "
                    "closely the new layer should follow them. It took a middle value."
                )
            )
            return UNTRIED
        if self._is_kept:
            self.context.emit(
                HeadChosen(
                    kept="solved" if choice.is_solved else "trained",
                    solved_loss=choice.solved_loss,
                    trained_loss=choice.trained_loss,
                )
            )
        return choice

    def _trained(self, state: HeadState) -> Trained:
        head = self._final_head(state)
        stands_in = None
        if self._is_kept and head.weight.shape[1] > self._pooled:
            stands_in = imitate(head, self._examples.features, self._pooled)
        epochs = self.context.epochs_before(self.index) + self.epoch
        is_early = self.epoch < self.phase.epochs
        return Trained(head, head.confidences(self._val), epochs, is_early, stands_in=stands_in)

    def _final_head(self, state: HeadState) -> Head:
        """The head that is kept, on raw features."""
        if not self.choice.is_solved:
            return self._space.raw(state.head(self._space.scaler).sharpened(self.choice.trained_sharpness))
        examples, space = self._examples, self._space
        solved = solve(
            *(space.train, space.scaler, examples.class_ids, examples.class_count),
            *(self.choice.shrinkage, examples.weights),
        )
        return space.raw(space.scaler.unscale(*solved.sharpened(self.choice.solved_sharpness)))

    def _report(self, state: HeadState) -> None:
        head = state.head(self._space.scaler)
        own, class_ids = head.confidences(self._space.train), self._examples.class_ids
        check_numbers(own)
        accuracy = float((own.argmax(1) == class_ids).mean())
        loss = mean_log_loss(own, class_ids)
        self.context.report_epoch(self.index, self.epoch, (loss, accuracy), head.confidences(self._space.val))

    def _save(self, state: HeadState) -> None:
        arrays = {**vars(state), "choice": self.choice.to_array()}
        step = self.context.epochs_before(self.index) + self.epoch
        self.context.save_checkpoint(Checkpoint(self.index, self.epoch, step, arrays))

    def _restore(self, checkpoint: Checkpoint) -> None:
        arrays = dict(checkpoint.arrays)
        self.choice = Choice.from_array(arrays.pop("choice"))
        self.epoch, self.state = checkpoint.epoch, HeadState(**arrays)
