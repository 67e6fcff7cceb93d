"""What a person says of a run: a star and a line. Kept beside it in `about.json`; imports nothing heavy."""

from dataclasses import asdict, dataclass

from transfer_core.errors import RunError
from transfer_core.runs import Run
from transfer_core.support.checked_json import read_with_copy, write_with_copy
from transfer_core.support.text import plain

NOTE_LIMIT = 200


@dataclass(frozen=True)
class RunNotes:
    """A person's own marks on a run.

    Args:
        note: One line of at most 200 characters; untrusted text.
    """

    starred: bool = False
    note: str = ""


def load_notes(run: Run) -> RunNotes:
    """The marks; none where there are none yet, or where the file was spoilt: they are not worth an error."""
    try:
        content = read_with_copy(run.folder / "about.json", run.id).content
        starred, note = content.get("starred"), content.get("note")
    except (OSError, ValueError, AttributeError, RecursionError):
        return RunNotes()
    return RunNotes(starred is True, plain(note)[:NOTE_LIMIT] if isinstance(note, str) else "")


def save_notes(run: Run, about: RunNotes) -> None:
    """Replaces the file whole.

    Raises:
        RunError: The note is too long, or the run is not there any more.
    """
    note = plain(about.note)
    if len(note) > NOTE_LIMIT:
        raise RunError(f"The note has {len(note)} characters; at most {NOTE_LIMIT} fit. Shorten it.")
    if not run.folder.is_dir():  # writing would make the folder again
        raise RunError("This run is not here any more. It may have been deleted.")
    write_with_copy(run.folder / "about.json", asdict(RunNotes(about.starred, note)), run.id)
