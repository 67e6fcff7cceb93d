"""Which training photos are left out together. Imports no torch."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

FOLDS = 5


def fold_per_row(class_ids: np.ndarray, units: Sequence[str], generator: np.random.Generator) -> np.ndarray:
    """Fold per row (n,), each class spread evenly, rows of one unit together.

    What holds all rows of a class is in no fold (-1): without it nothing could be learned of that class.
    """
    rows = [Counter(units[int(i)] for i in np.flatnonzero(class_ids == class_id)) for class_id in np.unique(class_ids)]
    fold_of_unit = {unit: -1 for sizes in rows if len(sizes) == 1 for unit in sizes}
    for sizes in rows:
        filled = [sum(size for unit, size in sizes.items() if fold_of_unit.get(unit) == fold) for fold in range(FOLDS)]
        own = sorted(sizes.keys() - fold_of_unit.keys())
        # The largest first, each where there is least; of equal ones as the seed has it.
        for i in sorted(generator.permutation(len(own)), key=lambda i: -sizes[own[i]]):
            fold = fold_of_unit[own[i]] = filled.index(min(filled))
            filled[fold] += sizes[own[i]]
    return np.array([fold_of_unit[unit] for unit in units])


def usable_folds(class_ids: np.ndarray, fold_of: np.ndarray) -> list[int]:
    """The folds that leave something out and leave two classes in."""
    return [fold for fold in range(FOLDS) if (fold_of == fold).any() and len(np.unique(class_ids[fold_of != fold])) > 1]
