"""Which encoding a text is in that does not say so: the likely readings of its bytes, and whether one is certain."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from transfer_core.errors import DataError
from transfer_core.support import languages
from transfer_core.support.encodings import CONTROL, KNOWN, is_valid, words_of

# How much rarer than Windows' own, in bits. In a zip, the names are as often in that of DOS.
_RARER = {"mac": 3.0, "iso": 4.0, "koi": 6.0, "euc": 5.0}
_DOS, _DOS_IN_ZIPS, _DOS_OF_FEW = 5.0, 0.0, 6.0
_OF_FEW = {"cp860", "cp861", "cp863", "cp865", "cp858"}
_DOS_PAGES = frozenset(name for name, (title, _) in KNOWN.items() if title.endswith("DOS"))
_CERTAIN = 12.0  # bits between the best reading and the next other one: some thousand to one
_CERTAIN_BY_ONE = 20.0  # where they differ in one letter only
_SHORT = 16  # letters of one byte beyond ASCII; a shorter text must be clearer
_BEARABLE = 25  # of so many characters beyond ASCII one may be out of place
_POSSIBLE = 30.0  # bits above the best, up to which a reading is offered
_OFFERED = 7
_ALWAYS = "cp1252"  # offered besides, since most such tables are in it
_STRANGE = 8.0  # bits for a character that has no place in its word
_SWITCH = 7.0  # bits for a word of another language than the rest
_UTF8_BONUS = 6.0  # bits; bytes are hardly valid UTF-8 by chance
_SAMPLE, _LONGEST = 300, 300  # different words that are looked at, and bytes of one; longer ones are no words
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before that of UTF-16, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
Kind = Literal["table", "names"]


@dataclass(frozen=True)
class Found:
    """What was found out about bytes.

    Args:
        encoding: The likeliest reading.
        certain: Whether the next likely one, which reads them otherwise, is far behind.
        others: Encodings that read them otherwise and are possible, the likelier first.
        by_validity: Whether it is Unicode by its mark or by validity, of which nobody need be told.
    """

    encoding: str
    certain: bool = True
    others: tuple[str, ...] = ()
    by_validity: bool = False


@dataclass(frozen=True)
class _Reading:
    encoding: str
    text: str
    bits: float
    strange: int


def find_encoding(content: bytes, kind: Kind = "table") -> Found:
    """The encoding of a text: Unicode by mark or validity, else the one in which its words make sense.

    Args:
        kind: "names" for those in a zip, which are of DOS as often as of Windows.

    Raises:
        DataError: No known encoding can read it.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark) and is_valid(content, encoding):
            return Found(encoding, by_validity=True)
    if unmarked := _unmarked(content):
        return Found(unmarked, by_validity=True)
    if b"\x1b$" in content and content.isascii() and is_valid(content, "iso2022_jp"):
        return Found("iso2022_jp")
    if content.isascii():
        return Found("utf-8", by_validity=True)
    words = _words(content)
    is_utf8 = is_valid(content, "utf-8")
    if is_utf8 and (not words or not _doubtful(words)):
        return Found("utf-8", by_validity=True)
    readings = [reading for reading in _readings(words, kind) if is_valid(content, reading.encoding)]
    if is_utf8:
        own = _judge(words, "utf-8", 0)
        most = own.bits + _UTF8_BONUS
        readings = [own, *(one for one in readings if one.strange <= own.strange and one.bits < most)]
        if len(readings) == 1:
            return Found("utf-8", by_validity=True)
    if not readings or not words:
        raise DataError("it is in no known encoding, or damaged")
    best, *rest = readings
    beyond_ascii = sum(not letter.isascii() for letter in best.text)
    certain = best.strange * _BEARABLE <= beyond_ascii and not is_utf8 and not _is_mixed(words)
    certain = certain and all(other.bits - best.bits >= _needed(best, other) for other in rest)
    possible = [one.encoding for one in rest if one.bits - best.bits < _POSSIBLE][:_OFFERED]
    usual = [one.encoding for one in rest if one.encoding == _ALWAYS and _ALWAYS not in possible]
    return Found(best.encoding, certain, (*possible, *usual))


def _unmarked(content: bytes) -> str | None:
    """UTF-16 or UTF-32 without its mark, which the zeros beside each letter of ASCII give away."""
    zeros = content.count(0)
    if zeros * 7 < len(content):
        return None
    by_place = [content[place::4].count(0) for place in range(4)]
    if zeros * 2 > len(content):
        found = "utf-32-le" if by_place[3] > by_place[0] else "utf-32-be"
    else:
        found = "utf-16-le" if by_place[1] + by_place[3] > by_place[0] + by_place[2] else "utf-16-be"
    return found if is_valid(content, found) else None


def _words(content: bytes) -> list[bytes]:
    """Different words that are not ASCII alone: the first ones, and of the others those with a byte that is new.

    So nothing that two encodings read differently is left out, and a table of a million rows takes no longer.
    """
    found: dict[bytes, None] = {}
    seen: set[int] = set()
    for word in words_of(content):
        if len(word) <= _LONGEST and (len(found) < _SAMPLE or not seen.issuperset(word)):
            found[word] = None
            seen.update(word)
    return list(found)


def _doubtful(words: Sequence[bytes]) -> bool:
    """Whether so few bytes are UTF-8 that it may be chance: "d'ér" of a Mac is valid, too, and an Armenian letter."""
    return len(words) <= 20 and all(character < "\u0800" for word in words for character in word.decode("utf-8"))


def _needed(best: _Reading, other: _Reading) -> float:
    """How far behind another reading must be; further where a single letter tells them apart, however often it comes.

    "Katė, eglė, bitė" and "katë, eglë, bitë": the three words say one and the same thing.
    """
    told_apart = {pair for pair in zip(best.text.lower(), other.text.lower(), strict=False) if pair[0] != pair[1]}
    if len(best.text) == len(other.text) and len(told_apart) == 1 and not other.strange:
        return _CERTAIN_BY_ONE
    beyond_ascii = sum(not letter.isascii() for letter in best.text)
    if beyond_ascii * 2 < len(best.text.replace("\n", "")):  # letters of ASCII beside them tell more
        return _CERTAIN
    return _CERTAIN + max(
        0, _SHORT - sum(1 if letter < "\u2e80" else 2 for letter in best.text if not letter.isascii())
    )


def _is_mixed(words: Sequence[bytes]) -> bool:
    """Whether some words are UTF-8, of several bytes a letter, and others not: two texts in one."""
    return any(is_valid(word, "utf-8") and _is_likely_utf8(word) for word in words)


def _is_likely_utf8(word: bytes) -> bool:
    """Whether enough of it makes sense as UTF-8: one letter alone may be a Chinese character as well."""
    if len(word) < 4:
        return False
    reading = _judge([word], "utf-8", 0)
    return not reading.strange


def _readings(words: Sequence[bytes], kind: Kind) -> list[_Reading]:
    """Every different reading, the likeliest first; of encodings that read alike, the one that is listed first."""
    found: dict[str, _Reading] = {}
    for encoding in KNOWN:
        try:
            reading = _judge(words, encoding, _rarer(encoding, kind))
        except UnicodeDecodeError:
            continue
        if CONTROL.search(reading.text):
            continue
        known = found.setdefault(reading.text, reading)
        if reading.bits < known.bits:
            found[reading.text] = replace(reading, encoding=known.encoding)
    return sorted(found.values(), key=lambda one: one.bits)


def _rarer(encoding: str, kind: Kind) -> float:
    if encoding in _DOS_PAGES:
        return (_DOS_IN_ZIPS if kind == "names" else _DOS) + _DOS_OF_FEW * (encoding in _OF_FEW)
    return _RARER.get(encoding[:3], 0.0)


def _judge(words: Sequence[bytes], encoding: str, rarer: float) -> _Reading:
    """What the words cost in the languages of an encoding: in one of them, or for a price each in another."""
    text = b"\n".join(words).decode(encoding)
    read = text.split("\n")
    spoken = KNOWN[encoding][1] if encoding in KNOWN else (*languages.ALPHABETIC, "zh", "tw", "ja", "ko")
    costs = {language: [languages.cost(word, language) for word in read] for language in spoken}
    cheapest = [min(costs[language][place] for language in spoken) for place in range(len(read))]
    best = (float("inf"), 0)
    for language in spoken:
        chosen = [
            own if own[0] <= other[0] + _SWITCH else (other[0] + _SWITCH, other[1])
            for own, other in zip(costs[language], cheapest, strict=True)
        ]
        strange = sum(wrong for _, wrong in chosen)
        best = min(best, (sum(bits for bits, _ in chosen) + _STRANGE * strange, strange))
    return _Reading(encoding, text, best[0] + rarer, best[1])
