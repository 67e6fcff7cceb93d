"""What says the classes where nobody is there to choose: on the command line, and in scripts. Imports no torch."""

from collections.abc import Sequence
from dataclasses import replace

from transfer_core.data.ingest.folder_layout import (
    LabelSource,
    Layout,
    OneClass,
    has_photo_ending,
    read_layout,
    survey,
)
from transfer_core.data.ingest.folder_layout import says_classes as names_say_classes
from transfer_core.data.ingest.label_source import (
    open_labels,
    photos_among,
    read_entries,
    says_classes,
    usable_tables,
    wanted_paths,
    without,
)
from transfer_core.data.ingest.label_table import LabelsTable
from transfer_core.data.ingest.sources import Entry
from transfer_core.data.ingest.table_set import put_together
from transfer_core.errors import DataError
from transfer_core.support.text import shorten

CLASS_FROM = ("folder", "top", "name", "table", "one")
_LAYOUTS = {"folder": "folder", "top": "top_folder", "name": "file_name"}


def find_labels(
    entries: Sequence[Entry],
    labels: str | None = None,
    encoding: str = "",
    class_from: str | None = None,
    one_class: str = "",
    unlabelled: bool = False,
) -> tuple[Sequence[Entry], LabelSource]:
    """The entries that are left to be photos, and what says their classes where nobody is there to choose.

    That is a table that was named, or the way that was asked for; else folders, else tables beside the photos, else the
    names of files, where these look like classes. What is not folders is said.

    Args:
        labels, encoding: As of `open_labels`.
        class_from: One of `CLASS_FROM`.
        one_class: The class of all photos, where `class_from` is "one".
        unlabelled: Nothing need say the class.

    Raises:
        UnclearEncoding: A table can be read in several ways.
        DataError: Nothing says it, or the table cannot be read.
    """
    if class_from not in (*CLASS_FROM, None):
        raise DataError(f"The class cannot come from '{class_from}'. Choose one of: {', '.join(CLASS_FROM)}.")
    if labels and class_from not in ("table", None):
        raise DataError(f"A table says the class, or '{class_from}' does, not both. Leave one of them out.")
    if labels:
        table = open_labels(entries, labels, encoding)
        return without(table.paths, entries), table
    if class_from == "one":
        return entries, OneClass(one_class)
    if class_from is None and any(entry.class_name for entry in entries):
        return entries, read_entries(entries)
    paths, photos = wanted_paths(entries), photos_among(entries)
    layout, problems = read_layout(paths, _LAYOUTS.get(class_from or "")), list[str]()
    if class_from != "table" and says_classes(layout, photos):
        return entries, layout
    if class_from in ("table", None):
        tables, problems = usable_tables(entries, photos, encoding)
        if tables and not class_from and (few := _of_few(tables, layout, photos)):
            tables, problems = [], [few]
        if tables:
            table = put_together(tables)
            told = f"The classes were read from {table.name}, for no folder names them."
            return without(table.paths, entries), table if class_from else replace(table, said=[told, *table.said])
    by_name = read_layout(paths, "file_name")
    names = survey(by_name, photos)
    if class_from is None and names_say_classes(names):
        listed = ", ".join(shorten(name, 40) for name in list(names.classes)[:3])
        told = f"The classes were read from the names of the files ({listed}), for no folder names them."
        return entries, replace(by_name, said=(told, *by_name.said))
    named = any(map(has_photo_ending, photos))  # else intake says what they are instead
    if named and not unlabelled and (class_from == "table" or not any(map(layout.place, photos))):
        sets = f" {sets_in_words(entries)}".rstrip()
        raise DataError(_nothing_says(sets, photos, problems, class_from, has_names=len(names.classes) > 1))
    return entries, layout


def _of_few(tables: Sequence[LabelsTable], layout: Layout, photos: Sequence[str]) -> str:
    """That the tables speak of less than half of the photos that need a class: they may be about something else."""
    needed = [path for path in photos if layout.part(path) in (None, "train")]
    count = sum(any(table.place(path) for table in tables) for path in needed)
    if 2 * count >= len(needed):
        return ""
    names = ", ".join(table.name for table in tables)
    return f"{names} names {count:,} of {len(needed):,} photos only; to use it all the same, add --class-from table."


def _nothing_says(
    sets: str, photos: Sequence[str], problems: Sequence[str], class_from: str | None, has_names: bool
) -> str:
    """What is missing, and what can be done."""
    said = f"Nothing says the {'class of the photo' if len(photos) == 1 else f'classes of the {len(photos):,} photos'}"
    if class_from == "table":
        said = "No table beside the photos says their classes"
    elif class_from == "name":
        said = "The names of the photos do not begin with a class"
    table = f" A table was found, but it is not used: {problems[0]}" if problems else ""
    by_name = " If their names begin with the class, add --class-from name." if has_names and not class_from else ""
    return (
        f"{said}.{sets}{table} Put the photos of each class into a folder named after it, or add a CSV table with a "
        f"column 'file' and a column 'label'.{by_name}"
    )


def sets_in_words(entries: Sequence[Entry]) -> str:
    """Which folders are read as sets such as training photos; "" where none are. Untrusted text."""
    named = read_layout(wanted_paths(entries)).named
    if "', " in named or " and " in named:
        return f"The folders {named} are read as sets of photos, not as classes."
    return f"The folder {named} is read as a set of photos, not as a class." if named else ""
