"""The places where runs are at work, one run at a time in each: what this machine can do at once. Imports no torch."""

import logging
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from transfer_core import runs
from transfer_core.jobs import gpus
from transfer_core.jobs.kinds import STEPS
from transfer_core.jobs.launch import start_detached
from transfer_core.runs import Run, events
from transfer_core.runs.state import RunState
from transfer_core.workspace import Workspace

_log = logging.getLogger(__name__)
_ATTEMPTS = 2  # one more than none, should the first have been killed by accident
_SHUTDOWN_TIMEOUT_S = 10.0  # a standby worker may be in the middle of its imports


def open_slots(workspace: Workspace) -> list["Slot"]:
    """One for each GPU, else a single one for the whole machine; and one for light work, which needs neither."""
    return [
        *([Slot(workspace, gpu) for gpu in gpus.visible_gpus()] or [Slot(workspace)]),
        Slot(workspace, is_light=True),
    ]


class Slot:
    """Has a worker do one run at a time; between runs, one that was started ahead waits for the next.

    Args:
        gpu: The one GPU that its workers see; None leaves it to them.
        is_light: Whether it does light work alone, and all other slots none.
    """

    def __init__(self, workspace: Workspace, gpu: str | None = None, *, is_light: bool = False):
        self.gpu, self.is_light = gpu, is_light
        self.run: Run | None = None
        self._home = workspace.home
        self._environment = {} if gpu is None else {gpus.VISIBLE: gpu}
        self._before: events.Event | None = None
        self._worker: subprocess.Popen | None = None
        self._standby: subprocess.Popen | None = None

    def keep_standby(self) -> None:
        """Starts a worker ahead unless one waits: starting Python and its packages takes a second or more."""
        if self._standby is None or self._standby.poll() is not None:
            with suppress(OSError):  # it would only have saved time
                self._standby = self._start(["--standby", str(self._home)], self._home / "runner.log", subprocess.PIPE)

    def begin(self, run: Run) -> bool:
        """Has the standby worker do the run, or a new one where there is no standby; whether one is at it now."""
        self.run = run
        try:
            self._before = runs.read_state(run).lifecycle
            self._worker = self._hand_to_standby(run) or self._start([str(run.folder)], run.log_path)
        except OSError as error:  # deleted while it was waiting, or there is no room for one more file or process
            self._leave(run, str(error))
        return self.run is not None

    def tend(self) -> bool:
        """Looks after the worker; whether it has ended since the last look, so that the slot is free again."""
        if self.run is None or self._worker is None or (code := self._worker.poll()) is None:
            return False
        _log.info("The worker of run %s has ended, exit code %d.", self.run.id, code)
        self._leave(self.run, f"exit code {code}")
        return True

    def stop_standby(self) -> None:
        """Sends the standby home: at the end of its input it ends."""
        if self._standby is not None:
            _input_of(self._standby).close()
            try:
                self._standby.wait(_SHUTDOWN_TIMEOUT_S)
            except subprocess.TimeoutExpired:  # it hangs, and must not keep the runner with it
                self._standby.kill()

    def _hand_to_standby(self, run: Run) -> subprocess.Popen | None:
        worker, self._standby = self._standby, None
        try:
            if worker is not None and worker.poll() is None:
                _input_of(worker).write(os.fsencode(run.folder) + b"\n")
                _input_of(worker).close()
                return worker
        except OSError:  # it died just now
            pass
        return None

    def _start(self, arguments: Sequence[str], log: Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen:
        return start_detached(["transfer_core.jobs.worker", *arguments], log, stdin, self._environment)

    def _leave(self, run: Run, cause: str) -> None:
        """Frees the slot and speaks for a worker that ended without a word; whatever comes of that, others go on."""
        self.run = self._worker = None
        try:
            if run.folder.is_dir() and (word := failure_event_for(runs.read_state(run), self._before, cause)):
                with run.lock().acquire(timeout=1):
                    events.EventLog(run.events_path).append(word)
        except OSError:  # a full disk, or somebody else has taken the run meanwhile and will speak
            _log.exception("The end of a run could not be logged.")


def _input_of(standby: subprocess.Popen) -> IO[bytes]:
    assert standby.stdin is not None, "a standby is started with a pipe for its input"
    return standby.stdin


def failure_event_for(state: RunState, before: events.Event | None, cause: str) -> events.Event | None:
    """What to say for a worker that died without a word; unsaid, the same work would be begun for ever.

    Args:
        before: The newest lifecycle event when the worker was given the run: one that was queued again meanwhile, after
            its worker had spoken, is no silent one.
        cause: Such as "exit code 1".
    """
    if state.status == "queued" and state.lifecycle == before:
        return events.RunFailed(
            message=f"The program that trains could not start ({cause}).",
            hint="The file worker.log says why. If a package is missing, run `pip install -r requirements.txt` again.",
        )
    name = state.next_step
    if name is not None and state.steps[name].attempts >= _ATTEMPTS:
        title = STEPS[name].title if name in STEPS else f"does the step '{name}'"
        return events.StepFailed(name=name, message=f"The program that {title} ended unexpectedly ({cause}).")
    return None
