"""The inner part of the training photos that chooses the best epoch, so that validation photos choose nothing."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from transfer_core.data.labels.dataset import LabelledItem
from transfer_core.data.splits.groups import Unit, choose_held_out, find_units, gather_units

SHARE = 1 / 7


def part_off(items: Sequence[LabelledItem], seed: int) -> tuple[tuple[LabelledItem, ...], tuple[LabelledItem, ...]]:
    """(training photos, photos spared), about a seventh of each class; copies and groups of photos stay together.

    Each class keeps at least one training photo.
    """
    unit_of = find_units(items)
    units = sorted(gather_units(items, unit_of), key=lambda unit: unit.key)
    sizes: Counter[str] = Counter()
    for unit in units:
        sizes.update(unit.counts)
    wanted = {name: min(max(1, round(size * SHARE)), size - 1) for name, size in sizes.items()}
    spared = choose_held_out(_shuffle(units, seed), wanted)
    return (
        tuple(item for item in items if unit_of[item.photo] not in spared),
        tuple(item for item in items if unit_of[item.photo] in spared),
    )


def _shuffle(units: Sequence[Unit], seed: int) -> list[Unit]:
    """The units of one class after the other, each class's own in an order of the seed's.

    What holds photos of several classes stands with the first of them.
    """
    generator = np.random.default_rng((seed, 1))  # not the seed alone, which decides other things
    by_class: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        by_class[min(unit.counts)].append(unit)
    own = [by_class[name] for name in sorted(by_class)]
    return [heap[number] for heap in own for number in generator.permutation(len(heap))]
