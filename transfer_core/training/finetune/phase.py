"""The phase that changes the backbone too: a plain PyTorch loop. Imports torch."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch

from transfer_core.config import decided
from transfer_core.errors import StopRequested, TransferError
from transfer_core.metrics.classification import mean_log_loss
from transfer_core.runs.events import PhaseStarted, Progress
from transfer_core.support.every import Every
from transfer_core.support.parallel import map_ahead
from transfer_core.training.augment.loader import Batch, load_batches, split_into_batches
from transfer_core.training.checkpoints import Checkpoint
from transfer_core.training.context import TrainContext, Trained, check_numbers
from transfer_core.training.finetune import device
from transfer_core.training.finetune.activation_cache import Bank, open_bank
from transfer_core.training.finetune.learner import build_learner, learning_rate_share
from transfer_core.training.finetune.oom_retry import fit_into_memory
from transfer_core.training.photos import LabelledPhotos

_VAL_BATCH = 32
_CHECKPOINT_EVERY_S = 30  # within an epoch; every epoch ends with one anyway
_REPORT_EVERY_S = 0.5


@dataclass
class Position:
    """Where the training stands.

    Args:
        epoch: Epochs that are done.
        batch: Batches of the next one that are done.
        sums: float64 (2,): losses and right answers in these batches.
        best: The best epoch on the early-stopping holdout, if there is one.
    """

    epoch: int = 0
    batch: int = 0
    sums: np.ndarray = field(default_factory=lambda: np.zeros(2))
    best: "Best | None" = None

    @property
    def has_learned(self) -> bool:
        return self.epoch > 0 or self.batch > 0


@dataclass(frozen=True)
class Best:
    """The epoch with the lowest loss on the early-stopping holdout (`context.spared`).

    Args:
        epoch: Counted from 1 in the phase.
        loss: Its mean log loss on the holdout.
        weights: Its body and head, see `Learner.kept_state`.
    """

    epoch: int
    loss: float
    weights: dict[str, np.ndarray]

    def is_old(self, epoch: int, epochs: int) -> bool:
        """True if too many epochs without improvement have passed since."""
        return epoch - self.epoch >= max(3, epochs // 4)


def run_phase(
    context: TrainContext, index: int, earlier: Trained | None, checkpoint: Checkpoint | None
) -> Trained | None:
    """Trains backbone and head; None when stopped before the first step.

    Where memory does not suffice, fewer photos at a time go through the network, from the last checkpoint on.

    Raises:
        TransferError: The loss is no longer a number, or memory does not suffice for a single photo.
    """

    def attempt(context: TrainContext, is_first: bool) -> Trained | None:
        saved = checkpoint if is_first else context.load_checkpoint()
        return FineTuning(context, index, earlier, saved if saved and saved.phase == index else None).run()

    return fit_into_memory(context, attempt)


class FineTuning:
    """One phase on its way.

    Args:
        index: Of the phase.
        earlier: What the phase before has left.
        checkpoint: Where this phase stood when it was interrupted.
    """

    def __init__(
        self, context: TrainContext, index: int, earlier: Trained | None = None, checkpoint: Checkpoint | None = None
    ):
        device.make_deterministic(context.plan.threads)
        self.context, self.index, self.phase = context, index, context.plan.phases[index]
        self.learner = build_learner(context, index, earlier)
        self.bank: Bank | None = None
        self.position = self._restore(checkpoint) if checkpoint else Position()
        self._pending: list[torch.Tensor] = []  # what the last steps gave, not yet waited for
        self._confidences: np.ndarray | None = None  # of the validation photos, after the last whole epoch

    def run(self) -> Trained | None:
        """Trains to the end of the phase; None when stopped before its first step."""
        if self._is_over:  # killed between this phase and the next
            return self._finish()
        self.open_bank()
        try:
            ready = self._prepare()
            self.context.begin_phase(self.index)
            while ready and not self._is_over and self.run_epoch():
                self._end_epoch()
            return self._finish()
        finally:
            if self.bank:  # resuming a stopped run computes the same one again
                self.bank.remove()

    def run_epoch(self) -> bool:
        """Runs the rest of the epoch from `position`, and moves that on; False when stopped within the epoch."""
        batches = split_into_batches(len(self.context.train), self._batch_size, self._seed, self._epoch)
        should_report, should_save = Every(_REPORT_EVERY_S), Every(_CHECKPOINT_EVERY_S)
        self.learner.begin_epoch()
        with closing(self._load(batches[self.position.batch :])) as loaded:
            for batch in loaded:
                if self.context.should_stop():
                    self._save()
                    return False
                self._step(batch, len(batches))
                if should_report():
                    self._report_progress(batches)
                if should_save():
                    self._save()
        self._add_up_losses()
        return True

    def open_bank(self) -> None:
        """Opens the cache of frozen activations, if the plan asks for one and the network can be split there."""
        self.context, self.bank = open_bank(self.context, self.index, self.learner)

    @property
    def _is_over(self) -> bool:
        position, epochs = self.position, self.phase.epochs
        if position.batch:
            return False
        return position.epoch >= epochs or bool(position.best and position.best.is_old(position.epoch, epochs))

    @property
    def _epoch(self) -> int:
        """The epoch of `position`, counted through all phases, so that no phase repeats another's random numbers."""
        return self.context.epochs_before(self.index) + self.position.epoch

    @property
    def _batch_size(self) -> int:
        return decided(self.context.plan.settings.batch_size)

    @property
    def _seed(self) -> int:
        return self.context.plan.settings.seed

    def _prepare(self) -> bool:
        """Prepares the photos that are only measured, and the frozen activations; False when stopped meanwhile."""
        context, report = self.context, self.context.report_progress
        context.emit(PhaseStarted(name="prepare", title="Preparing the validation photos"))
        try:
            context.photos.prepare((*context.val.digests, *context.spared.digests), report, context.should_stop)
            if self.bank:
                assert self.learner.boundary is not None, "`open_bank` gives a bank and sets its boundary, or neither"
                context.emit(PhaseStarted(name="views", title="Running the frozen layers on augmented photos"))
                self.bank.fill(context, self.learner.boundary, report, context.should_stop)
        except StopRequested:
            return False
        return True

    def _load(self, batches: list[np.ndarray]) -> Generator[Batch, None, None]:
        if self.bank:
            return self.bank.load_batches(batches, self._epoch)
        return load_batches(self.context, batches, self._epoch)

    def _step(self, batch: Batch, steps_per_epoch: int) -> None:
        """One optimizer step."""
        position, class_ids = self.position, self.context.train.class_ids[batch.rows]
        # Everything random in a step follows from these numbers: there is no random state to save.
        torch.manual_seed((self._seed << 32) + self._epoch * steps_per_epoch + position.batch)
        steps_done = position.epoch * steps_per_epoch + position.batch
        share = learning_rate_share(steps_done, self.phase.epochs * steps_per_epoch)
        self.learner.set_share(share)
        self._pending.append(
            self.learner.learn(batch.pixels, batch.variations, class_ids, self.context.plan.micro_batch)
        )
        self.learner.end_step(steps_done + 1, share, steps_per_epoch)
        position.batch += 1

    def _end_epoch(self) -> None:
        """Reports the finished epoch, notes whether it is the best, and moves on to the next."""
        context, epoch, best, loss = self.context, self.position.epoch + 1, self.position.best, None
        self._confidences = self._answers(context.val)
        if len(context.spared):
            loss = mean_log_loss(self._answers(context.spared), context.spared.class_ids)
            if best is None or loss < best.loss:
                best = Best(epoch, loss, self.learner.kept_state())
        train_loss, train_accuracy = self.position.sums / len(context.train)
        context.report_epoch(self.index, epoch, (train_loss, train_accuracy), self._confidences, loss)
        self.position = Position(epoch, best=best)
        self._save()

    def _finish(self) -> Trained | None:
        """The phase's result; None if it was stopped before its first step."""
        position, learner, confidences = self.position, self.learner, self._confidences
        if not position.has_learned:
            return None
        if position.best:
            learner.restore_kept(position.best.weights)
        if confidences is None or position.batch or position.best:  # steps since that epoch count, too
            confidences = self._answers(self.context.val)
        return Trained(learner.trained_head(), confidences, self._epoch, not self._is_over, learner.trained_network())

    def _answers(self, photos: LabelledPhotos) -> np.ndarray:
        """Confidences float64 (n, classes) of photos without augmentation; only a few are in memory at a time."""
        size, parts = min(_VAL_BATCH, self.context.plan.micro_batch), []
        with closing(map_ahead(self.context.photos.pixels, photos.digests, size)) as pixels:
            while batch := list(islice(pixels, size)):
                parts.append(self.learner.confidences(np.stack(batch)))
        confidences = np.concatenate(parts)
        check_numbers(confidences)
        return confidences

    def _report_progress(self, batches: list[np.ndarray]) -> None:
        self._add_up_losses()
        count, position = len(self.context.train), self.position
        done = position.epoch * count + sum(len(rows) for rows in batches[: position.batch])
        self.context.emit(Progress(done=done, total=self.phase.epochs * count))

    def _add_up_losses(self) -> None:
        """Adds the pending losses one by one: another order would change the last digits of the sum."""
        if self._pending:
            for sums in torch.stack(self._pending).cpu().numpy():
                self.position.sums += sums
            self._pending.clear()
        if not np.isfinite(self.position.sums).all():
            raise TransferError(
                "The loss is no longer a number, because the steps were too big. Train again with a smaller "
                "learning rate (under Advanced), for example a tenth of this one."
            )

    def _save(self) -> None:
        """Saves a checkpoint, once there has been a step."""
        self._add_up_losses()
        position = self.position
        if not position.has_learned:
            return
        arrays = self.learner.state() | {"sums": position.sums}
        if best := position.best:
            arrays |= {f"best.{name}": value for name, value in best.weights.items()}
            arrays["best"] = np.array([best.epoch, best.loss])
        self.context.save_checkpoint(Checkpoint(self.index, position.epoch, self._epoch, arrays, position.batch))

    def _restore(self, checkpoint: Checkpoint) -> Position:
        arrays, best = checkpoint.arrays, None
        self.learner.restore(arrays)
        if "best" in arrays:
            weights = {name[5:]: value for name, value in arrays.items() if name.startswith("best.")}
            best = Best(int(arrays["best"][0]), float(arrays["best"][1]), weights)
        sums = arrays["sums"].copy() if checkpoint.batch else np.zeros(2)
        return Position(checkpoint.epoch, checkpoint.batch, sums, best)
