"""Photos that stay together, and the patterns that say which."""

import random
import time
from collections import Counter

import pytest

from tests.data.splits.test_split import counts, item
from transfer_core.data.labels.dataset import Item, new_item
from transfer_core.data.splits.groups import (
    choose_held_out,
    find_units,
    gather_units,
    list_groups,
    name_groups,
    problem_of_pattern,
    remark_on_pattern,
)
from transfer_core.data.splits.split import crossings, make_split
from transfer_core.errors import DataError
from transfer_core.support import safe_regex


def of(group: str | None, class_name: str, n: int, part: str | None = None, photo: str | None = None) -> Item:
    path = f"{class_name}/{group}_{n}.jpg"
    return new_item(photo or f"{group}-{class_name}-{n}", f"{n}.jpg", path, class_name, part, (9, 9), group)


def sides(split, of_item) -> dict[str, set[str]]:
    """The parts in which each photo, or group, is."""
    found: dict[str, set[str]] = {}
    for part in ("train", "val", "test"):
        for entry in getattr(split, part):
            if (name := of_item(entry)) is not None:
                found.setdefault(name, set()).add(part)
    return found


# --- patterns ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "path", "group"),
    [
        (r"(p\d+)_", "ill/p07_left.jpg", "p07"),
        (r"^[^/]+/([^_]+)", "ill/anna_1.jpg", "anna"),
        (r"(p\d+)_", "ill/q07_left.jpg", None),
        (r"p(\d*)_", "ill/p_left.jpg", None),  # nothing is no name
        (r"(x)?p", "ill/p_left.jpg", None),
        (r"(?:day|night)-(\w+)", "ill/night-ole.jpg", "ole"),
        ("([é]+)", "ill/e\N{COMBINING ACUTE ACCENT}.jpg", "é"),  # as macOS writes it into a zip
        (r"(caf.)", "caf\udce9.jpg", "caf?"),  # a name that is no UTF-8
    ],
)
def test_what_the_bracket_finds_is_the_group(pattern, path, group):
    assert safe_regex.problem_of(pattern) is None
    assert safe_regex.find_group(pattern, path) == group


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(p\d+", "cannot be read (missing ))"),
        (r"p\d+_", "has 0 brackets; exactly one"),
        (r"(p)(\d)", "has 2 brackets; exactly one"),
        (r"(?<=p)(\d)", "cannot be read (invalid perl operator"),
        (r"(a)\1", "cannot be read (invalid escape"),
        ("(" + "a" * 200 + ")", "has 202 characters; at most 200 fit"),
        (r"((a{1000}){1000})", "cannot be read"),
        ("(\udcff)", "cannot be read (a character that is no text)"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_the_reason(pattern, said):
    assert said in safe_regex.problem_of(pattern)


@pytest.mark.parametrize("pattern", [r"((?:a+)+)$", r"((?:a|aa)+)$", r"((?:.*)*)!!", r"(?:(?:a?){50}){19}(a)b"])
def test_no_pattern_takes_long(pattern):
    """Python's own `re` would need longer than the world is old."""
    began = time.process_time()
    assert safe_regex.problem_of(pattern) is None
    assert safe_regex.find_group(pattern, "a" * 5000 + "!") is None
    assert time.process_time() - began < 2


# --- units ---------------------------------------------------------------------------------------------------------


def test_a_pattern_replaces_the_groups_that_photos_came_with():
    items = [of("p1", "a", 0), of(None, "a", 1)]
    assert name_groups(items, None) == items
    assert [entry.group for entry in name_groups(items, r"(\d)\.jpg")] == ["0", "1"]
    assert list_groups(items) == ["p1"]


def test_a_copy_joins_two_groups():
    items = [of("p1", "a", 0), of("p2", "b", 0), of("p2", "a", 1, photo="p1-a-0"), of("p3", "a", 2), item("a", 9)]
    unit_of = find_units(items)
    assert unit_of["p1-a-0"] == unit_of["p2-b-0"] != unit_of["p3-a-2"]
    assert unit_of["a-9"] == "a-9"
    [joined, *_] = gather_units(items, unit_of)
    assert joined.counts == {"a": 1, "b": 1} and joined.photos == {"p1-a-0", "p2-b-0"}


def test_a_unit_keeps_its_key_when_photos_are_added():
    items = [of("p1", "a", n) for n in range(3)]
    assert find_units(items)["p1-a-0"] == find_units([of("p1", "a", 0, photo="0"), *items])["p1-a-0"]


def test_a_long_chain_of_copies_is_one_unit():
    items = [of(f"g{n + step:05}", "a", n, photo=f"{n}") for n in range(20_000) for step in (0, 1)]
    assert set(find_units(items).values()) == {" g00000"}


def test_a_class_that_got_nothing_gets_what_does_the_least_harm():
    heaps = [*(of("g1", "a", n) for n in range(6)), *(of("g2", "a", n) for n in range(5))]
    heaps += [*(of("g3", "b", n) for n in range(3)), *(of("g4", "b", n) for n in range(3))]
    assert choose_held_out(gather_units(heaps, find_units(heaps)), {"a": 2}) == {" g2"}


# --- splits --------------------------------------------------------------------------------------------------------


def heap(rng: random.Random) -> list[Item]:
    """Photos of a few classes in groups of any size, some alone, some copied into other classes and groups."""
    names = "abcd"[: rng.randint(2, 4)]
    items = []
    for group in range(rng.randint(12, 30)):
        for class_name in rng.sample(names, rng.choice((1, 1, 1, 2))):
            items += [of(f"g{group}", class_name, n) for n in range(rng.randint(1, 6))]
    items += [of(None, name, 1000 + n) for name in names for n in range(rng.randint(3, 20))]
    for n, source in enumerate(rng.sample(items, 2)):
        items.append(of(rng.choice((None, "g1")), rng.choice(names), 2000 + n, photo=source.photo))
    rng.shuffle(items)
    return items


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_on_two_sides_and_shares_are_close(seed):
    rng = random.Random(seed)
    items, val, test = heap(rng), rng.choice((0.1, 0.2, 0.3)), rng.choice((0, 0.1, 0.25))
    split = make_split(items, val, seed, test_fraction=test)
    for of_item in (lambda entry: entry.photo, lambda entry: entry.group):
        assert all(len(parts) == 1 for parts in sides(split, of_item).values())
    assert sorted(entry.id for entry in split.train + split.val + split.test) == sorted(entry.id for entry in items)
    assert set(counts(split.train)) == set(counts(split.val)) == {entry.class_name for entry in items}
    assert bool(split.test) == bool(test) and not split.crossing and not split.crossing_groups
    largest = max(sum(unit.counts.values()) for unit in gather_units(items, find_units(items)))
    for name, size in Counter(name for name, _ in {(entry.class_name, entry.photo) for entry in items}).items():
        for part, share in ((split.val, val), (split.test, test)):
            held = len({entry.photo for entry in part if entry.class_name == name})
            assert abs(held - size * share) <= largest, (name, size, held, share)
    assert make_split(items[::-1], val, seed, test_fraction=test).class_names == split.class_names
    again = make_split(items[::-1], val, seed, test_fraction=test)
    assert [set(part) for part in (again.train, again.val, again.test)] == [
        set(part) for part in (split.train, split.val, split.test)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_added_photos_move_few_groups(seed):
    items = [of(f"g{group}", name, n) for name in "ab" for group in range(100) for n in range(1 + group % 3)]
    more = [of(f"g{group}", "a", 50) for group in range(3)] + [of(f"h{group}", "b", 0) for group in range(3)]
    before, after = (
        sides(make_split(heap, 0.2, seed, test_fraction=0.1), lambda e: e.group) for heap in (items, items + more)
    )
    assert sum(before[name] != after[name] for name in before) <= 6


def test_asking_for_a_test_part_leaves_the_others_where_they_were():
    items = [item(name, n) for name in "ab" for n in range(50)]
    without, some, more = (make_split(items, 0.2, 0, test_fraction=share) for share in (0, 0.1, 0.3))
    assert without.val == some.val == more.val and not without.test
    assert counts(some.test) == {"a": 5, "b": 5} and counts(more.test) == {"a": 15, "b": 15}
    assert set(some.test) <= set(more.test)


@pytest.mark.parametrize(("count", "parts"), [(3, (1, 1, 1)), (10, (7, 2, 1)), (40, (28, 8, 4))])
def test_small_classes_keep_one_on_each_side(count, parts):
    split = make_split([item(name, n) for name in "ab" for n in range(count)], 0.2, 0, test_fraction=0.1)
    assert tuple(counts(part)["a"] for part in (split.train, split.val, split.test)) == parts


def test_groups_by_pattern_are_written_into_the_parts():
    items = [item(name, f"p{n % 5}_{n}") for name in "ab" for n in range(25)]
    split = make_split(items, 0.2, 0, group_pattern=r"(p\d)_")
    assert {entry.group for entry in split.val} == {"p" + entry.path.split("p")[1][0] for entry in split.val}
    assert all(len(parts) == 1 for parts in sides(split, lambda entry: entry.group).values())


def test_what_was_learned_from_is_not_kept_aside_and_nor_is_its_group():
    items = [of(f"g{group}", name, n) for name in "ab" for group in range(10) for n in range(3)]
    learned = {f"g{group}-a-0" for group in range(4)}
    split = make_split(items, 0.3, 0, learned=learned, test_fraction=0.2)
    assert {f"g{group}" for group in range(4)} <= {entry.group for entry in split.train}
    assert not {f"g{group}" for group in range(4)} & {entry.group for entry in split.val + split.test}


def test_a_class_in_one_group_is_named_with_the_remedy():
    items = [of("p1", "ants", n) for n in range(8)] + [of(f"q{n}", "bees", n) for n in range(8)]
    with pytest.raises(
        DataError, match=r"All 8 photos of class 'ants' are in one group, 'p1', so none .* Add photos of"
    ):
        make_split(items, 0.2, 0)


def test_classes_that_need_each_other_s_groups_are_named():
    """Three groups, each with two of three classes: whichever is kept aside, one class has nothing left."""
    pairs = [("g1", "ab"), ("g2", "bc"), ("g3", "ac")]
    items = [of(group, name, n) for group, names in pairs for name in names for n in range(4)]
    with pytest.raises(DataError, match="cannot be split: other classes need its groups on one side"):
        make_split(items, 0.3, 0)


def test_too_little_for_a_test_part():
    with pytest.raises(DataError, match="too few photos or groups for a test set"):
        make_split([item(name, n) for name in "ab" for n in range(2)], 0.2, 0, test_fraction=0.1)


# --- parts that were given -----------------------------------------------------------------------------------------


def test_a_given_test_part_is_held_back_whatever_is_asked():
    pool = [
        of(None, name, 100 * i + n, part)
        for i, part in enumerate(("train", "val", "test"))
        for name in "ab"
        for n in range(4)
    ]
    split = make_split(pool, 0.2, 0, test_fraction=0.5)
    assert counts(split.train) == counts(split.val) == counts(split.test) == {"a": 4, "b": 4}


def test_a_test_part_comes_from_those_to_learn_from_where_only_val_was_given():
    pool = [of(f"g{n}", name, n, "train") for name in "ab" for n in range(20)]
    pool += [of(f"g{n}", name, 100 + n, "val") for name in "ab" for n in range(5)]  # groups that cross
    split = make_split(pool, 0.2, 0, test_fraction=0.1)
    assert counts(split.test) == {"a": 2, "b": 2} and counts(split.val) == {"a": 5, "b": 5}
    assert not {f"g{n}" for n in range(5)} & {entry.group for entry in split.test}


def test_crossings_of_groups_are_reported_not_moved():
    pool = [of(f"g{n}", name, n, "train") for name in "ab" for n in range(6)]
    pool += [of(f"g{n + 5}", name, 100 + n, "val") for name in "ab" for n in range(3)]
    pool += [of("g7", "a", 200, "test"), of("h1", "b", 201, "test", photo="g0-b-0")]
    split = make_split(pool, 0.2, 0)
    assert split.crossing_groups == ("g5", "g7") and split.crossing == (("b/g0_0.jpg", "b/h1_201.jpg"),)
    assert (len(split.train), len(split.val), len(split.test)) == (12, 6, 2)
    [photos, groups] = crossings(split)
    assert photos.startswith("1 photo is in two sets of your data") and "Remove one of each pair" in photos
    assert groups.startswith("2 groups are in two sets of your data") and "g5, g7. Put all photos of a group" in groups


def test_a_class_without_val_gives_whole_groups():
    pool = [of(f"g{n // 3}", "a", n, "train") for n in range(12)] + [
        of(f"h{n // 3}", "b", n, "train") for n in range(12)
    ]
    split = make_split([*pool, of("k", "a", 99, "val")], 0.25, 0, fill_val=True)
    assert counts(split.val) == {"a": 1, "b": 3} and not split.crossing_groups


def test_a_test_part_may_hold_classes_that_nothing_is_learned_of():
    pool = [
        of(None, name, 100 * i + n, part) for i, part in enumerate(("train", "val")) for name in "ab" for n in range(4)
    ]
    split = make_split([*pool, of(None, "unknown", 999, "test")], 0.2, 0)
    assert split.class_names == ("a", "b") and counts(split.test) == {"unknown": 1}


@pytest.mark.full
def test_many_photos_take_no_longer_each():
    """Shared out in half a second; a step per pair of them would take minutes."""
    items = [item(name, n) for name in "ab" for n in range(10_000)]
    began = time.process_time()
    assert len(make_split(items, 0.2, 0, test_fraction=0.1).test) == 2000
    assert time.process_time() - began < 5


def test_a_pattern_that_finds_nothing_or_only_some_is_said():
    items = [of("p1", "ill", 1), of("p2", "ill", 2), of("q1", "well", 3)]
    assert problem_of_pattern(items, r"(x\d)_") == (
        "The group pattern '(x\\d)_' finds nothing in any of the 3 names, such as 'ill/p1_1.jpg' and 'well/q1_3.jpg', "
        "so no photos would be kept together. Change it, or leave it out."
    )
    assert remark_on_pattern(items, r"(p\d)_") == (
        "The group pattern finds a group in 2 of 3 names; not in 1 name, such as 'well/q1_3.jpg'. Photos without a "
        "group may go anywhere."
    )
    for pattern in (None, r"([pq]\d)_"):
        assert problem_of_pattern(items, pattern) is remark_on_pattern(items, pattern) is None
    assert problem_of_pattern(items, r"(p\d)_") is problem_of_pattern([], r"(p\d)_") is None
