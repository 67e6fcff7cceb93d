"""Encodings of text: what they are called, and reading in one of them, so that nothing is lost or mixed up."""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from transfer_core.errors import DataError
from transfer_core.support.text import plain

_WEST = ("en", "de", "fr", "es", "pt", "it", "ca", "nl", "sv", "da", "fi", "is", "sq")
_EAST = ("pl", "cs", "sk", "hu", "ro", "hr", "sl", "de", "sq", "en")
_BALTIC = ("et", "lv", "lt", "pl", "de", "sv", "da", "fi", "en")
_TURKISH = ("tr", "de", "fr", "en")
_CYRILLIC = ("ru", "uk", "bg", "sr", "mk", "be", "en")
# Each encoding, what a person calls it, and the languages that are written in it.
KNOWN: dict[str, tuple[str, tuple[str, ...]]] = {
    "cp1252": ("Western Europe, Windows", _WEST),
    "cp1250": ("Central Europe, Windows", _EAST),
    "cp1251": ("Cyrillic, Windows", _CYRILLIC),
    "cp1253": ("Greek, Windows", ("el", "en")),
    "cp1254": ("Turkish, Windows", _TURKISH),
    "cp1255": ("Hebrew, Windows", ("he", "en")),
    "cp1256": ("Arabic, Windows", ("ar", "fa", "en")),
    "cp1257": ("Baltic, Windows", _BALTIC),
    "cp1258": ("Vietnamese, Windows", ("vi", "fr", "en")),
    "cp874": ("Thai, Windows", ("th", "en")),
    "cp932": ("Japanese, Windows (Shift JIS)", ("ja",)),
    "gbk": ("Chinese, simplified, Windows", ("zh",)),
    "gb18030": ("Chinese, simplified", ("zh",)),
    "cp950": ("Chinese, traditional, Windows (Big5)", ("tw",)),
    "big5hkscs": ("Chinese, traditional, Hong Kong", ("tw",)),
    "cp949": ("Korean, Windows", ("ko",)),
    "mac_roman": ("Western Europe, Mac", _WEST),
    "mac_latin2": ("Central Europe, Mac", _EAST),
    "mac_cyrillic": ("Cyrillic, Mac", _CYRILLIC),
    "mac_greek": ("Greek, Mac", ("el", "en")),
    "mac_turkish": ("Turkish, Mac", _TURKISH),
    "cp850": ("Western Europe, DOS", _WEST),
    "cp858": ("Western Europe with the euro, DOS", _WEST),
    "cp437": ("United States, DOS", _WEST),
    "cp852": ("Central Europe, DOS", _EAST),
    "cp866": ("Cyrillic, DOS", _CYRILLIC),
    "cp737": ("Greek, DOS", ("el", "en")),
    "cp857": ("Turkish, DOS", _TURKISH),
    "cp775": ("Baltic, DOS", _BALTIC),
    "cp860": ("Portuguese, DOS", ("pt", "en")),
    "cp861": ("Icelandic, DOS", ("is", "da", "en")),
    "cp863": ("French of Canada, DOS", ("fr", "en")),
    "cp865": ("Nordic, DOS", ("da", "sv", "en")),
    "cp862": ("Hebrew, DOS", ("he", "en")),
    "cp720": ("Arabic, DOS", ("ar", "en")),
    "iso8859_15": ("Western Europe, ISO", _WEST),
    "iso8859_2": ("Central Europe, ISO", _EAST),
    "iso8859_4": ("Northern Europe, ISO", _BALTIC),
    "iso8859_5": ("Cyrillic, ISO", _CYRILLIC),
    "iso8859_6": ("Arabic, ISO", ("ar", "en")),
    "iso8859_7": ("Greek, ISO", ("el", "en")),
    "iso8859_9": ("Turkish, ISO", _TURKISH),
    "iso8859_13": ("Baltic, ISO", _BALTIC),
    "koi8_r": ("Russian, KOI8", ("ru", "en")),
    "koi8_u": ("Ukrainian, KOI8", ("uk", "ru", "en")),
    "euc_jp": ("Japanese, EUC", ("ja",)),
}
_WORD = re.compile(rb"[^\x00-\x2f:;<=>?]+")
CONTROL = re.compile(r"[\x80-\x9f\ue000-\uf8ff]")  # of no text: control characters, and what nobody has assigned


class UnclearEncoding(DataError):
    """A text that can be read in several ways, of which a person has to choose one.

    Args:
        name: Of the file; untrusted text.
        readings: By encoding, the likelier first, some of what it says; untrusted text.
        remedy: What else can be done.
    """

    def __init__(self, name: str, readings: Mapping[str, Sequence[str]], remedy: str = "save it again as UTF-8"):
        self.name, self.remedy = name, remedy
        self.readings = {encoding: list(samples) for encoding, samples in readings.items()}
        told = "; ".join(
            f"{title(encoding)}: {', '.join(repr(plain(sample)[:40]) for sample in samples)}"
            for encoding, samples in self.readings.items()
        )
        super().__init__(
            f"{name}: the text is not UTF-8, and can be read in several ways: {told}. Choose one with --encoding NAME, "
            f"or {remedy}."
        )


def title(encoding: str) -> str:
    """Such as "cp1252 (Western Europe, Windows)"."""
    return f"{encoding} ({KNOWN[encoding][0]})" if encoding in KNOWN else encoding


def offered() -> list[str]:
    """Every encoding that can be found or chosen."""
    return ["utf-8", *KNOWN]


def named(name: str) -> str:
    """The encoding that a person means.

    Raises:
        DataError: There is none of that name, or it is none for text.
    """
    try:
        found = codecs.lookup(name.strip())
        b"a".decode(found.name)
    except (LookupError, ValueError, UnicodeError):
        found = None
    if found is None or found.name in ("idna", "punycode", "undefined", "raw-unicode-escape", "unicode-escape"):
        raise DataError(f"There is no encoding '{name[:40]}'. Known ones are {', '.join(offered())}.")
    return next((known for known in KNOWN if codecs.lookup(known).name == found.name), found.name)


def decode(content: bytes, encoding: str) -> str:
    """The text, without a mark at its beginning; nothing is replaced or left out.

    Raises:
        DataError: The bytes are no such text.
    """
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"it is no {encoding} text: byte {error.start + 1:,} cannot be read") from error
    if not encoding.startswith("utf"):
        words = set(words_of(content))
        if len({word.decode(encoding, "replace") for word in words}) < len(words):
            raise DataError(f"as {encoding} two different words in it would become one")
        if CONTROL.search(text):
            raise DataError(f"as {encoding} it would hold control characters")
    return text.removeprefix("\ufeff")


def words_of(content: bytes) -> Iterator[bytes]:
    """The words that are not ASCII alone; in time that grows with the content, whatever it is."""
    return (match[0] for match in _WORD.finditer(content) if not match[0].isascii())


def is_valid(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def examples(labels: Iterable[str]) -> list[str]:
    """Three different ones in which an encoding shows, else three."""
    different = list(dict.fromkeys(labels))
    telling = [label for label in different if not label.isascii()]
    return (telling or different)[:3]
