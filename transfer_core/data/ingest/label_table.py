"""A table of labels beside the photos: which row speaks of which photo. Pure functions; no torch."""

import math
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from transfer_core.data.ingest.folder_layout import ParsedLabel
from transfer_core.data.ingest.sources import FOLDER_LIMIT
from transfer_core.data.ingest.table_cells import Cells, read_cells
from transfer_core.data.ingest.table_columns import LabelRow, rows_of
from transfer_core.errors import DataError
from transfer_core.support import encodings
from transfer_core.support.encodings import UnclearEncoding
from transfer_core.support.find_encoding import Found
from transfer_core.support.text import plain

TABLE_ENDINGS = (".csv", ".tsv", ".xlsx", ".json")
_STUDIO = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of an uploaded photo
_LISTED = 6


@dataclass(frozen=True)
class Table:
    """What a table's file says, whatever photos there are.

    Args:
        name: Of the file; untrusted text.
        said: Sentences that a person must get to read; untrusted text.
        encoding: That of its text, where it had to be found or was chosen; else None.
        others: Encodings in which it can be read, too.
    """

    name: str
    rows: list[LabelRow]
    said: list[str] = field(default_factory=list)
    encoding: str | None = None
    others: tuple[str, ...] = ()

    @property
    def examples(self) -> list[str]:
        """Three labels, such as show the encoding."""
        return encodings.examples(row.place.class_name for row in self.rows if row.place)


@dataclass(frozen=True)
class LabelsTable:
    """A table held against the photos that it stands beside; a `LabelSource` for them.

    Args:
        name: Of the file; untrusted text.
        places: By path of the photo.
        missing: Files that rows name and that are not among the photos.
        unclear: What rows name that fits several photos.
        paths: Its own, where it is one or several of the entries that the photos are among; untrusted text.
        problems: Rows, by the photo or file, that say no class, or several, or not the same; with what they say.
        said: Sentences that a person must get to read; untrusted text.
        encoding, others, examples: As of `Table`.
    """

    name: str
    places: dict[str, ParsedLabel]
    missing: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    paths: tuple[str, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    encoding: str | None = None
    others: tuple[str, ...] = ()
    examples: list[str] = field(default_factory=list)

    @property
    def unplaced(self) -> str:
        return f"{self.name} has no clear row for it; add one with its path and label"

    @property
    def unmatched(self) -> list[tuple[str, str]]:
        absent = f"named in {self.name}, but not among the photos"
        several = f"its row in {self.name} is not clear; give each photo one row, with its path"
        found = [*((file, absent) for file in self.missing), *((file, several) for file in self.unclear)]
        return [*found, *self.problems.items()]

    def place(self, path: str) -> ParsedLabel | None:
        return self.places.get(path)


def is_table(path: str) -> bool:
    return path.lower().endswith(TABLE_ENDINGS)


def read_table(content: bytes, name: str, encoding: str | None = None) -> Table:
    """A table with a column for the file and one for the label, in any order, or one for each class.

    Columns for part and group are taken where they are. Lines without file and label are passed over.

    Args:
        encoding: That of its text, as a person has chosen it; else it is found.

    Raises:
        UnclearEncoding: Two readings of its text are likely.
        DataError: No such columns, a row without file or label, a part by another name, or too large.
    """
    encoding = encoding and encodings.named(encoding)
    ways = read_cells(content, name, encoding)
    found = ways.found
    if not found:
        rows, said = rows_of(ways.best.lines, name, damaged_allowed=bool(encoding))
        return Table(name, rows, said, encoding)
    readings = _readings(found, ways.read, name)
    if not readings:
        rows_of(ways.best.lines, name)  # raises what is wrong with it
    best = readings.get(found.encoding)
    if best is None or (not found.certain and len(readings) > 1):
        shown = {way: Table(name, rows).examples for way, (rows, _) in readings.items()}
        raise UnclearEncoding(name, shown)
    rows, said = best
    table = Table(name, rows, said, found.encoding, tuple(found.others))
    listed = ", ".join(f"'{plain(label)[:40]}'" for label in table.examples)
    said.append(f"{name} is not UTF-8. It is read as {encodings.title(found.encoding)}: {listed}.")
    return table


def _readings(found: Found, read: Callable[[str], Cells], name: str) -> dict[str, tuple[list[LabelRow], list[str]]]:
    """Rows by encoding, of those in which it can be read and that do not say the same."""
    readings: dict[str, tuple[list[LabelRow], list[str]]] = {}
    for way in (found.encoding, *(() if found.certain else found.others)):
        with suppress(DataError):
            rows, said = rows_of(read(way).lines, name)
            if all(rows != known for known, _ in readings.values()):
                readings[way] = (rows, said)
    return readings


def match_rows(table: Table, paths: Sequence[str], folder: str = "") -> LabelsTable:
    """Finds each row's photo: by path, else by the end of the path or the file name, where only one photo fits.

    A row may leave out the ending, or have folders in front that are not here. But such a row has no claim to a photo
    that another one names better: the table may be of more photos than have come.

    Args:
        folder: Where the table itself lies; photos there are meant first.
    """
    by_end, exact = _by_end(paths), defaultdict[str, list[str]](list)
    for path in paths:  # several of the same one are of several archives, and the row may mean any of them
        exact[_tidy(path)].append(path)
    found = [(row, *_candidates(row.file, exact, by_end, folder)) for row in table.rows]
    said: dict[str, list[LabelRow]] = defaultdict(list)
    missing: list[str] = []
    unclear: list[str] = []
    claims: dict[str, float] = {}
    for row, likeness, candidates in sorted(found, key=lambda one: -one[1]):
        open_to_it = [path for path in candidates if claims.setdefault(path, likeness) <= likeness]
        if len(candidates) == len(open_to_it) == 1:
            said[candidates[0]].append(row)
        else:
            (unclear if open_to_it else missing).append(row.file)
    problems = {path: problem for path, rows in said.items() if (problem := _problem(rows))}
    places = {path: rows[0].place for path, rows in said.items() if path not in problems and rows[0].place}
    remarks = [*table.said, *_without_photos(table, places)]
    return LabelsTable(
        table.name, places, missing, unclear, (), problems, remarks, table.encoding, table.others, table.examples
    )


def merge(tables: Sequence[LabelsTable]) -> LabelsTable:
    """Tables of different photos as one."""
    first = tables[0]
    return replace(
        first,
        places={path: place for table in tables for path, place in table.places.items()},
        missing=[file for table in tables for file in table.missing],
        unclear=[file for table in tables for file in table.unclear],
        problems={path: problem for table in tables for path, problem in table.problems.items()},
        said=list(dict.fromkeys(told for table in tables for told in table.said)),
        encoding=next((table.encoding for table in tables if table.encoding), None),
        others=next((table.others for table in tables if table.encoding), ()),
        examples=encodings.examples(label for table in tables for label in table.examples),
    )


def _problem(rows: Sequence[LabelRow]) -> str:
    """Why the rows of one photo do not say what it is; empty where they do."""
    if without := next((row.problem for row in rows if row.place is None), ""):
        return without
    different = {row.place: row.number for row in reversed(rows) if row.place}
    if len(different) == 1:
        return ""
    told = sorted(((number, place) for place, number in different.items()), key=lambda one: one[0])[:2]
    for kind, words in (("class_name", "says"), ("part", "puts it into the part"), ("group", "puts it into the group")):
        values = [getattr(place, kind) for _, place in told]
        if values[0] != values[1]:
            return ", ".join(
                f"line {number} {words} '{value or 'none'}'" for (number, _), value in zip(told, values, strict=True)
            )
    return ""


def _without_photos(table: Table, places: dict[str, ParsedLabel]) -> list[str]:
    """A remark on the classes that no photo came for."""
    came = {place.class_name for place in places.values()}
    absent = [
        name for name in dict.fromkeys(row.place.class_name for row in table.rows if row.place) if name not in came
    ]
    if not absent or not came:
        return []
    more = f" and {len(absent) - _LISTED} more" if len(absent) > _LISTED else ""
    listed = ", ".join(f"'{label[:40]}'" for label in absent[:_LISTED])
    return [f"Classes of {table.name} for which no photo came: {listed}{more}."]


def _by_end(paths: Iterable[str]) -> dict[str, list[str]]:
    """Paths by every end of theirs: "b/c.jpg" and "c.jpg" of "a/b/c.jpg", with the file's ending and without."""
    ends: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        for end in _ends(_tidy(path)):
            ends[end].append(path)
            stem, ending = os.path.splitext(end)
            if ending:
                ends[stem].append(path)
    return ends


def _candidates(
    file: str, exact: Mapping[str, list[str]], by_end: dict[str, list[str]], folder: str
) -> tuple[float, list[str]]:
    """How much of what a row says is true of the photos that it may mean, and these; of folders, ever less is asked."""
    for key in _spellings(file):
        for meant in (f"{folder}/{key}" if folder else key, key):
            if meant in exact:
                return math.inf, exact[meant]
        end = next((end for end in _ends(key) if end in by_end), None)
        if end is not None:
            return math.inf if end == key else end.count("/") + 1, by_end[end]
    return 0, []


def _spellings(file: str) -> Iterator[str]:
    """The path as it is; then as it is in an address, and without what Label Studio adds to it."""
    yield (tidy := _tidy(file))
    address = _tidy(unquote(file.split("?d=")[-1]))
    if address != tidy:
        yield address
    *folders, name = address.split("/") or [""]
    if _STUDIO.match(name):
        yield "/".join([*folders, _STUDIO.sub("", name, count=1)])


def _ends(path: str) -> Iterator[str]:
    parts = path.split("/")[-FOLDER_LIMIT - 1 :]
    return ("/".join(parts[start:]) for start in range(len(parts)))


def _tidy(path: str) -> str:
    parts = unicodedata.normalize("NFC", path).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))
