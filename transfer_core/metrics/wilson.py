"""How far a measured share may be from the true one. Numbers only."""

from math import sqrt

Z_95 = 1.959963984540054  # two-sided 95% of the normal distribution


def wilson(successes: int, count: int, worth: float | None = None) -> tuple[float, float]:
    """95% interval (low, high) of a share, in [0, 1]; (0, 1) for a count of 0.

    Args:
        worth: How many independent ones tell as much as these do, see `clustered`; None where all are independent.

    Source: E. B. Wilson, 1927; recommended over the normal approximation for small counts and shares near 1.
    """
    if not 0 <= successes <= count:
        raise ValueError(f"expected 0 <= successes <= count, got {successes} of {count}")
    if count == 0:
        return 0.0, 1.0
    share, size, z2 = successes / count, count if worth is None else worth, Z_95**2
    centre = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = Z_95 * sqrt(share * (1 - share) / size + z2 / (4 * size**2)) / (1 + z2 / size)
    # Exactly 0 and 1 at the ends, where rounding would put the share itself a hair outside.
    return (max(0.0, centre - half) if successes else 0.0), (min(1.0, centre + half) if successes < count else 1.0)
