"""Output that nobody reads any more, as after `| head`: no mistake, and no reason to stop. Imports nothing heavy."""

import errno
import os
import sys
from contextlib import suppress
from typing import TextIO


def is_closed_pipe(error: OSError) -> bool:
    """Whether who read the output has left; Windows says that the argument is invalid."""
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def silence(stream: TextIO | None) -> None:
    """Lets all that is still to be written to a stream go nowhere, what Python flushes at its end included."""
    if stream is not None:
        with suppress(OSError, ValueError):  # one that is no file, as in tests
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def flush_output() -> None:
    """Writes out what is on its way to stdout and stderr, as far as anybody reads it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # as it is after `>&-`
                stream.flush()
        except OSError as error:
            if not is_closed_pipe(error):
                raise
            silence(stream)


def tell(text: str, end: str = "\n") -> None:
    """Puts a text on stderr, as far as anybody reads it."""
    try:
        print(text, end=end, file=sys.stderr, flush=True)
    except OSError as error:
        if not is_closed_pipe(error):
            raise
        silence(sys.stderr)
