"""What a person hands in, as entries; what a hostile zip holds, refused."""

import io
import os
import random
import stat
import zipfile

import pytest

from transfer_core.data.ingest import sources
from transfer_core.data.ingest.sources import is_junk, open_source, upload_entries, zip_entries
from transfer_core.errors import DataError


def make_zip(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    buffer.seek(0)
    return buffer


def paths(entries) -> list[str]:
    return [entry.path for entry in entries]


@pytest.mark.parametrize(
    ("name", "junk"),
    [
        (".DS_Store", True),
        ("cats/.DS_Store", True),
        ("__MACOSX/cats/._1.jpg", True),
        ("cats/Thumbs.db", True),
        ("cats/desktop.ini", True),
        (".git/config", True),  # a hidden folder
        ("cats/.hidden.jpg", True),
        ("cats/1.jpg", False),
        ("readme.txt", False),  # no photo, but somebody's
        ("../../evil.jpg", False),  # is refused for its name, not passed over in silence
        ("thumbs.db.jpg", False),
        ("$RECYCLE.BIN/S-1-5-21/$RABC.jpg", True),
        ("cats/#recycle/1.jpg", True),
        ("lost+found/1.jpg", True),
        ("@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", True),
        ("@Recycle/1.jpg", True),
        (".Trash-1000/files/1.jpg", True),
        (".Spotlight-V100/store.db", True),
        ("System Volume Information/IndexerVolumeGuid", True),
        ("SYSTEM VOLUME INFORMATION/x", True),
        (".AppleDouble/1.jpg", True),
        (".fseventsd/0001", True),
        ("cats/.ipynb_checkpoints/1-checkpoint.jpg", True),
        ("node_modules/x/logo.png", True),
        ("cats/~$photos.docx", True),
        ("cats/Icon\r", True),
        ("cats/._1.jpg", True),
        ("recycled/1.jpg", False),  # of a set about waste
        ("#1/1.jpg", False),
        ("$5/1.jpg", False),
        ("lost and found/1.jpg", False),
    ],
)
def test_junk_is_what_nobody_meant_to_hand_in(name, junk):
    assert is_junk(name) is junk


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../../evil.jpg", "points outside"),
        ("/evil.jpg", "points outside"),
        ("cats/../../../evil.jpg", "points outside"),
        ("C:\\evil.jpg", "points outside"),
        ("c:evil.jpg", "points outside"),
        ("\\\\server\\share\\evil.jpg", "points outside"),
        ("..\\evil.jpg", "points outside"),
        ("cats/more.zip", "archive inside the archive"),
        ("cats/more.tar.gz", "archive inside the archive"),
    ],
)
def test_hostile_names_in_a_zip_are_refused(name, said):
    entries = zip_entries(make_zip({name: b"x", "cats/1.jpg": b"y"}), "x.zip")
    refusals = {entry.path: entry.refusal for entry in entries}
    assert len(refusals) == 2 and refusals["cats/1.jpg"] is None
    (refusal,) = (refusal for refusal in refusals.values() if refusal)
    assert said in refusal


@pytest.mark.parametrize("name", ["a..b/1.jpg", "cats/...jpg", "./cats/1.jpg"])
def test_harmless_dots_pass(name):
    (entry,) = zip_entries(make_zip({name: b"x"}), "x.zip")
    assert entry.refusal is None and entry.read() == b"x"


def test_links_in_a_zip_are_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("cats/passwd.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    (entry,) = zip_entries(buffer, "x.zip")
    assert "a link" in entry.refusal


def test_encrypted_files_are_refused_with_advice():
    content = bytearray(make_zip({"cats/1.jpg": b"x"}).getvalue())
    content[6] |= 1  # the flag in the file's own header, and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (entry,) = zip_entries(io.BytesIO(content), "x.zip")
    assert "without a password" in entry.refusal


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (make_zip({}).getvalue(), "'x.zip' is empty"),
        (make_zip({"cats/": b""}).getvalue(), "'x.zip' is empty"),  # folders alone
        (b"", "is not a zip that can be opened"),
        (b"hello", "is not a zip that can be opened"),
        (make_zip({"cats/1.jpg": b"x" * 500}).getvalue()[:80], "is not a zip that can be opened"),  # cut off
    ],
    ids=["empty", "folders", "no bytes", "text", "cut off"],
)
def test_what_is_no_zip_is_refused(content, said):
    with pytest.raises(DataError, match=said):
        zip_entries(io.BytesIO(content), "x.zip")


def test_a_damaged_file_in_a_zip_costs_only_itself():
    content = bytearray(make_zip({"cats/1.jpg": b"a" * 50, "cats/2.jpg": b"b" * 50}, zipfile.ZIP_STORED).getvalue())
    content[content.index(b"aaaa")] = ord("x")  # the checksum no longer fits
    first, second = zip_entries(io.BytesIO(content), "x.zip")
    with pytest.raises(DataError, match="damaged inside the zip"):
        first.read()
    assert second.read() == b"b" * 50


def test_random_damage_to_a_zip_never_crashes():
    rng = random.Random(0)
    whole = make_zip({"a/1.jpg": b"x" * 300, "b/é.jpg": os.urandom(300)}).getvalue()
    bzip2 = make_zip({"a/1.jpg": b"x" * 300}, zipfile.ZIP_BZIP2).getvalue()
    lzma = make_zip({"a/1.jpg": b"x" * 300}, zipfile.ZIP_LZMA).getvalue()
    refused = 0
    for _ in range(3000):
        content = bytearray(rng.choice([whole, bzip2, lzma]))
        for _ in range(rng.choice([1, 2, 3])):
            content[rng.randrange(len(content))] = rng.choice([0, 1, 127, 255, rng.randrange(256)])
        try:
            for entry in zip_entries(io.BytesIO(content), "x.zip"):
                entry.read()
        except DataError:
            refused += 1
    assert 300 < refused < 3000


@pytest.mark.parametrize(
    ("limit", "value", "said"), [("ENTRY_LIMIT", 1, "holds 2 files; at most 1"), ("EXPANDED_LIMIT", 10, "unpack to")]
)
def test_zips_have_limits(monkeypatch, limit, value, said):
    monkeypatch.setattr(sources, limit, value)
    with pytest.raises(DataError, match=said):
        zip_entries(make_zip({"a/1": b"x" * 50, "b/2": b"y"}), "x.zip")


def test_one_file_has_a_limit_whatever_the_zip_says_of_its_size(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "PHOTO_LIMIT", 100)
    (tmp_path / "big.jpg").write_bytes(b"x" * 101)
    entries = [*open_source(tmp_path), *upload_entries([("big.jpg", io.BytesIO(b"x" * 101))])]
    entries += zip_entries(make_zip({"a/big.jpg": b"x" * 101}), "x.zip")
    for entry in entries:
        with pytest.raises(DataError, match="MB"):
            entry.read()


def test_a_folder_is_walked_in_order_and_links_are_followed(tmp_path):
    (tmp_path / "photos" / "b").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "photos" / "b" / "2.jpg").write_bytes(b"2")
    (tmp_path / "photos" / "b" / "1.jpg").write_bytes(b"1")
    (tmp_path / "elsewhere" / "3.jpg").write_bytes(b"3")
    (tmp_path / "photos" / "a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "b" / "loop").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "dead.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "photos" / "pipe.jpg")
    found = open_source(tmp_path / "photos")
    assert paths(found) == ["dead.jpg", "pipe.jpg", "a/3.jpg", "b/1.jpg", "b/2.jpg"]
    assert [entry.refusal for entry in found[:2]] == ["not a plain file"] * 2
    assert [entry.read() for entry in found[2:]] == [b"3", b"1", b"2"]


def test_a_file_that_vanishes_costs_only_itself(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    (entry,) = open_source(tmp_path)
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        entry.read()


def test_data_that_does_not_exist_is_refused_with_advice(tmp_path):
    with pytest.raises(DataError, match=r"does not exist\. Name a folder with one folder per class, or a zip"):
        open_source(tmp_path / "nowhere")


def test_uploads_may_be_photos_and_zips_together():
    files = [("IMG 1.JPG", io.BytesIO(b"1")), ("more.ZIP", make_zip({"cats/2.jpg": b"2"}))]
    assert [(entry.path, entry.read()) for entry in upload_entries(files)] == [
        ("IMG 1.JPG", b"1"),
        ("cats/2.jpg", b"2"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "photos.7z",
            b"7z\xbc\xaf\x27\x1c\0",
            "is a 7-Zip archive, which Graft cannot open.* Unpack it, or make a zip",
        ),
        ("photos.rar", b"Rar!\x1a\x07\0", "is a RAR archive, which Graft cannot open.* Unpack it, or make a zip"),
        ("labels.xlsx", make_zip({"xl/workbook.xml": b"x"}).getvalue(), "is an Excel workbook.* table of labels"),
        ("book.zip", make_zip({"word/document.xml": b"x"}).getvalue(), "is a Word document, not a zip of photos"),
        (
            "really.zip",
            b"Rar!\x1a\x07\0",
            "is not a zip that can be opened, but a RAR archive.* Unpack it, or make a zip",
        ),
        ("fetched.zip", b"<!doctype html>", "is not a zip .*, but a web page. Download the photos themselves"),
        ("scan.pdf", b"%PDF-1.7", "is a PDF, neither a folder nor a zip. Save its pages"),
        ("film.mp4", b"\0\0\0\x18ftypmp42", "is a video"),
        ("model.h5", b"\x89HDF\r\n\x1a\n", "is a Keras model"),
        ("links.txt", b"https://a.example/1.jpg\n", "is a list of web addresses.* Download the photos"),
        ("photo.jpg", b"\xff\xd8\xff\xe0" + bytes(20), "is neither a folder nor a zip. Name a folder"),
    ],
)
def test_what_is_no_source_is_called_by_its_name(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        open_source(tmp_path / name)


def test_a_broken_zip_among_several_uploads_costs_only_itself():
    good = make_zip({"oak/1.jpg": b"1"})
    entries = upload_entries([("bad.zip", io.BytesIO(b"no zip")), ("good.zip", good)])
    assert paths(entries) == ["bad.zip", "oak/1.jpg"]
    assert "not a zip" in entries[0].refusal and entries[1].refusal is None
    with pytest.raises(DataError, match="not a zip"):
        upload_entries([("bad.zip", io.BytesIO(b"no zip"))])


def test_a_folder_that_cannot_be_opened_is_listed(tmp_path, monkeypatch):
    (tmp_path / "cats").mkdir()
    (tmp_path / "dogs").mkdir()
    (tmp_path / "dogs" / "1.jpg").write_bytes(b"1")
    scandir = os.scandir

    def closed(path):
        if str(path).endswith("cats"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert [(entry.path, entry.refusal) for entry in open_source(tmp_path)] == [
        ("dogs/1.jpg", None),
        ("cats", "a folder that cannot be opened (Permission denied)"),
    ]


def test_folders_without_end_are_refused(tmp_path):
    deep, deeper = ("a/" * count + "1.jpg" for count in (64, 65))
    for name in (deep, deeper):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    said = {deep: None, deeper: "it lies 65 folders deep; at most 64 are read"}
    for entries in (open_source(tmp_path), zip_entries(make_zip({deep: b"1", deeper: b"1"}), "x.zip")):
        assert {entry.path: entry.refusal for entry in entries} == said


def test_a_few_bytes_cannot_stand_for_many_files():
    """A zip whose list names the same bytes a thousand times, or whose files are said to reach into each other."""
    buffer = make_zip({f"a/{n}": b"x" * 40 for n in range(3)}, zipfile.ZIP_STORED)
    with zipfile.ZipFile(buffer, "a") as archive:
        first, second, _ = archive.infolist()
        archive.filelist += [first] * 5
        second.compress_size = 150
        archive._didModify = True
    entries = zip_entries(buffer, "x.zip")
    assert [bool(entry.refusal) for entry in entries] == [False, True, False] + [True] * 5
    assert "shares its bytes" in entries[1].refusal


def test_a_drawing_may_unpack_to_many_times_its_size_while_it_is_small():
    (entry,) = zip_entries(make_zip({"a/drawing.bmp": bytes(2_000_000)}), "x.zip")
    assert entry.refusal is None and len(entry.read()) == entry.size == 2_000_000


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("a\u0308rger/1.png".encode(), "a\u0308rger/1.png"),  # a Mac's, in UTF-8 without saying so
        ("ёжик/1.png".encode(), "ёжик/1.png"),
        (
            "Fr\u00f6sche, M\u00e4use, L\u00f6wen/1.png".encode("cp437"),
            "Frösche, Mäuse, Löwen/1.png",
        ),  # an old program's
    ],
)
def test_names_in_old_zips(raw, name):
    content = make_zip({"#" * len(raw): b"x"}).getvalue().replace(b"#" * len(raw), raw)
    assert paths(zip_entries(io.BytesIO(content), "x.zip")) == [name]
