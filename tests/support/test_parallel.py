"""Work spread over threads: in order, bounded, and honest about failures."""

import threading
import time

import pytest

from transfer_core.support.parallel import MemoryBudget, map_ahead


def test_results_come_in_order_however_long_each_takes():
    def slow_first(number):
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * number

    assert list(map_ahead(slow_first, range(20), ahead=5, threads=4)) == [number**2 for number in range(20)]


def test_entries_are_taken_no_further_than_asked():
    taken = []

    def entries():
        for number in range(1000):
            taken.append(number)
            yield number

    results = map_ahead(lambda number: number, entries(), ahead=3, threads=2)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    assert len(taken) == 7
    results.close()


def test_several_are_worked_on_at_once():
    both = threading.Barrier(2, timeout=5)
    assert len(list(map_ahead(lambda _: both.wait(), range(4), ahead=2, threads=2))) == 4


def test_a_failure_is_raised_in_its_place():
    def fail_at_two(number):
        if number == 2:
            raise ValueError("two")
        return number

    results = map_ahead(fail_at_two, range(10), ahead=4, threads=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_room_is_shared_and_what_needs_more_than_all_of_it_goes_alone():
    room, held, most = MemoryBudget(10), [], []

    def hold(amount):
        with room.holding(amount):
            held.append(amount)
            most.append(sorted(held))
            time.sleep(0.002)
            with room.holding(amount):  # who is in may ask again
                held.remove(amount)

    list(map_ahead(hold, [4, 4, 4, 25, 4, 6, 4] * 5, threads=7))
    assert max(sum(together) for together in most if together != [25]) <= 10
    assert all(together == [25] for together in most if 25 in together)
    assert max(map(len, most)) == 2


def test_room_is_free_again_after_a_failure():
    room = MemoryBudget(10)
    with pytest.raises(ValueError), room.holding(10):
        raise ValueError
    with room.holding(10):
        pass
