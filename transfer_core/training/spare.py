"""The inner part of the training photos that chooses the best epoch, so that validation photos choose nothing."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from transfer_core.data.items import Item

SHARE = 1 / 7


def part_off(items: Sequence[Item], seed: int) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """(photos to learn from, photos spared), about a seventh of each class; copies of a photo stay together.

    A class keeps at least one photo to learn from, unless it has none of its own.
    """
    generator = np.random.default_rng((seed, 1))  # not the seed alone, which decides other things
    by_class: dict[str, set[str]] = defaultdict(set)
    for item in items:
        by_class[item.class_name].add(item.photo)
    placed: dict[str, bool] = {}  # photo -> spared; shared by all classes, should one photo be in several
    for class_name in sorted(by_class):
        own = sorted(by_class[class_name])
        wanted = min(max(1, round(len(own) * SHARE)), len(own) - 1) - sum(placed.get(photo, False) for photo in own)
        free = [photo for photo in own if photo not in placed]
        for place, number in enumerate(generator.permutation(len(free))):
            placed[free[number]] = place < wanted
    return (
        tuple(item for item in items if not placed[item.photo]),
        tuple(item for item in items if placed[item.photo]),
    )
