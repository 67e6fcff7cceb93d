"""Two models asked about the same photos: is one better, or was it luck? numpy only."""

from dataclasses import dataclass, replace
from math import log, sqrt

import numpy as np

from transfer_core.metrics.clustered import effective_count
from transfer_core.metrics.wilson import wilson
from transfer_core.support.wording import pluralize

LEVEL = 0.05
FEWEST = 6  # independent photos, all won by one side, from which on the test tells two models apart: 2 / 2^6 < 0.05


@dataclass(frozen=True)
class Paired:
    """What two models made of the same photos, seen from the first.

    Args:
        only_first, only_second, both, neither: Photos that were answered rightly by whom.
        p: In [0, 1]: how often chance alone makes as large a difference between two models that are equally good. Of
            McNemar's exact test; where photos depend on each other, of the same test with whole units.
        difference: Accuracy of the first minus that of the second, in [-1, 1].
        interval: 95%, (low, high), of the difference. With very few photos it may leave out 0 where the test, which
            is the more careful of the two, cannot tell; the verdict goes by the test.
        units: How many of the photos are independent of each other.
        open_units: Those of them in which the second was wrong at least once, and so could be beaten.
    """

    only_first: int
    only_second: int
    both: int
    neither: int
    p: float
    difference: float
    interval: tuple[float, float]
    units: int
    open_units: int

    @property
    def count(self) -> int:
        return self.only_first + self.only_second + self.both + self.neither

    @property
    def is_clear(self) -> bool:
        """Whether the difference is larger than chance explains."""
        return self.p < LEVEL

    @property
    def verdict(self) -> str:
        """Of the first: "better", "worse" or "cannot be told apart"."""
        if not self.is_clear:
            return "cannot be told apart"
        return "better" if self.only_first > self.only_second else "worse"


def compare(first_right: np.ndarray, second_right: np.ndarray, units: np.ndarray | None = None) -> Paired:
    """Compares two models by their right answers, bool (n,) each, of the same photos in the same order.

    Args:
        units: (n,): photos with the same value depend on each other, as those of a group do; None where none do.
    """
    first, second = np.asarray(first_right, bool), np.asarray(second_right, bool)
    unit_of = np.arange(len(first)) if units is None else np.asarray(units)
    if first.ndim != 1 or first.shape != second.shape or first.shape != unit_of.shape:
        shapes = f"{first.shape}, {second.shape} and {unit_of.shape}"
        raise ValueError(f"expected rows of equal length, got shapes {shapes}")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    place = np.unique(unit_of, return_inverse=True)[1]
    lead = first.astype(np.int64) - second
    return Paired(
        only_first,
        only_second,
        both,
        neither,
        _flip_test(np.bincount(place, lead).astype(np.int64)),
        (only_first - only_second) / max(1, len(first)),
        _interval(both, only_first, only_second, neither, effective_count(lead, unit_of)),
        len(np.unique(place)),
        len(np.unique(place[~second])),
    )


def corrected(paired: Paired, count: int) -> Paired:
    """The same with a p that holds for one of `count` models, of which somebody looks at whichever pairs stand out.

    The best of several was found by looking at all of them, so it counts as compared with each, and each with each: of
    ten equally good models, half the time one would else seem worse than the luckiest.

    Source: C. E. Bonferroni, 1936: p times the number of comparisons, here of all pairs.
    """
    return replace(paired, p=min(1.0, paired.p * pairs_of(count)))


def pairs_of(count: int) -> int:
    """How many pairs so many models make; at least 1."""
    return max(1, count * (count - 1) // 2)


def in_words(paired: Paired, other: str = "the other") -> str:
    """Such as "Better: it gets 12 photos right that the other gets wrong. The other way round: 2."

    Args:
        other: What the second is called; Markdown and other signs in it are the caller's business.
    """
    if not paired.count:
        return "All these photos were training photos, too, so nothing can be compared."
    if paired.verdict == "cannot be told apart":
        return f"No clear difference on {pluralize(paired.count, 'photo')}."
    if paired.verdict == "better":
        won, lost = pluralize(paired.only_first, "photo"), count_or_none(paired.only_second)
        return f"Better: it gets {won} right that {other} gets wrong. The other way round: {lost}."
    lost, won = pluralize(paired.only_second, "photo"), count_or_none(paired.only_first)
    return f"Worse: it gets {lost} wrong that {other} gets right. The other way round: {won}."


def count_or_none(count: int) -> str:
    """Such as "1,240", or "none"."""
    return f"{count:,}" if count else "none"


def in_points(paired: Paired) -> str:
    """The difference, such as "+8 points, probably between +2 and +14"; points are those of percentages.

    Where the interval leaves out 0 and the test cannot tell, that is said in its place.
    """
    low, high = paired.interval
    if paired.verdict == "cannot be told apart" and not low <= 0 <= high:
        differing = paired.only_first + paired.only_second
        few_photos = f"only {pluralize(differing, 'photo')} {'shows' if differing == 1 else 'show'} a difference"
        return f"{_signed(paired.difference)} points, but {few_photos}, too few to be sure"
    return f"{_signed(paired.difference)} points, probably between {_signed(low)} and {_signed(high)}"


def _signed(share: float) -> str:
    points = round(share * 100)
    return f"{points:+d}".replace("-", "\N{MINUS SIGN}") if points else "0"


def _flip_test(leads: np.ndarray) -> float:
    """Two-sided p of the sum of the units' leads, whole numbers (n,), where each falls to either side as a coin does.

    Of single photos it is McNemar's exact test: each lead is then -1, 0 or 1.

    Source: E. J. G. Pitman, "Significance tests which may be applied to samples from any populations", 1937; with
    clusters of photos as units, the exact form of V. L. Durkalski, Y. Y. Palesch, S. R. Lipsitz and P. F. Rust,
    "Analysis of clustered matched-pair data", Statistics in Medicine 22, 2003, whose statistic orders the flips alike.
    """
    sizes, seen = np.abs(leads), abs(int(leads.sum()))
    singles, larger = int((sizes == 1).sum()), sizes[sizes > 1]
    ways = _coins(singles)
    if not len(larger):
        return float(min(1.0, 2 * ways[: (singles - seen) // 2 + 1].sum())) if seen else 1.0
    chances = np.zeros(2 * singles + 1)  # of each sum, the lowest first
    chances[::2] = ways
    for size in larger:
        still = np.zeros(2 * size)
        chances = (np.concatenate([chances, still]) + np.concatenate([still, chances])) / 2
    middle = len(chances) // 2
    return float(min(1.0, chances[: middle - seen + 1].sum() + chances[middle + seen :].sum())) if seen else 1.0


def _coins(total: int) -> np.ndarray:
    """Chances (total + 1,) of so many heads among so many coins."""
    # Logarithms of "total choose k", each from the one before: as numbers they would be too large from 1,030 coins on.
    steps = np.arange(1, total + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log(total - steps + 1) - np.log(steps))])
    return np.exp(ways - total * log(2))


def _interval(both: int, only_first: int, only_second: int, neither: int, worth: float) -> tuple[float, float]:
    """95% interval of the difference of two shares of the same photos; (-1, 1) without photos.

    Args:
        worth: How many independent photos these are worth; at most their number.

    Source: R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on
    paired data", Statistics in Medicine 17, 1998, method 10: Wilson's interval of each share, joined by how strongly
    the two go together.
    """
    count = both + only_first + only_second + neither
    if count == 0:
        return -1.0, 1.0
    hits = both + only_first, both + only_second
    first, second = (share / count for share in hits)
    (low1, high1), (low2, high2) = (wilson(share, count, worth) for share in hits)
    spread = hits[0] * hits[1] * (count - hits[0]) * (count - hits[1])
    product: float = both * neither - only_first * only_second
    if product > 0:
        product = max(0.0, product - count**2 / worth / 2)  # continuity correction: a weak tie counts as none
    tie = product / sqrt(spread) if spread else 0.0
    difference = first - second
    down, up = (first - low1, high2 - second), (high1 - first, second - low2)
    # Rounding may put a hair below 0 what is 0.
    below, above = (sqrt(max(0.0, a * a - 2 * tie * a * b + b * b)) for a, b in (down, up))
    return max(-1.0, difference - below), min(1.0, difference + above)
