"""The phase that changes the backbone too: a plain PyTorch loop. Imports torch."""

import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import torch

from transfer_core.backbones.prepare import PreparedPhotos, prepare_all
from transfer_core.errors import TransferError
from transfer_core.events import CheckpointSaved, Notice, PhaseStarted, Progress
from transfer_core.parallel import map_ahead
from transfer_core.training import device
from transfer_core.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from transfer_core.training.learner import Learner, build_learner, learning_rate_share
from transfer_core.training.loading import load_batches, split_into_batches
from transfer_core.training.plan import save_plan
from transfer_core.training.task import Task, Trained

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
    """

    epoch: int = 0
    batch: int = 0
    sums: np.ndarray = field(default_factory=lambda: np.zeros(2))

    @property
    def has_learned(self) -> bool:
        return self.epoch > 0 or self.batch > 0


def run_phase(task: Task, index: int, earlier: Trained | None, checkpoint: Checkpoint | None) -> Trained | None:
    """Trains backbone and head; None when stopped before the first step.

    Where memory does not suffice, fewer photos at a time go through the network, from the last checkpoint on.

    Raises:
        TransferError: The loss is no longer a number, or memory does not suffice for a single photo.
    """
    while True:
        try:
            return _attempt(task, index, earlier, checkpoint)
        except (RuntimeError, MemoryError) as error:
            if not device.is_out_of_memory(error):
                raise
            task = _with_less_memory(task)
        # Outside the handler, where the failed attempt's tensors are held no longer.
        device.free_memory(task.plan.device)
        saved = load_checkpoint(task.run.checkpoint_path)
        checkpoint = saved if saved and saved.phase == index else None


def _with_less_memory(task: Task) -> Task:
    """The same with half as many photos at a time, written down before it is used."""
    if task.plan.micro_batch == 1:
        raise TransferError(
            f"This machine's memory does not suffice for {task.backbone.title}, not even for one photo at a time. "
            "Choose a smaller backbone, or 'Only the new part', which needs far less."
        )
    plan = replace(task.plan, micro_batch=(task.plan.micro_batch + 1) // 2)
    save_plan(task.run.plan_path, plan)
    task.emit(
        Notice(
            message=f"Memory did not suffice for {task.plan.micro_batch} photos at a time. It goes on with "
            f"{plan.micro_batch} at a time, a little more slowly; the batch size stays {plan.settings.batch_size}."
        )
    )
    return replace(task, plan=plan)


def _attempt(task: Task, index: int, earlier: Trained | None, checkpoint: Checkpoint | None) -> Trained | None:
    phase = task.plan.phases[index]
    prepared = PreparedPhotos(task.backbone.preparation, task.workspace.prepared_dir)
    if not _prepare_val(task, prepared):
        return None
    task.begin_phase(index)
    device.settle(task.plan.threads)
    learner = build_learner(task, index, earlier)
    position = _restore(learner, checkpoint) if checkpoint else Position()
    confidences = None
    while position.epoch < phase.epochs:
        if not run_epoch(task, index, position, learner):
            break
        train_loss, train_accuracy = position.sums / len(task.train_ids)
        confidences = _val_confidences(task, learner, prepared)
        position = Position(position.epoch + 1)
        task.report_epoch(index, position.epoch, (train_loss, train_accuracy), confidences)
        _save(task, index, position, learner)
    stopped = position.epoch < phase.epochs
    if not position.has_learned:
        return None
    if confidences is None or position.batch:  # what was learned since the last epoch is kept, too
        confidences = _val_confidences(task, learner, prepared)
    epochs = task.epochs_before(index) + position.epoch
    return Trained(learner.trained_head(), confidences, epochs, stopped, learner.body.network.cpu().eval())


def run_epoch(task: Task, index: int, position: Position, learner: Learner) -> bool:
    """Goes through what is left of the epoch at `position`, which moves along; False when stopped in it."""
    phase, config, count = task.plan.phases[index], task.plan.settings, len(task.train_ids)
    epoch = task.epochs_before(index) + position.epoch  # of all phases: no phase repeats another's luck
    batches = split_into_batches(count, config.batch_size, config.seed, epoch)
    learner.body.train()
    pending, reported, saved = [], time.monotonic(), time.monotonic()
    with closing(load_batches(task, batches[position.batch :], epoch)) as loaded:
        for batch in loaded:
            if task.should_stop():
                _settle_sums(position, pending)
                if position.has_learned:
                    _save(task, index, position, learner)
                return False
            # Everything random in a step follows from these numbers: there is no random state to save.
            torch.manual_seed((config.seed << 32) + epoch * len(batches) + position.batch)
            steps_done = position.epoch * len(batches) + position.batch
            learner.set_share(learning_rate_share(steps_done, phase.epochs * len(batches)))
            class_ids = task.train_ids[batch.rows]
            pending.append(learner.learn(batch.pixels, batch.variations, class_ids, task.plan.micro_batch))
            position.batch += 1
            now = time.monotonic()
            if now - reported > _REPORT_EVERY_S:
                _settle_sums(position, pending)
                done = position.epoch * count + sum(len(rows) for rows in batches[: position.batch])
                task.emit(Progress(done=done, total=phase.epochs * count))
                reported = now
            if now - saved > _CHECKPOINT_EVERY_S:
                _settle_sums(position, pending)
                _save(task, index, position, learner)
                saved = now
    _settle_sums(position, pending)
    return True


def _settle_sums(position: Position, pending: list[torch.Tensor]) -> None:
    """Adds what the last steps gave, one by one: in another order the last digits would depend on the moment."""
    if pending:
        for sums in torch.stack(pending).cpu().numpy():
            position.sums += sums
        pending.clear()
    if not np.isfinite(position.sums).all():
        raise TransferError(
            "The loss is no longer a number: the steps were too big. Train again with a smaller learning rate "
            "(under Advanced), for example a tenth of this one."
        )


def _prepare_val(task: Task, prepared: PreparedPhotos) -> bool:
    """Sees to it that the validation photos are prepared; False when stopped meanwhile."""
    task.emit(PhaseStarted(name="prepare", title="Preparing the photos kept aside"))
    photos = task.photos(task.split.val)
    try:
        prepare_all(prepared, photos, lambda done, total: task.emit(Progress(done=done, total=total)), task.should_stop)
    except InterruptedError:
        return False
    return True


def _val_confidences(task: Task, learner: Learner, prepared: PreparedPhotos) -> np.ndarray:
    """float64 (n, classes) of the validation photos, of which only a few are in memory at a time."""
    photos, size = task.photos(task.split.val), min(_VAL_BATCH, task.plan.micro_batch)
    parts = []
    with closing(map_ahead(lambda photo: prepared(*photo), photos, size)) as pixels:
        while batch := list(islice(pixels, size)):
            parts.append(learner.confidences(np.stack(batch)))
    return np.concatenate(parts)


def _save(task: Task, index: int, position: Position, learner: Learner) -> None:
    step = task.epochs_before(index) + position.epoch
    arrays = learner.state() | {"sums": position.sums}
    save_checkpoint(task.run.checkpoint_path, Checkpoint(index, position.epoch, step, arrays, position.batch))
    task.emit(CheckpointSaved(step=step))


def _restore(learner: Learner, checkpoint: Checkpoint) -> Position:
    learner.restore(checkpoint.arrays)
    return Position(
        checkpoint.epoch, checkpoint.batch, checkpoint.arrays["sums"].copy() if checkpoint.batch else np.zeros(2)
    )
