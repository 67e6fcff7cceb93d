"""What a person asks of a run: to stop, to go on, to do a step. Imports nothing heavy."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import Timeout

from transfer_core.errors import RunError
from transfer_core.runs import events
from transfer_core.runs.run import Run, load_split, read_state

_PATIENCE_S = 5.0  # with a worker that is just ending
_PROBE_S = 0.02  # whoever asks whether a run is alive holds its lock for some microseconds


def request_stop(run: Run) -> None:
    """Asks the worker to stop and keep what it learned; a run that still waits in the queue just leaves it."""
    try:
        with run.lock().acquire(timeout=_PROBE_S, poll_interval=0.002):
            if read_state(run).status == "queued":
                events.EventLog(run.events_path).append(events.RunStopped(result=None))
                return
    except Timeout:
        pass  # a worker is at it, and will see the file
    (run.folder / "stop").touch()


def request_resume(run: Run) -> None:
    """Queues an interrupted, stopped or failed run again; a live or queued one is left as it is.

    Raises:
        RunError: It is finished, or its test set was evaluated.
    """
    state = read_state(run)
    if state.status == "finished":
        raise RunError("This run is finished; there is nothing to resume.")
    if state.is_pending("test_set") or state.has_finished("test_set"):
        raise RunError(
            "The test photos of this run were evaluated, and the figure is that of the model as it is. Train again "
            "instead."
        )
    if state.status in ("running", "queued"):
        return
    with _own(run):
        (run.folder / "stop").unlink(missing_ok=True)
        events.EventLog(run.events_path).append(events.RunQueued(order=run.workspace.next_moment()))


def request_step(run: Run, name: str, because: str = "") -> None:
    """Queues a step of the run; one that is pending or has finished is left as it is.

    Args:
        because: Why one that has finished is to be done anew, as a notice for people.

    Raises:
        RunError: A worker is just at the run.
    """
    with _own(run):
        state = read_state(run)
        if state.is_pending(name) or (state.has_finished(name) and not because):
            return
        log = events.EventLog(run.events_path)
        if because:
            log.append(events.Notice(message=because))
        log.append(events.StepQueued(name=name))


def request_test_set(run: Run) -> None:
    """Queues the evaluation of the test photos; one that was asked for before is left as it is.

    Raises:
        RunError: There are no test photos, or there is no model yet.
    """
    if not load_split(run).test:
        raise RunError(
            "This run has no test photos. Set some aside before you train, or add photos in folders named train, val "
            "and test."
        )
    if not read_state(run).has_finished("export"):
        raise RunError("This run has no model yet. Wait until it has finished, or resume it if it was interrupted.")
    request_step(run, "test_set")


@contextmanager
def _own(run: Run) -> Iterator[None]:
    """Holds the run's lock, so that no worker writes its events meanwhile."""
    try:
        with run.lock().acquire(timeout=_PATIENCE_S):
            yield
    except Timeout as error:
        raise RunError("Its model is being exported and checked. Try again in a moment.") from error
