"""Arrays on disk: one safetensors file, never a pickle, since loading a file that somebody sent must not run it."""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from transfer_core.support.files import write_whole


def write_arrays(
    path: Path, arrays: dict[str, np.ndarray], header: dict | None = None, owner: str | None = None
) -> None:
    """Replaces the file whole; `header` is kept as JSON beside the arrays.

    Args:
        owner: Such as a run's id: a checksum of arrays and owner is kept, too, which `read_arrays` then checks.
    """
    # safetensors writes the bytes of an array as they lie: a transposed one would come back scrambled.
    contiguous = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    about = {"graft": json.dumps(header or {})}
    if owner is not None:
        about["checksum"] = _digest(contiguous, about["graft"], owner)
    write_whole(path, save(contiguous, about))


def read_arrays(path: Path, owner: str | None = None) -> tuple[dict[str, np.ndarray], dict]:
    """Arrays and header as `write_arrays` wrote them.

    Raises:
        SafetensorError: It is no such file.
        ValueError: The file was changed since it was written, or is another owner's; only where one is named.
    """
    with safe_open(path, "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        about = file.metadata() or {}
    header = about.get("graft", "{}")
    if owner is not None and "checksum" in about and about["checksum"] != _digest(arrays, header, owner):
        raise ValueError("its checksum does not match: it was changed, or belongs elsewhere")
    return arrays, json.loads(header)


def _digest(arrays: dict[str, np.ndarray], header: str, owner: str) -> str:
    found = hashlib.sha256(f"{owner}\n{header}".encode())
    for name in sorted(arrays):
        value = np.asarray(arrays[name], order="C")
        found.update(f"\n{name} {value.dtype} {value.shape}".encode())
        found.update(value.data if value.size else b"")
    return found.hexdigest()[:16]
