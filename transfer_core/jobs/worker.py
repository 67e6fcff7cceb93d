"""The program that does one run: `python -m transfer_core.jobs.worker RUN_FOLDER`.

With `--standby HOME` in place of the folder it does its imports and then waits for the folder's name on its input.
"""

import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from transfer_core import runs
from transfer_core.errors import RunError, StopRequested
from transfer_core.jobs.gpus import VISIBLE
from transfer_core.jobs.heartbeat import beating
from transfer_core.jobs.job import Job, Outcome, throttled
from transfer_core.jobs.kinds import KINDS, STEPS, load
from transfer_core.jobs.machine import take_turn
from transfer_core.jobs.messages import describe_error
from transfer_core.jobs.ready import torch_marker
from transfer_core.runs import Run, events
from transfer_core.support import logs
from transfer_core.support.files import stay_in, write_json
from transfer_core.training import engine
from transfer_core.training.checkpoints import saved_step
from transfer_core.workspace import Workspace

_log = logging.getLogger("transfer_core.jobs.worker")  # started by `-m`, __name__ is "__main__"


def main(run_folder: str) -> int:
    """Does the run, then the steps that wait for it; returns the exit code. What goes wrong becomes an event."""
    run = runs.open_run(Workspace(Path(run_folder).resolve().parents[3]), run_folder)
    stay_in(run.workspace.home)
    # Whoever looks at the run holds its lock for less than a millisecond; the usual 50 between two tries would be felt.
    with run.lock().acquire(timeout=10, poll_interval=0.005), beating(run.folder / "heartbeat"):
        started = time.time()
        _write_worker_info(run, started)
        _log.info("Run %s, kind %s, process %d.", run.id, run.kind, os.getpid())
        _delete_parts(run)
        runs.keep_reserve(run)
        try:
            log = events.EventLog(run.events_path)
            succeeded = _do_run(run, log) and _do_steps(run, log)
        finally:
            runs.free_reserve(run)
            _delete_parts(run)
        with suppress(OSError):  # a full disk: nobody learns that torch was needed
            _write_worker_info(run, started)
        return 0 if succeeded else 1


def _delete_parts(run: Run) -> None:
    """Deletes what a killed worker, or a full disk, has left half written; in these folders nobody else writes."""
    for part in run.folder.glob("*/**/*.part"):
        part.unlink(missing_ok=True)


def _write_worker_info(run: Run, started: float) -> None:
    """Says who works on the run, on which GPU, and whether it has needed torch until now."""
    who = {"pid": os.getpid(), "started": started, "gpu": os.environ.get(VISIBLE), "torch": "torch" in sys.modules}
    write_json(run.folder / "worker.json", who)


def _do_run(run: Run, log: events.EventLog) -> bool:
    """Does what the run's kind asks for, unless that was done before; False where it failed."""
    state = Job(run, log.append).state()
    # "running" is one that was cut off and is ours now; one that was stopped before we came stays stopped.
    if state.status not in ("queued", "running"):
        return True
    job = Job(run, throttled(log), is_resumed=state.started is not None)
    try:
        log.append(_carry_out(job))
        return True
    # The one place where everything is caught: the traceback goes to worker.log, the advice to the person.
    except BaseException as error:
        runs.free_reserve(run)  # first, for what follows writes, perhaps on a full disk
        _log.exception("The run failed.")
        message, hint = describe_error(error)
        log.append(events.RunFailed(message=message, hint=hint))
        return False


def _carry_out(job: Job) -> events.Event:
    """From the run's first event to its last, which is returned."""
    if job.is_resumed:
        job.emit(events.RunResumed(from_step=saved_step(job.run.checkpoint_path)))
    else:
        job.emit(events.RunStarted())
    if job.should_stop():  # while it was waiting; `request_resume` takes earlier requests back
        return events.RunStopped(result=None)
    kind = KINDS[job.run.kind]
    try:
        with take_turn(job):
            outcome = load(kind)(job)
    except StopRequested:
        outcome = Outcome(None, is_early=True)
    steps = kind.steps if outcome.result is not None else ()
    end = events.RunStopped if outcome.is_early else events.RunFinished
    return end(result=outcome.result, steps=steps)


def _do_steps(run: Run, log: events.EventLog) -> bool:
    """Does the steps that wait, one after the other; what goes wrong in one belongs to it alone.

    False where what went wrong could not even be written down.
    """
    job = Job(run, throttled(log))
    try:
        while name := job.state().next_step:
            job.emit(_do_step(job, name))
        return True
    except OSError:  # a full disk: the step has no end, and the runner tries it once more
        _log.exception("The end of a step could not be logged.")
        return False


def _do_step(job: Job, name: str) -> events.Event:
    """The event with which the step ends."""
    job.emit(events.StepStarted(name=name))
    try:
        if name not in STEPS:
            raise RunError(f"This version of Graft does not know the step '{name}'. Nothing else is affected.")
        return events.StepFinished(name=name, result=load(STEPS[name])(job))
    except Exception as error:  # whatever it is, the result stands and must not be called failed
        _log.exception("The step '%s' failed.", name)
        message, hint = describe_error(error)
        return events.StepFailed(name=name, message=message, hint=hint)


def _wait_for_run(workspace: Workspace) -> str | None:
    """The folder of the run that the runner gives us, our output then going to its log; None when it wants none."""
    for kind in KINDS.values():
        load(kind)
    for step in STEPS.values():
        load(step)
    if torch_marker(workspace).exists():
        engine.import_torch()
    folder = os.fsdecode(sys.stdin.buffer.readline().rstrip(b"\n"))
    if not folder:
        return None
    with (Path(folder) / "worker.log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    return folder


if __name__ == "__main__":
    logs.set_up("info")
    standby = sys.argv[1] == "--standby"
    folder = _wait_for_run(Workspace(Path(sys.argv[2]))) if standby else sys.argv[1]
    sys.exit(main(folder) if folder else 0)
