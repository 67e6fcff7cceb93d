"""Arrays on disk: one safetensors file, never a pickle, since loading a file that somebody sent must not run it."""

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from transfer_core.support.files import write_whole


def write_arrays(path: Path, arrays: dict[str, np.ndarray], header: dict | None = None) -> None:
    """Replaces the file whole; `header` is kept as JSON beside the arrays."""
    # safetensors writes the bytes of an array as they lie: a transposed one would come back scrambled.
    contiguous = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    write_whole(path, save(contiguous, {"graft": json.dumps(header or {})}))


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Arrays and header as `write_arrays` wrote them; raises SafetensorError for any other file."""
    with safe_open(path, "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return arrays, json.loads((file.metadata() or {}).get("graft", "{}"))
