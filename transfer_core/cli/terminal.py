"""What the commands share: progress, and what is said beside the answer, all on stderr."""

import sys
import time
from collections.abc import Callable, Sequence

from transfer_core import runs
from transfer_core.data.ingest.intake import Rejected
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.support import text

_LOOK_EVERY_S = 0.1
_ENSURE_EVERY_S = 5  # a runner that was just started needs a second or two before it can be seen


def bar(title: str) -> Callable[..., None]:
    """A progress bar on stderr where that is a terminal, else silence."""
    if not sys.stderr.isatty():
        return lambda *_: None

    def show(done: int, total: int, label: str = title) -> None:
        filled = 30 * done // max(1, total)
        end = "\n" if done >= total else ""
        print(f"\r{label[:40]:40} {'#' * filled:30} {done} of {total}", end=end, file=sys.stderr, flush=True)

    return show


def wait(run: Run, is_done: Callable[[RunState], bool]) -> RunState:
    """Shows how far the run is until it is done, and sees to it that somebody is at it; the history it then has."""
    show = bar("")
    history, ensured = runs.read_state(run), time.monotonic()
    while not is_done(history):
        time.sleep(_LOOK_EVERY_S)
        history = runs.read_state(run, history)
        asked = history.needs_export or history.needs_opening
        idle = history.status == "queued" or (asked and not history.alive)
        if idle and time.monotonic() - ensured > _ENSURE_EVERY_S:
            ensure_runner(run.workspace)  # it may have died, and a queued run waits for nobody else
            ensured = time.monotonic()
        if history.progress:
            title = history.phases[-1].title if history.phases else ""
            show(history.progress.done, history.progress.total, title)
    return history


def mention_rejected(rejected: Sequence[Rejected]) -> None:
    """Which files were left out, and why; of many, the first."""
    for entry in rejected[:10]:
        print(f"left out: {text.plain(entry.file)}: {entry.reason}", file=sys.stderr)
    if len(rejected) > 10:
        print(f"... and {len(rejected) - 10} more", file=sys.stderr)


def mention_alike(groups: Sequence[Sequence[str]]) -> None:
    """Classes that a person may have meant to be one."""
    for names in groups:
        print(f"classes that differ only in capitals: {', '.join(names)}", file=sys.stderr)
