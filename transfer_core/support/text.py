"""Text from outside, made harmless: one function per place it goes to."""

import re
from html import escape

_AUTOMATIC = re.compile(r"(https?:|www(?=\.)|@|:(?=material/|streamlit/))", re.IGNORECASE)
_JOINERS = "\u200c\u200d"  # invisible, but Persian, Hindi and many emoji are spelled with them
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")
# A formula begins so; in some languages with the full-width forms. White space before it may be skipped.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def markdown(text: str) -> str:
    """The text as Markdown shows it literally: no link, image, heading, colour, icon, formula or cell comes of it.

    Addresses and icon names are recognized after the escapes are resolved; an invisible joiner takes them apart.
    """
    return _MARKDOWN.sub(r"\\\1", _AUTOMATIC.sub("\\1\u2060", plain(text)))


def html(text: str) -> str:
    """The text as HTML shows it literally, in an element or a quoted attribute."""
    return escape(plain(text))


def plain(text: str) -> str:
    """One line of valid Unicode, without control characters and characters that turn the writing direction."""
    return " ".join("".join(c if c.isprintable() or c in _JOINERS else " " for c in text).split())


def shorten(text: str, limit: int) -> str:
    """One harmless line; a long one loses its middle, because file names differ at both ends. Not escaped."""
    text = plain(text) or "(no name)"
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail].rstrip()}…{text[len(text) - tail :].lstrip()}"


def csv_cell(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet would take it for a formula.

    Quotes around a cell do not keep a spreadsheet from that. No two texts become the same cell: whoever needs the text
    itself takes one apostrophe away where what follows the apostrophes and spaces is one of `_FORMULA_STARTS`.
    """
    return f"'{text}" if text.lstrip("' ").startswith(_FORMULA_STARTS) else text
