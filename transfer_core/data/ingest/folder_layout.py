"""Reads paths: which photo belongs to which class, and to which part. Pure functions on paths."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import ClassVar, NamedTuple, Protocol

from transfer_core.data.ingest.part_folders import (
    FolderMeaning,
    Folders,
    PartFolders,
    find_part_folders,
    listed,
    taken_over,
)
from transfer_core.data.split_names import UNLABELLED, WORDS, is_empty_name, read_part_name
from transfer_core.support.class_order import in_class_order
from transfer_core.support.text import plain

SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
# What can say the class, each with the words for "class = ...", in the order in which they are offered.
WAYS = {
    "folder": "the folder that holds the photos",
    "top_folder": "the top folder",
    "file_name": "the beginning of the file name",
}
_PHOTO_ENDINGS = (
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jfif", ".mpo"),
    *(".avif", ".heic", ".heif", ".hif", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".j2k", ".jpx"),
)
CLASS_NAME_LIMIT = 255  # characters; no file system has folders with longer names
# What cameras, telephones and programs call photos.
_CAMERA = re.compile(
    r"_?(img|dsc[a-z]?|pxl|mvimg|dcim|pict?|cimg|imag|mg|gopr|gp|p|wa|whatsapp|signal|screen\W?shot|scan|frame|capture|"
    r"camera|mmexport|snapchat|image|photo|video|untitled|download|output|result|id|item|object|wp)([\W_].*)?",
    re.IGNORECASE,
)
_NAMED = 0.5  # of the photos must have a name that says a class; unlabelled test photos may have none
_UP_TO_DIGIT = re.compile(r"(.*?[^\W\d_].*?)[\s_.()#-]*\d")  # "great_pyrenees" of "great_pyrenees_107"
_UP_TO_SEPARATOR = re.compile(r"([^\s_.()#-]+)[\s_.()#-]")  # "cat" of "cat_asleep"


class ParsedLabel(NamedTuple):
    """What was read of one file: "train", "val", "test" or None; the class; what belongs together with it, or None."""

    part: str | None
    class_name: str
    group: str | None = None


Unmatched = Sequence[tuple[str, str]]  # (file, reason) each


class LabelSource(Protocol):
    """Says where each file belongs."""

    @property
    def unplaced(self) -> str:
        """Why a file that has no place has none, and the remedy."""

    @property
    def unmatched(self) -> Unmatched:
        """What it names and cannot place."""

    @property
    def said(self) -> Sequence[str]:
        """Sentences that a person must get to read; untrusted text."""

    def place(self, path: str) -> ParsedLabel | None: ...


@dataclass(frozen=True)
class Layout:
    """How paths are read.

    Args:
        way: One of `WAYS`.
        parts: Which folders are named after parts; they are in no other count.
        wrapping: Folders around everything, which mean nothing; 0 or more.
        needs_part: Whether photos outside the parts are left out.
        keeps_parts: Whether the parts become those of the photos.
        hollow: (part, folder) of folders that stand where a class would, and say none: "images", "test".
        said: Sentences about the parts that a person must get to read; untrusted text.
        named: The folders that are parts, in words; "" where there are none.
    """

    way: str = "folder"
    parts: PartFolders = field(default_factory=PartFolders)
    wrapping: int = 0
    needs_part: bool = False
    keeps_parts: bool = True
    hollow: frozenset[tuple[str | None, str]] = frozenset()
    said: Sequence[str] = ()
    named: str = ""
    unmatched: ClassVar[Unmatched] = ()
    _known: dict[str, FolderMeaning] = field(default_factory=dict, init=False, repr=False, compare=False)  # by folder

    @property
    def unplaced(self) -> str:
        beside = "in none of the folders train, val and test, or " if self.needs_part else ""
        if self.way == "file_name":
            return f"{beside}its name does not begin with a word; put the class in front, as in 'oak 12.jpg'"
        return f"{beside}in no class folder; put each photo in a folder named after its class"

    def place(self, path: str) -> ParsedLabel | None:
        """Where a file belongs, or None where the path does not say."""
        place = self._folders(path)
        if place.part == UNLABELLED or (self.needs_part and place.part is None):
            return None
        inner = place.rest[self.wrapping :]
        if self.way == "file_name":
            said = _beginning(path.rpartition("/")[2])
        elif inner:
            said = inner[0 if self.way == "top_folder" else -1]
        else:
            said = None
        if not said or (place.part, said) in self.hollow:
            return None
        return ParsedLabel(self.part(path), tidy_class_name(said))

    def part(self, path: str) -> str | None:
        """What the folders of a file say about its part."""
        part = self._folders(path).part
        return part if self.keeps_parts and part in WORDS else None

    def _folders(self, path: str) -> FolderMeaning:
        folder = path.rpartition("/")[0]
        found = self._known.get(folder)
        if found is None:
            found = self._known[folder] = self.parts.place(folder.split("/") if folder else ())
        return found


@dataclass(frozen=True)
class OneClass:
    """Everything is of one class."""

    class_name: str
    unplaced: ClassVar[str] = ""
    unmatched: ClassVar[Unmatched] = ()
    said: ClassVar[Sequence[str]] = ()

    def place(self, path: str) -> ParsedLabel:
        return ParsedLabel(None, tidy_class_name(self.class_name))


@dataclass(frozen=True)
class NoClass:
    """Nothing says the class."""

    unplaced: ClassVar[str] = "nothing says its class"
    unmatched: ClassVar[Unmatched] = ()
    said: ClassVar[Sequence[str]] = ()

    def place(self, path: str) -> None:
        return None


def read_layout(paths: Sequence[str], way: str | None = None) -> Layout:
    """The layout of class folders, possibly in or around parts, possibly wrapped, nested as it happens.

    Photos decide (by their ending, for this purpose alone): a README beside the class folders is no reason to see
    another layout.

    Args:
        way: One of `WAYS`. Without one the class is the folder that holds the photos; but where every top folder holds
            photos itself, those further below are of its class.
    """
    folders = Counter(tuple(path.split("/")[:-1]) for path in photo_paths(paths))
    layout = _with_parts(folders, way or "folder")
    if way:
        return layout
    rests = [place.rest[layout.wrapping :] for place in map(layout.parts.place, folders)]
    tops = {rest[0] for rest in rests if rest}
    holding = {rest[0] for rest in rests if len(rest) == 1}
    nested = any(len(rest) > 1 for rest in rests)
    return replace(layout, way="top_folder") if nested and tops == holding else layout


def alternatives(paths: Sequence[str]) -> list[Layout]:
    """Every layout that makes sense of these paths, the one to suggest first; no two place the photos alike."""
    photos = photo_paths(paths)
    layouts = [read_layout(photos), read_layout(photos, "folder"), read_layout(photos, "top_folder")]
    by_name = read_layout(photos, "file_name")
    names = survey(by_name, photos)
    if 1 < len(names.classes) <= names.photos / 2:  # a name that no other file shares says no class
        layouts.insert(0 if says_classes(names) and not survey(layouts[0], photos).classes else len(layouts), by_name)
    found: dict[tuple, Layout] = {}
    for layout in layouts:
        places = tuple(layout.place(path) for path in photos)
        if any(places):
            found.setdefault(places, layout)
    return list(found.values())


@dataclass(frozen=True)
class Survey:
    """What a reading comes to, before any file is opened.

    Args:
        classes: Photos per class, in the order of classes.
        parts: The same for each part that there is; empty where nothing says a part.
        unplaced: Paths of the photos that it gives no class, and so are left out.
        unlabelled: Photos added without a class.
    """

    classes: dict[str, int]
    parts: dict[str, dict[str, int]]
    unplaced: list[str]
    unlabelled: int = 0

    @property
    def photos(self) -> int:
        return sum(self.classes.values()) + self.unlabelled

    def with_unplaced(self) -> "Survey":
        """The result if photos without a class are added, too."""
        return replace(self, unplaced=[], unlabelled=len(self.unplaced))


def survey(reading: LabelSource, paths: Iterable[str]) -> Survey:
    """Counts what the reading says of these paths of photos."""
    placed: list[ParsedLabel] = []
    unplaced: list[str] = []
    for path in paths:
        place = reading.place(path)
        if place is None:
            unplaced.append(path)
        else:
            placed.append(place)
    classes = Counter(place.class_name for place in placed)
    parts = {
        part: dict(Counter(place.class_name for place in placed if place.part == part))
        for part in dict.fromkeys(SPLIT_FOLDERS.values())
    }
    in_order = {name: classes[name] for name in in_class_order(classes)}
    return Survey(in_order, {part: counts for part, counts in parts.items() if counts}, unplaced)


def says_classes(names: Survey) -> bool:
    """Whether the beginnings of file names look like classes, and not like what cameras and programs call photos."""
    placed, unplaced = sum(names.classes.values()), len(names.unplaced)
    return (
        len(names.classes) > 1
        and min(names.classes.values()) > 1
        and placed >= _NAMED * (placed + unplaced)
        and not any(_CAMERA.fullmatch(name) or is_empty_name(name) or read_part_name(name) for name in names.classes)
    )


def photo_paths(paths: Iterable[str]) -> list[str]:
    """Those whose ending is that of a photo; all of them where none is: content decides, and is not known yet."""
    paths = list(paths)
    return [path for path in paths if has_photo_ending(path)] or paths


def has_photo_ending(name: str) -> bool:
    """Whether a file is called like a photo; what it is, its content says."""
    return name.lower().endswith(_PHOTO_ENDINGS)


@lru_cache(maxsize=10_000)  # asked once for every photo, and classes are few
def tidy_class_name(name: str) -> str:
    """The name in composed Unicode form, without control characters and surrounding space."""
    return plain(unicodedata.normalize("NFC", name)) or "unnamed"


def _with_parts(folders: Mapping[Folders, int], way: str) -> Layout:
    """The layout of photos in these folders, so many in each."""
    parts = find_part_folders(folders)
    places = {entry: parts.place(entry) for entry in folders}
    inside = sum(count for entry, count in folders.items() if places[entry].names)
    needs_part = parts.exclusive and 2 * inside > sum(folders.values())
    rests = [place.rest for place in places.values() if place.part or not needs_part]
    wrapping = 0
    while rests and _wraps(rests, wrapping):
        wrapping += 1
    said, keeps_parts = taken_over(list(places.values()))
    named = {place.names[-1] for place in places.values() if place.names}
    layout = Layout(way, parts, wrapping, needs_part, keeps_parts, said=said, named=listed(named) if named else "")
    if way == "file_name":
        return layout
    return replace(layout, hollow=_hollow(places.values(), wrapping))


def _hollow(places: Iterable[FolderMeaning], wrapping: int) -> frozenset[tuple[str | None, str]]:
    """Folders in the place of a class that say none, by their part.

    They are the only one of their part and called "images" or "0", or hold the class folders of training photos.
    """
    inner: dict[str | None, set[str]] = defaultdict(set)
    around: set[str] = set()
    for place in places:
        if place.rest[wrapping:]:
            inner[place.part].add(place.rest[-1])
        if place.part in ("train", None):
            around.update(place.rest[:-1])
    if inner.keys() <= {None}:
        return frozenset()
    learned = inner.get("train", set()) | inner.get(None, set())
    found = set()
    for part, names in inner.items():
        found |= {(part, name) for name in names & around - learned}
        if len(names) == 1 and (names.isdisjoint(learned) or learned == names):
            found |= {(part, name) for name in names if is_empty_name(name)}
    return frozenset(found)


def _wraps(folders: Sequence[Sequence[str]], depth: int) -> bool:
    """Whether every photo lies in one and the same folder at this depth, with class folders below it.

    Photos may lie beside them, too; but a single folder beside photos is taken for a part of their class.
    """
    if any(len(entry) <= depth for entry in folders) or len({entry[depth] for entry in folders}) > 1:
        return False
    below = {entry[depth + 1] if len(entry) > depth + 1 else None for entry in folders}
    return below != {None} and (None not in below or len(below) > 2)


def _beginning(file_name: str) -> str | None:
    """What a file name begins with: up to a digit, else up to a separator."""
    stem = file_name.rpartition(".")[0] or file_name
    found = _UP_TO_DIGIT.match(stem) or _UP_TO_SEPARATOR.match(stem)
    return found and found[1].strip()
