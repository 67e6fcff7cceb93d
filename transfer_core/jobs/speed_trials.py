"""Has the machine's speed tried, while there is nothing else to do. Imports no torch."""

import subprocess
from contextlib import suppress
from pathlib import Path

from transfer_core.advice.machine_speed import AGAIN, close_request, next_request
from transfer_core.jobs.launch import start_detached
from transfer_core.workspace import Workspace


class Trials:
    """Has the trials done that pages wish for, one at a time, and breaks off for a run."""

    def __init__(self, workspace: Workspace):
        self._workspace = workspace
        self._at_work: tuple[subprocess.Popen, Path] | None = None  # with the wish that it is to grant

    def begin_next(self) -> None:
        """Starts the next one that is wished for, unless one is at work."""
        if self._at_work is None and (found := next_request(self._workspace)):
            wish, backbone = found
            with suppress(OSError):  # no room for a process: once more at the next look
                arguments = ["transfer_core.advice.speed_benchmark", str(self._workspace.home), backbone]
                self._at_work = start_detached(arguments, self._workspace.home / "runner.log"), wish

    def tend(self) -> bool:
        """Begins the next step of a trial, or takes back the wish of one that has ended; whether one is at work."""
        if self._at_work is None:
            return False
        worker, wish = self._at_work
        if (code := worker.poll()) is not None:
            self._at_work = None
            if code == AGAIN:
                self.begin_next()
            else:
                close_request(wish, succeeded=code == 0)
        return self._at_work is not None

    def break_off(self) -> None:
        """Ends the one at work, whose wish stays: it would measure a busy machine, and keep the run waiting."""
        if self.tend() and self._at_work is not None:
            worker, _ = self._at_work
            worker.kill()
            worker.wait()
            self._at_work = None
