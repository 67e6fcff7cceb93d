"""The queue: one detached process per workspace that does one run after the other. Imports no torch.

`python -m transfer_core.runner.runner HOME`. Ends by itself after `GRAFT_IDLE_S` seconds without work.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from filelock import Timeout

from transfer_core import events, runs
from transfer_core.backbones import catalog, features
from transfer_core.runner.launch import runner_lock, start_detached
from transfer_core.runs import History, Run
from transfer_core.workspace import Workspace, write_json

_IDLE_S = 600.0
_LOOK_EVERY_S = 0.3
_EXPORT_ATTEMPTS = 2  # one more than none, should the first have been killed by accident


def main(home: str) -> int:
    """Works until there has been nothing to do for a while."""
    workspace = Workspace(Path(home))
    if hasattr(os, "nice"):
        os.nice(5)  # whoever looks at the page comes first; workers inherit it
    idle_s = float(os.environ.get("GRAFT_IDLE_S", _IDLE_S))
    queue = _Queue(workspace)
    while True:
        try:
            with runner_lock(workspace).acquire(blocking=False):
                write_json(workspace.home / "runner.json", {"pid": os.getpid(), "started": time.time()})
                _serve(workspace, queue, idle_s)
        except Timeout:
            return 0
        # A run may have been queued while the lock was still held, by somebody who saw us alive.
        if not queue.next_run():
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


def _serve(workspace: Workspace, queue: _Queue, idle_s: float) -> None:
    trunk = _export_embedded_trunk(workspace)
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < idle_s:
        if run := queue.next_run():
            _do(run)
            idle_since = time.monotonic()
        elif trunk and trunk.poll() is None:
            idle_since = time.monotonic()
        time.sleep(_LOOK_EVERY_S)


def _do(run: Run) -> None:
    """Starts a worker for the run and waits for its end."""
    try:
        worker = start_detached(["transfer_core.runner.worker", str(run.folder)], run.log_path)
        code = worker.wait()
    except FileNotFoundError:  # deleted while it was waiting
        return
    if run.folder.is_dir() and (last_word := _last_word(runs.read_history(run), code)):
        with run.lock().acquire(timeout=10):
            events.EventLog(run.events_path).append(last_word)


def _last_word(history: History, code: int) -> events.Event | None:
    """What to say for a worker that died without a word; unsaid, the same work would be begun for ever."""
    if history.status == "queued":
        return events.RunFailed(
            message=f"The program that trains could not start (exit code {code}).",
            hint="The file worker.log says why. If a package is missing, run `pip install -r requirements.txt` again.",
        )
    if history.needs_export and history.export_attempts >= _EXPORT_ATTEMPTS:
        return events.ExportFailed(
            message=f"The program that writes the model ended without a word (exit code {code})."
        )
    return None


def _export_embedded_trunk(workspace: Workspace) -> subprocess.Popen | None:
    """At a first start, exports the trunk of the backbone that most people will take, while they look around."""
    embedded = catalog.BUILT_IN[catalog.EMBEDDED]
    if features.trunk_path(embedded, workspace.weights_dir).is_file():
        return None
    return start_detached(
        ["transfer_core.backbones.trunk", embedded.name, str(workspace.weights_dir)], workspace.home / "runner.log"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
