"""Activations of the frozen stages for a fixed number of augmented views of each photo, kept for the length of a phase.

Learning then goes round the variations, and the frozen stages, often the larger half of the work, run only once for
each. Imports torch.
"""

import math
import os
import shutil
import zlib
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from transfer_core.errors import StopRequested, TransferError
from transfer_core.runs.events import Notice
from transfer_core.support.files import move_into_place, write_whole
from transfer_core.support.parallel import map_ahead
from transfer_core.training.augment.loader import Batch, load_batches
from transfer_core.training.context import TrainContext
from transfer_core.training.finetune.freeze_boundary import Boundary
from transfer_core.training.finetune.learner import Learner, vary

_AT_ONCE = 16  # photos; fewer where memory lacks. The last batch is filled up, so that all have one shape.
_MOST_BYTES = 8 << 30
_LARGEST = float(np.finfo(np.float16).max)


class Bank:
    """Activations at the boundary, in half precision: a file per augmented view, each whole or absent.

    Beside each lies a file with a checksum for every photo: a run that goes on with what an earlier one has left, or
    reads what the disk has changed meanwhile, would learn from something else without a word.

    Args:
        folder: Of the files; made when first written. That it lies in goes into the checksums.
        views: Augmented views of each photo.
        shape: Of one activation.
    """

    def __init__(self, folder: Path, views: int, photos: int, shape: tuple[int, ...]):
        self.folder = folder
        self._views, self._shape = views, (photos, *shape)
        self._checksums: dict[int, np.ndarray] = {}  # uint32 (photos,), of the views that are whole

    @property
    def bytes(self) -> int:
        return 2 * self._views * math.prod(self._shape)

    def fill(
        self,
        context: TrainContext,
        boundary: Boundary,
        report: Callable[[int, int], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Makes the files that are missing; one that was begun is begun anew.

        Args:
            report: Called with (activations done, activations in all).

        Raises:
            StopRequested: `should_stop` said so; the files that are whole are kept.
        """
        self.folder.mkdir(exist_ok=True)
        photos, size = self._shape[0], min(_AT_ONCE, context.plan.micro_batch)
        batches = [np.arange(start, min(start + size, photos)) for start in range(0, photos, size)]
        for view in range(self._views):
            path, checksums = self._path(view), np.zeros(photos, np.uint32)
            if self._is_whole(view):
                continue
            if path.is_file():
                context.emit(
                    Notice(message="The cached output of the frozen layers was damaged. Graft makes it again.")
                )
            part = path.with_suffix(".part")
            # Written, not mapped: on a full disk this fails with a reason, and a mapped file with a signal.
            with part.open("wb") as file, closing(load_batches(context, batches, view)) as loaded:
                for batch in loaded:
                    if should_stop():
                        raise StopRequested
                    activations = _activations(boundary, batch, size, context.plan.device)
                    checksums[batch.rows] = self._sum_up(view, batch.rows, activations)
                    file.write(activations.tobytes())
                    report(view * photos + int(batch.rows[-1]) + 1, self._views * photos)
                file.flush()
                os.fsync(file.fileno())
            write_whole(self._checksum_path(view), checksums.tobytes())
            move_into_place(part, path)
            self._checksums[view] = checksums

    def _is_whole(self, view: int) -> bool:
        """Whether a view that lies here already is what was written."""
        try:
            checksums = np.frombuffer(self._checksum_path(view).read_bytes(), np.uint32)
            rows = np.memmap(self._path(view), np.float16, "r")
        except (OSError, ValueError):  # absent, cut or empty
            return False
        if len(checksums) != self._shape[0] or rows.size != math.prod(self._shape):
            return False
        everyone = np.arange(self._shape[0])
        if not np.array_equal(self._sum_up(view, everyone, rows.reshape(self._shape)), checksums):
            return False
        self._checksums[view] = checksums
        return True

    def _sum_up(self, view: int, numbers: np.ndarray, activations: np.ndarray) -> np.ndarray:
        """Checksums uint32 (n,) of the activations (n, ...) of those photos."""
        place = f"{self.folder.parent.name}/{self.folder.name}/{view}"
        found = (
            zlib.crc32(np.ascontiguousarray(row).data, zlib.crc32(f"{place}/{number}".encode()))
            for number, row in zip(numbers.tolist(), activations, strict=True)
        )
        return np.fromiter(found, np.uint32, len(numbers))

    def load_batches(self, batches: list[np.ndarray], epoch: int) -> Generator[Batch, None, None]:
        """Yields the batches in order, each loaded while the network trains on the one before.

        Raises:
            TransferError: What is read is not what was written.
        """
        view = epoch % self._views
        rows = np.memmap(self._path(view), np.float16, "r", shape=self._shape)

        def load(batch: np.ndarray) -> Batch:
            activations = np.asarray(rows[batch])
            if not np.array_equal(self._sum_up(view, batch, activations), self._checksums[view][batch]):
                raise TransferError(
                    "What the run had kept of the frozen layers was damaged on the disk. Press Resume: Graft makes it "
                    "again and continues from the last checkpoint."
                )
            return Batch(batch, torch.from_numpy(activations.astype(np.float32)), None)

        return map_ahead(load, batches, 1, 2)

    def remove(self) -> None:
        """Gives its disk space back; what cannot be deleted (Windows keeps mapped files) goes with the run."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, view: int) -> Path:
        return self.folder / f"{view}.bin"

    def _checksum_path(self, view: int) -> Path:
        return self.folder / f"{view}.crc32"


def open_bank(context: TrainContext, index: int, learner: Learner) -> tuple[TrainContext, Bank | None]:
    """The bank that the phase trains on, whose boundary it sets in the learner; None where it does without.

    Whether there will be one is decided once, from the network and the disk, and written down: the task that is
    returned has it in its plan.
    """
    phase = context.plan.phases[index]
    if not phase.views or context.plan.keeps_views is False:
        return context, None
    side = context.backbone.preparation.size_px
    blank = torch.zeros(1, 3, side, side, dtype=torch.uint8, device=learner.device)
    boundary = Boundary(learner.body, learner.body.network, phase.frozen, blank)
    learner.body.eval()
    probe = torch.arange(2 * 3 * side * side).remainder(251).view(2, 3, side, side).to(torch.uint8).to(learner.device)
    shape = tuple(boundary.before(probe).shape[1:])
    folder = context.scratch_dir
    bank = Bank(folder / f"views-{index}", phase.views, len(context.train), shape) if folder else None
    if context.plan.keeps_views is None:
        context = _decide(context, boundary.holds(probe) and _has_room(bank))
    if not context.plan.keeps_views:
        return context, None
    learner.boundary = boundary
    return context, bank


def _decide(context: TrainContext, keeps: bool) -> TrainContext:
    if not keeps:
        context.emit(
            Notice(
                message="The output of the frozen stages cannot be cached (too little disk space, or the backbone "
                "cannot be split there). Every epoch makes new augmented copies, which takes longer."
            )
        )
    return context.with_plan(replace(context.plan, keeps_views=keeps))


def _has_room(bank: Bank | None) -> bool:
    """Whether there is a disk for it, with as much room again to spare."""
    return bank is not None and bank.bytes <= min(_MOST_BYTES, shutil.disk_usage(bank.folder.parent).free / 2)


def _activations(boundary: Boundary, batch: Batch, size: int, device: str) -> np.ndarray:
    assert batch.variations is not None, "activations are made of photos, not of activations"
    missing = size - len(batch.rows)
    pixels = torch.cat([batch.pixels, batch.pixels[-1:].expand(missing, -1, -1, -1)])
    variations = np.concatenate([batch.variations, np.repeat(batch.variations[-1:], missing, 0)])
    found = boundary.before(vary(pixels.to(device), variations))
    return found[: len(batch.rows)].clamp(-_LARGEST, _LARGEST).half().cpu().numpy()
