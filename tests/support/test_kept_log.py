"""An append-only file of lines: reading on, torn ends, another file in its place."""

import json
import os

import pytest

from transfer_core.support import kept_log as log
from transfer_core.support.checked_json import copy_path
from transfer_core.support.log_lines import encode


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.jsonl"


def write(path, *numbers: int) -> None:
    with log.writing(path):
        log.append(path, [{"n": n} for n in numbers])


def numbers(reader: log.Reader) -> list[int]:
    return [line["n"] for line in reader.read_on()]


def test_reader_goes_on_where_it_was(path):
    reader = log.Reader(path)
    assert not reader.has_news() and reader.is_continued() and numbers(reader) == []
    write(path, 1, 2)
    assert reader.has_news() and numbers(reader) == [1, 2]
    assert not reader.has_news() and numbers(reader) == []
    write(path, 3)
    assert reader.has_news() and reader.is_continued() and numbers(reader) == [3]


def test_reader_stops_where_it_is_told(path):
    write(path, 1)
    version = path.stat().st_size
    write(path, 2)
    assert [[line["n"] for line in log.Reader(path).read_on(stop)] for stop in (0, version, version + 5)] == [
        [],
        [1],
        [1],
    ]


@pytest.mark.parametrize("torn", [b'{"n"', b'{"n": 2}', b'{"n": 2, "x": "\xc3'])
def test_torn_line_is_finished_off_before_the_next(path, torn):
    write(path, 1)
    reader = log.Reader(path)
    with path.open("ab") as file:
        file.write(torn)
    assert numbers(reader) == [1]
    write(path, 3)
    whole = [2] if torn.endswith(b"}") else []  # all of it had been written but its end
    assert numbers(reader) == [*whole, 3]
    assert reader.lost == reader.copied == 0  # it was never acknowledged
    assert path.read_bytes().splitlines()[-1].startswith(b'{"n": 3, "crc": "')
    assert path.read_bytes() == copy_path(path).read_bytes()


def test_other_file_in_its_place_is_noticed(path):
    reader = log.Reader(path)
    write(path, 1, 2)
    numbers(reader)
    path.write_text("".join(json.dumps({"n": n}) + "\n" for n in (7, 8, 9)))  # the same file, with other content
    assert reader.has_news() and not reader.is_continued()
    reader = log.Reader(path)
    numbers(reader)
    os.replace(path, path.with_name("old"))
    assert reader.has_news() and not reader.is_continued()
    write(path, 7, 8, 9)
    assert reader.has_news() and not reader.is_continued()


def test_write_that_a_full_disk_breaks_off_leaves_what_was_there(path):
    resource = pytest.importorskip("resource")
    write(path, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, limits[1]))
    try:
        with pytest.raises(OSError):
            write(path, 2, 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes().endswith(b'}\n{"n":')
    write(path, 4)
    assert numbers(log.Reader(path)) == [1, 4]


# --- damaged, and taken from the copy -----------------------------------------------------------------------------

WAYS = ("bit in a line", "bit at an end", "end made", "cut", "cut at an end", "empty", "zeros", "missing", "another's")


def spoil(path, way: str) -> None:
    """Damages the second of four lines, or all of the file."""
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    second, third = len(lines[0]), len(lines[0] + lines[1])
    other = b"".join(encode({"n": n}, "another") for n in (7, 8, 9))

    def put(place: int, byte: bytes) -> bytes:
        return whole[:place] + byte + whole[place + 1 :]

    if way == "missing":
        path.unlink()
    else:
        damaged = {
            "bit in a line": put(second + 6, b"5"),  # still a number
            "bit at an end": put(third - 1, b"\x0b"),
            "end made": put(second + 5, b"\n"),
            "cut": whole[: second + 4],
            "cut at an end": whole[:third],
            "empty": b"",
            "zeros": whole[: second + 3] + bytes(len(lines[1] + lines[2])) + whole[third + len(lines[2]) + 3 :],
            "another's": other,
        }
        path.write_bytes(damaged[way])


@pytest.mark.parametrize("of_copy", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_damage_to_one_of_the_two_loses_nothing(path, way, of_copy):
    write(path, 1, 2)
    version = log.size(path)
    write(path, 3, 4)
    before = path.read_bytes()
    spoil(copy_path(path) if of_copy else path, way)
    reader = log.Reader(path)
    assert numbers(reader) == [1, 2, 3, 4]
    assert reader.lost == 0 and (reader.copied > 0) == (not of_copy)
    assert [line["n"] for line in log.Reader(path).read_on(version)] == [1, 2]
    assert log.size(path) == len(before)
    write(path, 5)  # whoever writes next must not write over what only the copy has
    assert numbers(log.Reader(path)) == [1, 2, 3, 4, 5]
    assert [line["n"] for line in log.Reader(path).read_on(version)] == [1, 2]
    log.repair(path)
    assert path.read_bytes() == copy_path(path).read_bytes() and path.read_bytes().startswith(before)
    assert log.examine(path) == log.Health(0, 0, False)


def test_a_line_that_is_damaged_in_both_costs_only_itself_and_is_given_up_only_when_asked(path):
    with log.writing(path):
        log.append(path, [{"n": n, "words": "as long as real lines are"} for n in (1, 2, 3)])
    whole = path.read_bytes()
    for place in (path, copy_path(path)):
        spoil(place, "bit in a line")
    reader = log.Reader(path)
    assert numbers(reader) == [1, 3] and (reader.lost, reader.copied) == (1, 0)
    write(path, 4)
    assert log.examine(path).lost == 1
    damaged = path.read_bytes()
    log.repair(path)
    assert log.examine(path).lost == 0
    assert [line.get("n") for line in log.Reader(path).read_on()][-2:] == [3, 4]
    assert len(path.read_bytes()) == len(damaged) > len(whole)  # no position has changed
    assert path.with_name("log.jsonl.damaged-1").read_bytes() == damaged


def test_lines_without_a_checksum_are_read_as_they_are(path):
    path.write_bytes(b'{"n": 1}\n{"n": 2}\n{"n"\n{"n": 3}\n')  # the third was never finished
    reader = log.Reader(path)
    assert numbers(reader) == [1, 2, 3] and reader.lost == 0
    write(path, 4)
    assert copy_path(path).read_bytes() == path.read_bytes()


def test_a_copy_that_fell_behind_is_brought_up_to_date(path):
    write(path, 1)
    early = path.read_bytes()
    write(path, 2)
    copy_path(path).write_bytes(path.read_bytes()[: len(early) + 4])  # the power failed before it was on the disk
    write(path, 3)
    assert copy_path(path).read_bytes() == path.read_bytes()
