"""From entries to photos of a project: verified, stored once, labelled, listed. Imports no torch."""

import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial

from PIL import Image

from transfer_core.data.checks import alike
from transfer_core.data.images import decode, shades
from transfer_core.data.images.rendering import Rendering, changing_rendering
from transfer_core.data.images.thumbnails import keep_pictures
from transfer_core.data.ingest.arrivals import Arrivals, IntakeReport, Rejected
from transfer_core.data.ingest.folder_layout import CLASS_NAME_LIMIT, LabelSource, Layout, ParsedLabel, read_layout
from transfer_core.data.ingest.label_source import read_entries
from transfer_core.data.ingest.nameless import Nameless
from transfer_core.data.ingest.refusals import HERE_AS, NO_MEMORY, long_name, nothing_came, why_no_photo
from transfer_core.data.ingest.same_pictures import SamePictures
from transfer_core.data.ingest.sources import Entry, is_junk
from transfer_core.data.labels.dataset import (
    Item,
    LabelledItem,
    count_classes,
    labelled,
    load_labels,
    load_original_items,
    new_item,
)
from transfer_core.errors import DataError
from transfer_core.support.parallel import MemoryBudget, map_ahead
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Project, Workspace

KeepPixels = Callable[[str, Image.Image], None]  # takes (key, upright photo); from several threads

_ALL = 10**15  # more than there is: waits until nothing else is held
_files = MemoryBudget(100 * 10**6)  # bytes of files in memory at once; a larger one alone
_DELETED = "deleted from this project for good; to add it all the same, give the file another name"


def take_in(
    workspace: Workspace,
    project: Project,
    entries: Sequence[Entry],
    report: Callable[[int, int], None],
    *,
    reading: LabelSource | None = None,
    part: str | None = None,
    keep_pixels: KeepPixels = lambda photo, upright: None,
    keeps_pictures: bool = True,
    arrived: Callable[[Item], None] = lambda item: None,
    may_contradict: bool = False,
    unlabelled: bool = False,
) -> IntakeReport:
    """Verifies, stores and labels every photo among the entries; one bad file costs nothing but itself.

    A photo is decoded once, for everything that will be needed of it, and one that is here already not at all. One that
    is here in another class is left out and said, for a photo of two classes teaches neither. Those that lie in two
    classes of these very entries come in and are left out until somebody decides: see `labels.disputes`. One that is
    here without a class gets the one that is said now, in a change that can be undone.

    Args:
        report: Called with (files done, files in all).
        reading: Says the class of each; None reads it from the folder names, or from what the files came in.
        part: Overrides the part that the reading says.
        keep_pixels: Makes of each new photo what a backbone sees of it.
        keeps_pictures: Whether thumbnails and training copies are made from the one decode; else when they are needed.
        arrived: Called with each photo in order, those that were here already included; its thumbnail is there.
        may_contradict: Lets photos that are here in another class come in.
        unlabelled: Lets photos of which nothing says the class come in without one; else they are rejected.

    Raises:
        DataError: There is no photo among them, or memory lacks for even one at a time; those that have arrived stay.
    """
    wanted, refused = _sift(entries)
    reading = reading or read_entries(wanted)
    unmatched = [Rejected(file, reason, is_row=True) for file, reason in reading.unmatched]
    result, same = IntakeReport(rejected=refused + unmatched, said=list(reading.said)), SamePictures()
    count, done = len(wanted), 0
    report(0, count)
    with _saying_that_memory_lacks(), Arrivals(project, result) as arrivals:
        keep = (partial(keep_pictures, workspace.prepared_dir), keep_pixels) if keeps_pictures else (keep_pixels,)
        parts = read_layout([entry.path for entry in wanted], "file_name") if unlabelled else None
        taker = _Taker(workspace, project, arrivals, reading, part, keep, may_contradict, parts)
        while wanted:
            waiting: dict[str, list[Entry]] = defaultdict(list)  # those of kinds whose black and white are not known
            with closing(map_ahead(taker.take, wanted)) as outcomes:
                for entry, outcome in zip(wanted, outcomes, strict=True):
                    if isinstance(outcome, str):
                        waiting[outcome].append(entry)
                        continue
                    outcome = outcome if isinstance(outcome, Rejected) else same.take(entry.path, outcome)
                    if isinstance(outcome, Rejected):
                        result.rejected.append(outcome)
                    else:
                        arrivals.label(outcome)
                        arrived(outcome)
                    report(done := done + 1, count)
            taker.find_scales(waiting)
            wanted = [entry for entries in waiting.values() for entry in entries]
    result.named = taker.nameless.write(project)
    same.leave_out_disputed(project, result, taker.known)
    if not result.photos:
        raise DataError(nothing_came(result.rejected))
    if result.added:
        result.said += shades.notes(project, result.items, len(taker.off_scale))
    if same.copies:
        result.said.append(
            f"{pluralize(same.copies, 'file repeats another one', 'files repeat others')} of the same name in another "
            "folder, byte for byte. Each photo came in once."
        )
    result.alike = _alike_now(project, result.items)
    return result


@contextmanager
def _saying_that_memory_lacks() -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise DataError(
            "There is not enough memory to go on reading photos. Those read so far are in the project. Close other "
            "programs, then add the photos again; only new ones come in."
        ) from error


def _alike_now(project: Project, ids: set[str]) -> tuple[tuple[str, ...], ...]:
    """Classes of these photos, as they are called by now, with those that are called nearly so."""
    now = load_labels(project).items
    own = count_classes(item for item in now if item.id in ids).keys()
    return tuple(names for names in alike(count_classes(now)) if not own.isdisjoint(names))


def _sift(entries: Sequence[Entry]) -> tuple[list[Entry], list[Rejected]]:
    """(those worth reading, the others with the reason)."""
    wanted, refused = [], []
    for entry in entries:
        if is_junk(entry.path):
            refused.append(Rejected(entry.path, "junk"))
        elif entry.refusal:
            refused.append(Rejected(entry.path, entry.refusal))
        else:
            wanted.append(entry)
    return wanted, refused


class _Taker:
    """Takes in single entries, from several threads; holds what is the same for all of them.

    Args:
        parts: Reads the part of a photo added without a class; None if that is not allowed.

    The others as of `take_in`.
    """

    def __init__(
        self,
        workspace: Workspace,
        project: Project,
        arrivals: Arrivals,
        reading: LabelSource,
        part: str | None,
        keep: Sequence[KeepPixels],
        may_contradict: bool,
        parts: Layout | None,
    ):
        self._project, self._photos_dir, self._arrivals = project, project.photos_dir, arrivals
        self._rendering = Rendering.of_project(project)
        self.off_scale: list[str] = []  # photos that hardly fit between a black and a white that were known before
        self._known_scales = self._rendering.scales
        self._reading, self._part, self._keep, self._parts = reading, part, keep, parts
        labels = load_labels(project)
        now = labels.items
        here = load_original_items(project)  # what was relabelled or removed since is not to come in once more
        self._deleted = {here[number].id for number in labels.deleted}
        here = [item for item in here if item.id not in self._deleted]
        self.known, self._by_photo = {item.id for item in here}, {item.photo: item for item in here}
        self._alike = {(item.photo, item.class_name, item.part): item for item in (*now, *here)}
        self.nameless = Nameless(now)
        self._counting: dict[str, list[LabelledItem]] = defaultdict(list)
        if not may_contradict:
            for item in labelled(now):
                self._counting[item.photo].append(item)

    def find_scales(self, waiting: Mapping[str, Sequence[Entry]]) -> None:
        """Notes what is black and white for these kinds of pictures, by what the files have in common."""
        if waiting:
            reads = {kind: [entry.read for entry in entries] for kind, entries in waiting.items()}
            found = decode.find_scales(reads, self._rendering.page)
            with changing_rendering(self._project):  # another window may have noted a page, or another kind
                now = Rendering.of_project(self._project)
                known = replace(now, scales=found | dict(now.scales))
                known.save(self._project.folder)
            nothing = dict.fromkeys(waiting, (0.0, 1.0))  # of a kind of which none can be read, as each will say
            self._rendering = replace(known, scales=nothing | dict(known.scales))

    def take(self, entry: Entry) -> Item | Rejected | str:
        """Stores the photo, unless it is here, and what is made of it; its label is left to the caller.

        Returns the kind of a picture of more than 8 bits instead, where `find_scales` must be asked first.
        """
        with suppress(MemoryError), _files.holding(max(1, entry.size)):
            return self._take(entry)
        with _files.holding(_ALL):  # once more, while no other photo is being read
            try:
                return self._take(entry)
            except MemoryError:
                return Rejected(entry.path, NO_MEMORY)

    def _take(self, entry: Entry) -> Item | Rejected | str:
        place = self._reading.place(entry.path)
        can_come = place is not None or self._parts is not None
        if place and len(place.class_name) > CLASS_NAME_LIMIT:
            return Rejected(entry.path, long_name(place.class_name))
        content = None
        try:
            content = entry.read()
            photo = hashlib.sha256(content).hexdigest()
            if can_come and self._new_item(photo, "", entry.path, place, (0, 0)).id in self._deleted:
                return Rejected(entry.path, _DELETED)
            same = self._by_photo.get(photo)
            if can_come and same and (self._photos_dir / same.file).exists():  # verified when it first came
                item = self._item(photo, same.file, entry.path, place, (same.width, same.height))
                return (place and self._contradiction(item, place.class_name)) or item
            with decode.open_image(io.BytesIO(content), self._rendering) as image:
                if image.format == "TIFF" and decode.is_raw_name(entry.path):
                    return Rejected(entry.path, decode.RAW)
                if not can_come:
                    return Rejected(entry.path, self._reading.unplaced)
                kind = decode.deep_kind(image)
                if kind and kind not in self._rendering.scales:
                    return kind
                file = decode.name_file(photo, image)
                size = self._look(self._rendering.key(photo, file), image)
        except DataError as error:
            if _lacks_memory(error):
                raise MemoryError from error
            return Rejected(entry.path, why_no_photo(str(error), content, entry.path))
        self._arrivals.store(file, content)
        return self._item(photo, file, entry.path, place, size)

    def _look(self, key: str, image: Image.Image) -> tuple[int, int]:
        """Decodes a new photo and keeps what is made of it; returns its width and height, upright."""
        with decode.taking_turns(image):
            kind = decode.deep_kind(image)
            upright = decode.decode(image, self._rendering)
            if kind in self._known_scales and decode.is_off_scale(upright):
                self.off_scale.append(key)
            # Made ahead to save time later: where there is no room for it now, it is made when it is needed.
            with suppress(OSError, MemoryError):
                for keep in self._keep:
                    keep(key, upright)
            return upright.size

    def _item(self, photo: str, file: str, path: str, place: ParsedLabel | None, size: tuple[int, int]) -> Item:
        """The item, or the one that was here where only the path is new: a set handed in as a zip and as a folder."""
        item = self._new_item(photo, file, path, place, size)
        if item.id in self.known:
            return item
        if item.class_name is None:  # what is said of a photo that is here stays, its group included
            known = self._by_photo.get(photo)
            return replace(known, group=None) if known else item
        here = self._alike.get((photo, item.class_name, item.part)) or self.nameless.name(item)
        return replace(here or item, group=item.group)

    def _new_item(self, photo: str, file: str, path: str, place: ParsedLabel | None, size: tuple[int, int]) -> Item:
        if place is None:
            part = self._parts.part(path) if self._parts else None
            return new_item(photo, file, path, None, self._part or part, size)
        return new_item(photo, file, path, place.class_name, self._part or place.part, size, place.group)

    def _contradiction(self, item: Item, class_name: str) -> Rejected | None:
        """That the photo came in earlier and is of another class by now; a part of its own keeps its copies."""
        here = self._counting.get(item.photo, [])
        if item.id in self.known or not here or item.part not in (None, *(other.part for other in here)):
            return None
        if class_name in {other.class_name for other in here}:
            return None
        known, said = here[0].class_name[:80], class_name[:80]
        reason = f"{HERE_AS} '{known}'; if '{said}' is right, change that photo's label"
        return Rejected(item.path, reason)


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether the exception of a photo reader was caused by that."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__
    return error is not None
