"""How much photos say that depend on each other, such as those of one patient. numpy only."""

import numpy as np

from transfer_core.metrics.wilson import Z_95, wilson


def clustered_interval(right: np.ndarray, units: np.ndarray) -> tuple[float, float]:
    """95% interval (low, high) of the share of right answers, in [0, 1]; (0, 1) without photos.

    Wilson's, on as many photos as these are worth; where no two depend on each other, the plain one.

    Args:
        right: bool (n,).
        units: (n,), whatever can be compared: photos with the same value depend on each other.

    Source: C. Franco, R. J. A. Little, T. A. Louis and E. V. Slud, "Comparative study of confidence intervals for
    proportions in complex sample surveys", Journal of Survey Statistics and Methodology 7, 2019, who recommend Wilson's
    interval on the effective sample size for clustered samples.
    """
    return wilson(int(np.sum(right)), len(right), effective_count(right, units))


def effective_count(values: np.ndarray, units: np.ndarray) -> float:
    """How many independent photos tell as much of the mean of the values as these do; from `fewest_worth` to n.

    The number of photos, divided by the design effect: how many times as large the variance of the mean is as if all
    were independent. It is estimated from the units' sums. Few units make that a poor estimate, so it is raised for
    them; and until some unit has values that differ, all photos of a unit are taken to be alike.

    Args:
        values: (n,), numbers.
        units: As in `clustered_interval`.

    Source: L. Kish, "Survey Sampling", 1965 (design effect; variance of a ratio of sums over clusters); E. L. Korn and
    B. I. Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from
    survey data", Survey Methodology 24, 1998 (effective count, with the ratio of quantiles of t).
    """
    _, firsts, place, sizes = np.unique(units, return_index=True, return_inverse=True, return_counts=True)
    count, clusters = len(values), len(sizes)
    if clusters == count:
        return float(count)
    numbers = np.asarray(values, np.float64)
    least, residuals = _worth_of_units(sizes), numbers - numbers.mean()
    if clusters == 1 or not residuals.any():
        return least
    variance = float((np.bincount(place, residuals) ** 2).sum()) * clusters / (clusters - 1) / count
    effect = variance / (float((residuals**2).sum()) / (count - 1))
    # How far to take photos of a unit for alike in spite of that: wholly, then half as far with each unit that is
    # mixed, and not at all once all are.
    mixed = len(np.unique(place[numbers != numbers[firsts][place]]))
    doubt = 0.5**mixed * (1 - mixed / int((sizes > 1).sum()))
    effect = doubt * count / least + (1 - doubt) * effect
    caution = _t_95(count - 1) / _t_95(max(1.0, least - 1))
    return float(np.clip(count / max(effect, 1e-9) * caution**2, least, count))


def fewest_worth(units: np.ndarray) -> float:
    """What photos are worth at least, as `effective_count`: if all photos of a unit were alike. At most their number.

    Source: L. Kish, 1965: (sum of the sizes) squared / sum of their squares.
    """
    return _worth_of_units(np.unique(units, return_counts=True)[1])


def _worth_of_units(sizes: np.ndarray) -> float:
    return float(sizes.sum() ** 2 / (sizes.astype(np.float64) ** 2).sum()) if len(sizes) else 0.0


def _t_95(freedom: float) -> float:
    """Two-sided 95% quantile of Student's t, to 1% from 2 degrees of freedom on, and too small below that.

    Source: M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 1964, 26.7.5.
    """
    z = Z_95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
