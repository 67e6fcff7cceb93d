"""A damaged file: what it is, what it costs, what can be done, and the ways to find one. Imports no torch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from transfer_core.errors import TransferError
from transfer_core.support.checked_json import copy_path, in_words, read_checked, write_with_copy

NOTHING = "Nothing: its copy is whole."


@dataclass(frozen=True)
class Finding:
    """A file that is not as it was written.

    Args:
        file: Its path.
        problem: What is wrong with it.
        cost: What is lost or cannot be shown.
        remedy: What can be done.
        repaired: Whether it has been.
        mend: Does it; None where only a person can.
    """

    file: str
    problem: str
    cost: str
    remedy: str
    repaired: bool = False
    mend: Callable[[], object] | None = None


def look_at_copy(path: Path, owner: str, mend: Callable[[], object]) -> Iterator[Finding]:
    """Whether the copy of a file that is whole says the same."""
    copy = copy_path(path)
    try:
        is_same = read_checked(copy, owner) == read_checked(path, owner)
    except (OSError, ValueError):
        is_same = False
    if not is_same and path.is_file():
        why = "the copy is missing" if not copy.exists() else "the copy is damaged, or says something else"
        yield Finding(str(copy), why, "Nothing: the file itself is whole.", "Graft can write it again.", mend=mend)


def from_copy(path: Path, owner: str, error: Exception, cost: str, remedy: str) -> Iterator[Finding]:
    """A damaged file that is kept twice: written anew where its copy is whole."""
    try:
        content = read_checked(copy_path(path), owner)
    except (OSError, ValueError):
        yield Finding(str(path), in_words(error), cost, remedy)
        return

    def mend() -> None:
        write_with_copy(path, content, owner)

    yield Finding(str(path), in_words(error), NOTHING, "Graft can restore it from its copy.", mend=mend)


def tried(read: Callable[[], object], path: Path, cost: str, remedy: str) -> Iterator[Finding]:
    try:
        read()
    except TransferError as error:
        yield Finding(str(path), str(error), cost, remedy)
