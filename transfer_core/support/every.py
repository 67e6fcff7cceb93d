"""Something that is to be done now and then. Imports nothing heavy."""

import time


class Every:
    """Called again and again, it is true once in so many seconds, for the first time after as many.

    Args:
        seconds: 0 makes it true at every call.
    """

    def __init__(self, seconds: float):
        self._seconds, self._last = seconds, time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
