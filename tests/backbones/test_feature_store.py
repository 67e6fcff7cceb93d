"""The cache of rows: nothing is ever mixed up, whatever breaks."""

import os
import secrets
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from transfer_core.backbones import feature_store
from transfer_core.backbones.feature_store import RowStore, StoreDamaged

KEYS = [f"{n:064x}" for n in range(40)]


def rows(numbers) -> np.ndarray:
    """Rows that say which they are."""
    return np.array([np.full((2, 3), n) for n in numbers], np.float32).reshape(-1, 2, 3)


@pytest.fixture
def store(tmp_path):
    return RowStore(tmp_path / "store", (2, 3), np.float32)


def read(store: RowStore, keys) -> np.ndarray:
    return store.gather(keys, store.folder / f"answer-{secrets.token_hex(4)}")


def check(store: RowStore, numbers) -> None:
    assert set(store.keys()) == {KEYS[n] for n in numbers}
    np.testing.assert_array_equal(read(store, [KEYS[n] for n in numbers]), rows(numbers))


def test_rows_come_back_in_the_order_asked(store):
    store.append(KEYS[:3], rows([0, 1, 2]))
    store.append(KEYS[3:5], rows([3, 4]))
    check(store, [4, 0, 3, 2, 1])
    assert read(store, []).shape == (0, 2, 3)
    assert read(RowStore.at(store.folder), KEYS[:1]).dtype == np.float32


def test_keys_that_are_there_stay_as_they_are(store):
    store.append(KEYS[:2], rows([0, 1]))
    store.append([KEYS[1], KEYS[2]], rows([9, 2]))
    check(store, [0, 1, 2])


def test_a_key_given_twice_comes_in_once(store):
    store.append([KEYS[0], KEYS[0], KEYS[1]], rows([0, 9, 1]))
    check(store, [0, 1])
    store.append([KEYS[2]], rows([2]))
    check(store, [0, 1, 2])


@pytest.mark.parametrize("keys", [KEYS[:1], [*KEYS[:2], KEYS[30]]])
def test_a_key_that_is_not_here_is_an_error(store, keys):
    with pytest.raises(KeyError):
        read(store, keys)
    store.append(KEYS[:2], rows([0, 1]))
    with pytest.raises(KeyError):
        read(store, [*keys, KEYS[30]])


@pytest.mark.parametrize("wrong", [np.zeros((1, 2, 3)), np.zeros((2, 3, 2)), np.zeros(2)])
def test_rows_of_another_shape_are_refused(store, wrong):
    with pytest.raises(ValueError, match="expected rows of shape"):
        store.append(KEYS[:2], wrong)


@pytest.mark.parametrize(
    ("name", "keep", "left"),
    [
        ("rows.bin", 24 * 3 + 5, [0, 1, 2]),  # the rows of two keys were lost, one of them in part
        ("keys.txt", 74 * 2 + 30, [0, 1]),  # a key was cut
        ("rows.bin", 0, []),
        ("keys.txt", 0, []),
    ],
)
def test_a_cut_file_costs_only_what_was_cut(store, name, keep, left):
    store.append(KEYS[:5], rows(range(5)))
    path = store.folder / name
    path.write_bytes(path.read_bytes()[:keep])
    check(store, left)
    store.append(KEYS[:7], rows(range(7)))
    check(store, range(7))


PHOTOS = [(key, Path(key)) for key in KEYS[:8]]


def row_of(key: str, path: Path) -> np.ndarray:
    assert str(path) == key
    return rows([KEYS.index(key)])[0]


def test_only_missing_rows_are_computed_and_all_are_kept(store):
    store.append(KEYS[:3], rows([0, 1, 2]))
    computed, seen = [], []

    def compute(key, path):
        computed.append(key)
        return row_of(key, path)

    asked = [PHOTOS[5], PHOTOS[1], PHOTOS[5], PHOTOS[4]]
    store.fill(asked, compute, lambda *n: seen.append(n))
    np.testing.assert_array_equal(read(store, [key for key, _ in asked]), rows([5, 1, 5, 4]))
    assert sorted(computed) == [KEYS[4], KEYS[5]]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    check(store, [0, 1, 2, 4, 5])
    store.fill([], compute, lambda *_: None)
    assert len(computed) == 2


def test_rows_are_mapped_and_take_no_memory_of_their_own(store, tmp_path):
    store.append(KEYS[:5], rows(range(5)))
    found = store.gather(KEYS[3:0:-1], tmp_path / "rows")
    assert isinstance(found, np.memmap) and not found.flags.writeable
    store.delete(KEYS)
    np.testing.assert_array_equal(found, rows([3, 2, 1]))


def test_what_was_computed_before_a_failure_is_kept(store):
    def compute(key, path):
        if key == KEYS[3]:
            raise OSError("unreadable")
        return row_of(key, path)

    with pytest.raises(OSError, match="unreadable"):
        store.fill(PHOTOS, compute, lambda *_: None)
    check(store, [0, 1, 2])


def test_a_store_in_use_is_marked_as_used(store):
    store.append(KEYS[:1], rows([0]))
    os.utime(store.folder / "keys.txt", (0, 0))
    assert store.used() == 0
    read(store, KEYS[:1])
    assert store.used() > time.time() - 60


def test_deleted_keys_are_gone_and_the_others_unharmed(store):
    store.append(KEYS[:9], rows(range(9)))
    store.delete([KEYS[0], KEYS[4], KEYS[8], KEYS[30]])
    check(store, [1, 2, 3, 5, 6, 7])
    assert (store.folder / "rows.bin").stat().st_size == 6 * 24
    store.append([KEYS[0]], rows([0]))
    check(store, [0, 1, 2, 3, 5, 6, 7])


def test_deleting_from_nothing_is_no_error(store):
    store.delete(KEYS[:2])
    assert store.keys() == {}


def test_a_cleared_store_is_empty_and_goes_on(store):
    assert store.used() == 0
    store.append(KEYS[:4], rows(range(4)))
    store.clear()
    assert store.keys() == {} and not (store.folder / "rows.bin").exists()
    store.append(KEYS[3:5], rows([3, 4]))
    check(store, [3, 4])


def test_readers_writers_and_deleters_take_turns(tmp_path):
    wrong = []

    def work(offset: int) -> None:
        store = RowStore(tmp_path / "store", (2, 3), np.float32)
        own = range(10 * offset, 10 * offset + 10)
        for _ in range(15):
            store.append([KEYS[n] for n in own], rows(own))
            if not np.array_equal(read(store, [KEYS[n] for n in own]), rows(own)):
                wrong.append(offset)
            store.delete([KEYS[n] for n in own[:5]])

    workers = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def made_again(store: RowStore, numbers) -> list[int]:
    """Which rows a training computes that asks for all of these, however often it must; all must come back right."""
    computed: list[int] = []

    def compute(key, path):
        computed.append(KEYS.index(key))
        return row_of(key, path)

    for _ in range(3):
        store.fill([PHOTOS[n] for n in numbers], compute, lambda *_: None)
        try:
            np.testing.assert_array_equal(read(store, [KEYS[n] for n in numbers]), rows(numbers))
            return sorted(computed)
        except (StoreDamaged, KeyError):  # those of `features.compute_features`
            continue
    raise AssertionError("it never came back whole")


@pytest.mark.parametrize(("place", "row"), [(0, 0), (23, 0), (24, 1), (5 * 24 - 1, 4)])
def test_a_row_with_a_flipped_bit_is_never_given(store, place, row):
    store.append(KEYS[:5], rows(range(5)))
    path = store.folder / "rows.bin"
    path.write_bytes(flip(path.read_bytes(), place))
    with pytest.raises(StoreDamaged, match="1 of 5 rows"):
        read(store, KEYS[:5])
    check(store, [n for n in range(5) if n != row])  # it is gone, and no other
    assert made_again(store, range(5)) == [row]


@pytest.mark.parametrize(
    ("place", "lost"),
    [(0, [0]), (63, [0, 1]), (64, [0]), (65, [0]), (72, [0]), (73, [0]), (74 * 2 + 3, [2]), (74 * 2 + 70, [2])],
)
def test_a_flipped_bit_among_the_keys_costs_no_more_than_that_key(store, place, lost):
    """The last digit of the first key makes it the second, whose row it is not."""
    store.append(KEYS[:5], rows(range(5)))
    path = store.folder / "keys.txt"
    path.write_bytes(flip(path.read_bytes(), place))
    assert made_again(store, range(5)) == lost


DAMAGED = {
    "cut": lambda content: content[: len(content) // 2],
    "cut at the beginning": lambda content: content[7:],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "no text": lambda content: b"\xff" * len(content),
    "nested": lambda content: b"[" * 100_000,
    "a list": lambda content: b"[1, 2]",
    "another shape": lambda content: content.replace(b"3", b"6"),
    "another width": lambda content: content.replace(b"float32", b"float16"),
    "no numbers": lambda content: content.replace(b"float32", b"object"),
    "no width": lambda content: content.replace(b"float32", b"V0"),
    "no shape": lambda content: content.replace(b"3", b"0"),
    "an older version": lambda content: b'{"shape": [2, 3], "dtype": "float32"}',
}


@pytest.mark.parametrize("name", ["rows.bin", "keys.txt", "shape.json"])
@pytest.mark.parametrize("damage", [*DAMAGED, "missing"])
def test_a_damaged_file_gives_no_wrong_row_and_no_traceback(store, name, damage):
    store.append(KEYS[:5], rows(range(5)))
    path = store.folder / name
    path.write_bytes(DAMAGED.get(damage, bytes)(path.read_bytes())) if damage != "missing" else path.unlink()
    made_again(store, range(5))
    store.delete(KEYS[:2])
    assert not store.keys().keys() & set(KEYS[:2])
    np.testing.assert_array_equal(read(RowStore.at(store.folder), KEYS[2:5]), rows([2, 3, 4]))


@pytest.mark.parametrize("names", [["rows.bin"], ["keys.txt"], ["rows.bin", "keys.txt", "shape.json"]])
def test_the_rows_of_another_store_are_not_taken_for_its_own(store, tmp_path, names):
    other = RowStore(tmp_path / "other", (2, 3), np.float32)
    store.append(KEYS[:5], rows(range(5)))
    other.append(KEYS[:5], rows([9] * 5))
    for name in names:
        (store.folder / name).write_bytes((other.folder / name).read_bytes())
    assert made_again(store, range(5)) == [0, 1, 2, 3, 4]


def test_rows_that_changed_places_are_noticed(store):
    store.append(KEYS[:3], rows(range(3)))
    path = store.folder / "rows.bin"
    content = path.read_bytes()
    path.write_bytes(content[24:48] + content[:24] + content[48:])
    assert made_again(store, range(3)) == [0, 1]


@pytest.mark.parametrize("damage", [*DAMAGED, "missing"])
def test_a_store_whose_shape_is_lost_says_so_and_can_be_cleared(store, damage):
    store.append(KEYS[:5], rows(range(5)))
    path = store.folder / "shape.json"
    path.write_bytes(DAMAGED.get(damage, bytes)(path.read_bytes())) if damage != "missing" else path.unlink()
    if not damage.startswith("another"):
        with pytest.raises(StoreDamaged, match="holds no store that can be read"):
            RowStore.find(store.folder)
    feature_store.clear(store.folder)
    assert RowStore.find(store.folder) is None
    assert made_again(store, range(5)) == [0, 1, 2, 3, 4]
