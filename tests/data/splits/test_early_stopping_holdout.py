"""The photos that choose the epoch: some of every class, never a copy of one that is learned from."""

import time

import pytest

from transfer_core.data.labels.dataset import new_item
from transfer_core.data.splits.early_stopping_holdout import part_off


def items(**counts: int):
    return [
        new_item(f"{name}-{number}", f"{name}-{number}.jpg", f"{name}/{number}.jpg", name, None, (9, 9))
        for name, count in counts.items()
        for number in range(count)
    ]


def names(chosen) -> list[str]:
    return [item.class_name for item in chosen]


@pytest.mark.parametrize(("count", "spared"), [(1, 0), (2, 1), (7, 1), (70, 10)])
def test_about_a_seventh_of_each_class_but_never_all(count, spared):
    learned, kept = part_off(items(ant=count, bee=70), 0)
    assert names(kept).count("ant") == spared and names(learned).count("ant") == count - spared
    assert names(kept).count("bee") == 10


def test_copies_stay_together_even_across_classes():
    one = items(ant=20)
    copies = [new_item(item.photo, item.file, f"bee/{item.path}", "bee", None, (9, 9)) for item in one]
    learned, spared = part_off([*one, *copies], 0)
    assert not {item.photo for item in learned} & {item.photo for item in spared}
    assert spared


def test_the_seed_decides():
    chosen = [part_off(items(ant=50, bee=50), seed)[1] for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(seed):
    pool = [
        new_item(f"{name}-{n}", f"{n}.jpg", f"{name}/{n}.jpg", name, None, (9, 9), f"p{n // 4}")
        for name in ("ant", "bee")
        for n in range(80)
    ]
    learned, spared = part_off(pool, seed)
    assert not {item.group for item in learned} & {item.group for item in spared}
    assert {name: names(spared).count(name) for name in ("ant", "bee")} == {"ant": 12, "bee": 12}  # 11 and whole groups


def test_without_copies_and_groups_the_same_are_spared_as_ever():
    """A run that was cut off before an update goes on after it."""
    _, spared = part_off(items(ant=10, bee=14), 3)
    assert [item.photo for item in spared] == ["ant-4", "bee-3", "bee-4"]


def test_many_classes_take_no_longer_each():
    """Parted in half a second; a step per pair of class and photo would take ten times as long."""
    pool = items(**{f"c{number}": 4 for number in range(5_000)})
    began = time.process_time()
    assert len(part_off(pool, 0)[1]) == 5_000
    assert time.process_time() - began < 2
