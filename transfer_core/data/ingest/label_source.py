"""How a set of entries can be read, which of these ways is meant, and what it comes to. Imports no torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transfer_core.data.ingest.folder_layout import (
    WAYS,
    LabelSource,
    Layout,
    NoClass,
    OneClass,
    alternatives,
    photo_paths,
    read_layout,
    says_classes,
    survey,
)
from transfer_core.data.ingest.label_table import LabelsTable, is_table
from transfer_core.data.ingest.sources import Entry, is_junk, read_file
from transfer_core.data.ingest.table_set import find_tables, hold_against, put_together
from transfer_core.data.split_names import is_empty_name
from transfer_core.errors import DataError
from transfer_core.support.text import shorten

CLASS_FROM = ("folder", "top", "name", "table", "one")  # of the command line
_LAYOUTS = {"folder": "folder", "top": "top_folder", "name": "file_name"}
_OTHER_WAYS = {
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
        way: One of `layout.WAYS`, or "table", "tables", "one_class" or "none".
        value: The table's path among the entries, those of several a line each; the class's name.
        unlabelled: Photos of which this says no class come in without one; all of them, where the way is "none".
    """

    way: str
    value: str = ""
    unlabelled: bool = False

    @property
    def title(self) -> str:
        """What says the class, in words; the value is untrusted text and not part of it."""
        return (WAYS | _OTHER_WAYS)[self.way]

    @property
    def tables(self) -> list[str]:
        """The paths of the tables that say the class."""
        return self.value.split(_SEPARATOR) if self.way in ("table", "tables") else []


def choices(entries: Sequence[Entry]) -> list[Choice]:
    """The ways that make sense of these, the one to suggest first; "one_class", without a name, and "none" always."""
    paths, photos = _wanted(entries), photos_among(entries)
    found = alternatives(paths)
    layouts = [Choice(layout.way) for layout in found]
    tables = [Choice("table", path) for path in _tables(paths)]
    always = [Choice("one_class"), Choice("none", unlabelled=True)]
    usable = [path for table in find_tables(_table_entries(entries), photos)[0] for path in table.paths]
    together = [Choice("tables", _SEPARATOR.join(usable))] if len(usable) > 1 else []
    if found and _says_classes(found[0], photos) and found[0].way != "file_name":
        return [*layouts, *together, *tables, *always]
    good = [table for table in tables if table.value in usable]
    return [*together, *good, *layouts, *always, *(table for table in tables if table not in good)]


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
    if choice.tables:
        return put_together([_table_among(entries, named, photos) for named in choice.tables])
    return read_layout(_wanted(entries), choice.way)


def photos_among(entries: Sequence[Entry]) -> list[str]:
    """Paths of what looks like a photo."""
    return [path for path in photo_paths(_wanted(entries)) if not is_table(path)]


def open_labels(entries: Sequence[Entry], named: str | Path) -> LabelsTable:
    """A table held against the photos among the entries; parts it does not name, folders may.

    For who may read every file of this machine anyway: what an upload names is only looked for in it, by `read_as`.

    Args:
        named: A file on this machine, or else the path or file name of one among the entries.

    Raises:
        DataError: There is none, there are several, or it cannot be read as a table.
    """
    path = Path(named).expanduser()
    if path.is_file():
        content, same = read_file(path), (path.name, path.stat().st_size)
        beside = (entry.path for entry in entries if (entry.path.rsplit("/", 1)[-1], entry.size) == same)
        return replace(hold_against(photos_among(entries), content, path.name), paths=tuple(beside)[:1])
    return _table_among(entries, str(named))


def sets_in_words(entries: Sequence[Entry]) -> str:
    """Which folders are read as sets such as training photos; "" where none are. Untrusted text."""
    named = read_layout(_wanted(entries)).named
    if "', " in named or " and " in named:
        return f"The folders {named} are read as sets of photos, not as classes."
    return f"The folder {named} is read as a set of photos, not as a class." if named else ""


def without_table(entries: Sequence[Entry], choice: Choice) -> list[Entry]:
    """The entries that a choice leaves to be photos."""
    return _without(choice.tables, entries)


def find_labels(
    entries: Sequence[Entry],
    labels: str | None = None,
    class_from: str | None = None,
    one_class: str = "",
    unlabelled: bool = False,
) -> tuple[Sequence[Entry], LabelSource]:
    """The entries that are left to be photos, and what says their classes where nobody is there to choose.

    That is a table that was named, or the way that was asked for; else folders, else tables beside the photos, else the
    names of files, where these look like classes. What is not folders is said in the notes.

    Args:
        labels: As of `open_labels`.
        class_from: One of `CLASS_FROM`.
        one_class: The class of all photos, where `class_from` is "one".
        unlabelled: Nothing need say the class.

    Raises:
        DataError: Nothing says it, or the table cannot be read.
    """
    if class_from not in (*CLASS_FROM, None):
        raise DataError(f"The class cannot come from '{class_from}'. Choose one of: {', '.join(CLASS_FROM)}.")
    if labels and class_from not in ("table", None):
        raise DataError(f"A table says the class, or '{class_from}' does, not both. Leave one of them out.")
    if labels:
        table = open_labels(entries, labels)
        return _without(table.paths, entries), table
    if class_from == "one":
        return entries, OneClass(one_class)
    paths, photos = _wanted(entries), photos_among(entries)
    layout, problems = read_layout(paths, _LAYOUTS.get(class_from or "")), list[str]()
    if class_from != "table" and _says_classes(layout, photos):
        return entries, layout
    if class_from in ("table", None):
        tables, problems = find_tables(_table_entries(entries), photos)
        if tables:
            table = put_together(tables)
            told = f"The classes were read from {table.name}, for no folder names them."
            return _without(table.paths, entries), table if class_from else replace(table, said=[told, *table.said])
    by_name = read_layout(paths, "file_name")
    names = survey(by_name, photos)
    if class_from is None and says_classes(names):
        listed = ", ".join(shorten(name, 40) for name in list(names.classes)[:3])
        told = f"The classes were read from the names of the files ({listed}), for no folder names them."
        return entries, replace(by_name, said=(told, *by_name.said))
    if photos and not unlabelled and (class_from == "table" or not any(map(layout.place, photos))):
        sets = f" {sets_in_words(entries)}".rstrip()
        raise DataError(_nothing_says(sets, photos, problems, class_from, has_names=len(names.classes) > 1))
    return entries, layout


def _says_classes(layout: Layout, photos: Sequence[str]) -> bool:
    """Whether folders, or the beginnings of names that were asked for, say classes: not just one, called "images"."""
    classes = list(survey(layout, photos).classes)
    return len(classes) > 1 or bool(classes and not is_empty_name(classes[0]))


def _nothing_says(
    sets: str, photos: Sequence[str], problems: Sequence[str], class_from: str | None, has_names: bool
) -> str:
    """What is missing, and what can be done."""
    said = f"Nothing says the {'class of the photo' if len(photos) == 1 else f'classes of the {len(photos):,} photos'}"
    if class_from == "table":
        said = "No table beside the photos says their classes"
    elif class_from == "name":
        said = "The names of the photos do not begin with a class"
    table = f" A table was found, but cannot be used: {problems[0]}" if problems else ""
    by_name = " If their names begin with the class, add --class-from name." if has_names and not class_from else ""
    return (
        f"{said}.{sets}{table} Put the photos of each class into a folder named after it, or add a CSV table with a "
        f"column 'file' and a column 'label'.{by_name}"
    )


def _without(tables: Iterable[str], entries: Sequence[Entry]) -> list[Entry]:
    paths = set(tables)
    return [entry for entry in entries if entry.path not in paths]


def _table_entries(entries: Sequence[Entry]) -> list[Entry]:
    paths = _tables(_wanted(entries))
    by_path = {entry.path: entry for entry in entries}
    return [by_path[path] for path in paths]


def _table_among(entries: Sequence[Entry], named: str, photos: Sequence[str] | None = None) -> LabelsTable:
    entry = _entry_named(entries, named)
    photos = photos_among(entries) if photos is None else photos
    return hold_against(photos, entry.read(), entry.path.rsplit("/", 1)[-1], entry.path)


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
    return sorted(filter(is_table, paths), key=lambda path: path.count("/"))[:_TABLES]


def _wanted(entries: Sequence[Entry]) -> list[str]:
    return [entry.path for entry in entries if not entry.refusal and not is_junk(entry.path)]
