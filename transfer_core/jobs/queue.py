"""The queue: one detached process per workspace that has runs done, one at a time in each slot. Imports no torch.

`python -m transfer_core.jobs.queue HOME`. Ends by itself after `GRAFT_IDLE_S` seconds without work.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout

from transfer_core import runs
from transfer_core.errors import TransferError
from transfer_core.jobs.launch import card_path, code_version, ensure_runner, idle_limit, runner_lock, wake_path
from transfer_core.jobs.slots import Slot, open_slots
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.support import logs
from transfer_core.support.files import read_json, stay_in, write_json
from transfer_core.workspace import Workspace

_log = logging.getLogger("transfer_core.jobs.queue")  # started by `-m`, __name__ is "__main__"
_LOOK_EVERY_S = 2.0  # at all runs; whoever queues one wakes us sooner
_WAKE_EVERY_S = 0.05
_PROBE_S = 0.1  # whoever asks whether a runner lives holds its lock for some microseconds


def main(home: str) -> int:
    """Works until there has been nothing to do for a while, or until its code has been replaced."""
    workspace = Workspace(Path(home))
    stay_in(workspace.home)
    if hasattr(os, "nice"):
        os.nice(5)  # whoever looks at the page comes first; workers inherit it
    idle_s = idle_limit()
    version = code_version()
    queue = _Queue(workspace)
    while code_version() == version:
        try:
            with runner_lock(workspace).acquire(timeout=_PROBE_S, poll_interval=0.01):
                slots = open_slots(workspace)
                who = {"pid": os.getpid(), "started": time.time(), "slots": sum(not slot.is_light for slot in slots)}
                write_json(card_path(workspace), who)
                _log.info("Serving %s, %d run(s) at once, code %s.", workspace.home, who["slots"], version)
                _serve(workspace, queue, slots, idle_s, version)
        except Timeout:
            return 0
        # A run may have been queued while the lock was still held, by somebody who saw us alive.
        if not queue.look().waiting:
            return 0
    ensure_runner(workspace)  # a runner of the new code goes on with the queue
    return 0


class _View(NamedTuple):
    """The queue at one moment.

    Args:
        waiting: Those to be done, in that order.
        orphans: Those that workers of an earlier runner, which was killed, are still at.
    """

    waiting: list[Run]
    orphans: list[Run]


class _Queue:
    """What waits to be done; remembers how far each run's events were read."""

    def __init__(self, workspace: Workspace):
        self._workspace = workspace
        self._histories: dict[str, RunState] = {}

    def look(self, ours: Collection[str] = ()) -> _View:
        """The runs of other ids than ours: first those whose turn is next, last those with a model to be asked or whose
        export was cut off."""
        waiting, orphans = [], []
        for run in runs.list_runs(self._workspace, kind=None):
            if run.id in ours or (state := self._read(run)) is None:
                continue
            if state.alive:
                orphans.append(run)
            elif state.status == "queued":
                waiting.append((0, runs.turn_of(run, state), run))
            elif state.next_step:
                waiting.append((1, run.order, run))
        return _View([run for *_, run in sorted(waiting, key=lambda entry: entry[:2])], orphans)

    def _read(self, run: Run) -> RunState | None:
        try:
            self._histories[run.id] = runs.read_state(run, self._histories.get(run.id))
            return self._histories[run.id]
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            _log.exception("Run %s cannot be read.", run.id)  # its page says so; the others must not suffer
            return None


def _serve(workspace: Workspace, queue: _Queue, slots: Sequence[Slot], idle_s: float, version: str) -> None:
    """Has runs done until none has waited for `idle_s` seconds, or the code was replaced; never leaves one at work."""
    if code_version() == version:  # whoever queued a run, and started us for it, need not wait for this import
        _hand_out(queue, slots)
    from transfer_core.jobs.speed_trials import Trials

    threading.Thread(target=_clean_up, args=(workspace,), daemon=True).start()

    wake, trials = wake_path(workspace), Trials(workspace)
    looked, seen, worked, replaced = 0.0, None, time.monotonic(), False
    try:
        while workspace.home.is_dir():
            ended = [slot for slot in slots if slot.tend()]
            now, changed = time.monotonic(), wake.stat().st_mtime_ns if wake.exists() else 0
            if ended or changed != seen or now - looked > _LOOK_EVERY_S:
                looked, seen, replaced = now, changed, code_version() != version
                view = _View([], []) if replaced else _hand_out(queue, slots)
                if view.waiting:
                    worked = now
                if view.orphans or any(slot.run for slot in slots):
                    trials.break_off()
                elif not replaced:
                    trials.begin_next()
                if ended:
                    _trim_caches(workspace)
            if trials.tend() or any(slot.run for slot in slots):
                worked = now
            elif replaced or now - worked > idle_s:
                return
            time.sleep(_WAKE_EVERY_S)
        _log.error("%s is not there any more, moved or deleted; its workers end with their next word.", workspace.home)
    finally:
        trials.break_off()
        for slot in slots:
            slot.stop_standby()


def _clean_up(workspace: Workspace) -> None:
    """Finishes what killed processes had begun; runs need not wait for it."""
    from transfer_core import deletion

    for sentence in deletion.finish(workspace):
        _log.info("%s", sentence)
    deletion.clear_parts(workspace)


def _trim_caches(workspace: Workspace) -> None:
    """Keeps the caches within their limit; what goes wrong with that must not stop the queue."""
    from transfer_core import storage

    try:
        storage.trim_caches(workspace)
    except (OSError, TransferError) as error:
        _log.error("%s", error)


def _hand_out(queue: _Queue, slots: Sequence[Slot]) -> _View:
    """Gives what waits to the slots that are free; those that stay so keep a standby. The queue as it was before."""
    ours = {slot.run.id for slot in slots if slot.run}
    if len(ours) == len(slots):
        return _View([], [])
    view = queue.look(ours)
    free = _free_slots(slots, view.orphans)
    for run in view.waiting:
        slot = next((slot for slot in free if slot.is_light == run.spec.is_light), None)
        if slot and slot.begin(run):
            free.remove(slot)
    for slot in free:
        if not slot.is_light:
            slot.keep_standby()
    return view


def _free_slots(slots: Sequence[Slot], orphans: Sequence[Run]) -> list[Slot]:
    """Slots where nobody is at work; a stray worker that names none of their GPUs is at the first, as torch would."""
    known = {slot.gpu for slot in slots}
    gpus = [_gpu_of(run) for run in orphans if not run.spec.is_light]
    taken = {gpu if gpu in known else slots[0].gpu for gpu in gpus}
    return [slot for slot in slots if slot.run is None and (slot.is_light or slot.gpu not in taken)]


def _gpu_of(run: Run) -> str | None:
    """What the run's worker found in CUDA_VISIBLE_DEVICES."""
    try:
        gpu = read_json(run.folder / "worker.json").get("gpu")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return gpu if isinstance(gpu, str) else None


if __name__ == "__main__":
    logs.set_up("info")
    sys.exit(main(sys.argv[1]))
