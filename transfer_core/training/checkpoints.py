"""A run's state between two epochs, in one safetensors file: numbers as tensors, the rest in its header."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from transfer_core.workspace import write_whole


@dataclass(frozen=True)
class Checkpoint:
    """What a phase needs to go on as if it had never been interrupted.

    Args:
        phase: Index of the phase at work.
        epoch: Epochs of it that are done.
        step: Epochs of all phases that are done.
        tensors: The phase's own numbers.
    """

    phase: int
    epoch: int
    step: int
    tensors: dict[str, np.ndarray]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the checkpoint; on a full disk the earlier one stays."""
    header = {"phase": checkpoint.phase, "epoch": checkpoint.epoch, "step": checkpoint.step}
    # safetensors writes the bytes of an array as they lie; one that is no contiguous block would come back scrambled.
    tensors = {name: np.ascontiguousarray(value) for name, value in checkpoint.tensors.items()}
    write_whole(path, save(tensors, {"graft": json.dumps(header)}))


def load_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint, or None where there is none that can be read."""
    try:
        with safe_open(path, "numpy") as file:
            header = json.loads(file.metadata()["graft"])
            return Checkpoint(**header, tensors={name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (FileNotFoundError, SafetensorError, KeyError, ValueError, TypeError):
        return None
