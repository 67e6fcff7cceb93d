"""Files that are no photos, called by their names: by their content, then by their ending. Imports nothing heavy."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

HEAD = 2048  # bytes that tell a kind, but for what is inside a zip


@dataclass(frozen=True)
class FileKind:
    """What a file is.

    Args:
        name: With its article, such as "a PDF".
        remedy: What to do to have its photos, or None where there is nothing to be had.
    """

    name: str
    remedy: str | None = None

    def __str__(self) -> str:
        """Why it is left out, such as "a PDF, not a photo; save its pages as PNG or JPEG"."""
        return f"{self.name}, not a photo" + (f"; {self.remedy}" if self.remedy else "")


_TABLE = "if it says the classes, choose it as the table of labels"
_PICTURES = "save the pictures in it as PNG or JPEG files"
_FRAMES = "save frames of it as JPEG or PNG files"
_MODEL = "Graft trains models from photos and does not open those of other programs"
_UNPACK = "unpack it, then add its photos"
_AS_PNG = "save it as PNG or JPEG"
_ARRAY = "save the pictures in it as PNG files, in a folder for each class"

EMPTY = FileKind("an empty file")
_ZEROS = FileKind("a file of nothing but zeros", "copy it again from where it came from")
EXCEL = FileKind("an Excel workbook", _TABLE)
_WORD, _POWERPOINT = FileKind("a Word document", _PICTURES), FileKind("a PowerPoint presentation", _PICTURES)
_OLD_OFFICE = FileKind("an Office document", _PICTURES)
_OPEN_TABLE = FileKind("a spreadsheet (OpenDocument)", _TABLE)
_OPEN_OFFICE, _BOOK = FileKind("an OpenDocument file", _PICTURES), FileKind("an e-book", _PICTURES)
ZIP = FileKind("a zip", "it is opened when it is added by itself")
TEACHABLE_MACHINE = FileKind("a Teachable Machine project", "it is opened when it is added by itself")
TAR = FileKind("a tar archive", "it is opened when it is added by itself")
GZIP, BZIP2, XZ = (FileKind(f"a file packed with {name}", _UNPACK) for name in ("gzip", "bzip2", "xz"))
SEVEN_ZIP = FileKind("a 7-Zip archive, which Graft cannot open", "unpack it, or make a zip of the photos")
RAR = FileKind("a RAR archive, which Graft cannot open", "unpack it, or make a zip of the photos")
_OTHER_ARCHIVE = FileKind("an archive, which Graft cannot open", "unpack it, or make a zip of the photos")
_PDF = FileKind("a PDF", "save its pages or pictures as PNG or JPEG files")
_RTF = FileKind("a text document", _PICTURES)
_VIDEO, _SOUND = FileKind("a video", _FRAMES), FileKind("a sound file")
_WEB_PAGE = FileKind("a web page", "download the photos themselves")
_LINK = FileKind("a link to a web page", "download the photo itself")
_LINKS = FileKind("a list of web addresses", "download the photos themselves")
_LFS = FileKind("a placeholder of Git LFS", "fetch the files themselves with git lfs pull")
_SVG = FileKind("a drawing (SVG)", "save it as PNG")
_POSTSCRIPT = FileKind("a PostScript drawing", "save it as PNG")
_PHOTOSHOP, _GIMP = FileKind("a Photoshop file", _AS_PNG), FileKind("a GIMP file", _AS_PNG)
_JPEG_XL, _ICON = FileKind("a JPEG XL picture", _AS_PNG), FileKind("an icon", "save it as PNG")
_KERAS = FileKind("a Keras model, or another HDF5 file", f"{_MODEL}; of pictures in it, make PNG files")
_TFLITE, _ONNX = FileKind("a TensorFlow Lite model", _MODEL), FileKind("an ONNX model", _MODEL)
_PYTORCH, _SAFETENSORS = FileKind("a PyTorch model", _MODEL), FileKind("a file of model weights", _MODEL)
_PICKLE = FileKind("a Python pickle", _ARRAY)
_NUMPY, _MATLAB = FileKind("a NumPy array", _ARRAY), FileKind("a MATLAB file", _ARRAY)
_PARQUET, _TFRECORD = FileKind("a Parquet table", _ARRAY), FileKind("a TFRecord file", _ARRAY)
_DATABASE = FileKind("a database", _PICTURES)
_PROGRAM = FileKind("a program")
_CSV, _TEXT = FileKind("a table (CSV)", _TABLE), FileKind("a text file")
_JSON, _XML = FileKind("a JSON file"), FileKind("an XML file")

_BEGINNINGS: tuple[tuple[bytes, FileKind], ...] = (
    (b"%PDF-", _PDF),
    (b"{\\rtf", _RTF),
    (b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (b"Rar!\x1a\x07", RAR),
    (b"\x1f\x8b", GZIP),
    (b"BZh", BZIP2),
    (b"\xfd7zXZ\0", XZ),
    (b"\x28\xb5\x2f\xfd", _OTHER_ARCHIVE),  # Zstandard
    (b"\x04\x22\x4d\x18", _OTHER_ARCHIVE),  # LZ4
    (b"\x1f\x9d", _OTHER_ARCHIVE),  # compress
    (b"MSCF", _OTHER_ARCHIVE),
    (b"\x1aE\xdf\xa3", _VIDEO),  # Matroska, WebM
    (b"FLV\x01", _VIDEO),
    (b"\0\0\1\xba", _VIDEO),
    (b"\0\0\1\xb3", _VIDEO),
    (b"0&\xb2u\x8ef\xcf\x11", _VIDEO),  # Windows Media
    (b"ID3", _SOUND),
    (b"\xff\xfb", _SOUND),
    (b"\xff\xf3", _SOUND),
    (b"\xff\xf2", _SOUND),
    (b"fLaC", _SOUND),
    (b"OggS", _SOUND),
    (b"MThd", _SOUND),
    (b"#!AMR", _SOUND),
    (b"\x89HDF\r\n", _KERAS),
    (b"\x93NUMPY", _NUMPY),
    (b"MATLAB 5.0", _MATLAB),
    (b"PAR1", _PARQUET),
    (b"SQLite format 3\0", _DATABASE),
    (b"8BPS", _PHOTOSHOP),
    (b"gimp xcf", _GIMP),
    (b"\xff\x0a", _JPEG_XL),
    (b"\0\0\0\x0cJXL ", _JPEG_XL),
    (b"\0\0\1\0", _ICON),
    (b"%!PS", _POSTSCRIPT),
    (b"\xc5\xd0\xd3\xc6", _POSTSCRIPT),
    (b"MZ", _PROGRAM),
    (b"\x7fELF", _PROGRAM),
    (b"version https://git-lfs.github.com/", _LFS),
    (b"[InternetShortcut]", _LINK),
)
_PHOTOS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"II*\0", b"MM\0*")  # damaged ones are called that, not by a kind
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Word, Excel and PowerPoint until 2003
_STILL = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"crx ")
_ENDINGS = {
    **dict.fromkeys((".xls", ".xlsx", ".xlsm", ".xlsb"), EXCEL),
    **dict.fromkeys((".doc", ".docx"), _WORD),
    **dict.fromkeys((".ppt", ".pptx"), _POWERPOINT),
    ".ods": _OPEN_TABLE,
    **dict.fromkeys((".odt", ".odp", ".odg"), _OPEN_OFFICE),
    ".pdf": _PDF,
    **dict.fromkeys((".htm", ".html", ".mhtml"), _WEB_PAGE),
    **dict.fromkeys((".url", ".webloc"), _LINK),
    ".tm": TEACHABLE_MACHINE,
    ".zip": ZIP,
    ".tar": TAR,
    **dict.fromkeys((".gz", ".tgz"), GZIP),
    **dict.fromkeys((".bz2", ".tbz2"), BZIP2),
    **dict.fromkeys((".xz", ".txz"), XZ),
    ".7z": SEVEN_ZIP,
    ".rar": RAR,
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp"), _VIDEO),
    **dict.fromkeys(
        (".mp3", ".wav", ".m4a", ".aac", ".flac", ".ogg", ".oga", ".opus", ".wma", ".aif", ".aiff"), _SOUND
    ),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), _KERAS),
    ".tflite": _TFLITE,
    ".onnx": _ONNX,
    **dict.fromkeys((".pt", ".pth", ".ckpt"), _PYTORCH),
    ".safetensors": _SAFETENSORS,
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), _PICKLE),
    **dict.fromkeys((".npy", ".npz"), _NUMPY),
    ".mat": _MATLAB,
    **dict.fromkeys((".tfrecord", ".tfrecords"), _TFRECORD),
    ".svg": _SVG,
    **dict.fromkeys((".eps", ".ai"), _POSTSCRIPT),
    ".psd": _PHOTOSHOP,
}
_TEXT_ENDINGS = {**dict.fromkeys((".csv", ".tsv"), _CSV), ".json": _JSON, ".xml": _XML}
# Files within a zip, of which one tells what it is, in this order.
_INSIDE = {
    "xl/workbook.xml": EXCEL,
    "xl/workbook.bin": EXCEL,
    "word/document.xml": _WORD,
    "ppt/presentation.xml": _POWERPOINT,
    "model.weights.h5": _KERAS,
    "META-INF/container.xml": _BOOK,
    "META-INF/MANIFEST.MF": _PROGRAM,
}


def is_known_ending(name: str) -> bool:
    """Whether the file's ending says that it is something else than a photo or a plain archive."""
    return PurePosixPath(name.lower()).suffix in _ENDINGS


def find_kind(content: bytes, name: str) -> FileKind | None:
    """What a file is, of which is known that it can be read as no photo; None where that cannot be said.

    Args:
        content: All of it, or at least its first `HEAD` bytes.
        name: Its file name or path; untrusted text.
    """
    ending = PurePosixPath(name.lower()).suffix
    if not content:
        return EMPTY
    if not content.strip(b"\0"):
        return _ZEROS
    if content.startswith(_PHOTOS):
        return None
    return _by_beginning(content[:HEAD], ending) or _in_zip(content, ending) or _by_text(content, ending)


def _by_beginning(head: bytes, ending: str) -> FileKind | None:
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head.startswith(_OLE):
        return _ENDINGS.get(ending) or _OLD_OFFICE
    if head[4:8] == b"ftyp" and head[8:12] not in _STILL:
        return _SOUND if head[8:11] == b"M4A" else _VIDEO
    if head[4:8] in (b"moov", b"mdat", b"wide"):
        return _VIDEO
    if head.startswith(b"RIFF"):
        return {b"AVI ": _VIDEO, b"WAVE": _SOUND}.get(head[8:12])
    if head.startswith(b"FORM") and head[8:11] == b"AIF":
        return _SOUND
    if head[4:8] == b"TFL3":
        return _TFLITE
    if head[257:262] == b"ustar":
        return TAR
    return None


def _in_zip(content: bytes, ending: str) -> FileKind | None:
    if not content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return kind_of_zip(archive.namelist(), ending)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):  # cut off, or only its head
        return _ENDINGS.get(ending, ZIP)


def kind_of_zip(names: Sequence[str], ending: str) -> FileKind:
    """What a zip is that holds files of these names; many programs keep theirs in one."""
    for inside, kind in _INSIDE.items():
        if inside in names:
            return kind
    if any(name.endswith("/data.pkl") for name in names):
        return _PYTORCH
    if names and all(name.endswith(".npy") for name in names):
        return _NUMPY
    if "mimetype" in names:
        return _OPEN_TABLE if ending == ".ods" else _OPEN_OFFICE
    return TEACHABLE_MACHINE if ending == ".tm" else ZIP


def _by_text(content: bytes, ending: str) -> FileKind | None:
    text = _as_text(content[:HEAD])
    if text is None:
        return _ENDINGS.get(ending)
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body", "<script")):
        return _WEB_PAGE
    if start.startswith("<svg") or (start.startswith("<?xml") and "<svg" in start):
        return _SVG
    lines = [line.strip() for line in start.splitlines() if line.strip()]
    if lines and sum(line.startswith(("http://", "https://")) for line in lines) * 2 > len(lines):
        return _LINKS
    if start.startswith("<?xml"):
        return _XML
    return _TEXT_ENDINGS.get(ending) or _ENDINGS.get(ending) or _TEXT


def _as_text(head: bytes) -> str | None:
    """The beginning of a text, however it is encoded; None where it is none."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    beyond = sum(byte > 127 for byte in head)
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head) or beyond * 4 > len(head) * 3:
        return None
    return head.decode("utf-8", "replace")
