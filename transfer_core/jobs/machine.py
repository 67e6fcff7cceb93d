"""One training at a time on a machine, however many workspaces have a runner there. Imports no torch.

A workspace's runner gives out its own runs one after the other. So that two runners of one machine do not slow each
other to a crawl, a worker takes its turn at the processor, or at its graphics card, by a lock that all workspaces of a
user share.
"""

import getpass
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from transfer_core.errors import StopRequested
from transfer_core.jobs.gpus import VISIBLE
from transfer_core.jobs.job import Job
from transfer_core.runs import events

_log = logging.getLogger(__name__)
_ASK_EVERY_S = 0.2


def machine_dir() -> Path:
    """Where a user's workspaces on this machine meet: `GRAFT_MACHINE_DIR`, else a folder among the temporary ones."""
    if named := os.environ.get("GRAFT_MACHINE_DIR"):
        return Path(named)
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    return Path(tempfile.gettempdir()) / f"graft-{user}"


@contextmanager
def take_turn(job: Job) -> Iterator[None]:
    """Waits, saying so, until no other workspace trains on the same device; light work need not wait.

    Where the common folder cannot be made, there are no turns: two trainings at once are slow, but right.

    Raises:
        StopRequested: A person stopped the run meanwhile.
    """
    lock = None if job.run.spec.is_light else _device_lock()
    if lock is None:
        yield
        return
    _wait_for(lock, job)
    try:
        yield
    finally:
        lock.release()


def _device_lock() -> FileLock | None:
    """Of this worker's graphics card, or of the processor; None where the common folder cannot be made."""
    device, folder = os.environ.get(VISIBLE) or "processor", machine_dir()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        _log.warning("Without turns, for %s cannot be made (%s).", folder, error.strerror)
        return None
    return FileLock(folder / f"{hashlib.sha256(device.encode()).hexdigest()[:12]}.lock")


def _wait_for(lock: FileLock, job: Job) -> None:
    has_said = False
    while True:
        try:
            lock.acquire(timeout=_ASK_EVERY_S, poll_interval=0.02)
            return
        except Timeout:
            if not has_said:
                job.emit(events.PhaseStarted(name="wait", title="Waiting for another project folder's training to end"))
                has_said = True
            if job.should_stop():
                raise StopRequested from None
