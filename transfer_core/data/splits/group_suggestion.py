"""Groups that the names of files and folders seem to speak of, such as patients. Plain rules; no torch.

Only a person knows whether p01 is a patient, so what is found is a question. It is asked seldom: names must hold a
number that several photos share, and that is neither a running number nor a date, nor names the class.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from transfer_core.data.labels.dataset import LabelledItem
from transfer_core.support.safe_regex import find_group
from transfer_core.support.text import shorten

_LONGEST_NAME = 24  # characters that are shown
_MATCHED = 0.9  # of the photos must be in a group: fewer look like chance
_FEWEST = 4  # groups; with fewer, training and validation photos can hardly be made of them
_SHARED = 0.7  # of the groups must have more than one photo
_LARGEST = 0.5  # of the photos that one group may have
_DATE = re.compile(
    r"(?:^|[^0-9])(?:(?:19|20)\d\d(?:[-_. ]?[01]\d[-_. ]?[0-3]\d)?|[0-3]?\d[-_.][01]?\d[-_.](?:19|20)\d\d)(?:[^0-9]|$)"
)
_CLOCK = re.compile(r"^\d\d(?:[-_.]\d\d){2,}$")
# Roboflow writes each augmented version of a photo as "<name of the photo>.rf.<hash>.jpg".
_VERSIONS = r"([^/]+)\.rf\.[0-9A-Za-z]+\.[^/]*$"
_NAMED = r"[A-Za-z]*[-_ ]?\d+"
_PLACES = {  # where such a name may stand; "{}" is the name
    "file": r"(?:^|/)({})(?:[-_ (][^/]*|[A-Za-z]\.[^/.]*)$",
    "folder": r"(?:^|/)({})/[^/]*$",
}


@dataclass(frozen=True)
class GroupSuggestion:
    """What photos seem to belong together.

    Args:
        pattern: What finds a photo's group in its path; see `safe_regex`.
        first, last: Of the groups' names, as a person counts; untrusted text.
        groups: How many there are.
        in_folders: Whether folders are named so; else the beginnings of file names.
    """

    pattern: str
    first: str
    last: str
    groups: int
    in_folders: bool

    def in_words(self) -> str:
        """Such as "File names begin with p01 ... p25"; a plain line, untrusted."""
        named = "Folders are named" if self.in_folders else "File names begin with"
        return f"{named} {shorten(self.first, _LONGEST_NAME)} ... {shorten(self.last, _LONGEST_NAME)}"


def suggest_pattern(items: Sequence[LabelledItem]) -> GroupSuggestion | None:
    """The groups that the paths of these photos name; None where nothing, or not clearly enough, speaks for any."""
    items = [item for item in items if not item.path.startswith("camera/")]  # their names are Graft's own
    for place, pattern in (("file", _VERSIONS), *((place, form.format(_NAMED)) for place, form in _PLACES.items())):
        members = _find_members(items, pattern)
        if not _are_groups(members, items, is_number=pattern != _VERSIONS):
            continue
        names = sorted(members, key=_as_counted)
        if pattern != _VERSIONS:
            pattern = _narrowed(place, names, members, items)
        return GroupSuggestion(pattern, names[0], names[-1], len(names), place == "folder")
    return None


def _find_members(items: Sequence[LabelledItem], pattern: str) -> dict[str, list[LabelledItem]]:
    """The photos of each group, by its name."""
    members: dict[str, list[LabelledItem]] = defaultdict(list)
    for item in items:
        if group := find_group(pattern, item.path):
            members[group].append(item)
    return dict(members)


def _are_groups(members: dict[str, list[LabelledItem]], items: Sequence[LabelledItem], is_number: bool) -> bool:
    sizes = [len(own) for own in members.values()]
    if len(members) < _FEWEST or sum(sizes) < _MATCHED * len(items) or max(sizes) > _LARGEST * len(items):
        return False
    groups_of = defaultdict(set)
    for name, own in members.items():
        for item in own:
            groups_of[item.class_name].add(name)
    if len(groups_of) < len({item.class_name for item in items}) or any(len(own) < 2 for own in groups_of.values()):
        return False  # a class in one group cannot be split
    shared = sum(len({_rest(name, item) for item in own}) > 1 for name, own in members.items())
    return shared >= _SHARED * len(members) and not (is_number and _are_dates(members))


def _rest(group: str, item: LabelledItem) -> str:
    """What tells a photo from others of its group: its file name without the group and the class.

    "red/001_red" and "blue/001_blue" are the first photos of two classes; nothing else tells them apart.
    """
    name = item.path.rpartition("/")[2].rpartition(".")[0].casefold()
    return name.replace(group.casefold(), "").replace(item.class_name.casefold(), "")


def _are_dates(members: dict[str, list[LabelledItem]]) -> bool:
    """Photos of a day belong together in many albums and are of one thing in few."""

    def is_date(group: str, item: LabelledItem) -> bool:
        parts = item.path.rpartition(".")[0].split("/")
        name = next((part for part in reversed(parts) if part.startswith(group)), group)
        date = _DATE.search(name)
        return bool(_CLOCK.match(name)) or bool(date and date.start() <= len(group))

    return sum(is_date(group, own[0]) for group, own in members.items()) > len(members) / 2


def _narrowed(
    place: str, names: list[str], members: dict[str, list[LabelledItem]], items: Sequence[LabelledItem]
) -> str:
    """The pattern with the letters that all names begin with, which a person can read; it finds the same groups."""
    letters = {re.match(r"[A-Za-z]*[-_ ]?", name)[0] for name in names}  # type: ignore[index]  # it matches nothing, too
    pattern = _PLACES[place].format(_NAMED)
    if len(letters) > 1:
        return pattern
    narrow = _PLACES[place].format(letters.pop() + r"\d+")
    return narrow if _find_members(items, narrow) == members else pattern


def _as_counted(name: str) -> tuple[Collection[object], str]:
    """A key by which p2 comes before p10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name) if part], name
