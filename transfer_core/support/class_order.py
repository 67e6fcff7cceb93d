"""The order in which classes stand, everywhere: numbers as they are counted, then the others by the alphabet."""

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


def in_class_order(names: Iterable[str]) -> list[str]:
    """The names in their order: 0, 1, 2, 10, ant, bee. Runs keep the order that was theirs when they were made."""
    return sorted(names, key=_key)


def _key(name: str) -> tuple[bool, float, str]:
    number = _NUMBER.fullmatch(name)
    return number is None, float(name.replace(",", ".")) if number else 0.0, name
