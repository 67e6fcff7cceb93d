"""Arrays on disk: one safetensors file, never a pickle, since loading a file that somebody sent must not run it.

A checksum goes with them: numbers that a damaged disk has changed look like any others.
"""

import json
import zlib
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from transfer_core.support.files import write_whole


def write_arrays(path: Path, arrays: dict[str, np.ndarray], header: dict | None = None, owner: str = "") -> None:
    """Replaces the file whole; `header` is kept as JSON beside the arrays.

    Args:
        owner: What they are about, such as a run's id, for `read_arrays` to ask for.
    """
    # safetensors writes the bytes of an array as they lie: a transposed one would come back scrambled.
    contiguous = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    text = json.dumps(header or {})
    write_whole(path, save(contiguous, {"graft": text, "crc32": _checksum(contiguous, text), "owner": owner}))


def read_arrays(path: Path, owner: str = "") -> tuple[dict[str, np.ndarray], dict]:
    """Arrays and header as `write_arrays` wrote them; a file of an earlier version has no checksum and passes.

    Args:
        owner: Whose they must be; "" for anybody's.

    Raises:
        SafetensorError: It is another file, or was cut.
        ValueError: It is not what was written, or is another owner's.
    """
    with safe_open(path, "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata() or {}
    text = metadata.get("graft", "{}")
    if "crc32" in metadata and metadata["crc32"] != _checksum(arrays, text):
        raise ValueError("its checksum does not match: it was changed since it was written")
    if owner and metadata.get("owner", "") not in ("", owner):
        raise ValueError("it belongs elsewhere")
    return arrays, json.loads(text)


def _checksum(arrays: dict[str, np.ndarray], text: str) -> str:
    """Of everything but the order of the arrays."""
    found = zlib.crc32(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        found = zlib.crc32(f"{name} {array.dtype.name} {array.shape}".encode(), found)
        found = zlib.crc32(array.tobytes(), found)
    return f"{found:08x}"
