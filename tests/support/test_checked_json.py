"""JSON with a checksum: what was written, or nothing."""

import json

import pytest

from transfer_core.support.checked_json import read_checked, write_checked

CONTENT = {"seconds": 0.1, "ids": [1, 2, 3], "more": {"name": "Bäume", "none": None}}


@pytest.fixture
def path(tmp_path):
    write_checked(tmp_path / "a.json", CONTENT, "run-1")
    return tmp_path / "a.json"


def test_what_was_written_is_read(path):
    assert read_checked(path, "run-1") == CONTENT
    assert json.loads(path.read_text("utf-8")).items() > CONTENT.items()  # for people, too


def test_that_of_another_owner_is_refused(path):
    with pytest.raises(ValueError, match="belongs elsewhere"):
        read_checked(path, "run-2")


def test_no_flipped_bit_changes_the_content(path):
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            found = read_checked(path, "run-1")
        except ValueError:
            continue
        # What may change unseen are spaces and the name of the checksum, which then passes as content.
        assert found.items() >= CONTENT.items()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"null", bytes(90), b"\xff", b"[" * 100_000])
def test_what_is_no_content_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError):
        read_checked(path, "run-1")


def test_a_file_of_an_earlier_version_passes(path):
    path.write_text('{"ids": [1]}')
    assert read_checked(path, "run-1") == {"ids": [1]}
