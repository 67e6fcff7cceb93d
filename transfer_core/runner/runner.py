"""The queue: one detached process per workspace that has one run done after the other. Imports no torch.

`python -m transfer_core.runner.runner HOME`. Ends by itself after `GRAFT_IDLE_S` seconds without work.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from filelock import Timeout

from transfer_core import events, runs
from transfer_core.runner.launch import code_version, ensure_runner, runner_lock, start_detached, wake_path
from transfer_core.runs import History, Run
from transfer_core.workspace import Workspace, write_json

_IDLE_S = 600.0
_LOOK_EVERY_S = 2.0  # at all runs; whoever queues one wakes us sooner
_WAKE_EVERY_S = 0.05
_EXPORT_ATTEMPTS = 2  # one more than none, should the first have been killed by accident


def main(home: str) -> int:
    """Works until there has been nothing to do for a while, or until its code has been replaced."""
    workspace = Workspace(Path(home))
    if hasattr(os, "nice"):
        os.nice(5)  # whoever looks at the page comes first; workers inherit it
    idle_s = float(os.environ.get("GRAFT_IDLE_S", _IDLE_S))
    version = code_version()
    queue = _Queue(workspace)
    while code_version() == version:
        try:
            with runner_lock(workspace).acquire(blocking=False):
                write_json(workspace.home / "runner.json", {"pid": os.getpid(), "started": time.time()})
                _serve(workspace, queue, idle_s, version)
        except Timeout:
            return 0
        # A run may have been queued while the lock was still held, by somebody who saw us alive.
        if not queue.next_run():
            return 0
    ensure_runner(workspace)  # a runner of the new code goes on with the queue
    return 0


class _Queue:
    """What waits to be done; remembers how far each run's events were read."""

    def __init__(self, workspace: Workspace):
        self._workspace = workspace
        self._histories: dict[str, History] = {}

    def next_run(self) -> Run | None:
        """The run that was queued first, else one whose export was cut off."""
        waiting = []
        for run in runs.list_runs(self._workspace):
            history = runs.read_history(run, self._histories.get(run.id))
            self._histories[run.id] = history
            if history.alive:
                continue
            if history.status == "queued":
                waiting.append((0, history.lifecycle.time if history.lifecycle else run.created, run))
            elif history.needs_export:
                waiting.append((1, run.created, run))
        return min(waiting, key=lambda entry: entry[:2])[2] if waiting else None


class _Spare:
    """A worker that was started ahead and waits for a run: starting Python and its packages takes a second or more."""

    def __init__(self, workspace: Workspace):
        self._workspace = workspace
        self._worker: subprocess.Popen | None = None

    def start(self) -> None:
        """Starts one unless one waits."""
        if self._worker is None or self._worker.poll() is not None:
            log = self._workspace.home / "runner.log"
            arguments = ["transfer_core.runner.worker", "--spare", str(self._workspace.home)]
            self._worker = start_detached(arguments, log, stdin=subprocess.PIPE)

    def give(self, run: Run) -> subprocess.Popen:
        """Has the spare worker do the run, or a new one where there is no spare."""
        worker, self._worker = self._worker, None
        try:
            if worker is not None and worker.poll() is None:
                worker.stdin.write(os.fsencode(run.folder) + b"\n")
                worker.stdin.close()
                return worker
        except OSError:  # it died just now
            pass
        return start_detached(["transfer_core.runner.worker", str(run.folder)], run.log_path)

    def end(self) -> None:
        """Sends the spare home: at the end of its input it ends."""
        if self._worker is not None:
            self._worker.stdin.close()
            self._worker.wait()


def _serve(workspace: Workspace, queue: _Queue, idle_s: float, version: str) -> None:
    """Does what waits, until nothing has for `idle_s` seconds or the code has changed."""
    workspace.clear_deleted()
    spare = _Spare(workspace)
    wake = wake_path(workspace)
    idle_since, looked, seen = time.monotonic(), 0.0, None
    try:
        while time.monotonic() - idle_since < idle_s:
            now, changed = time.monotonic(), wake.stat().st_mtime_ns if wake.exists() else 0
            if changed != seen or now - looked > _LOOK_EVERY_S:
                looked, seen = now, changed
                if code_version() != version:
                    return
                if run := queue.next_run():
                    _do(run, spare)
                    idle_since, looked = time.monotonic(), 0.0
                    continue
                spare.start()
            time.sleep(_WAKE_EVERY_S)
    finally:
        spare.end()


def _do(run: Run, spare: _Spare) -> None:
    """Has a worker do the run and waits for its end."""
    before = runs.read_history(run).lifecycle
    try:
        worker = spare.give(run)
        code = worker.wait()
    except FileNotFoundError:  # deleted while it was waiting
        return
    if run.folder.is_dir() and (last_word := _last_word(runs.read_history(run), before, code)):
        with run.lock().acquire(timeout=10):
            events.EventLog(run.events_path).append(last_word)


def _last_word(history: History, before: events.Event | None, code: int) -> events.Event | None:
    """What to say for a worker that died without a word; unsaid, the same work would be begun for ever.

    Args:
        before: The newest lifecycle event when the worker was given the run: one that was queued again meanwhile, after
            its worker had spoken, is no silent one.
    """
    if history.status == "queued" and history.lifecycle == before:
        return events.RunFailed(
            message=f"The program that trains could not start (exit code {code}).",
            hint="The file worker.log says why. If a package is missing, run `pip install -r requirements.txt` again.",
        )
    if history.needs_export and history.export_attempts >= _EXPORT_ATTEMPTS:
        return events.ExportFailed(
            message=f"The program that writes the model ended without a word (exit code {code})."
        )
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
