"""Splits photos into training, validation and test photos. Only the seed decides what is random. Imports no torch."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from transfer_core.data.labels.dataset import Item, LabelledItem
from transfer_core.data.splits.groups import Unit, choose_held_out, find_units, gather_units, list_groups, name_groups
from transfer_core.errors import DataError
from transfer_core.support.class_order import in_class_order
from transfer_core.support.wording import pluralize


@dataclass(frozen=True)
class Split:
    """Disjoint parts of a dataset.

    Args:
        class_names: In the order of classes; a class id is an index into them.
        given: Whether the data came with its parts, which are then respected.
        crossing: Photos that sit in two parts of a given split, by their original paths.
        test: For the final test; may hold classes without training photos.
        crossing_groups: Groups that sit in two parts of a given split, by name; untrusted text.
    """

    class_names: tuple[str, ...]
    train: tuple[LabelledItem, ...]
    val: tuple[LabelledItem, ...]
    given: bool
    crossing: tuple[tuple[str, str], ...] = ()
    test: tuple[LabelledItem, ...] = ()
    crossing_groups: tuple[str, ...] = ()

    @property
    def train_sizes(self) -> tuple[int, ...]:
        """Training photos of each class."""
        counts = Counter(item.class_name for item in self.train)
        return tuple(counts[name] for name in self.class_names)


def make_split(
    items: Sequence[LabelledItem],
    val_fraction: float,
    seed: int,
    fill_val: bool = False,
    learned: Collection[str] = frozenset(),
    test_fraction: float = 0.0,
    group_pattern: str | None = None,
) -> Split:
    """Parts as the data gives them, else a stratified split by seed; copies and groups of photos stay on one side.

    Args:
        items: Photos without a class have no place in a split; see `labelled`.
        fill_val: Where the data gives the parts, a class without validation photos gives some of its own away.
        learned: Photos (digests) that never become validation photos here: an earlier run was trained on them.
        test_fraction: Of the photos that are not in a given part to check with; ignored where the data has a test part.
        group_pattern: See `patterns`; None takes the groups that the items came with.

    Raises:
        DataError: Fewer than two classes, or a class with too few photos or groups; lists all problems.
    """
    items = name_groups(items, group_pattern)
    given = given_part(items)
    pool = [item for item in items if item.part in (None, "train")]
    val = [item for item in items if given and item.part == given]
    test = [item for item in items if item.part == "test" and given != "test"]
    unit_of = find_units(items)
    units = sorted(gather_units(pool, unit_of), key=lambda unit: _draw(seed, unit.key))
    staying = _meant_to_learn_from(pool, units).union(learned)
    free = [unit for unit in units if unit.photos.isdisjoint(staying)]
    to_val: set[str] = set()
    if not given or fill_val:
        to_val = _choose_val(units, free, _lacking(pool, val) if given else _sizes(units), val_fraction)
    to_test: set[str] = set()
    if test_fraction and not test:
        rest = _without(free, {unit_of[item.photo] for item in val})
        to_test = _choose_test(_without(units, to_val), _without(rest, to_val), _sizes(units), test_fraction)
    aside = to_val | to_test
    train = [item for item in pool if unit_of[item.photo] not in aside]
    val += [item for item in pool if unit_of[item.photo] in to_val]
    test += [item for item in pool if unit_of[item.photo] in to_test]
    problems = _problems(pool, train, val, bool(given), fill_val)
    if not given:
        problems += _kept_together(units, free, pool, val)
    if test_fraction and not test and not problems:
        problems.append(
            "There are too few photos or groups for a test set. Add more photos, or set the share of test photos to 0."
        )
    if problems:
        raise DataError(*problems)
    names = tuple(in_class_order({item.class_name for item in train}))
    split = Split(names, tuple(train), tuple(val), bool(given), test=tuple(test))
    if given or has_test_part(items):
        split = replace(split, crossing=_crossing(split), crossing_groups=_crossing_groups(split))
    return split


def _meant_to_learn_from(pool: Sequence[Item], units: Sequence[Unit]) -> set[str]:
    """Photos (digests) that we never keep aside ourselves: those marked so, where others of their class are not.

    A class of which all are marked, as in data of a folder train alone, is shared out as if none were.
    """
    marked = {item.photo for item in pool if item.part == "train"}
    can_give = {name for unit in units if unit.photos.isdisjoint(marked) for name in unit.counts}
    return {photo for unit in units if can_give.issuperset(unit.counts) for photo in unit.photos & marked}


def _choose_val(units: Sequence[Unit], free: Sequence[Unit], names: Collection[str], share: float) -> set[str]:
    """Keys of the free units to check with, for these classes: those that are drawn first."""
    sizes = _sizes(units)
    wanted = {name: min(max(1, round(sizes[name] * share)), sizes[name] - 1) for name in names}
    return choose_held_out(free, wanted, staying=_without(units, {unit.key for unit in free}))


def _choose_test(units: Sequence[Unit], free: Sequence[Unit], sizes: Mapping[str, int], share: float) -> set[str]:
    """Keys of the free units that become test photos.

    From the other end of the order: asking for a test part, or for a larger one, leaves the validation part alone.

    Args:
        units: Those that are not in the validation set.
        sizes: Photos per class of which the share is meant.
    """
    left = _sizes(units)
    wanted = {name: min(max(1, round(sizes[name] * share)), left[name] - 1) for name in left}
    return choose_held_out(free[::-1], wanted, staying=_without(units, {unit.key for unit in free}))


def classes_without_val(items: Sequence[LabelledItem]) -> list[str]:
    """Classes that have no photo to check with although the data came in parts."""
    given = given_part(items)
    val = [item for item in items if item.part == given]
    return _lacking([item for item in items if item.part in (None, "train")], val) if given else []


def crossings(split: Split) -> list[str]:
    """One sentence, with the remedy, for each kind of overlap between the given parts; has untrusted text in it."""
    found = []
    if split.crossing:
        one, other = split.crossing[0]
        found.append(
            f"{pluralize(len(split.crossing), 'photo is', 'photos are')} in two sets of your data, so the "
            f"accuracy will look too good. The first: {one} and {other}. Remove one of each pair."
        )
    if split.crossing_groups:
        listed = ", ".join(split.crossing_groups[:3])
        found.append(
            f"{pluralize(len(split.crossing_groups), 'group is', 'groups are')} in two sets of your data, so "
            f"the accuracy will look too good: {listed}. Put all photos of a group into one set, or add the "
            "photos without sets; then Graft keeps groups together."
        )
    return found


def given_part(items: Sequence[Item]) -> str | None:
    """The validation part, if the data gives one; with train/ and test/ alone, test is val.

    If some photos have no part, validation photos can be drawn from them. Then `test` stays the test set: a person who
    puts single photos into it by hand means exactly that.
    """
    parts = {item.part for item in items}
    if "val" in parts:
        return "val"
    return "test" if "test" in parts and None not in parts else None


def has_test_part(items: Sequence[Item]) -> bool:
    """Whether the data came with test photos."""
    return given_part(items) != "test" and any(item.part == "test" for item in items)


def _lacking(train: Sequence[LabelledItem], val: Sequence[LabelledItem]) -> list[str]:
    return in_class_order({item.class_name for item in train} - {item.class_name for item in val})


def _draw(seed: int, key: str) -> str:
    """Puts units in an order of the seed's own, in which added ones move few of the others."""
    return hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogatepass")).hexdigest()


def _sizes(units: Sequence[Unit]) -> dict[str, int]:
    """Photos per class; copies of a photo count once, or copies alone could fill a split."""
    sizes: Counter[str] = Counter()
    for unit in units:
        sizes.update(unit.counts)
    return dict(sizes)


def _without(units: Sequence[Unit], keys: Collection[str]) -> list[Unit]:
    return [unit for unit in units if unit.key not in keys]


def _problems(
    pool: Sequence[LabelledItem],
    train: Sequence[LabelledItem],
    val: Sequence[LabelledItem],
    given: bool,
    fill_val: bool,
) -> list[str]:
    problems = []
    names = in_class_order({item.class_name for item in pool})
    if not names:
        return ["There are no training photos yet. Add photos of at least two classes."]
    if len(names) == 1:
        problems.append(
            f"There is only one class, '{names[0]}'. You need at least 2. Add photos of something else, in a "
            "folder of their own."
        )
    trained = {item.class_name for item in train}
    for name in names:
        count = len({item.photo for item in pool if item.class_name == name})
        if count < 2 and not given:
            problems.append(
                f"Class '{name}' has 1 photo. It needs at least 2: one for training and one for validation."
            )
    unknown = in_class_order({item.class_name for item in val} - trained)
    if unknown:
        listed = ", ".join(f"'{name}'" for name in unknown[:5])
        problems.append(f"There are validation photos of {listed}, but no training photos. Add some, or remove those.")
    if given and val and (lacking := _lacking(train, val)):
        listed = ", ".join(f"'{name}'" for name in lacking[:5])
        have = "has" if len(lacking) == 1 else "have"
        instead = "add a second training photo" if fill_val else "create validation photos from the training photos"
        problems.append(
            f"{'Class' if len(lacking) == 1 else 'Classes'} {listed} {have} no validation photos. Add some, "
            f"or {instead}."
        )
    if not val and not problems:
        problems.append("There are no validation photos. Add some, or set all photos to automatic.")
    return problems


def _kept_together(
    units: Sequence[Unit], free: Sequence[Unit], pool: Sequence[LabelledItem], val: Sequence[LabelledItem]
) -> list[str]:
    """A sentence for each class that can have no validation photos, because groups are never split."""
    problems = []
    for name in _lacking(pool, val):
        own = [unit for unit in units if name in unit.counts]
        count = sum(unit.counts[name] for unit in own)
        if count > 1 and len(own) == 1:
            problems.append(
                f"All {count} photos of class '{name}' are in one group, '{own[0].key.strip()}', so none can "
                "become validation photos. Add photos of another group, or change the groups."
            )
        elif count > 1 and any(name in unit.counts for unit in free):
            problems.append(
                f"Class '{name}' cannot be split: other classes need its groups on one side. Add photos of "
                "other groups, or change the groups."
            )
    return problems


def _crossing(split: Split) -> tuple[tuple[str, str], ...]:
    """Paths of the photos that are in two parts: for each validation or test photo, one in an earlier part."""
    found: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    for part in (split.train, split.val, split.test):
        found += [(seen[item.photo], item.path) for item in part if item.photo in seen]
        seen = {item.photo: item.path for item in part} | seen
    return tuple(found)


def _crossing_groups(split: Split) -> tuple[str, ...]:
    parts = [set(list_groups(part)) for part in (split.train, split.val, split.test)]
    counts = Counter(name for part in parts for name in part)
    return tuple(sorted(name for name, count in counts.items() if count > 1))
