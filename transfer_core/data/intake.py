"""From entries to labelled photos of a project: verified, stored once, listed. Imports no torch."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from transfer_core.data import images
from transfer_core.data.cache import PhotoCache
from transfer_core.data.items import Item, append_items, load_items, new_item
from transfer_core.data.layout import Layout, read_layout, tidy_class_name
from transfer_core.data.sources import Entry, is_junk
from transfer_core.errors import DataError
from transfer_core.workspace import Project, Workspace, write_whole

_PER_WRITE = 64  # photos whose labels are written together: a broken intake keeps all but the last few


@dataclass(frozen=True)
class Rejected:
    """A file that did not become a photo of the project, and why; `file` is hostile text."""

    file: str
    reason: str


@dataclass
class IntakeReport:
    """What came of an intake.

    Args:
        photos: Files that are photos, those that were here already included.
        added: New ones among them.
        rejected: Every other file.
        classes: Photos per class.
        items: Ids of the photos, old and new.
    """

    photos: int = 0
    added: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)
    items: set[str] = field(default_factory=set)

    def add(self, other: "IntakeReport") -> None:
        """Takes the other's counts and rejected files into this one."""
        self.photos += other.photos
        self.added += other.added
        self.rejected += other.rejected
        self.items |= other.items
        for name, count in other.classes.items():
            self.classes[name] = self.classes.get(name, 0) + count


def thumbnails(workspace: Workspace) -> PhotoCache:
    """Small pictures of all photos; made at intake, see `ensure_thumbnail`."""
    return PhotoCache(workspace.prepared_dir / "thumbnails", ".jpg")


def thumbnail_path(workspace: Workspace, photo: str) -> Path:
    """Where the thumbnail of a photo (by digest) lies, if it was not cleared; see `ensure_thumbnail`."""
    return thumbnails(workspace).path(photo)


def ensure_thumbnail(workspace: Workspace, project: Project, item: Item) -> Path:
    """The thumbnail's path; makes it again where it was cleared or damaged."""
    cache = thumbnails(workspace)
    if cache.read(item.photo) is None:
        with images.open_image(project.photos_dir / item.file) as image:
            cache.write(item.photo, images.thumbnail(images.decode(image)))
    return cache.path(item.photo)


def take_in(
    workspace: Workspace,
    project: Project,
    entries: Sequence[Entry],
    report: Callable[[int, int], None],
    *,
    class_name: str | None = None,
    part: str | None = None,
) -> IntakeReport:
    """Verifies, stores and labels every photo among the entries; one bad file costs nothing but itself.

    Args:
        report: Called with (files done, files in all).
        class_name: The class of all of them; None reads it from the folder names.
        part: Overrides the part that the folders say.

    Raises:
        DataError: There is no photo among them.
    """
    result = IntakeReport()
    wanted = []
    for entry in entries:
        if is_junk(entry.path):
            result.rejected.append(Rejected(entry.path, "junk"))
        elif entry.refusal:
            result.rejected.append(Rejected(entry.path, entry.refusal))
        else:
            wanted.append(entry)
    layout = read_layout([entry.path for entry in wanted])
    here = load_items(project)
    known = {item.photo: item for item in here}
    here_ids, same = {item.id for item in here}, {(item.photo, item.class_name, item.part): item for item in here}
    done = 0
    report(done, len(wanted))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for chunk in _chunks(wanted):
            outcomes = pool.map(
                lambda entry: _take_one(workspace, project, entry, known, layout, class_name, part), chunk
            )
            items = [_as_before(item, here_ids, same) for item in _sort_out(outcomes, result)]
            result.items |= {item.id for item in items}
            result.added += append_items(project, items)
            done += len(chunk)
            report(done, len(wanted))
    if not result.photos:
        raise DataError(_nothing_came(result))
    return result


def _chunks(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    remaining = iter(entries)
    while chunk := list(islice(remaining, _PER_WRITE)):
        yield chunk


def _sort_out(outcomes, result: IntakeReport) -> list[Item]:
    items = []
    for outcome in outcomes:
        if isinstance(outcome, Rejected):
            result.rejected.append(outcome)
        else:
            items.append(outcome)
            result.photos += 1
            result.classes[outcome.class_name] = result.classes.get(outcome.class_name, 0) + 1
    return items


def _as_before(item: Item, here_ids: set[str], same: dict[tuple, Item]) -> Item:
    """The item that was here already where only the path is new: a set handed in as a zip and then as a folder."""
    return item if item.id in here_ids else same.get((item.photo, item.class_name, item.part), item)


def _take_one(
    workspace: Workspace,
    project: Project,
    entry: Entry,
    known: dict[str, Item],
    layout: Layout,
    class_name: str | None,
    part: str | None,
) -> Item | Rejected:
    place = (None, tidy_class_name(class_name)) if class_name else layout.place(entry.path)
    try:
        content = entry.read()
        photo = hashlib.sha256(content).hexdigest()
        same = known.get(photo)
        if place and same and (project.photos_dir / same.file).exists():  # verified when it first came
            return new_item(photo, same.file, entry.path, place[1], part or place[0], (same.width, same.height))
        with images.open_image(io.BytesIO(content)) as image:
            if place is None:
                return Rejected(entry.path, "in no class folder; put each photo in a folder named after its class")
            ending = images.FORMATS[image.format]
            upright = images.decode(image)
    except DataError as error:
        return Rejected(entry.path, str(error))
    file = f"{photo}{ending}"
    if not (project.photos_dir / file).exists():
        write_whole(project.photos_dir / file, content)
    if not thumbnails(workspace).holds(photo):
        thumbnails(workspace).write(photo, images.thumbnail(upright))
    return new_item(photo, file, entry.path, place[1], part or place[0], upright.size)


def _nothing_came(result: IntakeReport) -> str:
    real = [rejected for rejected in result.rejected if rejected.reason != "junk"]
    if not real:
        return "There is no photo in it. Put a folder per class in it, with the photos inside."
    first, remedy = real[0], "Put a folder per class in it, with JPEG or PNG photos inside."
    if len(real) == 1:
        return f"The one file in it, '{first.file[:80]}', cannot be used: {first.reason}. {remedy}"
    return (
        f"None of the {len(real)} files is a photo that can be used. The first, '{first.file[:80]}': {first.reason}. "
        f"{remedy}"
    )
