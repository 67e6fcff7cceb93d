"""The parts of the photos, and what a person reads of them. Imports nothing.

Their names in files and on the command line, and among people of the field, are the keys: train, val, test.
"""

WORDS = {"train": "training", "val": "validation", "test": "test"}
UNDECIDED = "automatic"


def words_of(part: str | None) -> str:
    """Such as "validation"."""
    return WORDS[part] if part else UNDECIDED
