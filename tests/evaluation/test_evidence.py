"""Which photos count: copies once, and photos of a group as one piece of evidence."""

import numpy as np
import pytest

from transfer_core.data.labels.dataset import new_item
from transfer_core.evaluation.evidence import measure, weigh, widest_interval
from transfer_core.metrics.wilson import wilson


def photo(digest: str, class_name: str = "a", group: str | None = None, path: str | None = None):
    return new_item(digest, f"{digest}.jpg", path or f"{class_name}/{digest}.jpg", class_name, None, (9, 9), group)


def test_of_copies_the_original_counts_whatever_order_they_are_in():
    items = [photo("x", path="x - Copy (2).jpg"), photo("x", path="x.jpg"), photo("y"), photo("x", path="x - Copy.jpg")]
    found = weigh(items)
    assert (found.rows.tolist(), found.copies, found.unit_count) == ([1, 2], 2, 2)
    assert [items[::-1][row].path for row in weigh(items[::-1]).rows] == ["a/y.jpg", "x.jpg"]


def test_photos_of_a_group_are_one_unit_and_a_copy_joins_two_groups():
    items = [photo("1", group="p1"), photo("2", group="p1"), photo("3", group="p2"), photo("4")]
    assert weigh(items).units.tolist() == [0, 0, 1, 2]
    joined = weigh([*items, photo("3", group="p1", path="elsewhere.jpg")])
    assert (joined.units.tolist(), joined.unit_count, joined.copies) == ([0, 0, 0, 1], 2, 1)


def test_one_photo_with_two_labels_counts_in_both_classes_and_is_one_unit():
    found = weigh([photo("1", "a"), photo("1", "b"), photo("2", "b")])
    assert (found.rows.tolist(), found.units.tolist(), found.copies) == ([0, 1, 2], [0, 0, 1], 0)


def test_nothing_to_weigh():
    found = weigh([])
    figures = measure(found, np.zeros(0, int), np.zeros(0, int), 2)
    assert (figures.count, figures.units, figures.interval) == (0, 0, (0.0, 1.0))
    assert figures.recall_intervals == [None, None]


@pytest.mark.parametrize("copies", [1, 10])
def test_figures_of_a_set_are_those_of_it_with_ten_copies_of_each_photo(copies):
    items = [photo(f"{n}", "ab"[n % 2], path=f"{n}-{copy}.jpg") for n in range(8) for copy in range(copies)]
    true = np.repeat(np.arange(8) % 2, copies)
    said = np.where(np.repeat(np.arange(8), copies) == 3, 0, true)
    found = measure(weigh(items), true, said, 2)
    assert (found.accuracy, found.interval, found.count, found.units) == (7 / 8, wilson(7, 8), 8, 8)
    assert found.confusion_matrix == [[4, 0], [1, 3]] and found.copies == 8 * (copies - 1)
    assert found.recall_intervals == [wilson(4, 4), wilson(3, 4)] and found.recall_units == [4, 4]


def test_copies_of_one_class_alone_do_not_weigh_its_answers():
    """Six ants right, one bee wrong, which lies there five times."""
    items = [*(photo(f"ant{n}", "a") for n in range(6)), *(photo("bee", "b", path=f"{n}.jpg") for n in range(5))]
    true = np.repeat([0, 1], [6, 5])
    found = measure(weigh(items), true, np.zeros(11, int), 2)
    assert (found.accuracy, found.interval, found.confusion_matrix) == (6 / 7, wilson(6, 7), [[6, 0], [1, 0]])


def test_groups_make_the_range_wider_and_leave_the_accuracy():
    items = [photo(f"{n}", "ab"[n // 20], group=f"p{n // 10}") for n in range(40)]
    true, said = np.repeat([0, 1], 20), np.repeat([0, 1, 0], [20, 10, 10])  # one patient wrong
    found = measure(weigh(items), true, said, 2)
    assert (found.accuracy, found.count, found.units) == (0.75, 40, 4)
    assert found.interval == pytest.approx(wilson(3, 4)) and found.recall_units == [2, 2]
    assert found.recall_intervals[0] == pytest.approx(wilson(2, 2))


def test_photos_that_were_trained_on_take_every_range_away():
    items = [photo(f"{n}", "ab"[n % 2]) for n in range(8)]
    ids = np.arange(8) % 2
    evidence = weigh(items, {"3", "5", "another"})
    found = measure(evidence, ids, ids, 2)
    assert (found.learned, found.interval, found.recall_intervals) == (2, None, [None, None])
    assert widest_interval(8, 8, evidence) is None


def test_the_widest_interval_takes_each_unit_for_one_photo():
    evidence = weigh([photo(f"{n}", group=f"p{n // 10}") for n in range(40)])
    assert widest_interval(30, 40, evidence) == pytest.approx(wilson(3, 4))
