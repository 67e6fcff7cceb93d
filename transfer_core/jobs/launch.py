"""Sees to it that a runner lives. Imports nothing heavy; pages and the command line call it."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from transfer_core.errors import RunError
from transfer_core.support.files import read_json
from transfer_core.support.locks import is_locked
from transfer_core.workspace import Workspace

_ROOT = Path(__file__).resolve().parents[2]
_IDLE_S = "600"


def runner_lock(workspace: Workspace) -> FileLock:
    """Held by the workspace's runner as long as it lives."""
    return FileLock(workspace.home / "runner.lock")


def ensure_runner(workspace: Workspace) -> None:
    """Wakes the workspace's runner, or starts one; it outlives whoever started it, and takes every run that is queued.

    Two calls at once may start two; the second finds the lock held and ends.

    Raises:
        RunError: As `idle_limit`: the runner could not start, and whoever waits for it would wait for ever. Or the home
            is gone.
    """
    idle_limit()
    if not workspace.home.is_dir():
        raise RunError(f"The Graft folder {workspace.home} is not there any more. It may have been moved or deleted.")
    wake_path(workspace).touch()
    if not is_locked(runner_lock(workspace)):
        start_detached(["transfer_core.jobs.queue", str(workspace.home)], workspace.home / "runner.log")


def idle_limit() -> float:
    """Seconds without work after which a runner ends, from `GRAFT_IDLE_S`.

    Raises:
        RunError: That is no number of seconds.
    """
    text = os.environ.get("GRAFT_IDLE_S") or _IDLE_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise RunError(f"GRAFT_IDLE_S is '{text}', which is not a number of seconds. Use for example {_IDLE_S}.")
    return seconds


def wake_path(workspace: Workspace) -> Path:
    """A file whose time tells the runner that there is something new: cheaper to look at than all runs."""
    return workspace.home / "runner.wake"


def card_path(workspace: Workspace) -> Path:
    """What the newest runner says of itself: its pid, when it started, and its slots: how many runs it does at once."""
    return workspace.home / "runner.json"


def slot_count(workspace: Workspace) -> int:
    """How many runs are done at once, as far as a runner has found out."""
    try:
        return max(1, int(read_json(card_path(workspace))["slots"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 1


def code_version() -> str:
    """Changes whenever a file of `transfer_core` does: a runner of older code must not do runs of newer."""
    files = sorted((_ROOT / "transfer_core").rglob("*.py"))
    stamps = [f"{path.name}:{path.stat().st_mtime_ns}:{path.stat().st_size}" for path in files]
    return hashlib.sha256("|".join(stamps).encode()).hexdigest()[:12]


def start_detached(
    module_and_arguments: Sequence[str],
    log_path: Path,
    stdin: int = subprocess.DEVNULL,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen:
    """Starts `python -m ...` as a process that does not end with ours, at low priority, its output in a file.

    Args:
        environment: Variables that it finds beside or in place of ours.
    """
    variables = os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
    # Threads that spin while they wait steal the processor from the page that is being looked at.
    variables |= {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1", **(environment or {})}
    with log_path.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *module_and_arguments],
            stdin=stdin,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=variables,
            close_fds=True,
            **_detached(),
        )


def run_python(module_and_arguments: Sequence[str]) -> subprocess.CompletedProcess:
    """Runs `python -m ...` to its end; what it prints comes back as text."""
    variables = os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", *module_and_arguments]
    return subprocess.run(
        command, env=variables, capture_output=True, text=True, encoding="utf-8", stdin=subprocess.DEVNULL
    )


def _detached() -> dict:
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
        return {"creationflags": flags | subprocess.BELOW_NORMAL_PRIORITY_CLASS}
    else:  # an `else`, for type checkers skip a branch for another system, but not the lines after it
        return {"start_new_session": True}
