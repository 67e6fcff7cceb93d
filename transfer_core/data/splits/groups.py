"""Photos that may not be parted: copies of one, and those of a group such as a patient. Plain rules; no torch."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from transfer_core.data.labels.dataset import Item, LabelledItem
from transfer_core.support.safe_regex import find_group
from transfer_core.support.text import shorten
from transfer_core.support.wording import pluralize


@dataclass(frozen=True)
class Unit:
    """Photos that must stay in the same split: copies of one photo, and those of one group.

    Args:
        key: Its name, which photos that are added to it later do not change.
        counts: Distinct photos of each class.
        photos: Digests.
    """

    key: str
    counts: Mapping[str, int]
    photos: frozenset[str]


def name_groups(items: Sequence[LabelledItem], pattern: str | None) -> list[LabelledItem]:
    """The items with the groups that the pattern finds in their paths, instead of those they came with.

    Args:
        pattern: Good by `patterns.problem_of`; None leaves all groups as they are.
    """
    if pattern is None:
        return list(items)
    return [replace(item, group=find_group(pattern, item.path)) for item in items]


def problem_of_pattern(items: Sequence[LabelledItem], pattern: str | None) -> str | None:
    """That a pattern finds no group in any path, with paths to look at; None where it finds some. Untrusted text."""
    if not pattern or not items or any(find_group(pattern, item.path) for item in items):
        return None
    shown = " and ".join(f"'{shorten(item.path, 80)}'" for item in items[:: max(1, len(items) - 1)][:2])
    return (
        f"The group pattern '{shorten(pattern, 80)}' finds nothing in any of the {pluralize(len(items), 'name')}, such "
        f"as {shown}, so no photos would be kept together. Change it, or leave it out."
    )


def remark_on_pattern(items: Sequence[LabelledItem], pattern: str | None) -> str | None:
    """That a pattern finds a group in some paths only; None where it finds one in all. Untrusted text."""
    without = [item for item in items if not find_group(pattern, item.path)] if pattern else []
    if not without:
        return None
    return (
        f"The group pattern finds a group in {len(items) - len(without):,} of {len(items):,} names; not in "
        f"{pluralize(len(without), 'name')}, such as '{shorten(without[0].path, 80)}'. Photos without a group may go "
        "anywhere."
    )


def list_groups(items: Iterable[Item]) -> list[str]:
    """The names of all groups, sorted; untrusted text."""
    return sorted({item.group for item in items if item.group is not None})


def find_units(items: Iterable[Item]) -> dict[str, str]:
    """The key of each photo's unit, by digest. A photo that is in two groups joins them.

    A unit is called after the first of its groups in the alphabet; without one, after its photo.
    """
    above: dict[str, str] = {}

    def top(name: str) -> str:
        above.setdefault(name, name)
        while above[name] != name:
            above[name] = above[above[name]]  # halves the way for whoever comes next
            name = above[name]
        return name

    for item in items:
        photo = top(item.photo)
        if item.group is not None:
            first, second = sorted((photo, top(f" {item.group}")))  # the space lets a group come before any digest
            above[second] = first
    return {name: top(name) for name in above if not name.startswith(" ")}


def gather_units(items: Iterable[LabelledItem], unit_of: Mapping[str, str]) -> list[Unit]:
    """The units that these items make up, each with what they know of it.

    Args:
        unit_of: From `find_units`, of these items or of more.
    """
    members: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for item in items:
        members[unit_of[item.photo]][item.class_name].add(item.photo)
    return [
        Unit(key, {name: len(photos) for name, photos in classes.items()}, frozenset().union(*classes.values()))
        for key, classes in members.items()
    ]


def choose_held_out(units: Sequence[Unit], wanted: Mapping[str, int], staying: Iterable[Unit] = ()) -> set[str]:
    """Keys of the units to set aside, so that each class has about as many photos among them as wanted.

    Units are looked at in their order, and one is taken where that brings the classes nearer to what is wanted. In
    units of one class, a class so ends within half a unit of it. A class that still has nothing then gets the unit that
    does the least harm to the shares. No class is left without a unit that stays.

    Args:
        wanted: Photos per class; a class that is not named wants none.
        staying: Further units, which are not to be taken.
    """
    left = Counter(name for unit in (*units, *staying) for name in unit.counts)
    lack, taken = Counter(wanted), set()

    def gain(unit: Unit) -> int:
        return sum(abs(lack[name]) - abs(lack[name] - count) for name, count in unit.counts.items())

    def can_go(unit: Unit) -> bool:
        return unit.key not in taken and all(left[name] > 1 for name in unit.counts)

    def take(unit: Unit) -> None:
        taken.add(unit.key)
        lack.subtract(unit.counts)
        left.subtract(unit.counts.keys())

    for unit in units:
        if gain(unit) > 0 and can_go(unit):
            take(unit)
    for name in sorted(wanted):
        if lack[name] == wanted[name] > 0:
            own = [unit for unit in units if name in unit.counts and can_go(unit)]
            if own:
                take(max(own, key=gain))
    return taken
