"""What a person says of a run: a name, a star and a line. Kept beside it in `about.json`; imports nothing heavy."""

from dataclasses import asdict, dataclass

from transfer_core.errors import RunError
from transfer_core.runs import Run
from transfer_core.support.checked_json import read_with_copy, write_with_copy
from transfer_core.support.text import plain

NAME_LIMIT = 60
NOTE_LIMIT = 200


@dataclass(frozen=True)
class RunNotes:
    """A person's own marks on a run.

    Args:
        name: What they call it, at most 60 characters; untrusted text, "" for the name that Graft gives it.
        note: One line of at most 200 characters; untrusted text.
    """

    starred: bool = False
    note: str = ""
    name: str = ""


def load_notes(run: Run) -> RunNotes:
    """The marks; none where there are none yet, or where the file was spoilt: they are not worth an error."""
    try:
        content = read_with_copy(run.folder / "about.json", run.id).content
        starred, note, name = (content.get(key) for key in ("starred", "note", "name"))
    except (OSError, ValueError, AttributeError, RecursionError):
        return RunNotes()
    return RunNotes(starred is True, _line(note, NOTE_LIMIT), _line(name, NAME_LIMIT))


def save_notes(run: Run, about: RunNotes) -> None:
    """Replaces the file whole.

    Raises:
        RunError: The name or note is too long, or the run is not there any more.
    """
    note, name = plain(about.note), plain(about.name).strip()
    for what, text, limit in (("note", note, NOTE_LIMIT), ("name", name, NAME_LIMIT)):
        if len(text) > limit:
            raise RunError(f"The {what} has {len(text)} characters; at most {limit} fit. Shorten it.")
    if not run.folder.is_dir():  # writing would make the folder again
        raise RunError("This run is not here any more. It may have been deleted.")
    write_with_copy(run.folder / "about.json", asdict(RunNotes(about.starred, note, name)), run.id)


def _line(text: object, limit: int) -> str:
    return plain(text)[:limit] if isinstance(text, str) else ""
