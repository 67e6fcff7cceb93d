"""The phase that changes the backbone too: a plain PyTorch loop. Imports torch."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch

from transfer_core.backbones.preprocess import PreparedPhotos, prepare_all
from transfer_core.data.labels.dataset import Item
from transfer_core.errors import TransferError
from transfer_core.metrics.classification import mean_log_loss
from transfer_core.runs.events import CheckpointSaved, PhaseStarted, Progress
from transfer_core.strategies import Phase
from transfer_core.support.parallel import map_ahead
from transfer_core.training.augment.loader import load_batches, split_into_batches
from transfer_core.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from transfer_core.training.context import TrainContext, Trained
from transfer_core.training.finetune import device
from transfer_core.training.finetune.activation_cache import Bank, open_bank
from transfer_core.training.finetune.learner import Learner, build_learner, learning_rate_share
from transfer_core.training.finetune.oom_retry import fit_into_memory

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
        best: The best epoch by the spared photos, where there are any.
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
    """The epoch that answered best on the spared photos.

    Args:
        epoch: Counted from 1 in the phase.
        loss: Its mean log loss on them.
        weights: Its body and head, see `Learner.kept_state`.
    """

    epoch: int
    loss: float
    weights: dict[str, np.ndarray]

    def is_old(self, epoch: int, epochs: int) -> bool:
        """Whether so many epochs brought nothing better since that more will not, either."""
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
        if is_first:
            return _attempt(context, index, earlier, checkpoint)
        saved = load_checkpoint(context.run.checkpoint_path)
        return _attempt(context, index, earlier, saved if saved and saved.phase == index else None)

    return fit_into_memory(context, attempt)


def _attempt(
    context: TrainContext, index: int, earlier: Trained | None, checkpoint: Checkpoint | None
) -> Trained | None:
    phase = context.plan.phases[index]
    prepared = PreparedPhotos(context.backbone.preparation, context.workspace.prepared_dir)
    device.make_deterministic(context.plan.threads)
    learner = build_learner(context, index, earlier)
    position = _restore(learner, checkpoint) if checkpoint else Position()
    if _is_over(position, phase):  # killed between this phase and the next
        return _finish(context, index, position, learner, prepared, None)
    context, bank = open_bank(context, index, learner)
    try:
        return _learn(context, index, position, learner, prepared, bank)
    finally:
        if bank:  # whoever goes on with a stopped run makes it again, the same
            bank.remove()


def _learn(
    context: TrainContext, index: int, position: Position, learner: Learner, prepared: PreparedPhotos, bank: Bank | None
) -> Trained | None:
    phase, confidences = context.plan.phases[index], None
    ready = _prepare(context, prepared, learner, bank)
    context.begin_phase(index)
    while ready and not _is_over(position, phase):
        if not run_epoch(context, index, position, learner, bank):
            break
        confidences = _confidences(context, learner, prepared, context.split.val)
        position = _end_epoch(context, index, position, learner, prepared, confidences)
        _save(context, index, position, learner)
    return _finish(context, index, position, learner, prepared, confidences)


def _finish(
    context: TrainContext,
    index: int,
    position: Position,
    learner: Learner,
    prepared: PreparedPhotos,
    confidences: np.ndarray | None,
) -> Trained | None:
    """What the phase leaves, None where it has not learned; `confidences` are those after the last epoch."""
    if not position.has_learned:
        return None
    if position.best:
        learner.restore_kept(position.best.weights)
    if confidences is None or position.batch or position.best:  # what was learned since the last epoch is kept, too
        confidences = _confidences(context, learner, prepared, context.split.val)
    epochs, stopped = context.epochs_before(index) + position.epoch, not _is_over(position, context.plan.phases[index])
    return Trained(learner.trained_head(), confidences, epochs, stopped, learner.trained_network())


def _is_over(position: Position, phase: Phase) -> bool:
    if position.batch:
        return False
    return position.epoch >= phase.epochs or bool(position.best and position.best.is_old(position.epoch, phase.epochs))


def _end_epoch(
    context: TrainContext,
    index: int,
    position: Position,
    learner: Learner,
    prepared: PreparedPhotos,
    confidences: np.ndarray,
) -> Position:
    """Reports the epoch that was just gone through, and notes whether it is the best; where the next one begins."""
    epoch, best, loss = position.epoch + 1, position.best, None
    if context.spared:
        loss = mean_log_loss(_confidences(context, learner, prepared, context.spared), context.spared_ids)
        if best is None or loss < best.loss:
            best = Best(epoch, loss, learner.kept_state())
    train_loss, train_accuracy = position.sums / len(context.train_ids)
    context.report_epoch(index, epoch, (train_loss, train_accuracy), confidences, loss)
    return Position(epoch, best=best)


def run_epoch(
    context: TrainContext, index: int, position: Position, learner: Learner, bank: Bank | None = None
) -> bool:
    """Goes through what is left of the epoch at `position`, which moves along; False when stopped in it."""
    phase, settings, count = context.plan.phases[index], context.plan.settings, len(context.train_ids)
    epoch = context.epochs_before(index) + position.epoch  # of all phases: no phase repeats another's luck
    batches = split_into_batches(count, settings.batch_size, settings.seed, epoch)
    learner.begin_epoch()
    pending, reported, saved = [], time.monotonic(), time.monotonic()
    rest = batches[position.batch :]
    with closing(bank.load_batches(rest, epoch) if bank else load_batches(context, rest, epoch)) as loaded:
        for batch in loaded:
            if context.should_stop():
                _add_up_losses(position, pending)
                if position.has_learned:
                    _save(context, index, position, learner)
                return False
            # Everything random in a step follows from these numbers: there is no random state to save.
            torch.manual_seed((settings.seed << 32) + epoch * len(batches) + position.batch)
            steps_done = position.epoch * len(batches) + position.batch
            share = learning_rate_share(steps_done, phase.epochs * len(batches))
            learner.set_share(share)
            class_ids = context.train_ids[batch.rows]
            pending.append(learner.learn(batch.pixels, batch.variations, class_ids, context.plan.micro_batch))
            learner.end_step(steps_done + 1, share, len(batches))
            position.batch += 1
            now = time.monotonic()
            if now - reported > _REPORT_EVERY_S:
                _add_up_losses(position, pending)
                done = position.epoch * count + sum(len(rows) for rows in batches[: position.batch])
                context.emit(Progress(done=done, total=phase.epochs * count))
                reported = now
            if now - saved > _CHECKPOINT_EVERY_S:
                _add_up_losses(position, pending)
                _save(context, index, position, learner)
                saved = now
    _add_up_losses(position, pending)
    return True


def _add_up_losses(position: Position, pending: list[torch.Tensor]) -> None:
    """Adds what the last steps gave, one by one: in another order the last digits would depend on the moment."""
    if pending:
        for sums in torch.stack(pending).cpu().numpy():
            position.sums += sums
        pending.clear()
    if not np.isfinite(position.sums).all():
        raise TransferError(
            "The loss is no longer a number, because the steps were too big. Train again with a smaller "
            "learning rate (under Advanced), for example a tenth of this one."
        )


def _prepare(context: TrainContext, prepared: PreparedPhotos, learner: Learner, bank: Bank | None) -> bool:
    """Sees to it that all is at hand that does not learn; False when stopped meanwhile."""

    def report(done: int, total: int) -> None:
        context.emit(Progress(done=done, total=total))

    context.emit(PhaseStarted(name="prepare", title="Preparing the validation photos"))
    try:
        prepare_all(prepared, context.photos((*context.split.val, *context.spared)), report, context.should_stop)
        if bank:
            context.emit(PhaseStarted(name="views", title="Running the frozen layers on augmented photos"))
            bank.fill(context, learner.boundary, report, context.should_stop)
    except InterruptedError:
        return False
    return True


def _confidences(
    context: TrainContext, learner: Learner, prepared: PreparedPhotos, items: Sequence[Item]
) -> np.ndarray:
    """float64 (n, classes) of photos as they are, of which only a few are in memory at a time."""
    photos, size = context.photos(items), min(_VAL_BATCH, context.plan.micro_batch)
    parts = []
    with closing(map_ahead(lambda photo: prepared(*photo), photos, size)) as pixels:
        while batch := list(islice(pixels, size)):
            parts.append(learner.confidences(np.stack(batch)))
    return np.concatenate(parts)


def _save(context: TrainContext, index: int, position: Position, learner: Learner) -> None:
    step = context.epochs_before(index) + position.epoch
    arrays = learner.state() | {"sums": position.sums}
    if best := position.best:
        arrays |= {f"best.{name}": value for name, value in best.weights.items()}
        arrays["best"] = np.array([best.epoch, best.loss])
    save_checkpoint(context.run.checkpoint_path, Checkpoint(index, position.epoch, step, arrays, position.batch))
    context.emit(CheckpointSaved(step=step))


def _restore(learner: Learner, checkpoint: Checkpoint) -> Position:
    arrays, best = checkpoint.arrays, None
    learner.restore(arrays)
    if "best" in arrays:
        weights = {name[5:]: value for name, value in arrays.items() if name.startswith("best.")}
        best = Best(int(arrays["best"][0]), float(arrays["best"][1]), weights)
    sums = arrays["sums"].copy() if checkpoint.batch else np.zeros(2)
    return Position(checkpoint.epoch, checkpoint.batch, sums, best)
