"""A run's state between two steps, in one file: numbers as arrays, the rest in its header."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from transfer_core.support.arrays import read_arrays, write_arrays


class CheckpointUnreadable(Exception):
    """The file is there, but holds no checkpoint: training can only start again."""


@dataclass(frozen=True)
class Checkpoint:
    """What a phase needs to go on as if it had never been interrupted.

    Args:
        phase: Index of the phase at work.
        epoch: Epochs of it that are done.
        step: Epochs of all phases that are done.
        arrays: The phase's own numbers.
        batch: Batches of the next epoch that are done.
    """

    phase: int
    epoch: int
    step: int
    arrays: dict[str, np.ndarray]
    batch: int = 0


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the checkpoint; on a full disk the earlier one stays."""
    header = {name: getattr(checkpoint, name) for name in ("phase", "epoch", "step", "batch")}
    write_arrays(path, checkpoint.arrays, header)


def load_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint, or None where there is no such file.

    Raises:
        CheckpointUnreadable: There is one that was cut short, or changed.
    """
    try:
        arrays, header = read_arrays(path)
        return Checkpoint(**header, arrays=arrays)
    except FileNotFoundError:
        return None
    except (SafetensorError, ValueError, TypeError) as error:
        raise CheckpointUnreadable(f"{path}: {error}") from error


def saved_step(path: Path) -> int:
    """The step from which training would go on; 0 where there is no checkpoint that can be read."""
    try:
        checkpoint = load_checkpoint(path)
    except CheckpointUnreadable:
        return 0
    return checkpoint.step if checkpoint else 0
