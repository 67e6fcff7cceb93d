"""A table of labels beside the photos: which row speaks of which photo. Pure functions; no torch."""

import codecs
import csv
import io
import math
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from transfer_core.data.ingest.folder_layout import SPLIT_FOLDERS, ParsedLabel, tidy_class_name
from transfer_core.data.ingest.sources import FOLDER_LIMIT
from transfer_core.errors import DataError
from transfer_core.support.text import plain

TABLE_ENDINGS = (".csv", ".tsv")
TABLE_LIMIT = 100 * 10**6  # bytes; a row for each of a million photos has about 60 MB
# Column names that mean the same; capitals, spaces and "_" make no difference.
_COLUMNS = {
    "file": ("file", "filename", "filepath", "image", "imagename", "imagepath", "imageid", "path", "photo", "id"),
    "label": ("label", "class", "classname", "category", "target", "species"),
    "part": ("part", "split", "subset"),
    "group": ("group", "groupid", "patient", "patientid", "subject", "subjectid"),
}
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class LabelRow:
    """One row.

    Args:
        number: Line in the file, from 1, as an editor counts them.
        file: Path or name of the photo; untrusted text.
    """

    number: int
    file: str
    place: ParsedLabel


@dataclass(frozen=True)
class LabelsTable:
    """A table held against the photos that it stands beside; a `Reading` of them.

    Args:
        name: Of the file; untrusted text.
        places: By path of the photo.
        missing: Files that rows name and that are not among the photos.
        unclear: What rows name that fits several photos, or photos that several rows call differently.
        paths: Its own, where it is one or several of the entries that the photos are among; untrusted text.
        said: Sentences that a person must get to read; untrusted text.
    """

    name: str
    places: dict[str, ParsedLabel]
    missing: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    paths: tuple[str, ...] = ()
    said: list[str] = field(default_factory=list)

    @property
    def unplaced(self) -> str:
        return f"{self.name} has no clear row for it; add one with its path and label"

    @property
    def unmatched(self) -> list[tuple[str, str]]:
        absent = f"named in {self.name}, but not among the photos"
        several = f"its row in {self.name} is not clear; give each photo one row, with its path"
        return [*((file, absent) for file in self.missing), *((file, several) for file in self.unclear)]

    def place(self, path: str) -> ParsedLabel | None:
        return self.places.get(path)


def is_table(path: str) -> bool:
    return path.lower().endswith(TABLE_ENDINGS)


def read_rows(content: bytes, name: str) -> list[LabelRow]:
    """The rows of a table with a column for the file and one for the label, in any order.

    The delimiter is a comma, semicolon or tab; the text UTF-8 or UTF-16 with its mark, else Latin-1. Columns for part
    and group are taken where they are. Rows without file and label are passed over.

    Raises:
        DataError: No such columns, a row without file or label, a part by another name, or too large.
    """
    if len(content) > TABLE_LIMIT:
        raise DataError(
            f"{name} has {len(content) / 1e6:.0f} MB; at most {TABLE_LIMIT // 10**6} are read. Split it up."
        )
    text = _decode(content)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        cells = [(lines.line_num, line) for line in lines if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise DataError(f"{name} cannot be read as a table ({error}). Save it as CSV again.") from error
    columns = _columns(cells[0][1] if cells else [], name)
    rows = [_row(number, line, columns, name) for number, line in cells[1:]]
    if not rows:
        raise DataError(f"{name} has no rows below its header. Add one for each photo: its file, its label.")
    return rows


def match_rows(rows: Sequence[LabelRow], paths: Sequence[str], name: str) -> LabelsTable:
    """Finds each row's photo: by path, else by the end of the path or the file name, where only one photo fits.

    A row may leave out the ending, or have folders in front that are not here. But such a row has no claim to a photo
    that another one names better: the table may be of more photos than have come.
    """
    by_end, exact = _by_end(paths), {_tidy(path): path for path in paths}
    found = [(row, *_candidates(_tidy(row.file), exact, by_end)) for row in rows]
    said: dict[str, set[ParsedLabel]] = defaultdict(set)
    missing: list[str] = []
    unclear: list[str] = []
    claims: dict[str, float] = {}
    for row, likeness, candidates in sorted(found, key=lambda one: -one[1]):
        open_to_it = [path for path in candidates if claims.setdefault(path, likeness) <= likeness]
        if len(candidates) == len(open_to_it) == 1:
            said[candidates[0]].add(row.place)
        else:
            (unclear if open_to_it else missing).append(row.file)
    unclear += [path for path, places in said.items() if len(places) > 1]
    places = {path: next(iter(found)) for path, found in said.items() if len(found) == 1}
    return LabelsTable(name, places, missing, unclear)


def _decode(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _columns(header: Sequence[str], name: str) -> dict[str, int]:
    """Place of each known column, by what it means."""
    shown = ["".join(plain(cell).lower().split()).replace("_", "").replace("-", "") for cell in header]
    columns = {}
    for meaning, names in _COLUMNS.items():
        found = [shown.index(known) for known in names if known in shown]
        if found:
            columns[meaning] = found[0]
    if absent := {"file", "label"} - columns.keys():
        got = ", ".join(f"'{plain(cell)[:30]}'" for cell in header[:6]) or "nothing"
        raise DataError(
            f"{name} needs a first line with a column 'file' and a column 'label'; it has {got}, so "
            f"{' and '.join(sorted(absent))} cannot be found. Rename the columns."
        )
    return columns


def _row(number: int, line: Sequence[str], columns: dict[str, int], name: str) -> LabelRow:
    cells = {meaning: line[i].strip() if i < len(line) else "" for meaning, i in columns.items()}
    for meaning in ("file", "label"):
        if not cells[meaning]:
            raise DataError(f"Line {number} of {name} has no {meaning}. Fill it in, or delete the line.")
    part = cells.get("part", "").lower()
    if part and part not in SPLIT_FOLDERS:
        raise DataError(
            f"Line {number} of {name} has '{plain(part)[:30]}' in the column 'part', which may only hold "
            "train, val, test or nothing. Change it, or leave the column out."
        )
    group = plain(cells.get("group", "")) or None
    return LabelRow(number, cells["file"], ParsedLabel(SPLIT_FOLDERS.get(part), tidy_class_name(cells["label"]), group))


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


def _candidates(key: str, exact: dict[str, str], by_end: dict[str, list[str]]) -> tuple[float, list[str]]:
    """How much of what a row says is true of the photos that it may mean, and these; of folders, ever less is asked."""
    if key in exact:
        return math.inf, [exact[key]]
    end = next((end for end in _ends(key) if end in by_end), None)
    if end is None:
        return 0, []
    return math.inf if end == key else end.count("/") + 1, by_end[end]


def _ends(path: str) -> Iterator[str]:
    parts = path.split("/")[-FOLDER_LIMIT - 1 :]
    return ("/".join(parts[start:]) for start in range(len(parts)))


def _tidy(path: str) -> str:
    parts = unicodedata.normalize("NFC", path).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))
