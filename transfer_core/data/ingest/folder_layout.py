"""Reads paths: which photo belongs to which class, and to which part. Pure functions on paths."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, NamedTuple, Protocol

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

    def place(self, path: str) -> ParsedLabel | None: ...


@dataclass(frozen=True)
class Layout:
    """How paths are read.

    Args:
        way: One of `WAYS`.
        wrapping: Folders around everything, which mean nothing; 0 or more, not counting that of the part.
        part_level: At which depth folders are named train, val, ...; None where there are no parts.
    """

    way: str = "folder"
    wrapping: int = 0
    part_level: int | None = None
    unmatched: ClassVar[Unmatched] = ()

    @property
    def unplaced(self) -> str:
        beside = "" if self.part_level is None else "in none of the folders train, val and test, or "
        if self.way == "file_name":
            return f"{beside}its name does not begin with a word; put the class in front, as in 'oak 12.jpg'"
        return f"{beside}in no class folder; put each photo in a folder named after its class"

    def place(self, path: str) -> ParsedLabel | None:
        """Where a file belongs, or None where the path does not say."""
        *folders, name = path.split("/")
        part = self.part(path)
        if self.part_level is not None:
            if part is None:
                return None
            folders.pop(self.part_level)
        inner = folders[self.wrapping :]
        if self.way == "file_name":
            said = _beginning(name)
        elif inner:
            said = inner[0 if self.way == "top_folder" else -1]
        else:
            said = None
        return ParsedLabel(part, tidy_class_name(said)) if said else None

    def part(self, path: str) -> str | None:
        """What the folders of a file say about its part."""
        folders = path.split("/")[:-1]
        if self.part_level is None or self.part_level >= len(folders):
            return None
        return SPLIT_FOLDERS.get(folders[self.part_level].lower())


@dataclass(frozen=True)
class OneClass:
    """Everything is of one class."""

    class_name: str
    unplaced: ClassVar[str] = ""
    unmatched: ClassVar[Unmatched] = ()

    def place(self, path: str) -> ParsedLabel:
        return ParsedLabel(None, tidy_class_name(self.class_name))


@dataclass(frozen=True)
class NoClass:
    """Nothing says the class."""

    unplaced: ClassVar[str] = "nothing says its class"
    unmatched: ClassVar[Unmatched] = ()

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
    folders = [path.split("/")[:-1] for path in photo_paths(paths)]
    if way:
        return _with_folders(folders, way)
    layout = _with_folders(folders, "folder")
    rests = [_without(entry, layout.part_level)[layout.wrapping :] for entry in folders]
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
        folders = survey(layouts[0], photos).classes
        layouts.insert(len(layouts) if folders.keys() - SPLIT_FOLDERS.keys() else 0, by_name)
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
        classes: Photos per class, sorted by name.
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
    return Survey(dict(sorted(classes.items())), {part: counts for part, counts in parts.items() if counts}, unplaced)


def photo_paths(paths: Iterable[str]) -> list[str]:
    """Those whose ending is that of a photo; all of them where none is: content decides, and is not known yet."""
    paths = list(paths)
    return [path for path in paths if path.lower().endswith(_PHOTO_ENDINGS)] or paths


@lru_cache(maxsize=10_000)  # asked once for every photo, and classes are few
def tidy_class_name(name: str) -> str:
    """The name in composed Unicode form, without control characters and surrounding space."""
    return plain(unicodedata.normalize("NFC", name)) or "unnamed"


def _with_folders(folders: Sequence[Sequence[str]], way: str) -> Layout:
    """The layout of photos in these folders."""
    level = _part_level(folders, beside=0 if way == "file_name" else 1)
    rests = [_without(entry, level) for entry in folders if level is None or level < len(entry)]
    wrapping = 0
    while rests and _wraps(rests, wrapping):
        wrapping += 1
    return Layout(way, wrapping, level)


def _part_level(folders: Sequence[Sequence[str]], beside: int) -> int | None:
    """The depth at which most photos have a folder named after a part, "train" among them, and none another folder.

    Args:
        beside: How many folders there must be beside it: 1 where a folder says the class, too.
    """
    for level in range(max(map(len, folders), default=0)):
        names = [entry[level].lower() for entry in folders if len(entry) > max(level, beside)]
        if 2 * len(names) > len(folders) and "train" in names and SPLIT_FOLDERS.keys() >= set(names):
            return level
    return None


def _without(folders: Sequence[str], level: int | None) -> Sequence[str]:
    return folders if level is None else [*folders[:level], *folders[level + 1 :]]


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
