"""Why files are left out, in words that fit: of one, and of all of them. Imports nothing heavy."""

from collections import defaultdict
from collections.abc import Sequence

from transfer_core.data.ingest.arrivals import Rejected
from transfer_core.data.ingest.file_kinds import find_kind
from transfer_core.data.ingest.folder_layout import CLASS_NAME_LIMIT
from transfer_core.support.text import shorten
from transfer_core.support.wording import pluralize

HERE_AS = "here already as"
NO_MEMORY = "too large for the memory that is free"
WANTED = "Put one folder per class in it, with JPEG or PNG photos inside."
_NO_PHOTO = "not a photo"  # begins what a reader of photos says of a file that it does not know
_TOLD = 3  # reasons in one message


def why_no_photo(said: str, content: bytes | None, path: str) -> str:
    """Why a file is left out: what it is, where the reader of photos only knows what it is not.

    Args:
        said: By that reader.
        content: Of the file; None where it could not be read at all.
    """
    kind = find_kind(content, path) if content is not None and said.startswith(_NO_PHOTO) else None
    return str(kind) if kind else said


def long_name(class_name: str) -> str:
    """Why a photo is left out whose class has a name that long."""
    return (
        f"its class would be called '{shorten(class_name, 30)}', which has {len(class_name):,} characters; at most "
        f"{CLASS_NAME_LIMIT} are taken, so give it a shorter name"
    )


def nothing_came(rejected: Sequence[Rejected], beside: str = "", remedy: str = WANTED, place: str = " in it") -> str:
    """That none of these files can be used, why, and what to do; files that were left by a system are passed over.

    Args:
        rejected: Files alone.
        beside: What is to be said beside the files, as a sentence.
        remedy: What to do where the reason that most of them share does not say so.
        place: Where the files were, for the sentences about one and about none.
    """
    files = [entry for entry in rejected if entry.reason != "junk"]
    if not files:
        return _joined(f"There are no photos{place}.", beside, remedy)
    by_reason: dict[str, list[str]] = defaultdict(list)
    for entry in files:
        by_reason[entry.reason.rstrip(".")].append(entry.file)
    groups = sorted(by_reason.items(), key=lambda group: -len(group[1]))
    remedy = _remedy(groups[0][0], remedy)
    if len(files) == 1:
        return _joined(
            f"The one file{place}, '{shorten(files[0].file, 80)}', cannot be used: {groups[0][0]}.", beside, remedy
        )
    told = [
        f"{_how_many(len(names), len(files))}, such as '{shorten(names[0], 80)}': {why}."
        for why, names in groups[:_TOLD]
    ]
    if others := sum(len(names) for _, names in groups[_TOLD:]):
        told.append(f"{others:,} more have other reasons.")
    return _joined(f"None of the {len(files):,} files can be used as a photo.", *told, beside, remedy)


def unmatched_rows(count: int) -> str:
    """That so many rows of a table name no photo; nothing where none does."""
    return f"{pluralize(count, 'row of the table names', 'rows of the table name')} no photo in it." if count else ""


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _how_many(count: int, total: int) -> str:
    if count == total:
        return "All of them"
    return f"{count:,} of them" if count > 1 else "One of them"


def _remedy(reason: str, remedy: str) -> str:
    if reason.startswith(HERE_AS):
        return "To change labels, use Fix labels."
    if reason == NO_MEMORY:
        return "Close other programs, then try again."
    return "" if ";" in reason else remedy
