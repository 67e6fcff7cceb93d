"""What the frozen stages make of a fixed number of variations of each photo, kept for the length of a run.

Learning then goes round the variations, and the frozen stages, often the larger half of the work, run only once for
each. Imports torch.
"""

import math
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from transfer_core.parallel import map_ahead
from transfer_core.training.boundary import Boundary
from transfer_core.training.learner import Learner, vary
from transfer_core.training.loading import Batch, load_batches
from transfer_core.training.task import Task
from transfer_core.workspace import move_into_place

_AT_ONCE = 16  # photos; fewer where memory lacks. The last batch is filled up, so that all have one shape.
_MOST_BYTES = 8 << 30
_LARGEST = float(np.finfo(np.float16).max)


class Bank:
    """Activations at the boundary, in half precision, in a file of the run.

    Args:
        path: Of the file; it is there whole or not at all.
        shape: Of one activation.
    """

    def __init__(self, path: Path, views: int, photos: int, shape: tuple[int, ...]):
        self.path = path
        self._shape = (views, photos, *shape)

    @property
    def bytes(self) -> int:
        return 2 * math.prod(self._shape)

    def has_room(self) -> bool:
        """Whether the disk has room for it, with as much again to spare."""
        return self.bytes <= min(_MOST_BYTES, shutil.disk_usage(self.path.parent).free / 2)

    def fill(self, task: Task, boundary: Boundary, report, should_stop) -> None:
        """Computes every row, unless that was done.

        Args:
            report: Called with (rows done, rows in all).

        Raises:
            InterruptedError: `should_stop` said so.
        """
        if self.path.is_file() and self.path.stat().st_size == self.bytes:
            return
        views, photos = self._shape[:2]
        part = self.path.with_suffix(".part")
        rows = np.memmap(part, np.float16, "w+", shape=self._shape)
        size = min(_AT_ONCE, task.plan.micro_batch)
        batches = [np.arange(start, min(start + size, photos)) for start in range(0, photos, size)]
        for view in range(views):
            with closing(load_batches(task, batches, view)) as loaded:
                for batch in loaded:
                    if should_stop():
                        raise InterruptedError
                    rows[view, batch.rows] = _activations(boundary, batch, size, task.plan.device)
                    report(view * photos + int(batch.rows[-1]) + 1, views * photos)
        rows.flush()
        del rows  # lets go of the file, which Windows would not rename otherwise
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        move_into_place(part, self.path)

    def load_batches(self, batches: list[np.ndarray], epoch: int) -> Iterator[Batch]:
        """Yields the batches in order, each loaded while the one before is learned from."""
        rows = np.memmap(self.path, np.float16, "r", shape=self._shape)
        view = epoch % self._shape[0]

        def load(batch: np.ndarray) -> Batch:
            return Batch(batch, torch.from_numpy(rows[view, batch].astype(np.float32)), None)

        return map_ahead(load, batches, 1, 2)


def open_bank(task: Task, index: int, learner: Learner) -> Bank | None:
    """The bank that the phase is to learn from, and sets the learner's boundary; None where the photos themselves are.

    Whether there is one follows from settings and network alone, except where the disk lacks room.
    """
    phase, settings = task.plan.phases[index], task.plan.settings
    if not settings.views or not phase.frozen:
        return None
    side = task.backbone.preparation.size_px
    blank = torch.zeros(1, 3, side, side, dtype=torch.uint8, device=learner.device)
    boundary = Boundary(learner.body, learner.body.network, phase.frozen, blank)
    learner.body.eval()
    probe = torch.arange(2 * 3 * side * side, dtype=torch.int64).remainder(251).view(2, 3, side, side)
    probe = probe.to(torch.uint8).to(learner.device)
    if not boundary.holds(probe):
        return None
    bank = Bank(
        task.run.folder / "views.bin", settings.views, len(task.learned), tuple(boundary.before(probe).shape[1:])
    )
    if not bank.has_room():
        return None
    learner.boundary = boundary
    return bank


def _activations(boundary: Boundary, batch: Batch, size: int, device: str) -> np.ndarray:
    missing = size - len(batch.rows)
    pixels = torch.cat([batch.pixels, batch.pixels[-1:].expand(missing, -1, -1, -1)])
    variations = np.concatenate([batch.variations, np.repeat(batch.variations[-1:], missing, 0)])
    found = boundary.before(vary(pixels.to(device), variations))
    return found[: len(batch.rows)].clamp(-_LARGEST, _LARGEST).half().cpu().numpy()
