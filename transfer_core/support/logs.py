"""Logging: modules write to `logging.getLogger(__name__)`; what of it is seen, `GRAFT_LOG` says.

Each of our programs calls `set_up` at its start: the command line and the web app, which are quiet unless asked, and
the runner and its workers, whose stderr is a log file. A program that imports `transfer_core` sets up logging as it
likes; nothing here happens on import.
"""

import logging
import os
import sys

from transfer_core.errors import TransferError

VARIABLE = "GRAFT_LOG"
LEVELS = ("debug", "info", "warning", "error")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Handler(logging.StreamHandler):
    """Writes to what stderr is at that moment: tests and the worker's log file change it after the start."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def set_up(usual: str = "warning") -> None:
    """Sends our own log lines to stderr; may be called again. Other packages' lines, which would bury ours, stay away.

    Args:
        usual: The lowest level that is shown where `GRAFT_LOG` names none.

    Raises:
        TransferError: `GRAFT_LOG` names no level.
    """
    wanted = os.environ.get(VARIABLE, "").strip().lower() or usual
    if wanted not in LEVELS:
        raise TransferError(f"{VARIABLE} is '{wanted}', which is no level. Set it to one of {', '.join(LEVELS)}.")
    logger = logging.getLogger("transfer_core")
    logger.setLevel(wanted.upper())
    if not any(isinstance(handler, _Handler) for handler in logger.handlers):
        handler = _Handler()
        handler.setFormatter(logging.Formatter(_FORMAT))
        logger.addHandler(handler)
