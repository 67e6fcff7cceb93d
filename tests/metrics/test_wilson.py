"""The Wilson interval."""

import pytest

from transfer_core.metrics.wilson import wilson


@pytest.mark.parametrize(
    ("successes", "count", "expected"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        (29, 29, (0.8830, 1.0)),  # the mirror of none in 29
        (0, 0, (0.0, 1.0)),  # nothing is known
    ],
)
def test_published_values(successes, count, expected):
    assert wilson(successes, count) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("successes", "count"), [(-1, 5), (6, 5), (1, 0)])
def test_impossible_counts_are_refused(successes, count):
    with pytest.raises(ValueError, match="expected 0 <= successes <= count"):
        wilson(successes, count)


def test_the_share_lies_inside():
    for count in (1, 7, 100):
        for hits in range(count + 1):
            low, high = wilson(hits, count)
            assert 0 <= low <= hits / count <= high <= 1
