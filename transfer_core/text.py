"""Text from outside, made harmless: one function per place it goes to."""

import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def markdown(text: str) -> str:
    """The text as Markdown shows it literally: no link, image, heading, colour, formula or table cell comes of it."""
    return _MARKDOWN.sub(r"\\\1", plain(text))


def plain(text: str) -> str:
    """One line without control characters or characters that turn the writing direction."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def csv_cell(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
