"""Caches of files by photo: whole or not there."""

import os
import threading
import time

import pytest

from transfer_core.data.images.cache import PhotoCache, delete_cached

PHOTO, OTHER = "ab" + 62 * "0", "cd" + 62 * "1"


@pytest.fixture
def cache(tmp_path):
    return PhotoCache(tmp_path / "prepared" / "pictures", ".jpg")


def test_what_was_written_is_read(cache):
    assert cache.read(PHOTO) is None and not cache.holds(PHOTO)
    cache.write(PHOTO, b"content")
    assert cache.read(PHOTO) == b"content" and cache.holds(PHOTO)
    assert cache.read(OTHER) is None
    cache.write(PHOTO, b"newer")
    assert cache.read(PHOTO) == b"newer"
    assert [path.name for path in cache.folder.rglob("*.*")] == [f"{PHOTO}.jpg"]


@pytest.mark.parametrize(
    "left",
    [b"", b"\0\0", bytes(4), bytes(11), b"conten", b"content", b"Content????"],
    ids=["nothing", "two zeros", "zeros for the checksum", "zeros", "cut", "no checksum", "another checksum"],
)
def test_a_damaged_file_counts_as_missing(cache, left):
    cache.write(PHOTO, b"content")
    cache.path(PHOTO).write_bytes(left)
    assert cache.read(PHOTO) is None


def test_the_file_of_another_photo_or_kind_counts_as_missing(cache):
    other = PhotoCache(cache.folder.with_name("pixels"), ".jpg")
    cache.write(PHOTO, b"content")
    other.write(PHOTO, b"content")
    for place in (cache.path(OTHER), other.path(PHOTO)):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(cache.path(PHOTO).read_bytes())
    assert cache.read(PHOTO) == b"content"
    assert cache.read(OTHER) is None and other.read(PHOTO) is None


def test_no_flipped_bit_passes(cache):
    cache.write(PHOTO, b"content")
    whole = cache.path(PHOTO).read_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        cache.path(PHOTO).write_bytes(damaged)
        assert cache.read(PHOTO) is None


def test_reading_marks_a_file_as_used_but_not_all_the_time(cache):
    cache.write(PHOTO, b"content")
    lately = time.time() - 600
    os.utime(cache.path(PHOTO), (lately, lately))
    cache.read(PHOTO)
    assert cache.path(PHOTO).stat().st_mtime == pytest.approx(lately)
    os.utime(cache.path(PHOTO), (0, 0))
    cache.read(PHOTO)
    assert cache.path(PHOTO).stat().st_mtime > lately


def test_writers_at_once_leave_one_whole_file(cache):
    contents = [bytes([number]) * 100_000 for number in range(8)]
    writers = [threading.Thread(target=cache.write, args=(PHOTO, content)) for content in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert cache.read(PHOTO) in contents
    assert len(list(cache.folder.rglob("*.*"))) == 1


def test_a_photo_is_forgotten_by_all_caches(cache):
    caches = [cache, PhotoCache(cache.folder.with_name("pixels"), ".pixels")]
    for each in caches:
        each.write(PHOTO, b"content")
        each.write(OTHER, b"content")
    delete_cached(cache.folder.parent, [PHOTO])
    assert not any(each.holds(PHOTO) for each in caches) and all(each.holds(OTHER) for each in caches)
