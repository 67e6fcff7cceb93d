"""How files are written: whole or not at all."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from transfer_core.support.files import (
    delete_folder,
    finish_delete_folder,
    folder_size,
    read_json,
    write_json,
    write_whole,
)


def test_writing_whole_replaces_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write_whole(path, "one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["b.txt"]


def test_a_failed_write_leaves_the_old_content_and_nothing_beside(tmp_path, monkeypatch):
    path = tmp_path / "b.txt"
    write_whole(path, "old")

    def no_room(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["b.txt"]


def test_a_file_that_is_being_read_is_replaced_a_little_later(tmp_path, monkeypatch):
    """As on Windows, where replacing is refused while somebody reads."""
    refusals, replace = [1, 2, 3], os.replace

    def busy(part, path):
        if refusals:
            refusals.pop()
            raise PermissionError
        replace(part, path)

    monkeypatch.setattr(os, "replace", busy)
    write_whole(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "new" and not refusals


def test_readers_see_the_old_or_the_new_never_a_part(tmp_path):
    path, contents = tmp_path / "x.json", [{"n": [n] * 20_000} for n in range(2)]
    write_json(path, contents[0])
    done, seen = threading.Event(), []

    def read():
        while not done.is_set():
            seen.append(read_json(path))

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(20):
        write_json(path, contents[n % 2])
    done.set()
    reader.join()
    assert seen and all(content in contents for content in seen)


def test_names_that_are_no_unicode_survive_json(tmp_path):
    """A file name on Linux is bytes; Python gives us lone surrogates for those that are not UTF-8."""
    write_json(tmp_path / "x.json", {"path": "caf\udce9.jpg", "good": "é🦋"})
    assert read_json(tmp_path / "x.json") == {"path": "caf\udce9.jpg", "good": "é🦋"}


def test_folder_size_counts_bytes_and_follows_no_links(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"12345")
    (tmp_path / "outside").write_bytes(b"x" * 1000)
    os.symlink(tmp_path / "outside", tmp_path / "a" / "link")
    assert 5 <= folder_size(tmp_path / "a") < 1000
    assert folder_size(tmp_path / "nowhere") == 0


def test_a_folder_is_deleted_by_two_at_once(tmp_path):
    for number in range(300):
        path = tmp_path / "folder" / str(number % 7) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(finish_delete_folder, [tmp_path / "folder"] * 4))
    assert os.listdir(tmp_path) == []
    delete_folder(tmp_path / "folder")  # gone already


def test_a_folder_that_is_half_deleted_has_another_name(tmp_path, monkeypatch):
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    monkeypatch.setattr("transfer_core.support.files.finish_delete_folder", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        delete_folder(tmp_path / "folder")
    [left] = os.listdir(tmp_path)
    assert left.startswith(".deleted-folder-")
