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


def nothing_came(rejected: Sequence[Rejected], remedy: str = WANTED, place: str = " in it") -> str:
    """That none of these files can be used, why, and what to do; files that were left by a system are passed over.

    Args:
        remedy: What to do where the reason that most of them share does not say so.
        place: Where the files were, for the sentences about one and about none.
    """
    files, rows = _sorted_out(rejected)
    if not files:
        return _joined(f"There are no photos{place}.", *_reasons_of_rows(rows), remedy)
    said = files[0].reason.rstrip(".")
    if len(files) > 1:
        groups = _by_reason(files)
        said, told = groups[0][0], [f"None of the {len(files):,} files can be used as a photo.", *_reasons(groups)]
    else:
        told = [f"The one file{place}, '{shorten(files[0].file, 80)}', cannot be used: {said}."]
    return _joined(*told, *_reasons_of_rows(rows), _remedy(said, remedy))


def left_out(rejected: Sequence[Rejected]) -> str:
    """How many files and rows were left out, and the reasons, each with its count; nothing where none was."""
    files, rows = _sorted_out(rejected)
    if len(files) == 1:
        told = [f"1 file was left out: {files[0].reason.rstrip('.')}."]
    elif files:
        told = [f"{len(files):,} files were left out.", *_reasons(_by_reason(files))]
    else:
        told = []
    return _joined(*told, *_reasons_of_rows(rows))


def count_left_out(rejected: Sequence[Rejected]) -> str:
    """Such as "3 files and 1 row of a table were left out"; nothing where nothing was that a person handed in."""
    files, rows = _sorted_out(rejected)
    told = [pluralize(len(files), "file")] if files else []
    told += [pluralize(len(rows), "row of a table", "rows of a table")] if rows else []
    return f"{' and '.join(told)} {'was' if len(files) + len(rows) == 1 else 'were'} left out" if told else ""


def _sorted_out(rejected: Sequence[Rejected]) -> tuple[list[Rejected], list[Rejected]]:
    """(files, rows of a table), without what systems leave."""
    meant = [entry for entry in rejected if entry.reason != "junk"]
    return [entry for entry in meant if not entry.is_row], [entry for entry in meant if entry.is_row]


def _by_reason(entries: Sequence[Rejected]) -> list[tuple[str, list[str]]]:
    """(reason, files), the most frequent reason first."""
    found: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        found[entry.reason.rstrip(".")].append(entry.file)
    return sorted(found.items(), key=lambda group: -len(group[1]))


def _reasons(groups: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """A sentence for each of the first reasons, with their counts."""
    total = sum(len(files) for _, files in groups)
    told = [
        f"{_how_many(len(files), total)}, such as '{shorten(files[0], 80)}': {why}." for why, files in groups[:_TOLD]
    ]
    others = sum(len(files) for _, files in groups[_TOLD:])
    return [*told, f"{others:,} more for other reasons."] if others else told


def _reasons_of_rows(rows: Sequence[Rejected]) -> list[str]:
    if not rows:
        return []
    why, named = _by_reason(rows)[0]
    count = pluralize(len(rows), "row of the table was", "rows of the table were")
    return [f"{count} left out, such as the one for '{shorten(named[0], 80)}': {why}."]


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
