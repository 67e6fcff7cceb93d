"""What a phase is given and what it gives back. Imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transfer_core.backbones.catalog import Backbone
from transfer_core.data.labels.dataset import Item
from transfer_core.data.splits.early_stopping_holdout import part_off
from transfer_core.data.splits.split import Split
from transfer_core.metrics.classification import confusion_matrix, mean_log_loss
from transfer_core.runs import Run
from transfer_core.runs.events import EpochFinished, Event, PhaseStarted
from transfer_core.training.linear_probe.head import Head
from transfer_core.training.plan import Plan
from transfer_core.workspace import Workspace

if TYPE_CHECKING:
    from torch import nn

Emit = Callable[[Event], None]


@dataclass(frozen=True)
class TrainContext:
    """One training run as its phases see it.

    Args:
        emit: Takes events; reporting never changes the training.
        should_stop: Whether a person asked to stop; cheap enough to ask per batch.
    """

    workspace: Workspace
    run: Run
    split: Split
    backbone: Backbone
    plan: Plan
    emit: Emit
    should_stop: Callable[[], bool]

    @property
    def class_count(self) -> int:
        return len(self.split.class_names)

    @cached_property
    def _parts(self) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
        spares = self.plan.settings.early_stopping
        return part_off(self.split.train, self.plan.settings.seed) if spares else (self.split.train, ())

    @property
    def learned(self) -> tuple[Item, ...]:
        """The training photos that are learned from: all, or all but those spared."""
        return self._parts[0]

    @property
    def spared(self) -> tuple[Item, ...]:
        """The training photos that choose the best epoch instead; none where the schedule is fixed."""
        return self._parts[1]

    @cached_property
    def train_ids(self) -> np.ndarray:
        """Class ids (n,) of the photos learned from."""
        return self._class_ids(self.learned)

    @cached_property
    def spared_ids(self) -> np.ndarray:
        """Class ids (n,) of the photos spared."""
        return self._class_ids(self.spared)

    @cached_property
    def val_ids(self) -> np.ndarray:
        """Class ids (n,) of the validation photos."""
        return self._class_ids(self.split.val)

    def photos(self, items: Sequence[Item]) -> list[tuple[str, Path]]:
        """(digest, path) of each."""
        return [(item.photo, self.run.photos_dir / item.file) for item in items]

    def epochs_before(self, index: int) -> int:
        """Epochs of all phases before that one."""
        return sum(phase.epochs for phase in self.plan.phases[:index])

    def begin_phase(self, index: int) -> None:
        """Emits `PhaseStarted`, once what the phase needs is at hand."""
        phase = self.plan.phases[index]
        self.emit(PhaseStarted(name=phase.name, title=phase.title, epochs=phase.epochs))

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
        confusion = confusion_matrix(self.val_ids, val_confidences.argmax(1), self.class_count)
        phase = self.plan.phases[index]
        self.emit(
            EpochFinished(
                phase=phase.name,
                epoch=epoch,
                epochs=phase.epochs,
                step=self.epochs_before(index) + epoch,
                train_loss=train[0],
                train_accuracy=train[1],
                val_loss=mean_log_loss(val_confidences, self.val_ids),
                val_accuracy=float(np.trace(confusion) / max(1, len(self.val_ids))),
                confusion_matrix=confusion.tolist(),
                spared_loss=spared_loss,
            )
        )

    def _class_ids(self, items: Sequence[Item]) -> np.ndarray:
        place = {name: class_id for class_id, name in enumerate(self.split.class_names)}
        return np.array([place[item.class_name] for item in items], np.int64)


@dataclass(frozen=True)
class Trained:
    """What a phase leaves.

    Args:
        head: On the features of `network`, or of the frozen backbone where that is None.
        val_confidences: float64 (n, classes) of the validation photos, from prepared pixels.
        epochs: Of all phases, that were done.
        stopped: Whether a person stopped it before its end.
        network: The backbone, where it was changed.
    """

    head: Head
    val_confidences: np.ndarray
    epochs: int
    stopped: bool = False
    network: "nn.Module | None" = None
