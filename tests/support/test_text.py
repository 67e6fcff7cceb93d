"""Hostile text, one escape per place it goes to, and the words for quantities."""

import csv
import io

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


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://evil","x")'])
def test_a_table_cell_is_never_a_formula(name):
    buffer = io.StringIO()
    csv.writer(buffer).writerow([text.csv_cell(name)])
    (cell,) = next(csv.reader(io.StringIO(buffer.getvalue(), newline="")))
    assert cell == "'" + name


def test_a_harmless_cell_stays_as_it_is():
    assert text.csv_cell("ant = bee") == "ant = bee"
    assert text.csv_cell("") == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "1 s"), (8.4, "8 s"), (89, "89 s"), (90, "2 min"), (180, "3 min"), (5400, "1 h 30 min"), (7800, "2 h 10 min")],
)
def test_durations(seconds, said):
    assert text.duration(seconds) == said


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 kB"), (340_000, "340 kB"), (17_200_000, "17.2 MB"), (1_300_000_000, "1.3 GB")]
)
def test_file_sizes(size, said):
    assert text.file_size(size) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1e-6, "0.000001"),
        (1.24e-5, "0.000012"),
        (0.0012, "0.0012"),
        (0.1, "0.1"),
        (1.0, "1"),
        (10.0, "10"),
        (120, "120"),
    ],
)
def test_small_numbers_have_two_digits_and_no_powers(value, said):
    assert text.small_number(value) == said


def test_counts_and_ages():
    assert text.pluralize(1, "photo") == "1 photo"
    assert text.pluralize(1240, "photo") == "1,240 photos"
    assert text.pluralize(2, "class", "classes") == "2 classes"
    assert [text.ago(s) for s in (5, 60, 7200, 3 * 86400)] == ["just now", "1 minute ago", "2 hours ago", "3 days ago"]


@pytest.mark.parametrize(
    ("done", "elapsed", "said"),
    [
        (0, 9, "0 of 400 photos"),  # no speed yet
        (400, 9, "400 of 400 photos"),  # nothing left
        (100, 0.1, "100 of 400 photos"),  # too early to tell
        (100, 10, "100 of 400 photos, 10 per second, 30 s left"),
    ],
)
def test_pace(done, elapsed, said):
    assert text.progress_text(done, 400, elapsed) == said


@pytest.mark.parametrize("name", ["http://evil.example", "www.evil.example", "a@evil.example", ":material/delete:"])
def test_addresses_and_icons_are_taken_apart(name):
    """Streamlit recognizes them after the escapes are resolved, so escapes alone do not help."""
    shown = text.markdown(name).replace("\\", "")
    assert name not in shown and shown.replace("\u2060", "") == name
