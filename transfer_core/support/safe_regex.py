"""Patterns that a person types, to find in a file's path what it belongs to, such as the patient.

RE2 reads them: whatever is typed, it takes time in proportion to the path alone, where Python's own `re` can be made to
search for years. A time limit would have let the speed of the machine decide what is found.
"""

import unicodedata
from functools import lru_cache
from typing import Any

import re2

EXAMPLE = r"(p\d+)_"
LONGEST = 200  # characters


def problem_of(pattern: str) -> str | None:
    """What is wrong with the pattern and what to do about it, in a sentence or two; None if it can be used."""
    if len(pattern) > LONGEST:
        return f"The group pattern has {len(pattern)} characters; at most {LONGEST} fit. Shorten it."
    try:
        brackets = _compile(pattern).groups
    except (re2.error, UnicodeError) as error:
        return (
            f"The group pattern '{pattern}' cannot be read ({_reason(error)}). Write it like {EXAMPLE}, which finds "
            "p07 in p07_left.jpg."
        )
    if brackets != 1:
        return (
            f"The group pattern '{pattern}' has {brackets} brackets; exactly one must stand around what names the "
            f"group, as in {EXAMPLE}. Write others as (?:...)."
        )
    return None


def find_group(pattern: str, path: str) -> str | None:
    """What the bracket of a good pattern finds in the path; None where that is nothing."""
    readable = unicodedata.normalize("NFC", path.encode("utf-8", "replace").decode())
    match = _compile(pattern).search(readable)
    return (match[1] or None) if match else None


@lru_cache(maxsize=64)
def _compile(pattern: str) -> Any:  # RE2 publishes no type for its patterns
    options = re2.Options()
    options.log_errors = False  # on stderr, where nobody who types a pattern looks
    return re2.compile(unicodedata.normalize("NFC", pattern), options)


def _reason(error: Exception) -> str:
    """In RE2's words, without the piece of the pattern that it puts behind them."""
    if not isinstance(error, re2.error):
        return "a character that is no text"
    said = error.args[0]
    return (said.decode("utf-8", "replace") if isinstance(said, bytes) else said).partition(":")[0]
