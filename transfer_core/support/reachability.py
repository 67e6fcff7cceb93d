"""Whether an address on the internet answers, known soon. Imports nothing heavy."""

import threading
import urllib.request
from http.client import HTTPException


def probe_url(address: str, timeout_s: float) -> Exception | None:
    """Why an address does not answer, or None where it does; takes at most twice the time-out.

    It runs in a thread because looking up a name has no time-out in Python.
    """
    failures: list[Exception] = [TimeoutError()]

    def ask() -> None:
        try:
            request = urllib.request.Request(address, method="HEAD")
            with urllib.request.urlopen(request, timeout=timeout_s):
                failures.clear()
        except (OSError, ValueError, HTTPException) as error:
            failures[:] = [error]

    # A daemon: a pool would wait for it, now or when the program ends.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(2 * timeout_s)
    return failures[0] if failures else None
