"""Which NVIDIA GPUs there are, asked from the driver's own tool. Imports no torch, which would take seconds."""

import os
import re
import subprocess
from collections.abc import Sequence
from itertools import takewhile, zip_longest

VISIBLE = "CUDA_VISIBLE_DEVICES"
_ANSWER_S = 10.0  # without a persistent driver, it wakes the GPUs up one by one
_UUID = re.compile(r"\(UUID: ((?:GPU|MIG)-[^)\s]+)\)")


def visible_gpus() -> list[str]:
    """The GPUs that we may use, by names that CUDA_VISIBLE_DEVICES takes; where that is set, by the names in it.

    A GPU that is divided (MIG) counts as its parts, each of which is a GPU of its own to CUDA.
    """
    found = _UUID.findall(_ask_driver())
    if VISIBLE not in os.environ:
        return _without_divided(found)
    names = dict.fromkeys(name.strip() for name in os.environ[VISIBLE].split(","))
    # As CUDA does: names that follow an unknown one do not count. So "" and "-1" mean none.
    return list(takewhile(lambda name: _is_known(name, found), names))


def _without_divided(uuids: Sequence[str]) -> list[str]:
    """Parts are listed right behind their GPU, which as a whole would be the first of them once more."""
    pairs = zip_longest(uuids, uuids[1:], fillvalue="")
    return [uuid for uuid, follower in pairs if uuid.startswith("MIG-") or not follower.startswith("MIG-")]


def _is_known(name: str, uuids: Sequence[str]) -> bool:
    """Whether CUDA would find a GPU by that name: a number, or a UUID, which may be cut short."""
    if name.isdecimal():
        return int(name) < sum(uuid.startswith("GPU-") for uuid in uuids)
    return name.startswith(("GPU-", "MIG-")) and any(uuid.startswith(name) for uuid in uuids)


def _ask_driver() -> str:
    """A line per GPU and per part of one; nothing where there is no driver, or none that answers."""
    try:
        asked = subprocess.Popen(
            ["nvidia-smi", "-L"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError:
        return ""
    try:
        return asked.communicate(timeout=_ANSWER_S)[0]
    except subprocess.TimeoutExpired:
        asked.kill()  # and not waited for: of a GPU that hangs, the kernel may never let go
        return ""
