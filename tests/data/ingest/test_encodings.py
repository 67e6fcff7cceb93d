"""Tables and zips in old encodings: no class is merged with another or changed, each is read right or asked about."""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from itertools import cycle

import pytest

from tests.data.words import words_of
from transfer_core.data.ingest.label_table import match_rows, read_table
from transfer_core.data.ingest.sources import open_source, zip_entries
from transfer_core.errors import DataError
from transfer_core.support.encodings import UnclearEncoding

# Twelve encodings, each with labels that only it tells apart, among others of its language.
TABLES = {
    "cp1252": ("French", ["Stufe–A", "Stufe—A", "Stufe’A", "Œuf", "5 € – alt"]),
    "mac_roman": ("German", ["Bär", "Bör", "Bür", "Stufe–A", "Stufe—A"]),
    "cp850": ("German", ["Bär", "Bör", "Bür"]),
    "cp1250": ("Czech", ["žába", "řába", "šába"]),
    "cp1251": ("Russian", ["мышь", "мыщь", "мыъь"]),
    "koi8_r": ("Russian", ["мышь", "мыщь"]),
    "cp1253": ("Greek", ["γάτα", "γατά"]),
    "cp1254": ("Turkish", ["kış", "kiş", "kıs"]),
    "cp932": ("Japanese", ["表", "能", "ソ", "ば", "ぱ", "は"]),
    "gbk": ("Chinese", ["猫", "貓", "狗"]),
    "cp950": ("Chinese, traditional", ["貓", "功", "許"]),
    "cp949": ("Korean", ["개", "게", "걔"]),
}
ZIPS = [
    *(("cp437", "German"), ("cp850", "Danish"), ("cp850", "French"), ("cp866", "Russian"), ("cp932", "Japanese")),
    *(("gbk", "Chinese"), ("cp949", "Korean"), ("cp1252", "German"), ("cp932", "Japanese"), ("cp437", "Spanish")),
]


def labels_of(encoding: str) -> list[str]:
    language, twins = TABLES[encoding]
    return list(dict.fromkeys([*twins, *words_of(language, encoding)]))


def table_of(labels: list[str], header: str = "file;label") -> str:
    return header + "\r\n" + "".join(f"{number:02d}.jpg;{label}\r\n" for number, label in enumerate(labels))


def classes(content: bytes, encoding: str = "") -> list[str]:
    return [row.place.class_name for row in read_table(content, "t.csv", encoding or None).rows]


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize("encoding", TABLES)
def test_tables_are_read_right_or_asked_about(encoding, size):
    labels = labels_of(encoding)[:size]
    content = table_of(labels).encode(encoding)
    try:
        assert classes(content) == labels
    except UnclearEncoding as unclear:
        assert any(set(samples) <= set(labels) for samples in unclear.readings.values())
        assert size  # a whole table of its language is read without a question
    assert classes(content, encoding) == labels


def test_a_reading_is_said_with_three_labels():
    table = read_table(table_of(labels_of("cp1250")).encode("cp1250"), "t.csv")
    assert table.said == ["t.csv is not UTF-8. It is read as cp1250 (Central Europe, Windows): 'žába', 'řába', 'šába'."]
    assert (table.encoding, table.examples) == ("cp1250", ["žába", "řába", "šába"])
    assert read_table(table_of(["žába"]).encode(), "t.csv").said == []


def test_a_question_names_every_likely_reading_and_the_answer_is_taken():
    content = table_of(["Œillet d’Inde", "5 € – alt", "Šípek"]).encode("cp1252")
    with pytest.raises(UnclearEncoding, match=r"'Œillet d’Inde', .*'Śillet d’Inde'|'Śillet d’Inde', .*'Œillet d’Inde'"):
        classes(content)
    assert classes(content, "windows-1252")[0] == "Œillet d’Inde"
    assert classes(content, "cp1250")[0] == "Śillet d’Inde"
    with pytest.raises(DataError, match="cannot be read as cp932"):
        classes(content, "cp932")


def test_what_differs_only_in_a_column_that_is_not_used_is_no_question():
    content = "file;label;note\r\n1.jpg;oak;猫\r\n2.jpg;elm;狗\r\n".encode("gbk")
    assert classes(content) == ["oak", "elm"]


def test_unicode_is_what_it_says_whatever_was_chosen():
    assert classes(table_of(["Bär"]).encode(), "cp1252") == ["Bär"]
    assert classes(table_of(["Bär"]).encode("utf-16"), "cp1252") == ["Bär"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            ["red oak", "red\u00a0oak"],
            "look alike, 'red oak', but differ in spaces or invisible characters: lines 2 and 3",
        ),
        (["oak", "o\x07ak"], "Line 3 .* has a control character"),
        (
            ["Dé", "d\x92Inde"],
            "Line 3 .* has a control character",
        ),  # Windows' apostrophe, made UTF-8 by a wrong program
        (["B\ufffdr", "Bär"], "Line 2 .* letters of the label .* were lost"),
        (["???", "oak"], "Line 2 .* letters of the label .* were lost"),
    ],
)
def test_labels_that_would_change_or_become_one_are_refused(labels, said):
    with pytest.raises(DataError, match=said):
        classes(table_of(labels).encode())


def test_spellings_of_one_letter_are_one_class_and_said():
    table = read_table(table_of(["bär", "ba\u0308r"]).encode(), "t.csv")
    assert len({row.place.class_name for row in table.rows}) == 1 and "in 2 spellings" in table.said[0]
    assert "invisible" in read_table(table_of(["so\u00adft"]).encode(), "t.csv").said[0]


class _Raw(zipfile.ZipInfo):
    """A file whose name is written as these bytes, without the flag of UTF-8."""

    raw = b""

    def _encodeFilenameFlags(self):
        return self.raw, self.flag_bits & ~0x800


def zip_of(
    paths: list[str], encoding: str, unicode_names: bool = False, checksum: int = 0, contents: Sequence[bytes] = (b"x",)
) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in zip(paths, cycle(contents), strict=False):
            info = _Raw("x")
            info.filename, info.raw = path, path.encode(encoding)
            if unicode_names:
                body = b"\1" + struct.pack("<I", zlib.crc32(info.raw) ^ checksum) + path.encode()
                info.extra = struct.pack("<HH", 0x7075, len(body)) + body
            archive.writestr(info, content)
    return buffer


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize(("encoding", "language"), ZIPS)
def test_names_in_zips_are_read_right_or_asked_about(encoding, language, size):
    paths = [f"{word}/{number}.jpg" for word in words_of(language, encoding)[:size] for number in range(2)]
    try:
        assert [entry.path for entry in zip_entries(zip_of(paths, encoding), "x.zip")] == paths
    except UnclearEncoding as unclear:
        words = {path.split("/")[0] for path in paths}
        assert any(set(samples) <= words for samples in unclear.readings.values())
    assert [entry.path for entry in zip_entries(zip_of(paths, encoding), "x.zip", encoding)] == paths


def test_a_backslash_within_a_letter_makes_no_folder():
    paths = [f"{word}/1.jpg" for word in ("犬", "猫", "表", "能登", "ソース")]
    entries = zip_entries(zip_of(paths, "cp932"), "x.zip")
    assert [entry.path for entry in entries] == paths and "cp932" in entries.said[0]


def test_the_unicode_name_beside_the_other_is_believed_unless_the_file_was_renamed():
    entries = zip_entries(zip_of(["犬/1.jpg", "Bär/1.jpg"], "utf-8", unicode_names=True), "x.zip")
    assert [entry.path for entry in entries] == ["犬/1.jpg", "Bär/1.jpg"] and entries.said == []
    short = zip_of(["犬/1.jpg", "猫/1.jpg"], "gbk", unicode_names=True)
    assert [entry.path for entry in zip_entries(short, "x.zip")] == ["犬/1.jpg", "猫/1.jpg"]
    with pytest.raises(UnclearEncoding):
        zip_entries(zip_of(["犬/1.jpg", "猫/1.jpg"], "gbk", unicode_names=True, checksum=1), "x.zip")


def test_names_of_photos_in_plain_class_folders_are_no_question():
    paths = ["cats/Müller 1.jpg", "dogs/Bäcker 2.jpg"]
    assert [entry.path for entry in zip_entries(zip_of(paths, "cp850"), "x.zip")] == paths


def test_folders_that_an_old_zip_left_on_the_disk(tmp_path):
    for word in words_of("Czech", "cp1250"):
        folder = bytes(tmp_path) + b"/" + word.encode("cp1250")
        try:
            (tmp_path / folder.decode("utf-8", "surrogateescape")).mkdir()
        except OSError:
            pytest.skip("this disk takes names in Unicode only")
        (tmp_path / folder.decode("utf-8", "surrogateescape") / "1.jpg").write_bytes(b"x")
    entries = open_source(tmp_path)
    assert {entry.path for entry in entries} == {f"{word}/1.jpg" for word in words_of("Czech", "cp1250")}
    assert "cp1250" in entries.said[0] and entries[0].read() == b"x"


def test_photos_are_found_by_names_in_the_tables_own_letters():
    content = "file;label\r\nžába 1.jpg;žába\r\nkůň 1.jpg;kůň\r\nmyš 1.jpg;myš\r\n".encode("cp1250")
    table = match_rows(read_table(content, "t.csv"), ["x/žába 1.jpg", "x/kůň 1.jpg"])
    assert {path: place.class_name for path, place in table.places.items()} == {
        "x/žába 1.jpg": "žába",
        "x/kůň 1.jpg": "kůň",
    }
    assert "Classes of t.csv for which no photo came: 'myš'." in table.said
