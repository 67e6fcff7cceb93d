"""What a phase is given and what it gives back: nothing here knows of projects or runs. Imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transfer_core.backbones.catalog import Backbone
from transfer_core.errors import TransferError
from transfer_core.metrics.classification import confusion_matrix, mean_log_loss
from transfer_core.runs.events import CheckpointSaved, EpochFinished, Event, Notice, PhaseStarted, Progress
from transfer_core.training.checkpoints import Checkpoint, CheckpointUnreadable, load_checkpoint, save_checkpoint
from transfer_core.training.linear_probe.head import Head
from transfer_core.training.photos import LabelledPhotos, PhotoSource
from transfer_core.training.plan import Plan, load_plan, save_plan

if TYPE_CHECKING:
    from torch import nn

Emit = Callable[[Event], None]
# Up to so many a confusion matrix is logged whole, which is easier to read. With 1,000 it would have a million cells,
# of which no more can differ from 0 than there are validation photos.
_DENSE_CLASSES = 30


def _ignore(event: Event) -> None:
    """Lets an event pass."""


def _never() -> bool:
    return False


def _logged(confusion: np.ndarray) -> tuple[list[list[int]] | None, list[int] | None]:
    """`confusion_matrix` and `confusion_cells` of `EpochFinished`; a large matrix has few cells that are not 0."""
    if len(confusion) <= _DENSE_CLASSES:
        return confusion.tolist(), None
    places = np.argwhere(confusion)
    return None, np.column_stack([places, confusion[tuple(places.T)]]).ravel().tolist()


def _nothing() -> LabelledPhotos:
    return LabelledPhotos((), np.zeros(0, np.int64))


def check_numbers(*arrays: np.ndarray) -> None:
    """Raises TransferError where training led to something that is no number: whatever follows would mean nothing."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise TransferError(
            "Training led to values that are not numbers, so the model would say nothing. Train again with a smaller "
            "learning rate (under Advanced) or with another backbone."
        )


@dataclass(frozen=True)
class TrainContext:
    """One training as its phases see it: what is learned, from which photos, and where something may be kept.

    All that is optional may be left out: then nobody is told anything, nothing is kept on disk, and nothing stops it.

    Args:
        class_count: Class ids lie in [0, class_count).
        train: The training photos.
        val: Those that it is checked with; they choose nothing.
        photos: Where their pixels come from.
        plan: See `engine.make_plan`.
        weights_dir: Where the backbone's weights lie; None where every phase begins with random ones.
        spared: Training photos that choose the best epoch instead; with none, the last one is kept.
        start: What the first phase begins from, where that is not the pretrained backbone.
        emit: Takes events; reporting never changes the training.
        should_stop: Whether a person asked to stop; cheap enough to ask per batch.
        checkpoint_path: File of the checkpoint, from which a later `fit` goes on.
        expects_checkpoint: Whether an earlier `fit` has saved one: one that is gone is not passed over in silence.
        plan_path: File of the plan, which is written anew where it changes on the way.
        scratch_dir: Folder for what a phase keeps for its length.
    """

    class_count: int
    train: LabelledPhotos
    val: LabelledPhotos
    photos: PhotoSource
    backbone: Backbone
    plan: Plan
    weights_dir: Path | None = None
    spared: LabelledPhotos = field(default_factory=_nothing)
    start: "Callable[[], Trained] | None" = None
    emit: Emit = _ignore
    should_stop: Callable[[], bool] = _never
    checkpoint_path: Path | None = None
    expects_checkpoint: bool = False
    plan_path: Path | None = None
    scratch_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.plan.settings.continue_from and self.start is None:
            raise ValueError("The settings continue an earlier run: `start` must say with what.")
        if self.weights_dir is None and not all(phase.from_scratch for phase in self.plan.phases):
            raise ValueError("This strategy needs pretrained weights: `weights_dir` must say where they lie.")

    @property
    def pretrained_dir(self) -> Path:
        """`weights_dir`, for a phase that needs pretrained weights: there is one then."""
        assert self.weights_dir is not None, "pretrained weights for a strategy whose phases are all from scratch"
        return self.weights_dir

    def epochs_before(self, index: int) -> int:
        """Epochs of all phases before that one."""
        return sum(phase.epochs for phase in self.plan.phases[:index])

    def begin_phase(self, index: int) -> None:
        """Emits `PhaseStarted`, once what the phase needs is at hand."""
        phase = self.plan.phases[index]
        self.emit(PhaseStarted(name=phase.name, title=phase.title, epochs=phase.epochs))

    def report_progress(self, done: int, total: int) -> None:
        """Emits `Progress`, in photos."""
        self.emit(Progress(done=done, total=total))

    def report_epoch(
        self,
        index: int,
        epoch: int,
        train: tuple[float, float],
        val_confidences: np.ndarray,
        spared_loss: float | None = None,
    ) -> None:
        """Emits `EpochFinished`.

        Args:
            index: Of the phase.
            epoch: Counted from 1.
            train: Loss, and accuracy in [0, 1].
            val_confidences: (n, classes).
            spared_loss: On the photos that choose the epoch, where there are any.
        """
        true_ids = self.val.class_ids
        confusion = confusion_matrix(true_ids, val_confidences.argmax(1), self.class_count)
        phase, (matrix, cells) = self.plan.phases[index], _logged(confusion)
        self.emit(
            EpochFinished(
                phase=phase.name,
                epoch=epoch,
                epochs=phase.epochs,
                step=self.epochs_before(index) + epoch,
                train_loss=train[0],
                train_accuracy=train[1],
                val_loss=mean_log_loss(val_confidences, true_ids),
                val_accuracy=float(np.trace(confusion) / max(1, len(true_ids))),
                confusion_matrix=matrix,
                confusion_cells=cells,
                spared_loss=spared_loss,
            )
        )

    def load_checkpoint(self) -> Checkpoint | None:
        """Where an earlier `fit` of the same training stood; None where there was none.

        None, too, where it is lost, which is told. That costs time and nothing else: what is learned again from the
        beginning comes to the same.
        """
        try:
            checkpoint = load_checkpoint(self.checkpoint_path) if self.checkpoint_path else None
            is_lost = checkpoint is None and self.expects_checkpoint
        except CheckpointUnreadable:
            checkpoint, is_lost = None, True
        if is_lost:
            self.emit(
                Notice(
                    message="The last checkpoint of this run could not be read, so training starts again from the "
                    "beginning."
                )
            )
        return checkpoint

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keeps it, where there is a place for it."""
        if self.checkpoint_path:
            save_checkpoint(self.checkpoint_path, checkpoint)
            self.emit(CheckpointSaved(step=checkpoint.step))

    def with_plan(self, plan: Plan) -> "TrainContext":
        """The same with another plan, written down before it is used."""
        if self.plan_path:
            save_plan(self.plan_path, plan)
        return replace(self, plan=plan)

    def with_newest_plan(self) -> "TrainContext":
        """The same with the plan as it was last written down."""
        plan = load_plan(self.plan_path) if self.plan_path else None
        return replace(self, plan=plan or self.plan)


@dataclass(frozen=True)
class Trained:
    """What a phase leaves; there is none whose head or answers are no numbers (TransferError).

    Args:
        head: On the pooled last layer of `network`, or on the features of the frozen backbone where that is None: on as
            many of these, from the first, as it has weights for.
        val_confidences: float64 (n, classes) of the validation photos, from prepared pixels.
        epochs: Of all phases, that were done.
        stopped: Whether a person stopped it before its end.
        network: The backbone, where it was changed.
        stands_in: For a head that sees more than the pooled last layer: one that does not, to begin fine-tuning with.
    """

    head: Head
    val_confidences: np.ndarray
    epochs: int
    stopped: bool = False
    network: "nn.Module | None" = None
    stands_in: Head | None = None

    def __post_init__(self) -> None:
        check_numbers(self.head.weight, self.head.bias, self.val_confidences)
        if self.stands_in:
            check_numbers(self.stands_in.weight, self.stands_in.bias)
