"""An append-only file of lines: reading on, torn ends, another file in its place."""

import json
import os

import pytest

from transfer_core.data.labels import log


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
    assert path.read_bytes().splitlines()[-1] == b'{"n": 3}'


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
    assert path.read_bytes() == b'{"n": 1}\n{"n":'
    write(path, 4)
    assert numbers(log.Reader(path)) == [1, 4]
