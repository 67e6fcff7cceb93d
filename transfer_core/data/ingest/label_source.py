"""How a set of entries can be read, which of these ways is meant, and what it comes to. Imports no torch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from transfer_core.data.ingest.folder_layout import (
    WAYS,
    LabelSource,
    Layout,
    NoClass,
    OneClass,
    ParsedLabel,
    Unmatched,
    alternatives,
    photo_paths,
    read_layout,
    survey,
    tidy_class_name,
)
from transfer_core.data.ingest.label_table import LabelsTable, is_table
from transfer_core.data.ingest.sources import Entry, is_junk, read_file
from transfer_core.data.ingest.table_set import hold_against, is_form, put_together
from transfer_core.data.split_names import is_empty_name
from transfer_core.errors import DataError
from transfer_core.support.encodings import UnclearEncoding

_OTHER_WAYS = {
    "project": "the Teachable Machine project",
    "table": "a table of labels",
    "tables": "the tables of labels, together",
    "one_class": "one class for all of them",
    "none": "nowhere yet",
}
_SEPARATOR = "\n"
_TABLES = 10  # offered, or named in a message; each is read to its end before it is offered


@dataclass(frozen=True)
class Choice:
    """A way of reading, as it can be kept in a file.

    Args:
        way: One of `layout.WAYS`, or "project", "table", "tables", "one_class" or "none".
        value: The table's path among the entries, those of several a line each; the class's name.
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

    @property
    def tables(self) -> list[str]:
        """The paths of the tables that say the class."""
        return self.value.split(_SEPARATOR) if self.way in ("table", "tables") else []


def choices(entries: Sequence[Entry]) -> list[Choice]:
    """The ways that make sense of these, the one to suggest first; "one_class", without a name, and "none" always.

    Tables come after the folders, or before all else where no folder says a class; then those that cannot be read last.
    A project of Teachable Machine comes before them all.
    """
    paths, photos = wanted_paths(entries), photos_among(entries)
    found = alternatives(paths)
    layouts = [Choice(layout.way) for layout in found]
    tables = [Choice("table", path) for path in _tables(paths)]
    always = [Choice("one_class"), Choice("none", unlabelled=True)]
    if any(entry.class_name for entry in entries):
        return [Choice("project"), *layouts, *tables, *always]
    if found and says_classes(found[0], photos) and found[0].way != "file_name":
        return [*layouts, *tables, *always]
    usable = {table: _can_be_used(entries, table.value, photos) for table in tables}
    good = [table for table in tables if usable[table] is not False]
    clear = [table.value for table in tables if usable[table]]
    together = [Choice("tables", _SEPARATOR.join(clear))] if len(clear) == len(good) > 1 else []
    return [*together, *good, *layouts, *always, *(table for table in tables if table not in good)]


def _can_be_used(entries: Sequence[Entry], path: str, photos: Sequence[str]) -> bool | None:
    """Whether a table says the class of a photo; None where somebody has to choose its encoding first."""
    try:
        return not is_form(path) and bool(_table_among(entries, path, photos).places)
    except UnclearEncoding:
        return None
    except DataError:
        return False


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
    if choice.tables:
        return put_together([_table_among(entries, named, photos, choice.encoding) for named in choice.tables])
    return read_layout(wanted_paths(entries), choice.way)


@dataclass(frozen=True)
class OwnClasses:
    """The files say their class themselves, as those of a Teachable Machine project do; folders say the others'.

    Args:
        own: Class name by path.
        others: Reads what says nothing.
    """

    own: Mapping[str, str]
    others: LabelSource
    unmatched: ClassVar[Unmatched] = ()
    said: ClassVar[Sequence[str]] = ()

    @property
    def unplaced(self) -> str:
        return self.others.unplaced

    def place(self, path: str) -> ParsedLabel | None:
        if path in self.own:
            return ParsedLabel(None, tidy_class_name(self.own[path]))
        return self.others.place(path)


def read_entries(entries: Sequence[Entry]) -> LabelSource:
    """What these entries say by themselves: their folders, unless the file that they came in says the classes."""
    own = {entry.path: entry.class_name for entry in entries if entry.class_name}
    layout = read_layout([path for path in wanted_paths(entries) if path not in own])
    return OwnClasses(own, layout) if own else layout


def photos_among(entries: Sequence[Entry]) -> list[str]:
    """Paths of what looks like a photo."""
    return [path for path in photo_paths(wanted_paths(entries)) if not is_table(path)]


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
    return replace(hold_against(photos_among(entries), content, path.name, "", encoding), paths=tuple(beside[:1]))


def without_table(entries: Sequence[Entry], choice: Choice, reading: LabelSource | None = None) -> list[Entry]:
    """The entries that a choice leaves to be photos."""
    return without({*choice.tables, *(getattr(reading, "paths", ()) if choice.tables else ())}, entries)


def without(paths: Collection[str], entries: Sequence[Entry]) -> list[Entry]:
    """The entries that are at none of these paths."""
    return [entry for entry in entries if entry.path not in paths]


def usable_tables(
    entries: Sequence[Entry], photos: Sequence[str], encoding: str = ""
) -> tuple[list[LabelsTable], list[str]]:
    """(the tables among the entries that say the class of a photo, why the others do not).

    Raises:
        UnclearEncoding: One can be read in several ways.
    """
    found, problems = [], []
    for path in _tables(wanted_paths(entries)):
        try:
            table = _table_among(entries, path, photos, encoding)
        except UnclearEncoding:
            raise
        except DataError as error:
            problems.append(str(error))
            continue
        if table.places and not is_form(path):
            found.append(table)
    return found, problems


def says_classes(layout: Layout, photos: Sequence[str]) -> bool:
    """Whether folders, or the beginnings of names, say classes: not just one, called "images"."""
    classes = list(survey(layout, photos).classes)
    return len(classes) > 1 or bool(classes and not is_empty_name(classes[0]))


def _table_among(
    entries: Sequence[Entry], named: str, photos: Sequence[str] | None = None, encoding: str = ""
) -> LabelsTable:
    """A table of that name, and those of the same name beside it, each for the photos of its own folder."""
    entry = _entry_named(entries, named)
    photos = photos_among(entries) if photos is None else photos
    beside = [other for other in entries if _is_namesake(other.path, entry.path)]
    folders = [other.path.rpartition("/")[0] for other in (entry, *beside)]
    if not beside or not all(any(path.startswith(f"{folder}/") for path in photos) for folder in folders):
        return hold_against(photos, entry.read(), entry.path.rsplit("/", 1)[-1], entry.path, encoding)
    return put_together(
        [
            hold_against(photos, other.read(), other.path, other.path, encoding, only_near=True)
            for other in (entry, *beside)
        ]
    )


def _is_namesake(path: str, named: str) -> bool:
    """Whether a table of the same name lies in a folder beside the folder of another."""
    first, second = path.split("/"), named.split("/")
    return path != named and len(first) == len(second) > 1 and [*first[:-2], first[-1]] == [*second[:-2], second[-1]]


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


def wanted_paths(entries: Sequence[Entry]) -> list[str]:
    """Paths of what is neither junk nor refused."""
    return [entry.path for entry in entries if not entry.refusal and not is_junk(entry.path)]
