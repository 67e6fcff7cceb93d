"""How a set of entries can be read, which of these ways is meant, and what it comes to. Imports no torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from transfer_core.data.ingest.folder_layout import (
    WAYS,
    LabelSource,
    NoClass,
    OneClass,
    ParsedLabel,
    Unmatched,
    alternatives,
    photo_paths,
    read_layout,
    tidy_class_name,
)
from transfer_core.data.ingest.label_table import LabelsTable, is_table, match_rows, merge, read_table
from transfer_core.data.ingest.sources import Entry, is_junk, read_file
from transfer_core.errors import DataError

_OTHER_WAYS = {
    "project": "the Teachable Machine project",
    "table": "a table of labels",
    "one_class": "one class for all of them",
    "none": "nowhere yet",
}
_TABLES = 10  # offered, or named in a message; each is read to its end before it is offered


@dataclass(frozen=True)
class Choice:
    """A way of reading, as it can be kept in a file.

    Args:
        way: One of `layout.WAYS`, or "project", or "table", or "one_class", or "none".
        value: The table's path among the entries; the class's name.
        unlabelled: Photos of which this says no class come in without one; all of them, where the way is "none".
        encoding: That of the table's text, where a person has chosen it.
        names: That of the names of files, where a person has chosen it.
    """

    way: str
    value: str = ""
    unlabelled: bool = False
    encoding: str = ""
    names: str = ""

    @property
    def title(self) -> str:
        """What says the class, in words; the value is untrusted text and not part of it."""
        return (WAYS | _OTHER_WAYS)[self.way]


def choices(entries: Sequence[Entry]) -> list[Choice]:
    """The ways that make sense of these, the one to suggest first; "one_class", without a name, and "none" always."""
    paths = _wanted(entries)
    layouts = [Choice(layout.way) for layout in alternatives(paths)]
    if any(entry.class_name for entry in entries):
        layouts.insert(0, Choice("project"))
    tables = [Choice("table", path) for path in _tables(paths)]
    return [*layouts, *tables, Choice("one_class"), Choice("none", unlabelled=True)]


def read_as(entries: Sequence[Entry], choice: Choice, photos: Sequence[str] | None = None) -> LabelSource:
    """What a choice comes to for these entries.

    Args:
        photos: As `photos_among` finds them, where that was asked before.

    Raises:
        DataError: There is no such table among them, or it cannot be read.
    """
    if choice.way == "one_class":
        return OneClass(choice.value)
    if choice.way == "none":
        return NoClass()
    if choice.way == "project":
        return read_entries(entries)
    if choice.way == "table":
        return _table_among(entries, choice.value, photos, choice.encoding)
    return read_layout(_wanted(entries), choice.way)


@dataclass(frozen=True)
class OwnClasses:
    """The files say their class themselves, as those of a Teachable Machine project do; folders say the others'.

    Args:
        said: Class name by path.
        others: Reads what says nothing.
    """

    said: Mapping[str, str]
    others: LabelSource
    unmatched: ClassVar[Unmatched] = ()

    @property
    def unplaced(self) -> str:
        return self.others.unplaced

    def place(self, path: str) -> ParsedLabel | None:
        if path in self.said:
            return ParsedLabel(None, tidy_class_name(self.said[path]))
        return self.others.place(path)


def read_entries(entries: Sequence[Entry]) -> LabelSource:
    """What these entries say by themselves: their folders, unless the file that they came in says the classes."""
    said = {entry.path: entry.class_name for entry in entries if entry.class_name}
    layout = read_layout([path for path in _wanted(entries) if path not in said] if said else _wanted(entries))
    return OwnClasses(said, layout) if said else layout


def photos_among(entries: Sequence[Entry]) -> list[str]:
    """Paths of what looks like a photo."""
    return [path for path in photo_paths(_wanted(entries)) if not is_table(path)]


def open_labels(entries: Sequence[Entry], named: str | Path, encoding: str = "") -> LabelsTable:
    """A table held against the photos among the entries; parts it does not name, folders may.

    For who may read every file of this machine anyway: what an upload names is only looked for in it, by `read_as`.

    Args:
        named: A file on this machine, or else the path or file name of one among the entries.
        encoding: That of its text, where a person has chosen it.

    Raises:
        UnclearEncoding: It can be read in several ways.
        DataError: There is none, there are several, or it cannot be read as a table.
    """
    path = Path(named).expanduser()
    if not path.is_file():
        return _table_among(entries, str(named), encoding=encoding)
    content, same = read_file(path), (path.name, path.stat().st_size)
    beside = [entry.path for entry in entries if (entry.path.rsplit("/", 1)[-1], entry.size) == same]
    whole = path.resolve().as_posix()
    if itself := next((entry for entry in beside if whole.endswith(f"/{entry}")), None):
        return _table_among(entries, itself, encoding=encoding)
    table = _held_against(photos_among(entries), content, path.name, "", encoding)
    return replace(table, paths=tuple(beside[:1]))


def without_table(entries: Sequence[Entry], choice: Choice, reading: LabelSource | None = None) -> list[Entry]:
    """The entries that a choice leaves to be photos."""
    tables = {choice.value, *getattr(reading, "paths", ())} if choice.way == "table" else set()
    return [entry for entry in entries if entry.path not in tables]


def _table_among(
    entries: Sequence[Entry], named: str, photos: Sequence[str] | None = None, encoding: str = ""
) -> LabelsTable:
    """A table of that name, and those of the same name beside it, each for the photos of its own folder."""
    entry = _entry_named(entries, named)
    photos = photos_among(entries) if photos is None else photos
    folder, _, name = entry.path.rpartition("/")
    beside = [other for other in entries if _is_namesake(other.path, entry.path)]
    own = {other.path.rpartition("/")[0]: other for other in (entry, *beside)}
    within = {place: [path for path in photos if path.startswith(f"{place}/")] for place in own}
    if not beside or not all(within.values()):
        return replace(_held_against(photos, entry.read(), name, folder, encoding), paths=(entry.path,))
    # The folders say the part, seen together: each alone would seem to be a folder around everything.
    tables = [_matched(within[place], own[place].read(), own[place].path, place, encoding) for place in own]
    table = replace(merge(tables), name=name, paths=tuple(other.path for other in own.values()))
    return _with_parts(table, photos)


def _is_namesake(path: str, named: str) -> bool:
    """Whether a table of the same name lies in a folder beside the folder of another."""
    first, second = path.split("/"), named.split("/")
    return path != named and len(first) == len(second) > 1 and [*first[:-2], first[-1]] == [*second[:-2], second[-1]]


def _held_against(photos: Sequence[str], content: bytes, name: str, folder: str, encoding: str) -> LabelsTable:
    return _with_parts(_matched(photos, content, name, folder, encoding), photos)


def _matched(photos: Sequence[str], content: bytes, name: str, folder: str, encoding: str) -> LabelsTable:
    return match_rows(read_table(content, name, encoding), photos, folder)


def _with_parts(table: LabelsTable, photos: Sequence[str]) -> LabelsTable:
    if any(place.part for place in table.places.values()):
        return table
    layout = read_layout(photos, "file_name")  # whose folders say nothing but the part
    return replace(table, places={path: place._replace(part=layout.part(path)) for path, place in table.places.items()})


def _entry_named(entries: Sequence[Entry], named: str) -> Entry:
    found = [entry for entry in entries if entry.path == named]
    found = found or [entry for entry in entries if entry.path.rsplit("/", 1)[-1] == named]
    if len(found) == 1:
        return found[0]
    tables = ", ".join(f"'{path[:80]}'" for path in _tables(entry.path for entry in entries)) or "none"
    problem = "is there several times; name it with its folder" if found else "does not exist"
    raise DataError(f"The table '{named[:200]}' {problem}. Tables beside the photos: {tables}.")


def _tables(paths: Iterable[str]) -> list[str]:
    """The first tables among them, the shallowest before: one of the whole set lies above those of its parts."""
    found = sorted(filter(is_table, paths), key=lambda path: path.count("/"))
    return [path for place, path in enumerate(found) if not any(_is_namesake(path, one) for one in found[:place])][
        :_TABLES
    ]


def _wanted(entries: Sequence[Entry]) -> list[str]:
    return [entry.path for entry in entries if not entry.refusal and not is_junk(entry.path)]
