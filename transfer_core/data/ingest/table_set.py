"""Several tables of labels that speak of one set, such as one for each of its parts. Pure functions; no torch."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from transfer_core.data.ingest.folder_layout import ParsedLabel, read_layout
from transfer_core.data.ingest.label_table import LabelsTable, match_rows, merge, read_table
from transfer_core.data.split_names import WORDS, read_part_name
from transfer_core.errors import DataError
from transfer_core.support.text import shorten
from transfer_core.support.wording import pluralize


def hold_against(
    photos: Sequence[str], content: bytes, name: str, path: str = "", encoding: str = "", *, only_near: bool = False
) -> LabelsTable:
    """A table held against these photos; parts it does not name, folders may.

    Args:
        name: What it is called in messages.
        path: Its own beside the photos, which are first looked for in its folder, and in the part that it is named
            after: "1.jpg" of train.csv lies in train.
        encoding: That of its text, as a person has chosen it; else it is found.
        only_near: Whether it speaks of no other photos, for others have a table of their own.

    Raises:
        UnclearEncoding: It can be read in several ways.
        DataError: It cannot be read as a table of labels.
    """
    rows, folder = read_table(content, name, encoding), path.rpartition("/")[0]
    layout = read_layout(photos, "file_name")  # whose folders say nothing but the part
    near = _near(photos, layout.part, path)
    table = match_rows(rows, near if only_near else photos, folder)
    if len(near) < len(photos):
        nearer = match_rows(rows, near, folder)
        table = nearer if len(nearer.places) >= len(table.places) else table
    if not any(place.part for place in table.places.values()):
        places = {photo: place._replace(part=layout.part(photo)) for photo, place in table.places.items()}
        table = replace(table, places=places)
    return replace(table, paths=(path,) if path else (), said=[*table.said, *layout.said])


def is_form(path: str) -> bool:
    """Whether a table is one of Kaggle's forms to fill in, which have a class for every photo and mean none."""
    return "submission" in path.rsplit("/", 1)[-1].lower()


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
    merged = merge(tables)
    unclear = [file for file in merged.unclear if file not in places]
    paths = tuple(path for table in tables for path in table.paths)
    return replace(merged, name=", ".join(names), places=places, unclear=unclear, paths=paths)


def _near(photos: Sequence[str], part_of: Callable[[str], str | None], path: str) -> list[str]:
    """The photos in the folder of a table, and of these the ones in the part that it is named after."""
    folder = path.rpartition("/")[0]
    near = [photo for photo in photos if photo.startswith(f"{folder}/")] if folder else list(photos)
    near, part = near or list(photos), _part_of(path)
    return [photo for photo in near if part_of(photo) == part] or near if part else near


def _part_of(path: str) -> str | None:
    """The part that a table's own name says, such as that of "train.csv"."""
    said = read_part_name(path.rsplit("/", 1)[-1].rpartition(".")[0])
    return said.role if said and not said.rest and said.role in WORDS else None
