"""Copies sorted into class folders: safe names, no two classes in one folder, nothing overwritten."""

import errno
import io
import os

import pytest

from transfer_core.inference.class_folders import ClassFolders, folder_names, safe_name

HOSTILE = (
    *(
        "a, b; c",
        'say "hi"',
        "=1+1",
        "two\nlines",
        "bee \N{HONEYBEE} ü",
        "../../wicked",
        "/etc",
        "C:\\Windows",
        "..",
        ".",
    ),
    *(
        "",
        " ",
        "CON",
        "con.txt",
        "nul",
        "COM1",
        "dogs. ",
        "dogs",
        "Dogs",
        "DOGS",
        ".hidden",
        "-rf",
        "x" * 500,
        "木" * 200,
    ),
    *("a/b", "a_b", "e\u0301", "\u00e9", "straße", "STRASSE", "\udcff", "a:b", "tab\there"),
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_safe_everywhere(name):
    safe = safe_name(name)
    assert safe and len(safe.encode()) <= 201 and safe.isprintable()
    assert not set(safe) & set('<>:"/\\|?*') and not safe.startswith(".") and safe == safe.strip().rstrip(".")
    assert safe.split(".")[0].lower() not in ("con", "nul", "com1")


@pytest.mark.parametrize("name", ["oak", "bee \N{HONEYBEE} ü", "a, b; c", "=1+1", "Class 1", "v1.5"])
def test_a_harmless_name_stays(name):
    assert safe_name(name) == name


def test_no_two_classes_share_a_folder_on_any_disk(tmp_path):
    names = folder_names(HOSTILE)
    assert len({name.casefold() for name in names.values()}) == len(HOSTILE)
    assert names["dogs"] == "dogs (2)" and names["Dogs"] == "Dogs (3)"  # the first was "dogs. "
    for name in names.values():
        (tmp_path / name).mkdir()
    assert len(os.listdir(tmp_path)) == len(HOSTILE)


def test_nothing_is_overwritten_and_a_second_time_adds_nothing(tmp_path):
    (tmp_path / "out" / "oak").mkdir(parents=True)
    (tmp_path / "out" / "oak" / "1.jpg").write_bytes(b"mine")
    (tmp_path / "out" / "oak" / "1 (2).jpg").mkdir()
    for copied, here in ((3, 0), (0, 3)):
        folders = ClassFolders.make(tmp_path / "out", ("oak", "elm"))
        folders.put("a/1.jpg", b"first", "oak")
        folders.put("b/1.jpg", b"second", "oak")
        folders.put("x.zip/../../../wicked.jpg", b"third", "oak")
        assert (folders.copied, folders.here) == (copied, here)
    found = {path.name: path.read_bytes() for path in (tmp_path / "out" / "oak").iterdir() if path.is_file()}
    assert found == {"1.jpg": b"mine", "1 (3).jpg": b"first", "1 (4).jpg": b"second", "wicked.jpg": b"third"}
    assert not (tmp_path / "out" / "elm").exists() and not (tmp_path / "wicked.jpg").exists()


class FullDisk(io.FileIO):
    """A file of which the disk takes the first bytes only."""

    def write(self, content):
        super().write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_leaves_no_half_photo(tmp_path, monkeypatch):
    folders = ClassFolders.make(tmp_path, ("oak",))
    monkeypatch.setattr("pathlib.Path.open", lambda path, mode: FullDisk(path, mode.replace("b", "")))
    with pytest.raises(OSError, match="No space left"):
        folders.put("1.jpg", b"x" * 10_000, "oak")
    assert list((tmp_path / "oak").iterdir()) == []
