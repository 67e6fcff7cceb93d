"""Several tables of labels that speak of one set, such as one for each of its parts. Pure functions; no torch."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from transfer_core.data.ingest.folder_layout import ParsedLabel, read_layout
from transfer_core.data.ingest.label_table import LabelsTable, match_rows, read_rows
from transfer_core.data.ingest.sources import Entry
from transfer_core.data.split_names import WORDS, read_part_name
from transfer_core.errors import DataError
from transfer_core.support.text import shorten
from transfer_core.support.wording import pluralize

_PLACEHOLDER = "submission"  # Kaggle's "sample_submission.csv": a form to fill in, with a class for every photo


def hold_against(photos: Sequence[str], content: bytes, name: str, path: str | None = None) -> LabelsTable:
    """A table held against these photos; parts it does not name, folders may.

    Args:
        path: Its own beside the photos, which are first looked for in its folder, and in the part that it is named
            after: "1.jpg" of train.csv lies in train.

    Raises:
        DataError: It cannot be read as a table of labels.
    """
    rows = read_rows(content, name)
    layout = read_layout(photos, "file_name")  # whose folders say nothing but the part
    table = match_rows(rows, photos, name)
    near = _near(photos, layout.part, path)
    if len(near) < len(photos):
        nearer = match_rows(rows, near, name)
        table = nearer if len(nearer.places) >= len(table.places) else table
    if not any(place.part for place in table.places.values()):
        places = {path: place._replace(part=layout.part(path)) for path, place in table.places.items()}
        table = replace(table, places=places)
    return replace(table, paths=(path,) if path else (), said=[*table.said, *layout.said])


def find_tables(entries: Sequence[Entry], photos: Sequence[str]) -> tuple[list[LabelsTable], list[str]]:
    """(the tables among the entries that say the class of a photo, why the others do not)."""
    found, problems = [], []
    for entry in entries:
        name = entry.path.rsplit("/", 1)[-1]
        try:
            table = hold_against(photos, entry.read(), name, entry.path)
        except DataError as error:
            problems.append(str(error))
            continue
        if _PLACEHOLDER not in name.lower() and table.places:
            found.append(table)
    return found, problems


def put_together(tables: Sequence[LabelsTable]) -> LabelsTable:
    """What they say of the photos together; one that is named after a part says the part of its photos, too.

    Raises:
        DataError: They call a photo differently.
    """
    if len(tables) == 1:
        return tables[0]
    named = [_part_of(table.name) for table in tables]
    says_part = len({part for part in named if part}) > 1
    places: dict[str, ParsedLabel] = {}
    disputed = []
    for table, part in zip(tables, named, strict=True):
        for path, place in table.places.items():
            known = places.get(path, place)
            disputed += [path] if known.class_name != place.class_name else []
            place = place._replace(part=known.part or place.part, group=known.group or place.group)
            places[path] = place if place.part or not says_part else place._replace(part=part)
    names = list(dict.fromkeys(path for table in tables for path in table.paths or (table.name,)))
    if disputed:
        raise DataError(
            f"The tables {', '.join(shorten(name, 60) for name in names)} call {pluralize(len(disputed), 'photo')} "
            f"differently, the first: {shorten(disputed[0], 80)}. Choose one of the tables."
        )
    missing = [file for table in tables for file in table.missing]
    unclear = [file for table in tables for file in table.unclear if file not in places]
    paths = tuple(path for table in tables for path in table.paths)
    said = list(dict.fromkeys(sentence for table in tables for sentence in table.said))
    return LabelsTable(", ".join(names), places, missing, unclear, paths, said=said)


def _near(photos: Sequence[str], part_of: Callable[[str], str | None], path: str | None) -> list[str]:
    """The photos in the folder of a table, and of these the ones in the part that it is named after."""
    if path is None:
        return list(photos)
    folder = path.rpartition("/")[0]
    near = [photo for photo in photos if photo.startswith(f"{folder}/")] if folder else list(photos)
    near, part = near or list(photos), _part_of(path)
    return [photo for photo in near if part_of(photo) == part] or near if part else near


def _part_of(path: str) -> str | None:
    """The part that a table's own name says, such as that of "train.csv"."""
    said = read_part_name(path.rsplit("/", 1)[-1].rpartition(".")[0])
    return said.role if said and not said.rest and said.role in WORDS else None
