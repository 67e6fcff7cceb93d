"""Hostile text, one escape per place it goes to."""

import csv
import io
from html import unescape
from xml.etree import ElementTree

import pytest

from transfer_core.support import text

NASTY = [
    "**bold** _it_ `code`",
    "[a](http://evil)",
    "![x](http://evil/x.png)",
    "<script>alert(1)</script>",
    "a | b",
    "# head",
    "1. list",
    "$x^2$",
    ":red[x] :smile:",
    "~~gone~~",
    "back\\slash",
    "&amp;",
    "http://auto.link",
]


@pytest.mark.parametrize("name", [*NASTY, "a \"quoted\" 'name'", "turned \N{RIGHT-TO-LEFT OVERRIDE} around"])
def test_html_shows_every_sign_literally_in_an_element_and_in_an_attribute(name):
    escaped = text.html(name)
    assert not set("<>\"'") & set(escaped)
    assert unescape(escaped) == text.plain(name)
    [element] = ElementTree.fromstring(f'<p><i title="{escaped}">{escaped}</i></p>')
    assert element.text == element.get("title") == text.plain(name) and not list(element)


@pytest.mark.parametrize("name", NASTY)
def test_markdown_shows_every_sign_literally(name):
    escaped = text.markdown(name)
    signs = set("\\`*_{}[]()<>#+-.!|~$:&")
    i = 0
    shown = ""
    while i < len(escaped):  # each sign with a meaning stands behind a backslash of its own
        if escaped[i] == "\\":
            i += 1
        else:
            assert escaped[i] not in signs, escaped
        shown += escaped[i]
        i += 1
    assert shown.replace("\u2060", "") == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("two\nlines\r\n", "two lines"),  # a new line would end a heading or a table row
        ("\u202ecod.exe", "cod.exe"),  # turns the writing direction
        ("tab\there", "tab here"),
        ("nul\0", "nul"),
        ("line\u2028separator", "line separator"),
        ("🦋 Ärger 木", "🦋 Ärger 木"),  # what is readable stays
    ],
)
def test_plain_text_is_one_readable_line(name, expected):
    assert text.plain(name) == expected


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1+1", '=HYPERLINK("http://evil","x")']


@pytest.mark.parametrize("name", FORMULAS)
def test_a_table_cell_is_never_a_formula(name):
    buffer = io.StringIO()
    csv.writer(buffer).writerow([text.csv_cell(name)])
    (cell,) = next(csv.reader(io.StringIO(buffer.getvalue(), newline="")))
    assert cell == "'" + name


def test_no_two_names_become_one_cell():
    names = [*FORMULAS, *(f"'{name}" for name in FORMULAS), *(f"''{name}" for name in FORMULAS), "'tis", "''tis", "tis"]
    cells = [text.csv_cell(name) for name in names]
    assert len(set(cells)) == len(names) and cells[-3:] == names[-3:]
    assert all(not cell.startswith(tuple("=+-@\t\r\n \uff1d")) for cell in cells)


def test_a_harmless_cell_stays_as_it_is():
    assert text.csv_cell("ant = bee") == "ant = bee"
    assert text.csv_cell("") == ""


@pytest.mark.parametrize("name", ["http://evil.example", "www.evil.example", "a@evil.example", ":material/delete:"])
def test_addresses_and_icons_are_taken_apart(name):
    """Streamlit recognizes them after the escapes are resolved, so escapes alone do not help."""
    shown = text.markdown(name).replace("\\", "")
    assert name not in shown and shown.replace("\u2060", "") == name
