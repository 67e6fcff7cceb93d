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
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from transfer_core.errors import StopRequested, TransferError
from transfer_core.jobs.gpus import VISIBLE
from transfer_core.jobs.job import Job
from transfer_core.runs import events
from transfer_core.support.files import read_json, write_json
from transfer_core.support.locks import is_locked
from transfer_core.support.text import plain
from transfer_core.workspace import Workspace

_log = logging.getLogger(__name__)
_ASK_EVERY_S = 0.2
WAIT = "wait"  # the phase of a run that waits for another workspace


@dataclass(frozen=True)
class Holder:
    """Whose turn it is at a device.

    Args:
        home: The workspace's folder; like `project`, untrusted text.
        project: The name of the project that is being trained.
        until: Unix seconds at which it was expected to end when it began; None where nobody knew.
    """

    home: str
    project: str
    until: float | None


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
    note = Path(lock.lock_file).with_suffix(".json")
    try:
        _tell_others(note, job)
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def find_holder(workspace: Workspace) -> Holder | None:
    """Another workspace that is at work on this machine; None where there is none, or where it has said nothing."""
    for note in machine_dir().glob("*.json"):
        with suppress(OSError, ValueError, TypeError):
            found = Holder(**read_json(note))
            if found.home != str(workspace.home) and is_locked(FileLock(note.with_suffix(".lock"))):
                return Holder(plain(found.home), plain(found.project), found.until)
    return None


def _tell_others(note: Path, job: Job) -> None:
    """Leaves word of whose turn it is, for people who wait; what a killed worker left is overwritten."""
    expected = getattr(job.run.spec, "expected_s", None)
    with suppress(OSError, TransferError):
        project = job.workspace.open_project(job.run.project_id).name
        holder = Holder(str(job.workspace.home), project, time.time() + expected if expected else None)
        write_json(note, asdict(holder))


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
                job.emit(events.PhaseStarted(name=WAIT, title="Waiting for another project folder's training to end"))
                has_said = True
            if job.should_stop():
                raise StopRequested from None
