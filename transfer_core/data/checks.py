"""What a look at the counts alone says about a set of photos. Plain rules; no torch."""

from collections.abc import Iterable

from transfer_core.support.wording import pluralize

SMALL_CLASS = 10
IMBALANCE = 3.0


def class_warnings(classes: dict[str, int]) -> list[str]:
    """One sentence per problem found, from photos per class; class names come as they are, untrusted text."""
    said: list[str] = []
    if not classes:
        return said
    if len(classes) == 1:
        said.append("There is only one class. You need at least two: add photos of something else.")
    for names in alike(classes):
        quoted = " and ".join(f"'{name}'" for name in names)
        said.append(
            f"{quoted} differ only in capitals. The model will treat them as different classes. Do they mean the same?"
        )
    for name, count in classes.items():
        if count < SMALL_CLASS:
            said.append(
                f"'{name}' has only {pluralize(count, 'photo')}. With {SMALL_CLASS} or more, the model will do better."
            )
    largest, smallest = max(classes, key=classes.__getitem__), min(classes, key=classes.__getitem__)
    if classes[largest] > IMBALANCE * classes[smallest]:
        said.append(
            f"'{largest}' has {classes[largest] / classes[smallest]:.0f} times as many photos as "
            f"'{smallest}'. The model may favour the larger class. More photos of the smaller one help most."
        )
    return said


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of class names that differ in capitals only, each sorted; untrusted text."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(name.casefold(), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]
