"""Two models on the same photos: the verdict is the exact test's, the interval holds what it promises."""

from itertools import product
from math import comb, factorial

import numpy as np
import pytest

from transfer_core.metrics.paired_test import FEWEST, Paired, compare, corrected, in_points, in_words


def made_of(both: int, only_first: int, only_second: int, neither: int) -> Paired:
    first = np.repeat([True, True, False, False], [both, only_first, only_second, neither])
    second = np.repeat([True, False, True, False], [both, only_first, only_second, neither])
    return compare(first, second)


@pytest.mark.parametrize(
    ("won", "lost", "p"),
    [
        (0, 0, 1.0),  # the same answers
        (1, 0, 1.0),  # 2 / 2
        (5, 0, 2 / 32),
        (6, 0, 2 / 64),  # the fewest that tell
        (1, 8, 2 * (1 + 9) / 512),
        (12, 2, 2 * (1 + 14 + 91) / 2**14),
        (4, 4, 1.0),  # both halves overlap: never above 1
    ],
)
def test_p_by_hand(won, lost, p):
    assert made_of(20, won, lost, 3).p == pytest.approx(p, rel=1e-12)
    assert made_of(20, lost, won, 3).p == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(("won", "lost"), [(30, 55), (520, 610), (900, 900)])
def test_p_is_that_of_whole_numbers(won, lost):
    total = won + lost
    exact = min(1.0, 2 * sum(comb(total, k) for k in range(min(won, lost) + 1)) / 2**total)
    assert made_of(0, won, lost, 0).p == pytest.approx(exact, rel=1e-9)


def test_p_of_a_hundred_thousand_photos():
    """Close to the normal approximation, which is good there: z = 1.96 has p = 0.05."""
    assert made_of(0, 50_310, 49_690, 0).p == pytest.approx(0.0502, abs=5e-4)
    assert made_of(0, 100_000, 0, 0).p == 0.0


def test_verdict_is_seen_from_the_first():
    assert made_of(10, 12, 2, 1).verdict == "better"
    assert made_of(10, 2, 12, 1).verdict == "worse"
    assert made_of(10, 5, 0, 1).verdict == "cannot be told apart"
    assert made_of(10, FEWEST, 0, 1).verdict == "better" and made_of(10, FEWEST - 1, 0, 0).verdict != "better"


def test_in_words():
    better = in_words(made_of(30, 12, 2, 4))
    assert better == "Better: it gets 12 photos right that the other gets wrong. The other way round: 2."
    worse = in_words(made_of(30, 2, 12, 4), "A")
    assert worse == "Worse: it gets 12 photos wrong that A gets right. The other way round: 2."
    assert in_words(made_of(30, 9, 0, 4)).endswith("The other way round: none.")
    assert in_words(made_of(40, 3, 2, 3)) == "No clear difference on 48 photos."
    assert in_words(made_of(0, 1, 0, 0)) == "No clear difference on 1 photo."


def test_in_points():
    assert (
        in_points(Paired(0, 0, 0, 0, 1.0, 0.081, (-0.02, 0.14), 0, 0)) == "+8 points, probably between \u22122 and +14"
    )
    assert in_points(Paired(0, 0, 0, 0, 1.0, -0.004, (-0.1, 0.1), 0, 0)).startswith("0 points")


def test_an_interval_that_says_more_than_the_test_gives_way_to_it():
    five = made_of(45, 5, 0, 0)
    assert five.p > 0.05 and five.interval[0] > 0
    assert in_points(five) == "+10 points, but only 5 photos show a difference, too few to be sure"


def test_of_many_models_it_takes_more_to_tell_two_apart():
    """Ten models that are equally good: the chance that any seems worse than the luckiest is below 5%."""
    paired = made_of(30, 12, 2, 4)
    assert corrected(paired, 2) == paired and paired.verdict == "better"
    assert corrected(paired, 10).p == pytest.approx(min(1, 45 * paired.p))
    assert corrected(paired, 10).verdict == "cannot be told apart"
    rng, false_alarms = np.random.default_rng(0), 0
    for _ in range(100):
        models = sorted(rng.random((10, 100)) < 0.8, key=lambda right: -right.sum())
        against_best = [corrected(compare(other, models[0]), 10) for other in models[1:]]
        false_alarms += any(each.verdict == "worse" for each in against_best)
    assert false_alarms <= 5


def test_interval_by_hand():
    """36 right by both, 12 by the first alone, 2 by the second alone, of 50: Wilson gives 0.865 to 0.989 for 48 and
    0.626 to 0.857 for 38; their tie is 0, for 36 * 0 - 12 * 2 is below 0 and so counts as it is: -0.1147."""
    paired = made_of(36, 12, 2, 0)
    tie = -24 / np.sqrt(48 * 38 * 2 * 12)
    a, b = 0.96 - 0.86539, 0.85696 - 0.76
    assert paired.difference == pytest.approx(0.2) and paired.count == 50
    assert paired.interval[0] == pytest.approx(0.2 - np.sqrt(a * a - 2 * tie * a * b + b * b), abs=1e-4)
    assert paired.interval[0] < 0.2 < paired.interval[1]


def test_interval_of_limiting_cases():
    assert made_of(0, 0, 0, 0).interval == (-1.0, 1.0)
    low, high = made_of(50, 0, 0, 0).interval  # the same answers, all right: still not certain
    assert low == pytest.approx(-high) and 0.05 < high < 0.11
    low, high = made_of(0, 50, 0, 0).interval
    assert high == 1.0 and 0.85 < low < 1
    narrow, wide = made_of(900, 30, 30, 40).interval, made_of(90, 3, 3, 4).interval
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_interval_turns_round_with_the_models():
    one, other = made_of(30, 12, 2, 4), made_of(30, 2, 12, 4)
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))


@pytest.mark.parametrize("shares", [(0.6, 0.2, 0.1, 0.1), (0.8, 0.1, 0.05, 0.05), (0.4, 0.1, 0.1, 0.4)])
def test_interval_holds_the_true_difference_as_often_as_it_says(shares):
    """Every outcome of 15 photos, weighted by how likely it is: no luck in this test."""
    n, covered, true = 15, 0.0, shares[1] - shares[2]
    for counts in product(range(n + 1), repeat=3):
        rest = n - sum(counts)
        if rest < 0:
            continue
        ways = factorial(n) // np.prod([factorial(count) for count in (*counts, rest)], dtype=object)
        low, high = made_of(*counts, rest).interval
        if low <= true <= high:
            covered += float(ways) * np.prod(np.power(shares, (*counts, rest)))
    assert 0.93 < covered < 0.995


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((2, 2), (2, 2))])
def test_answers_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match="expected rows of equal length"):
        compare(*(np.ones(shape, bool) for shape in shapes))


def test_photos_of_a_unit_count_together():
    """Twelve photos of two patients, won by the same model: two independent wins, which chance explains."""
    first, second, patients = np.ones(12, bool), np.zeros(12, bool), np.repeat([0, 1], 6)
    alone, together = compare(first, second), compare(first, second, patients)
    assert (alone.p, alone.verdict) == (pytest.approx(2 / 2**12), "better")
    assert (together.p, together.verdict) == (pytest.approx(2 / 4), "cannot be told apart")
    assert (together.units, together.open_units, together.count) == (2, 2, 12)
    assert together.interval[0] < alone.interval[0] and together.interval[1] >= alone.interval[1]


def test_ten_copies_of_each_photo_change_nothing():
    rng = np.random.default_rng(3)
    first, second = rng.random(40) < 0.9, rng.random(40) < 0.6
    one, ten = (
        compare(first, second),
        compare(np.repeat(first, 10), np.repeat(second, 10), np.repeat(np.arange(40), 10)),
    )
    assert ten.p == pytest.approx(one.p) and ten.interval == pytest.approx(one.interval)
    assert (ten.verdict, ten.difference, ten.units) == (one.verdict, one.difference, 40)


@pytest.mark.parametrize("sizes", [(1, 1, 1, 2, 5), (3, 3, 2), (4, 1, 1, 1, 1, 1), (20, 1)])
def test_p_of_units_is_that_of_all_ways_to_flip_them(sizes):
    """Units in which either model wins all photos; every way to exchange the models in them, counted one by one."""
    leads = np.array(sizes) * np.where(np.arange(len(sizes)) % 3 == 1, -1, 1)
    first = np.concatenate([np.full(abs(lead), lead > 0) for lead in leads])
    units = np.repeat(np.arange(len(sizes)), sizes)
    flips = [abs(int(np.dot(signs, leads))) >= abs(int(leads.sum())) for signs in product((-1, 1), repeat=len(sizes))]
    assert compare(first, ~first, units).p == pytest.approx(np.mean(flips))


def test_equal_models_seldom_seem_different_on_groups():
    """McNemar's test on the photos would call one better in far more than 5% of such cases."""
    rng, alarms, alarms_of_photos = np.random.default_rng(0), 0, 0
    for _ in range(400):
        units = np.repeat(np.arange(15), 8)
        hits = [np.repeat(rng.random(15) < 0.7, 8) ^ (rng.random(120) < 0.05) for _ in range(2)]
        alarms += compare(*hits, units).is_clear
        alarms_of_photos += compare(*hits).is_clear
    assert alarms <= 0.07 * 400 < 0.3 * 400 < alarms_of_photos
