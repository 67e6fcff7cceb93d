"""Which photos are learned from and which are kept aside. Plain rules, no randomness but the seed's; no torch."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from transfer_core.data.items import Item
from transfer_core.errors import DataError


@dataclass(frozen=True)
class Split:
    """Disjoint parts of a dataset.

    Args:
        class_names: Sorted; a class id is an index into them.
        given: Whether the data came with its parts, which are then respected.
        crossing: Photos that sit in both parts of a given split, by their original paths (train, val).
    """

    class_names: tuple[str, ...]
    train: tuple[Item, ...]
    val: tuple[Item, ...]
    given: bool
    crossing: tuple[tuple[str, str], ...] = ()

    @property
    def train_sizes(self) -> tuple[int, ...]:
        """Training photos of each class."""
        counts = Counter(item.class_name for item in self.train)
        return tuple(counts[name] for name in self.class_names)


def make_split(
    items: Sequence[Item],
    val_fraction: float,
    seed: int,
    fill_val: bool = False,
    never_val: Collection[str] = frozenset(),
) -> Split:
    """Parts as the data gives them, else a stratified split by seed; identical photos stay on one side.

    Args:
        fill_val: Where the data gives the parts, a class without validation photos gives some of its own away.
        never_val: Photos (digests) that we never keep aside ourselves: an earlier run has learned from them.

    Raises:
        DataError: Fewer than two classes, or a class with too few photos; lists all problems.
    """
    given = _given_part(items)
    pool = [item for item in items if item.part in (None, "train")]
    if given:
        train, val = pool, [item for item in items if item.part == given]
        if fill_val:
            train, val = _fill(train, val, val_fraction, seed)
    else:
        train, val = _stratified(pool, val_fraction, seed, never_val)
    _check(pool, train, val, bool(given), fill_val)
    crossing = _crossing(train, val) if given else ()
    names = tuple(sorted({item.class_name for item in train}))
    return Split(names, tuple(train), tuple(val), bool(given), crossing)


def _stratified(
    items: Sequence[Item], val_fraction: float, seed: int, never_val: Collection[str] = frozenset()
) -> tuple[list[Item], list[Item]]:
    """Per class, the photos with the smallest seeded hash go to val: adding photos moves few of the others.

    Copies of a photo count once, or a heap of copies could fill a part by itself.
    """
    by_class: dict[str, dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        by_class[item.class_name][item.photo].append(item)
    # photo -> in val; shared by all classes, so that a photo never sits on both sides
    side = dict.fromkeys((item.photo for item in items if item.photo in never_val), False)
    for class_name in sorted(by_class):
        groups = by_class[class_name]
        wanted = min(max(1, round(len(groups) * val_fraction)), len(groups) - 1)
        wanted -= sum(side.get(photo, False) for photo in groups)
        for photo in sorted((photo for photo in groups if photo not in side), key=lambda photo: _draw(seed, photo)):
            side[photo] = wanted > 0
            wanted -= 1
    return [item for item in items if not side[item.photo]], [item for item in items if side[item.photo]]


def classes_without_val(items: Sequence[Item]) -> list[str]:
    """Classes that have no photo to check with although the data came in parts."""
    val = [item for item in items if item.part == _given_part(items)]
    return _lacking([item for item in items if item.part in (None, "train")], val) if val else []


def _given_part(items: Sequence[Item]) -> str | None:
    """The part to check with, where the data gives one; train/ and test/ alone: test is val."""
    parts = {item.part for item in items}
    return next((part for part in ("val", "test") if part in parts), None)


def _lacking(train: Sequence[Item], val: Sequence[Item]) -> list[str]:
    return sorted({item.class_name for item in train} - {item.class_name for item in val})


def _fill(train: list[Item], val: list[Item], val_fraction: float, seed: int) -> tuple[list[Item], list[Item]]:
    """Both parts, after each class that has nothing in the second has given some photos to it."""
    held = {item.class_name for item in val}
    lacking = [item for item in train if item.class_name not in held]
    _, given_away = _stratified(lacking, val_fraction, seed)
    moved = {item.photo for item in given_away}  # a photo that other classes have, too, is on one side for all
    return [item for item in train if item.photo not in moved], val + [item for item in train if item.photo in moved]


def _draw(seed: int, photo: str) -> str:
    return hashlib.sha256(f"{seed}:{photo}".encode()).hexdigest()


def _check(pool: Sequence[Item], train: Sequence[Item], val: Sequence[Item], given: bool, fill_val: bool) -> None:
    problems = []
    names = sorted({item.class_name for item in pool})
    if not names:
        raise DataError("There are no photos to learn from yet. Add photos of at least two classes.")
    if len(names) == 1:
        problems.append(
            f"There is one class, '{names[0]}'; telling apart needs at least 2. Add photos of something else, in a "
            "folder of their own."
        )
    trained = {item.class_name for item in train}
    for name in names:
        count = len({item.photo for item in pool if item.class_name == name})
        if count < 2 and not given:
            problems.append(f"Class '{name}' has 1 photo; it needs at least 2, one to learn from and one to check.")
    unknown = sorted({item.class_name for item in val} - trained)
    if unknown:
        listed = ", ".join(f"'{name}'" for name in unknown[:5])
        problems.append(f"The validation part has classes without training photos: {listed}. Add some, or remove them.")
    if given and val and (lacking := _lacking(train, val)):
        listed = ", ".join(f"'{name}'" for name in lacking[:5])
        have = "has" if len(lacking) == 1 else "have"
        instead = "it needs at least 2 to spare one" if fill_val else "let some of those to learn from be taken"
        problems.append(
            f"{'Class' if len(lacking) == 1 else 'Classes'} {listed} {have} no photo in the validation part. Add "
            f"some to it, or {instead}{'' if fill_val else ' (setting fill_val)'}."
        )
    if not val and not problems:
        problems.append("The validation part is empty. Add photos to it, or leave out the val folder.")
    if problems:
        raise DataError(*problems)


def _crossing(train: Sequence[Item], val: Sequence[Item]) -> tuple[tuple[str, str], ...]:
    by_photo = {item.photo: item.path for item in train}
    return tuple((by_photo[item.photo], item.path) for item in val if item.photo in by_photo)
