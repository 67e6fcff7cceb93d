"""The words for quantities."""

import pytest

from transfer_core.support import wording


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "1 s"), (8.4, "8 s"), (89, "89 s"), (90, "2 min"), (180, "3 min"), (5400, "1 h 30 min"), (7800, "2 h 10 min")],
)
def test_durations(seconds, said):
    assert wording.duration(seconds) == said


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 kB"), (340_000, "340 kB"), (17_200_000, "17.2 MB"), (1_300_000_000, "1.3 GB")]
)
def test_file_sizes(size, said):
    assert wording.file_size(size) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1e-6, "0.000001"),
        (1.24e-5, "0.000012"),
        (0.0012, "0.0012"),
        (0.1, "0.1"),
        (1.0, "1"),
        (10.0, "10"),
        (120, "120"),
    ],
)
def test_small_numbers_have_two_digits_and_no_powers(value, said):
    assert wording.small_number(value) == said


def test_counts_and_ages():
    assert wording.pluralize(1, "photo") == "1 photo"
    assert wording.pluralize(1240, "photo") == "1,240 photos"
    assert wording.pluralize(2, "class", "classes") == "2 classes"
    assert [wording.ago(s) for s in (5, 60, 7200, 3 * 86400)] == [
        "just now",
        "1 minute ago",
        "2 hours ago",
        "3 days ago",
    ]


@pytest.mark.parametrize(
    ("done", "elapsed", "said"),
    [
        (0, 9, "0 of 400 photos"),  # no speed yet
        (400, 9, "400 of 400 photos"),  # nothing left
        (100, 0.1, "100 of 400 photos"),  # too early to tell
        (100, 10, "100 of 400 photos, 10 per second, 30 s left"),
    ],
)
def test_pace(done, elapsed, said):
    assert wording.progress_text(done, 400, elapsed) == said
