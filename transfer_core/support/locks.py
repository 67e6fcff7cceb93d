"""Whether another process holds a lock, asked without holding up anybody. Imports nothing heavy."""

import os
import sys

from filelock import FileLock, Timeout

if sys.platform != "win32":
    import fcntl

_TRIES_S = 0.002  # on Windows, where two who ask at once exclude each other for some microseconds


def is_locked(lock: FileLock) -> bool:
    """Whether somebody holds the lock, this process included. Takes microseconds, however many ask at once.

    `FileLock` holds an exclusive `flock`. A shared one, taken for a moment, is refused just as long as that is held,
    and any number of askers may have it together. The file is not made by asking: whose lock file is missing, holds
    nothing.
    """
    if sys.platform == "win32":
        return _is_locked_elsewhere(lock)
    else:  # an `else`, for type checkers skip a branch for another system, but not the lines after it
        try:
            file = os.open(lock.lock_file, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(file)  # which lets go of the shared lock, too


def _is_locked_elsewhere(lock: FileLock) -> bool:
    if not os.path.isfile(lock.lock_file):
        return False
    try:
        with lock.acquire(timeout=_TRIES_S, poll_interval=_TRIES_S / 4):
            return False
    except Timeout:
        return True
