"""Mistakes that the user can mend: their text is shown as it is, everything else is a bug of ours."""

import errno

# No room on the disk at all, or none that this person may still use: a quota, which Windows does not know.
DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))

# A disk or folder that this person may only read.
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class TransferError(Exception):
    """What happened, what was expected, what to do next: one sentence or two, no traceback needed.

    Args:
        problems: Every one that was found, in the order they should be read.
    """

    def __init__(self, *problems: str):
        self.problems = list(problems)
        super().__init__(" ".join(problems))


class ConfigError(TransferError):
    """Settings that cannot be trained with."""


class DataError(TransferError):
    """Photos that cannot be read, or too few of them."""


class BackboneError(TransferError):
    """An unknown backbone, or weights that cannot be had or do not fit."""


class RunError(TransferError):
    """A run or project that does not exist, or is not in the state that was asked of it."""


class StopRequested(Exception):
    """A person asked to stop: no error, so neither a `TransferError` nor the system's `InterruptedError`.

    The latter is an OSError, which whoever handles a failing disk would swallow, and which an interrupted system call
    raises by itself.
    """
