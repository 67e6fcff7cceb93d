"""One training at a time on a machine, however many workspaces have a runner there. Imports no torch.

A workspace's runner gives out its own runs one after the other. So that two runners of one machine do not slow each
other to a crawl, a worker takes its turn at the processor, or at its graphics card, by a lock that all workspaces of a
user share.
"""

import getpass
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from transfer_core.jobs.gpus import VISIBLE
from transfer_core.jobs.job import Job
from transfer_core.runs import events

_ASK_EVERY_S = 0.2


def machine_dir() -> Path:
    """Where a user's workspaces on this machine meet: `GRAFT_MACHINE_DIR`, else a folder among the temporary ones."""
    named = os.environ.get("GRAFT_MACHINE_DIR")
    return Path(named) if named else Path(tempfile.gettempdir()) / f"graft-{getpass.getuser()}"


@contextmanager
def take_turn(job: Job) -> Iterator[None]:
    """Waits, saying so, until no other workspace trains on the same device; light work need not wait.

    Raises:
        InterruptedError: A person stopped the run meanwhile.
    """
    if job.run.spec.is_light:
        yield
        return
    device = os.environ.get(VISIBLE) or "processor"
    folder = machine_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(folder / f"{hashlib.sha256(device.encode()).hexdigest()[:12]}.lock")
    _wait_for(lock, job)
    try:
        yield
    finally:
        lock.release()


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
                raise InterruptedError from None
