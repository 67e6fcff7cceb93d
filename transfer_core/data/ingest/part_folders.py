"""Which folders are parts of a set, such as train and val, and which are not. Pure functions on paths.

A name alone does not say: a "train" beside "bus" and "car" is a vehicle. So the folders that lie beside each other are
looked at together, in all places of the same depth; folders that are parts do not count as a depth. In these words:

1. Where all of them say parts, they are parts. Names may have something else in common ("imagenette_train",
   "imagenette_val"). Where they differ in it ("cats_train", "cats_val", "dogs_train"), that is the class; but only if
   it has several parts, which those of "steam_train" and "freight_train" have not.
2. Where others lie beside them, the names of training and of further photos are parts if they outnumber the others, or
   have folders of the same names inside. The others are then in no part.
3. Else a single one is a part if it holds folders that are called like those beside it, or if it lies beside two others
   at least and is not an everyday word: "validation" is one, "train" and "valid" are classes.
4. A folder of unlabelled photos never is a class, except beside one of labelled photos.
5. Inside a part, a single folder that says the same part again ("test/test") is that part.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from transfer_core.data.split_names import UNLABELLED, WORDS, PartName, read_part_name, says_labelled, words_of
from transfer_core.support.text import shorten

Folders = tuple[str, ...]
_OWN_SPLIT = "Graft puts their photos together, and makes a split of its own."


class FolderMeaning(NamedTuple):
    """Where the folders of a photo put it.

    Args:
        part: "train", "val", "test", `UNLABELLED` or None.
        fold: Of a cross-validation; None where none is named.
        names: The folders that said so.
        rest: The others.
    """

    part: str | None
    fold: str | None
    names: Folders
    rest: Folders


_Below = dict[str, set[Folders]]  # what lies below each folder, in small letters; () stands for photos in it
_Found = dict[str, PartName]


@dataclass(frozen=True)
class PartFolders:
    """The folders that are parts.

    Args:
        marks: What a folder means, by its name, by (its depth, the parts around it at this depth).
        exclusive: Whether all photos to use lie in parts, so that others are left out.
    """

    marks: Mapping[tuple[int, Folders], _Found] = field(default_factory=dict)
    exclusive: bool = False

    def place(self, folders: Sequence[str]) -> FolderMeaning:
        part = fold = None
        names: list[str] = []
        rest: list[str] = []
        around: Folders = ()
        for name in folders:
            said = self.marks.get((len(rest), around), {}).get(name)
            around = (*around, name) if said else ()
            if said:
                part = part if part == UNLABELLED else said.role or part
                fold = said.fold or fold
                names.append(name)
                name, around = said.rest, () if said.rest else around
            if name:
                rest.append(name)
        return FolderMeaning(part, fold, tuple(names), tuple(rest))


def find_part_folders(photos: Iterable[Folders]) -> PartFolders:
    """The parts among the folders of some photos."""
    marks: dict[tuple[int, Folders], _Found] = {}
    exclusive, depth = False, 0
    waiting = [(folders, 0) for folders in dict.fromkeys(photos) if folders]  # and which of them comes next
    while waiting:
        inside: dict[Folders, list[tuple[Folders, int]]] = {(): waiting}
        waiting = []
        while inside:
            below = {around: _below(group) for around, group in inside.items()}
            found, is_exclusive = _decide(_together(below.values()))
            exclusive |= is_exclusive
            deeper: dict[Folders, list[tuple[Folders, int]]] = defaultdict(list)
            for around, group in inside.items():
                own = found or _repeated(around, below)
                marks[depth, around] = own
                for folders, at in group:
                    if at + 1 < len(folders):
                        is_part = folders[at] in own and not own[folders[at]].rest
                        (deeper[*around, folders[at]] if is_part else waiting).append((folders, at + 1))
            inside = deeper
        depth += 1
    return PartFolders({key: own for key, own in marks.items() if own}, exclusive)


def taken_over(places: Sequence[FolderMeaning]) -> tuple[tuple[str, ...], bool]:
    """What to say about the parts that the folders name, and whether they become those of the photos."""
    named: dict[str, dict[str, None]] = defaultdict(dict)  # the folders of each part
    folds: dict[str, set[str | None]] = defaultdict(set)
    names: dict[str, None] = {}
    for place in places:
        if place.part in WORDS:
            named[place.part].setdefault(_first(place.names, lambda said: said.role))
        if place.fold:
            folds[place.fold].add(place.part)
            names.setdefault(_first(place.names, lambda said: said.fold))
    if len(folds) > 1 and any(len(parts) > 1 for parts in folds.values()):
        return (f"{listed(names)} repeat the same photos for cross-validation. {_OWN_SPLIT}",), False
    if named and "train" not in named and all(place.part for place in places):
        sets = listed(key for own in named.values() for key in own)
        return (f"There is no folder of training photos, so {sets} are not read as sets. {_OWN_SPLIT}",), False
    notes = [f"{listed(names)} are the folds of a cross-validation. {_OWN_SPLIT}"] if len(folds) > 1 else []
    for part, own in named.items():
        if len({name.casefold() for name in own}) > 1:
            notes.append(f"{listed(own)} are put together: they all become {words_of(part)} photos.")
    return tuple(notes), True


def _first(names: Folders, says: Callable[[PartName], str | None]) -> str:
    """The first of the folders whose name says so."""
    return next(name for name in names if (said := read_part_name(name)) and says(said))


def listed(names: Iterable[str]) -> str:
    """ "'a', 'b' and 'c'"; of many the first."""
    quoted = [f"'{shorten(name, 40)}'" for name in sorted(names)]
    quoted = quoted if len(quoted) < 7 else [*quoted[:5], f"{len(quoted) - 5} more"]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}" if len(quoted) > 1 else quoted[0]


def _below(group: Iterable[tuple[Folders, int]]) -> _Below:
    below: _Below = defaultdict(set)
    for folders, at in group:
        below[folders[at]].add(tuple(name.casefold() for name in folders[at + 1 :]))
    return below


def _together(groups: Iterable[_Below]) -> _Below:
    union: _Below = defaultdict(set)
    for group in groups:
        for name, inner in group.items():
            union[name] |= inner
    return union


def _decide(below: _Below) -> tuple[_Found, bool]:
    """Which of the folders beside each other are parts, and whether those are all that is to be used."""
    said = {name: read_part_name(name) for name in below}
    known: _Found = {name: part for name, part in said.items() if part}
    others = below.keys() - known.keys()
    apart = {} if _is_opposite(known, others, below) else _of_role(known, UNLABELLED)
    known = {name: part for name, part in known.items() if part.role != UNLABELLED}
    if not others:
        found = _alone(known)
        return apart | found, any(part.role == "train" for part in found.values())
    for rest in dict.fromkeys(("", *(part.rest for part in known.values()))):  # "seg_train", "seg_test" and "seg_pred"
        plain = {name: part._replace(rest="") for name, part in known.items() if part.rest == rest and part.role}
        if _is_given(plain, others, below):
            return apart | plain, True
    plain = {name: part for name, part in known.items() if not part.rest}
    beside = {name.casefold() for name in others}
    return apart | {
        name: part
        for name, part in plain.items()
        if any(inner and inner[0] in beside for inner in below[name])
        or (len(others) > 1 and part.role and not part.everyday)
    }, False


def _alone(known: _Found) -> _Found:
    """Those that are parts where nothing else lies beside them."""
    told_apart = _told_apart(known)
    is_one = len({part.rest.casefold() for part in known.values()}) == 1
    return _of_parts(told_apart) or (_of_parts(known) if is_one else {})


def _told_apart(known: _Found) -> _Found:
    """The same, with all that their names say where two of one part would become one class otherwise.

    "grade1_train" and "grade2_train" beside "healthy_train", or "new_cats_train" and "cats_train".
    """
    wholes: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for part in known.values():
        wholes[part.rest.casefold(), part.role].add(part.whole.casefold())
    alike = {rest for (rest, _), own in wholes.items() if len(own) > 1}
    return {n: part._replace(rest=part.whole) if part.rest.casefold() in alike else part for n, part in known.items()}


def _of_parts(known: _Found) -> _Found:
    """Those that are parts, if what else their names say is as it stands here."""
    roles: dict[str, set[str | None]] = defaultdict(set)
    for part in known.values():
        roles[part.rest.casefold()].add(part.role)
    if roles.keys() <= {""}:
        return known
    if "" not in roles and len(roles) > 1:  # what else the names say is the class
        return known if any(len(own) > 1 and "train" in own for own in roles.values()) else {}
    if len(roles.keys() - {""}) > 1 or len({part.role for part in known.values()}) == 1:
        return {}
    return {name: part._replace(rest="") for name, part in known.items()}


def _is_given(plain: _Found, others: Collection[str], below: _Below) -> bool:
    """Whether these are the parts of the set although others lie beside them."""
    training = [name for name, part in plain.items() if part.role == "train"]
    further = plain.keys() - set(training)
    if not training or not further:
        return False
    inner, other = (set().union(*(below[name] for name in names)) - {()} for names in (training, further))
    beside = {name.casefold() for name in others}
    if any(folders[0] in beside for folders in other):  # "test" holds what lies beside it, and so "train" is a class
        return False
    return len(plain) > len(others) or not inner.isdisjoint(other)


def _is_opposite(known: _Found, others: Collection[str], below: _Below) -> bool:
    """Whether a folder of labelled photos lies beside the unlabelled ones, holds the same, and both are classes."""
    labelled = [below[name] for name in others if says_labelled(name)]
    return any(not below[name].isdisjoint(inner) for name in _of_role(known, UNLABELLED) for inner in labelled)


def _of_role(known: _Found, role: str) -> _Found:
    return {name: part for name, part in known.items() if part.role == role}


def _repeated(around: Folders, below: Mapping[Folders, _Below]) -> _Found:
    """The one folder inside a part that says the same part again, where it is no class of another part."""
    if not around or len(below[around]) > 1:
        return {}
    name = next(iter(below[around]))
    inner, outer = read_part_name(name), read_part_name(around[-1])
    is_elsewhere = any(name in group for other, group in below.items() if other != around)
    return {name: inner} if inner and outer and inner.role == outer.role and not is_elsewhere else {}
