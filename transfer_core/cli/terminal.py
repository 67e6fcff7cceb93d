"""What the commands share: progress, and what is said beside the answer, all on stderr."""

import sys
from collections.abc import Callable, Sequence

from transfer_core.services import projects, runs
from transfer_core.services.ingest import Rejected, left_out
from transfer_core.services.runs import Run
from transfer_core.support import text
from transfer_core.support.pipes import tell
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Project, Workspace

_LISTED = 10  # files of which each gets a line


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
        tell(f"\r{title[:40]:40} {'#' * filled:30} {done} of {total}", end)

    return show


def say(sentence: str) -> None:
    """One line beside the answer."""
    tell(sentence)


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
    """Which files were left out, and why, but for what systems leave; of many, some, and how many for which reason."""
    meant = [entry for entry in rejected if entry.reason != "junk"]
    if len(meant) > _LISTED:
        say(f"left out: {text.plain(left_out(rejected))}")
    for entry in meant[:_LISTED]:
        say(f"left out: {text.plain(entry.file)}: {text.plain(entry.reason)}")
    if len(meant) > _LISTED:
        say(f"left out: ... and {len(meant) - _LISTED} more")


def mention(said: Sequence[str]) -> None:
    """What a person must get to read, such as how photos and tables were read."""
    for sentence in said:
        say(text.plain(sentence))


def mention_disputed(count: int) -> None:
    """Pictures that came in with two classes."""
    if count:
        told = pluralize(
            count, "picture is in more than one class and is", "pictures are in more than one class and are"
        )
        how = "on the page Photos, or with `label PROJECT --removed --class CLASS --match FILE --bring-back`"
        say(f"{told} left out until you decide: {how}")


def mention_alike(groups: Sequence[Sequence[str]]) -> None:
    """Classes that a person may have meant to be one."""
    for names in groups:
        say(f"classes that differ only in capitals: {', '.join(names)}")
