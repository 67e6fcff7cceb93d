"""The names of the splits: the keys stand in files and on the command line, people read the words. Imports nothing."""

WORDS = {"train": "training", "val": "validation", "test": "test"}
UNDECIDED = "automatic"


def words_of(part: str | None) -> str:
    """Such as "validation"."""
    return WORDS[part] if part else UNDECIDED
