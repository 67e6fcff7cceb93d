"""Files that are no photos are called by their names."""

import io

import numpy as np
import pytest

from tests.data.drawn import FORMATS, photo
from tests.data.ingest.test_sources import make_zip
from transfer_core.data.ingest.file_kinds import find_kind


def office(inside: str) -> bytes:
    return make_zip({"[Content_Types].xml": b"<Types/>", inside: b"<x/>"}).getvalue()


def saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, array)
    return buffer.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
# (content, name): by the content alone, whatever the file is called.
BY_CONTENT = {
    "an empty file": (b"", "a.jpg"),
    "a file of nothing but zeros": (bytes(5000), "a.jpg"),
    "an Excel workbook": (office("xl/workbook.xml"), "a.jpg"),
    "a Word document": (office("word/document.xml"), "a.zip"),
    "a PowerPoint presentation": (office("ppt/presentation.xml"), "a"),
    "an Office document": (OLE, "a.jpg"),
    "an OpenDocument file": (make_zip({"mimetype": b"x", "content.xml": b"x"}).getvalue(), "a.odt"),
    "a zip": (make_zip({"a/1.jpg": b"x"}).getvalue(), "a.jpg"),
    "a PyTorch model": (make_zip({"archive/data.pkl": b"x", "archive/version": b"3"}).getvalue(), "best.jpg"),
    "a Keras model": (make_zip({"config.json": b"{}", "model.weights.h5": b"x"}).getvalue(), "a.zip"),
    "a Keras model, or another HDF5 file": (b"\x89HDF\r\n\x1a\n" + bytes(99), "a.jpg"),
    "a TensorFlow Lite model": (b"\x1c\0\0\0TFL3" + bytes(99), "a"),
    "a NumPy array": (saved(np.zeros(3)), "a.jpg"),
    "a 7-Zip archive, which Graft cannot open": (b"7z\xbc\xaf\x27\x1c\0\4", "a.jpg"),
    "a RAR archive, which Graft cannot open": (b"Rar!\x1a\x07\x01\0", "a.zip"),
    "a file packed with gzip": (b"\x1f\x8b\x08\0", "a.jpg"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3", "scan.jpg"),
    "a video": (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(50), "a.jpg"),
    "a sound file": (b"RIFF\x24\x08\0\0WAVEfmt ", "a.jpg"),
    "a web page": (b"\n<!DOCTYPE html>\n<html><body>404", "photo.jpg"),
    "a drawing (SVG)": (b"<?xml version='1.0'?><svg xmlns='x'/>", "a.png"),
    "a list of web addresses": (b"https://a.example/1.jpg\nhttps://a.example/2.jpg\n", "cats.txt"),
    "a link to a web page": (b"[InternetShortcut]\r\nURL=https://a.example\r\n", "a.jpg"),
    "a placeholder of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a.jpg"),
    "a Photoshop file": (b"8BPS\0\1" + bytes(30), "a.jpg"),
    "a text file": (b"hello", "a.jpg"),
}
# By the ending, where the content says nothing.
BY_ENDING = {
    "an Excel workbook": (OLE, "Labels.XLS"),
    "a Word document": (OLE, "a.doc"),
    "an ONNX model": (b"\x08\x0a\x12\x07pytorch" + b"\xff\x01\0" * 30, "model.onnx"),
    "a PyTorch model": (b"\x80\x02\x8a\x0a" + b"\0\x01\xff" * 30, "model.pt"),
    "a Python pickle": (b"\x80\x04\x95\0\0" + b"\xff" * 30, "data.pkl"),
    "a Teachable Machine project": (make_zip({"manifest.json": b"{}"}).getvalue(), "a.tm"),
    "a table (CSV)": (b"file,label\n1.jpg,cat\n", "labels.csv"),
    "a JSON file": (b'{"a": 1}', "a.json"),
    "a video": (b"\xff\0\xfe" * 30, "a.mov"),
}


@pytest.mark.parametrize("kind", BY_CONTENT)
def test_content_says_what_a_file_is(kind):
    found = find_kind(*BY_CONTENT[kind])
    assert found and found.name.startswith(kind)


@pytest.mark.parametrize("kind", BY_ENDING)
def test_the_ending_says_it_where_the_content_does_not(kind):
    found = find_kind(*BY_ENDING[kind])
    assert found and found.name.startswith(kind)


@pytest.mark.parametrize("content", [b"\xff", b"\x01\x02\x03" * 50])
def test_what_cannot_be_named_is_not(content):
    assert find_kind(content, "a.jpg") is None


@pytest.mark.parametrize("format", FORMATS)
def test_the_beginning_of_a_photo_is_no_other_kind(format):
    """A damaged photo is called that."""
    assert find_kind(photo(1, format)[:300], "a.jpg") is None


def test_a_class_called_word_makes_no_word_document():
    content = make_zip({"word/document1.jpg": b"x", "xl/workbook shelf.jpg": b"y"}).getvalue()
    found = find_kind(content, "photos.zip")
    assert found and found.name == "a zip"


def test_the_remedy_fits():
    said = str(find_kind(office("xl/workbook.xml"), "labels.xlsx"))
    assert said == "an Excel workbook, not a photo; if it says the classes, choose it as the table of labels"
    assert "unpack it, or make a zip" in str(find_kind(b"7z\xbc\xaf\x27\x1c", "a.7z"))
    assert str(find_kind(b"", "a.jpg")) == "an empty file, not a photo"


def test_damaged_zips_crash_nothing():
    whole = make_zip({"a/1.jpg": b"x" * 300}).getvalue()
    for length in range(4, len(whole), 7):
        found = find_kind(whole[:length], "a.bin")
        assert found and found.name == "a zip"
