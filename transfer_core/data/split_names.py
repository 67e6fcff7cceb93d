"""The parts of the photos, and what a person reads of them. Imports nothing.

Their names in files and on the command line, and among people of the field, are the keys: train, val, test.
"""

WORDS = {"train": "to learn from", "val": "to check with", "test": "for the last test"}
UNDECIDED = "not decided"


def words_of(part: str | None) -> str:
    """Such as "to check with"."""
    return WORDS[part] if part else UNDECIDED
