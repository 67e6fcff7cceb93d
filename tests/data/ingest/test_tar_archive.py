"""Tar archives come in like zips: packed or not, whole or cut off, and nothing hostile of them does."""

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from transfer_core.data.ingest import sources
from transfer_core.data.ingest.import_roots import VARIABLE, list_folder, open_inside
from transfer_core.data.ingest.sources import open_source, upload_entries
from transfer_core.data.ingest.tar_archive import tar_entries
from transfer_core.errors import DataError
from transfer_core.support.encodings import UnclearEncoding

PACKED = {"": lambda content: content, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def make_tar(files: dict[str, bytes], format: int = tarfile.PAX_FORMAT, **changes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in changes.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


PHOTOS = {f"./set/{name}/{n}.jpg": os.urandom(3000) for name in ("cats", "бобры") for n in range(3)}


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_is_a_source_like_a_zip(tmp_path, packing, format):
    path = tmp_path / f"photos.tar{packing}"
    path.write_bytes(PACKED[packing](make_tar(PHOTOS, format)))
    entries = open_source(path)
    assert {entry.path: entry.read() for entry in entries} == {name[2:]: bytes_ for name, bytes_ in PHOTOS.items()}
    assert [entry.size for entry in entries] == [3000] * 6 and not any(entry.refusal for entry in entries)


@pytest.mark.parametrize("name", ["photos.TGZ", "photos", "photos.tar.gz", "photos.gz"])
def test_it_is_known_by_its_ending_or_its_content(name):
    content = io.BytesIO(gzip.compress(make_tar(PHOTOS)))
    assert len(upload_entries([(name, content), ("note.txt", io.BytesIO(b"x"))])) == 7


def test_several_threads_read_it_at_once(tmp_path):
    files = {f"a/{n}.jpg": os.urandom(random.Random(n).randrange(1, 90_000)) for n in range(60)}
    entries = tar_entries(io.BytesIO(gzip.compress(make_tar(files), 1)), "a.tgz")
    random.Random(0).shuffle(entries)
    with ThreadPoolExecutor(8) as pool:
        assert dict(zip([e.path for e in entries], pool.map(lambda e: e.read(), entries), strict=True)) == files


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../../evil.jpg", "points outside"),
        ("/evil.jpg", "points outside"),
        ("cats/../../../evil.jpg", "points outside"),
        ("C:\\evil.jpg", "points outside"),
        ("cats/more.zip", "archive inside the archive"),
        ("cats/more.tar.xz", "archive inside the archive"),
        ("a/" * 70 + "1.jpg", "70 folders deep"),
    ],
)
def test_hostile_names_are_refused(name, said):
    content = make_tar({name: b"x", "cats/1.jpg": b"y"}, tarfile.GNU_FORMAT)
    entries = tar_entries(io.BytesIO(content), "x.tar")
    refused = [entry for entry in entries if entry.refusal]
    assert len(entries) == 2 and len(refused) == 1 and said in refused[0].refusal


def test_names_that_do_not_say_their_encoding_are_asked_about_or_found(tmp_path):
    names = [f"{name}/{n}.jpg" for name in ("Жук", "Стрекоза", "Бабочка", "Муравей") for n in range(3)]
    raw = {name.encode("cp1251").decode("utf-8", "surrogateescape"): name.encode() for name in names}
    (tmp_path / "old.tar").write_bytes(make_tar(raw, tarfile.GNU_FORMAT))
    entries = open_source(tmp_path / "old.tar", "cp1251")
    assert {entry.path: entry.read() for entry in entries} == {name: name.encode() for name in names}
    try:
        found = open_source(tmp_path / "old.tar")
    except UnclearEncoding as error:
        assert "cp1251" in error.readings
    else:
        assert [entry.path for entry in found] == names and found.said


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.SYMTYPE, "a link, not a file"),
        (tarfile.LNKTYPE, "a link, not a file"),
        (tarfile.FIFOTYPE, "not a plain file"),
        (tarfile.CHRTYPE, "not a plain file"),
        (tarfile.BLKTYPE, "not a plain file"),
        (tarfile.GNUTYPE_SPARSE, "not a plain file"),
    ],
)
def test_what_is_no_plain_file_is_refused(kind, said):
    content = make_tar({"a/passwd.jpg": b""}, type=kind, linkname="/etc/passwd")
    (entry,) = tar_entries(io.BytesIO(content + make_tar({})), "x.tar")
    assert entry.refusal == said


@pytest.mark.parametrize("packing", PACKED)
def test_a_tar_that_is_cut_off_costs_only_what_is_missing(packing):
    files = {f"a/{n}.jpg": os.urandom(100_000) for n in range(30)}  # bzip2 packs nine of them at once
    content = PACKED[packing](make_tar(files))
    entries = tar_entries(io.BytesIO(content[: len(content) // 2]), "x.tar")
    *came, last = entries
    whole = [entry for entry in came if not _fails(entry)]
    assert 5 <= len(whole) <= 15 and all(entry.read() == files[entry.path] for entry in whole)
    assert last.refusal == "the archive is cut off or damaged here; what follows is missing"


def _fails(entry) -> bool:
    try:
        entry.read()
        return False
    except DataError:
        return True


def test_a_damaged_header_is_said_and_not_taken_for_the_end():
    content = bytearray(make_tar({f"a/{n}.jpg": b"x" * 500 for n in range(5)}))
    content[2 * 1024 + 10] ^= 0x55  # in the third name: its checksum no longer fits
    entries = tar_entries(io.BytesIO(content), "x.tar")
    assert [entry.path for entry in entries] == ["a/0.jpg", "a/1.jpg", "x.tar"]
    assert "cut off or damaged" in entries[-1].refusal


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "is not a tar archive that can be opened"),
        (gzip.compress(b"a photo, say" * 100), "is not a tar archive that can be opened"),
        (b"\x1f\x8b\x08\0garbage", "is not a tar archive that can be opened"),
        (make_tar({}), "is empty"),
        (make_tar({"cats": b""}, type=tarfile.DIRTYPE), "is empty"),
    ],
)
def test_what_is_no_tar_is_refused(content, said):
    with pytest.raises(DataError, match=said):
        tar_entries(io.BytesIO(content), "x.tar")


def test_tars_have_limits(monkeypatch):
    content = make_tar({"a/1.jpg": b"x" * 50_000, "b/2.jpg": b"y"})
    with monkeypatch.context() as patch:
        patch.setattr(sources, "ENTRY_LIMIT", 1)
        with pytest.raises(DataError, match="holds more than 1 files"):
            tar_entries(io.BytesIO(content), "x.tar")
    with monkeypatch.context() as patch:
        patch.setattr(sources, "EXPANDED_LIMIT", 10_000)
        with pytest.raises(DataError, match="would unpack to more than"):
            tar_entries(io.BytesIO(gzip.compress(content)), "x.tgz")
    with monkeypatch.context() as patch:
        patch.setattr(sources, "PHOTO_LIMIT", 100)
        with pytest.raises(DataError, match="MB"):
            tar_entries(io.BytesIO(content), "x.tar")[0].read()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_refused_before_it_fills_the_disk(pack, monkeypatch):
    monkeypatch.setattr(sources, "RATIO_FROM", 10**6)
    bomb = pack(make_tar({"a/1.jpg": bytes(3_000_000)}))
    with pytest.raises(DataError, match="more than 100 times its size"):
        tar_entries(io.BytesIO(bomb), "x.tgz")


def test_a_name_without_end_fills_no_memory():
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 5 * 10**9
    first = make_tar({"a/1.jpg": b"x"}).rstrip(b"\0")
    content = first + bytes(-len(first) % 512) + header.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    entries = tar_entries(io.BytesIO(content), "x.tar")
    assert [bool(entry.refusal) for entry in entries] == [False, True]


def test_random_damage_never_crashes():
    chance = random.Random(0)
    tar = make_tar({"a/1.jpg": os.urandom(700), "b/é.jpg": b"y" * 300})
    packed = [pack(tar) for pack in PACKED.values()]
    for _ in range(200):
        content = bytearray(chance.choice(packed))
        for _ in range(3):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            entries = tar_entries(io.BytesIO(content), "x.tar")
        except DataError:
            continue
        for entry in entries:
            _fails(entry)


def test_import_roots_list_and_open_tars(tmp_path, monkeypatch):
    root = tmp_path.resolve()
    (root / "photos.tar.gz").write_bytes(gzip.compress(make_tar({"cats/1.jpg": b"x"})))
    monkeypatch.setenv(VARIABLE, str(root))
    assert list_folder(root, "").zips == ["photos.tar.gz"]
    assert [entry.path for entry in open_inside(root, "photos.tar.gz")] == ["cats/1.jpg"]
