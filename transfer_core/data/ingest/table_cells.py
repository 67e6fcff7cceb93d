"""From a table's bytes to its cells: CSV in any encoding, Excel, Label Studio's JSON. Columns mean nothing here."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from transfer_core.errors import DataError
from transfer_core.support import encodings
from transfer_core.support.find_encoding import Found, find_encoding

TABLE_LIMIT = 100 * 10**6  # bytes; a row for each of a million photos has about 60 MB
_EXPANDED_LIMIT = 10 * TABLE_LIMIT  # of an Excel file, which is a zip
_DELIMITERS = (",", ";", "\t")
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_SAVE_AS_CSV = "Save it in Excel as 'CSV UTF-8'"


@dataclass(frozen=True)
class Cells:
    """The lines of a table that are not empty.

    Args:
        lines: (number in the file, from 1, as an editor counts them; cells) each.
        encoding: How its bytes were read; None where the format leaves no choice.
    """

    lines: list[tuple[int, list[str]]]
    encoding: str | None = None


@dataclass(frozen=True)
class Ways:
    """How a table's bytes may be read.

    Args:
        best: The likeliest way, or the only one.
        found: What was found out about the encoding; None where nothing had to be.
        read: The cells in another of its encodings.
    """

    best: Cells
    found: Found | None
    read: Callable[[str], Cells]


def read_cells(content: bytes, name: str, encoding: str | None = None) -> Ways:
    """The cells of a table; the delimiter is a comma, semicolon or tab.

    Args:
        encoding: The one that a person has chosen for text that is not Unicode; without one it is found.

    Raises:
        DataError: Too large, no table, or not readable in that encoding.
    """
    if len(content) > TABLE_LIMIT:
        raise DataError(
            f"{name} has {len(content) / 1e6:.0f} MB; at most {TABLE_LIMIT // 10**6} are read. Split it up."
        )
    if content.startswith(_OLD_EXCEL):
        raise DataError(f"{name} is an old Excel file. {_SAVE_AS_CSV}.")
    if content.startswith(_ZIP):
        return _only(Cells(_excel_lines(content, name)))

    def read(way: str) -> Cells:
        return Cells(_lines(_decoded(content, way, name), name), way)

    try:
        found = find_encoding(content)
    except DataError as error:
        if encoding:
            return Ways(read(encoding), None, read)
        raise DataError(f"{name} cannot be read as text ({error}). Save it again as UTF-8.") from error
    if found.by_validity:
        return Ways(read(found.encoding), None, read)
    return Ways(read(encoding), None, read) if encoding else Ways(read(found.encoding), found, read)


def _only(cells: Cells) -> Ways:
    return Ways(cells, None, lambda _: cells)


def _decoded(content: bytes, encoding: str, name: str) -> str:
    try:
        text = encodings.decode(content, encoding)
    except DataError as error:
        raise DataError(
            f"{name} cannot be read as {encoding} ({error}). Choose another encoding, or save it again as UTF-8."
        ) from error
    return text


def _lines(text: str, name: str) -> list[tuple[int, list[str]]]:
    if text.lstrip()[:1] in ("[", "{"):
        return _json_lines(text, name)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [(lines.line_num, line) for line in lines if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise DataError(f"{name} cannot be read as a table ({error}). Save it as CSV again.") from error


def _excel_lines(content: bytes, name: str) -> list[tuple[int, list[str]]]:
    """The first sheet of an Excel file; numbers as they are shown, as far as leading zeros go."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            size = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise DataError(f"{name} is a damaged Excel file. {_SAVE_AS_CSV}.") from error
    if not any(inner.startswith("xl/") for inner in names):
        raise DataError(f"{name} is no table but an archive. Name a CSV or an Excel file.")
    if size > _EXPANDED_LIMIT:
        raise DataError(f"{name} would unpack to {size / 1e9:.0f} GB, more than a table has. {_SAVE_AS_CSV}.")
    try:
        openpyxl = import_module("openpyxl")
    except ImportError as error:
        raise DataError(f"{name} is an Excel file, for which openpyxl is missing. {_SAVE_AS_CSV}.") from error
    try:
        sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0]
        lines = [(number, [_excel_text(cell) for cell in row]) for number, row in enumerate(sheet.iter_rows(), 1)]
    except Exception as error:  # damaged in any of its parts; the library has no error of its own for that
        raise DataError(f"{name} is an Excel file that cannot be read. {_SAVE_AS_CSV}.") from error
    return [(number, line) for number, line in lines if any(cell.strip() for cell in line)]


def _excel_text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    zeros = re.fullmatch("0+", str(cell.number_format))
    return str(value).zfill(len(zeros[0])) if zeros and isinstance(value, int) else str(value)


def _json_lines(text: str, name: str) -> list[tuple[int, list[str]]]:
    """Label Studio's tasks, in either of its JSON exports, as a table; each has a number instead of a line."""
    problem = f"{name} is no list of labelled photos as Label Studio exports it. Export it from there as CSV."
    try:
        tasks = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} cannot be read as JSON ({str(error)[:80]}). Export it again.") from error
    if not isinstance(tasks, list):
        raise DataError(problem)
    rows = [(number, row) for number, task in enumerate(tasks, 1) if isinstance(task, dict) for row in _task_rows(task)]
    if not rows:
        raise DataError(problem)
    return [(0, ["image", "choice"]), *rows]


def _task_rows(task: dict) -> list[list[str]]:
    """A row for each annotation of a task; one without a class where there is none."""
    inner = task.get("data")
    data = inner if isinstance(inner, dict) else task
    image = next((str(data[key]) for key in ("image", "img", "photo", "picture", "ocr", "file") if data.get(key)), "")
    if not image:
        return []
    if "annotations" not in task:
        told = next((task[key] for key in ("choice", "choices", "label", "class") if key in task), None)
        return [[image, _choices(told)]]
    done = [entry for entry in task["annotations"] or [] if isinstance(entry, dict) and not entry.get("was_cancelled")]
    return [[image, _choices(_result(entry))] for entry in done] or [[image, ""]]


def _result(annotation: dict) -> list[str]:
    results = [entry for entry in annotation.get("result") or [] if isinstance(entry, dict)]
    values = [entry["value"] for entry in results if isinstance(entry.get("value"), dict)]
    return [str(choice) for value in values for choice in value.get("choices") or []]


def _choices(told: object) -> str:
    """As Label Studio's CSV writes it: the one choice, or the JSON of several."""
    if isinstance(told, dict):
        told = told.get("choices")
    if isinstance(told, list):
        return str(told[0]) if len(told) == 1 else json.dumps({"choices": told}) if told else ""
    return "" if told is None else str(told)


def several_choices(cell: str) -> Sequence[str]:
    """The classes in a cell that holds several, as Label Studio writes them; else none."""
    if not cell.startswith('{"choices"'):
        return ()
    try:
        told = json.loads(cell)["choices"]
    except (ValueError, KeyError):
        return ()
    return [str(choice) for choice in told] if isinstance(told, list) else ()
