"""What a look at the counts alone says about a set of photos. Plain rules; no torch."""

from transfer_core.text import counted

SMALL_CLASS = 10
IMBALANCE = 3.0


def findings(classes: dict[str, int]) -> list[str]:
    """One sentence per thing to look at, from photos per class; class names come as they are, hostile text."""
    said = []
    if not classes:
        return said
    if len(classes) == 1:
        said.append("There is one class. Telling apart needs at least two: add photos of something else.")
    for name, count in classes.items():
        if count < SMALL_CLASS:
            said.append(f"'{name}' has only {counted(count, 'photo')}. With {SMALL_CLASS} or more it will do better.")
    largest, smallest = max(classes, key=classes.get), min(classes, key=classes.get)
    if classes[largest] > IMBALANCE * classes[smallest]:
        said.append(
            f"'{largest}' has {classes[largest] / classes[smallest]:.0f} times as many photos as '{smallest}'. The "
            "model may come to prefer the larger class; more photos of the smaller one help most."
        )
    return said
