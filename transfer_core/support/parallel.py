"""Work spread over the processor's cores, its results in order. Imports nothing heavy."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")

CORES = os.cpu_count() or 1
AHEAD = 16 * CORES  # while one photo takes as long as sixteen others, no core runs out of work


def map_ahead(
    function: Callable[[Given], Result], entries: Iterable[Given], ahead: int = AHEAD, threads: int = CORES
) -> Generator[Result, None, None]:
    """Yields function(entry) in order, while up to `ahead` further entries are being worked on.

    Unlike a pool's own `map` it takes entries only as results are taken, so that a long list never fills the memory,
    and unlike a pool fed in chunks it leaves no core waiting for the slowest of a chunk. What the function raises is
    raised here, where its result would have come; what was not begun then is dropped. Whoever may leave before the last
    result closes it (`contextlib.closing`), which waits for those that are being worked on.

    Raises:
        MemoryError: A thread cannot be started.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[Result]] = deque()
    try:
        for entry in entries:
            waiting.append(_submit(pool, function, entry))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(pool: ThreadPoolExecutor, function: Callable[[Given], Result], entry: Given) -> Future[Result]:
    try:
        return pool.submit(function, entry)
    except RuntimeError as error:  # "can't start new thread"
        raise MemoryError("there is no room for another thread") from error


class MemoryBudget:
    """Lets threads hold only so much at once, together; what exceeds that alone is held when nothing else is.

    Args:
        size: In any unit.
    """

    def __init__(self, size: int):
        self._size, self._held = size, 0
        self._changed = threading.Condition()
        self._here = threading.local()

    @contextmanager
    def holding(self, amount: int) -> Iterator[None]:
        """Waits until there is room for the amount. A thread that holds something already passes freely."""
        if getattr(self._here, "holds", False):
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._held or self._held + amount <= self._size)
            self._held += amount
        self._here.holds = True
        try:
            yield
        finally:
            self._here.holds = False
            with self._changed:
                self._held -= amount
                self._changed.notify_all()
