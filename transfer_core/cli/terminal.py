"""What the commands share: progress, and what is said beside the answer, all on stderr."""

import sys
from collections.abc import Callable, Sequence

from transfer_core.services import projects, runs
from transfer_core.services.ingest import Rejected
from transfer_core.services.runs import Run
from transfer_core.support import text
from transfer_core.workspace import Project, Workspace


def bar(title: str = "") -> Callable[[int, int], None]:
    """A progress bar under one title."""
    show = watch()
    return lambda done, total: show(title, done, total)


def watch() -> Callable[[str, int, int], None]:
    """A progress bar on stderr where that is a terminal, else silence; takes (title, done, total)."""
    if not sys.stderr.isatty():
        return lambda *_: None

    def show(title: str, done: int, total: int) -> None:
        filled = 30 * done // max(1, total)
        end = "\n" if done >= total else ""
        print(f"\r{title[:40]:40} {'#' * filled:30} {done} of {total}", end=end, file=sys.stderr, flush=True)

    return show


def say(sentence: str) -> None:
    """One line beside the answer."""
    print(sentence, file=sys.stderr)


def open_run(workspace: Workspace, name: str) -> Run:
    """The run of that id or folder; what of it is damaged is said."""
    run = runs.open_run(workspace, name)
    for problem in (run.problem, runs.read_state(run).damage):
        if problem:
            say(problem)
    return run


def mention_damage(project: Project) -> None:
    """What of the project's own files is damaged."""
    for problem in projects.find_problems(project):
        say(text.plain(problem))


def mention_rejected(rejected: Sequence[Rejected]) -> None:
    """Which files were left out, and why; of many, the first."""
    for entry in rejected[:10]:
        say(f"left out: {text.plain(entry.file)}: {entry.reason}")
    if len(rejected) > 10:
        say(f"... and {len(rejected) - 10} more")


def mention_notes(notes: Sequence[str]) -> None:
    """How the pictures are read, where a person might expect something else."""
    for note in notes:
        say(note)


def mention_alike(groups: Sequence[Sequence[str]]) -> None:
    """Classes that a person may have meant to be one."""
    for names in groups:
        say(f"classes that differ only in capitals: {', '.join(names)}")
