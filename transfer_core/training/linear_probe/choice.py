"""Which head suits: solved or trained, how strong, and how sure; found on training photos left out. Imports no torch.

Over nine sets of photos, six random splits each, the solved head was right in 93.5% of validation photos, the trained
one in 92.6%, whichever had the smaller loss in 93.4%; with ten photos a class in 86.5%, 85.2% and 86.3%. So the solved
one is taken unless the trained one is clearly better. Leaving out stages, where that had the smaller loss, changed
nothing, and neither did the square root of each feature, which helps where the last layer stands alone.
"""

from dataclasses import astuple, dataclass, replace

import numpy as np

from transfer_core.training.linear_probe.examples import Examples
from transfer_core.training.linear_probe.folds import fold_per_row
from transfer_core.training.linear_probe.l2_search import DEFAULT_L2, cross_validate, search_l2
from transfer_core.training.linear_probe.sharpness import sharpen
from transfer_core.training.linear_probe.solved_head import SHRINKAGES, discriminants_left_out

# Its few epochs restrain a trained head, too: what lies between these strengths is hardly another head.
_L2_CANDIDATES = np.geomspace(1e-1, 1e-5, 5)


@dataclass(frozen=True)
class Choice:
    """How the head is made.

    Args:
        is_solved: Whether the solved head is kept, and not the trained one.
        shrinkage, solved_sharpness: Of the solved head.
        l2, trained_sharpness: Of the trained head.
        solved_loss, trained_loss: Mean log losses on training photos left out; NaN where none could be.
    """

    is_solved: bool
    shrinkage: float
    solved_sharpness: float
    l2: float
    trained_sharpness: float
    solved_loss: float
    trained_loss: float

    def to_array(self) -> np.ndarray:
        """float64 (7,), for a checkpoint."""
        return np.array(astuple(self), np.float64)

    @classmethod
    def from_array(cls, numbers: np.ndarray) -> "Choice":
        is_solved, *rest = numbers.tolist()
        return cls(bool(is_solved), *rest)


# Where nothing can be left out to choose by: nobody knows how sure a solved head may be.
UNTRIED = Choice(False, float("nan"), float("nan"), DEFAULT_L2, 1.0, float("nan"), float("nan"))


def choose(examples: Examples, epochs: int, seed: int) -> Choice | None:
    """The head that suits, by five-fold cross-validation; None where nothing can be left out.

    Args:
        epochs: As many as the trained head will be trained for.

    Raises:
        TransferError: Losses are no numbers.
    """
    generator = np.random.default_rng(seed)
    some = examples.some(generator)
    fold_of = fold_per_row(some.class_ids, some.units, generator)
    validation = cross_validate(
        some.coordinates, some.class_ids, fold_of, some.class_count, _L2_CANDIDATES, epochs, some.weighted
    )
    if validation is None:
        return None
    answers = validation.out_of_fold(fold_of)
    left_out = answers.folds >= 0
    trained = np.log(np.maximum(answers.confidences[left_out], 1e-12))[np.newaxis]
    ids, weights = some.class_ids[left_out], some.weights[left_out]
    [trained_sharpness], [trained_losses] = sharpen(trained, np.zeros_like(trained[0]), ids, weights)
    shrinkage, solved_sharpness, solved_losses = _try_solved(some, fold_of)
    solved_loss, trained_loss = (float(np.average(each, weights=weights)) for each in (solved_losses, trained_losses))
    return Choice(
        not _is_clearly_less(trained_losses, solved_losses, weights),
        shrinkage,
        solved_sharpness,
        answers.strength,
        float(trained_sharpness),
        solved_loss,
        trained_loss,
    )


def choose_trained(examples: Examples, epochs: int, seed: int) -> Choice | None:
    """The trained head of the strength that suits, nothing else being tried; None, arguments and error as `choose`."""
    units, count = examples.units, examples.class_count
    found = search_l2(examples.features, examples.class_ids, units, count, epochs, seed, examples.weighted)
    return None if found is None else replace(UNTRIED, l2=found)


def _try_solved(some: Examples, fold_of: np.ndarray) -> tuple[float, float, np.ndarray]:
    """(shrinkage, sharpness, loss of each photo left out) of the best solved head."""
    told, log_shares = discriminants_left_out(some.coordinates, some.class_ids, fold_of, some.class_count, some.weights)
    left_out = np.isfinite(log_shares).all(1)
    ids, weights = some.class_ids[left_out], some.weights[left_out]
    sharpness, losses = sharpen(told[:, left_out], log_shares[left_out], ids, weights)
    best = int((losses @ weights).argmin())
    return float(SHRINKAGES[best]), float(sharpness[best]), losses[best]


def _is_clearly_less(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> bool:
    """Whether the mean of the first losses (n,) is less than that of the second by more than its standard error."""
    shares = weights / weights.sum()
    difference = second - first
    mean = float(shares @ difference)
    return mean > float(np.sqrt((shares**2) @ (difference - mean) ** 2))
