"""Which photos are learned from: stratified, seeded, and no photo on both sides."""

import pytest

from transfer_core.data.labels.dataset import Item, new_item
from transfer_core.data.splits.split import classes_without_val, make_split
from transfer_core.errors import DataError


def item(class_name: str, n: int, photo: str | None = None, part: str | None = None) -> Item:
    return new_item(photo or f"{class_name}-{n}", f"{n}.jpg", f"{part}/{class_name}/{n}.jpg", class_name, part, (9, 9))


def items(**counts: int) -> list[Item]:
    return [item(name, n) for name, count in counts.items() for n in range(count)]


def counts(part: tuple[Item, ...]) -> dict[str, int]:
    return {name: sum(entry.class_name == name for entry in part) for name in sorted({e.class_name for e in part})}


def test_every_class_gives_its_share():
    split = make_split(items(bees=50, ants=20, wasps=5), 0.2, 0)
    assert split.class_names == ("ants", "bees", "wasps")
    assert counts(split.val) == {"ants": 4, "bees": 10, "wasps": 1}
    assert counts(split.train) == {"ants": 16, "bees": 40, "wasps": 4}
    assert not split.given and split.crossing == ()


@pytest.mark.parametrize(
    ("count", "fraction", "val"),
    [
        (2, 0.2, 1),  # at least one to check with
        (2, 0.5, 1),  # at least one to learn from
        (3, 0.5, 2),
        (10, 0.05, 1),
        (10, 0.5, 5),
    ],
)
def test_small_classes_keep_one_on_each_side(count, fraction, val):
    assert counts(make_split(items(a=count, b=count), fraction, 0).val) == {"a": val, "b": val}


def test_the_seed_decides_and_order_does_not():
    pool = items(a=30, b=30)
    assert make_split(pool, 0.2, 0) == make_split(pool, 0.2, 0)
    assert set(make_split(pool[::-1], 0.2, 0).val) == set(make_split(pool, 0.2, 0).val)
    assert set(make_split(pool, 0.2, 1).val) != set(make_split(pool, 0.2, 0).val)


def test_added_photos_move_few_of_the_others():
    before = {entry.photo for entry in make_split(items(a=100, b=100), 0.2, 0).val}
    after = {entry.photo for entry in make_split(items(a=105, b=100), 0.2, 0).val}
    assert len(before - after) <= 3


@pytest.mark.parametrize("seed", range(10))
def test_identical_photos_stay_on_one_side_also_across_classes(seed):
    pool = items(a=12, b=12, c=12)
    pool += [item("a", 100 + n, photo="a-1") for n in range(3)]  # copies within a class
    pool += [item("b", 200 + n, photo=f"a-{n}") for n in range(6)]  # the same photos under another name
    split = make_split(pool, 0.25, seed)
    assert {entry.photo for entry in split.train}.isdisjoint(entry.photo for entry in split.val)
    assert sorted(entry.id for entry in split.train + split.val) == sorted(entry.id for entry in pool)
    assert set(counts(split.train)) == set(counts(split.val)) == {"a", "b", "c"}


def test_given_parts_are_respected():
    pool = [item(name, n, part="train") for name in "ab" for n in range(4)]
    pool += [item(name, 10 + n, part="val") for name in "ab" for n in range(2)]
    pool += [item("a", 20, part="test")]
    split = make_split(pool, 0.5, 0)
    assert split.given
    assert (counts(split.train), counts(split.val)) == ({"a": 4, "b": 4}, {"a": 2, "b": 2})


def test_test_is_what_is_checked_with_where_there_is_no_val():
    pool = [item(name, n, part="train") for name in "ab" for n in range(4)]
    pool += [item(name, 10 + n, part="test") for name in "ab" for n in range(2)]
    split = make_split(pool, 0.5, 0)
    assert split.given
    assert (counts(split.train), counts(split.val)) == ({"a": 4, "b": 4}, {"a": 2, "b": 2})


def test_photos_put_into_test_by_hand_are_held_back():
    pool = [*items(a=20, b=20), *(item(name, 100 + n, part="test") for name in "ab" for n in range(5))]
    split = make_split(pool, 0.2, 0, test_fraction=0.3)
    assert not split.given and split.crossing == ()
    assert (counts(split.train), counts(split.val), counts(split.test)) == (
        {"a": 16, "b": 16},
        {"a": 4, "b": 4},
        {"a": 5, "b": 5},
    )


def test_what_crosses_into_a_test_part_is_reported_where_val_is_drawn():
    pool = [*items(a=20, b=20), item("a", 100, photo="a-1", part="test")]
    [(_, crosses)] = make_split(pool, 0.2, 0).crossing
    assert crosses == "test/a/100.jpg"


def test_train_alone_is_split():
    split = make_split([item(name, n, part="train") for name in "ab" for n in range(10)], 0.2, 0)
    assert not split.given and counts(split.val) == {"a": 2, "b": 2}


def test_photos_that_were_put_among_those_to_learn_from_stay_there():
    pool = [item("a", n, part="train" if n < 6 else None) for n in range(10)]
    pool += [item("b", 10 + n) for n in range(10)]
    pool += [item("c", 20 + n, part="train") for n in range(10)]  # nothing else is there to check with
    for seed in range(5):
        split = make_split(pool, 0.3, seed, test_fraction=0.1)
        assert counts(split.val) == {"a": 3, "b": 3, "c": 3} and counts(split.test) == {"a": 1, "b": 1, "c": 1}
        assert all(entry.part is None for entry in split.val + split.test if entry.class_name == "a")


def test_crossings_of_a_given_split_are_reported_not_moved():
    pool = [item(name, n, part="train") for name in "ab" for n in range(4)]
    pool += [item("a", 10, photo="a-1", part="val"), item("b", 11, part="val")]
    split = make_split(pool, 0.2, 0)
    assert split.crossing == (("train/a/1.jpg", "val/a/10.jpg"),)
    assert counts(split.val) == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        ([], "There are no training photos yet. Add photos of at least two classes."),
        (items(cats=5), "There is only one class, 'cats'. You need at least 2."),
        (items(cats=5, dogs=1), "Class 'dogs' has 1 photo. It needs at least 2"),
        (items(cats=1), "There is only one class, 'cats'"),  # and its one photo is said, too; see below
        # two files of the same bytes are one photo
        ([*items(cats=5), item("dogs", 0, photo="x"), item("dogs", 1, photo="x")], "Class 'dogs' has 1 photo"),
        # a class of which all are to check with
        (
            [*(item(n, i, part="train") for n in "ab" for i in range(3)), item("c", 0, part="val")],
            "There are validation photos of 'c', but no training photos",
        ),
        # nothing to learn from
        ([item("a", 0, part="val"), item("b", 1, part="val")], "There are no training photos yet"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(pool, said):
    with pytest.raises(DataError) as caught:
        make_split(pool, 0.2, 0)
    assert said in str(caught.value)


def test_all_problems_are_said_at_once():
    with pytest.raises(DataError) as caught:
        make_split(items(cats=1), 0.2, 0)
    assert "one class" in str(caught.value) and "has 1 photo" in str(caught.value)


@pytest.mark.parametrize("seed", range(10))
def test_a_heap_of_copies_does_not_fill_a_part_by_itself(seed):
    copies = [item("a", n, photo="same") for n in range(9)] + [item("a", 9)]
    split = make_split(copies + items(b=10), 0.2, seed)
    assert set(split.class_names) == {"a", "b"} and {entry.class_name for entry in split.val} == {"a", "b"}


def in_parts(**counts: tuple[int, int]) -> list[Item]:
    """Photos per class in a part to learn from and one to check with."""
    return [
        item(name, n, photo=f"{name}-{part}-{n}", part=part)
        for name, sizes in counts.items()
        for part, size in zip(("train", "val"), sizes, strict=True)
        for n in range(size)
    ]


def test_a_class_without_photos_to_check_with_is_named_with_the_remedy():
    lacking = in_parts(ants=(10, 5), bees=(10, 0))
    assert classes_without_val(lacking) == ["bees"]
    with pytest.raises(DataError, match=r"Class 'bees' has no validation photos\. Add some, or create"):
        make_split(lacking, 0.2, 0)
    assert classes_without_val(in_parts(ants=(10, 5), bees=(10, 1))) == []
    assert classes_without_val(items(ants=3, bees=3)) == []  # no parts were given
    assert classes_without_val([*items(ants=3), item("bees", 0, part="train")]) == []


def test_looking_for_them_goes_through_the_photos_a_few_times_not_once_per_photo():
    class Looked(list):
        times = 0

        def __iter__(self):
            self.times += 1
            return super().__iter__()

    pool = Looked(in_parts(ants=(50, 50), bees=(50, 0)))
    assert classes_without_val(pool) == ["bees"] and pool.times < 10


def test_it_can_be_given_some_of_those_to_learn_from():
    split = make_split(in_parts(ants=(10, 5), bees=(10, 0)), 0.2, 0, fill_val=True)
    assert counts(split.train) == {"ants": 10, "bees": 8} and counts(split.val) == {"ants": 5, "bees": 2}
    assert {entry.photo for entry in split.train}.isdisjoint(entry.photo for entry in split.val)


def test_one_photo_cannot_be_shared_out():
    with pytest.raises(DataError, match=r"'bees' has no validation photos.* add a second training photo"):
        make_split(in_parts(ants=(10, 5), bees=(1, 0)), 0.2, 0, fill_val=True)


def test_every_problem_is_listed():
    with pytest.raises(DataError) as caught:
        make_split(in_parts(ants=(10, 5), bees=(10, 0), wasps=(0, 3)), 0.2, 0)
    assert len(caught.value.problems) == 2
