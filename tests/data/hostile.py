"""Everything a hostile or unlucky person may hand in, each with what must come of it.

`KINDS` are files among others: they cost nothing but themselves. `UPLOADS` are whole uploads of which nothing comes.
"""

import io
import stat
import zipfile
import zlib
from dataclasses import dataclass, field

from PIL import Image

from tests.data.bombs import claiming, in_many_passes, png, png_chunk, tiff
from tests.data.drawn import FORMATS, encoded, photo

KEPT, EITHER = "kept", "kept, or refused as damaged"
GOOD = {
    f"{name}/good{number}.png": photo(900 + 10 * i + number)
    for i, name in enumerate(("cats", "dogs"))
    for number in range(2)
}
NOT_A_PHOTO = "not a photo"
DAMAGED = "damaged or cut off|not a photo in a format that can be read"
OUTSIDE = "its name points outside"


@dataclass(frozen=True)
class Kind:
    """One file of the corpus.

    Args:
        name: What is wrong with it, or odd.
        path: In a zip, or below a folder; hostile text.
        expected: KEPT, EITHER, or a pattern of the reason why it is refused.
        zip_only: Whether only a zip can hold it so.
        entry: What the zip's directory says of it otherwise than is true.
        flags_utf8: Whether the zip says that its names are UTF-8, as not all programs do.
    """

    name: str
    path: str
    content: bytes
    expected: str
    zip_only: bool = False
    entry: dict[str, int] = field(default_factory=dict)
    flags_utf8: bool = True


class _Info(zipfile.ZipInfo):
    """A zip's entry whose name is written as it is, whatever it is."""

    raw, flags_utf8 = b"", True

    def _encodeFilenameFlags(self):  # of zipfile, which has no other way to write such names
        return self.raw, (self.flag_bits & ~0x800) | (0x800 if self.flags_utf8 else 0)


def as_zip(kinds: list[Kind]) -> bytes:
    """A zip of the good photos, with these kinds among them."""
    buffer, good = io.BytesIO(), list(GOOD.items())
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in good[:2]:
            archive.writestr(path, content)
        for kind in kinds:
            info = _Info("x")
            info.filename, info.raw = kind.path, kind.path.encode("utf-8", "surrogatepass")
            info.flags_utf8, info.compress_type = kind.flags_utf8, zipfile.ZIP_DEFLATED
            archive.writestr(info, kind.content)
            for name, value in kind.entry.items():
                setattr(info, name, value)
        for path, content in good[2:]:
            archive.writestr(path, content)
    return buffer.getvalue()


def _names() -> list[Kind]:
    """Names that mean no harm, or cannot do any: of these photos nothing on disk bears the name."""
    paths = {
        "dots inside": "cats/a..b.png",
        "dot and slash": "./cats/dot.png",
        "double slashes": "cats//double.png",
        "spaces": "my cats/a photo of mine.png",
        "emoji": "\N{CAT FACE}/\N{GRINNING CAT FACE WITH SMILING EYES}.png",
        "Hindi": "बिल्ली/तस्वीर.png",
        "Chinese": "猫/照片.png",
        "Arabic": "قطة/صورة.png",
        "accents in one character": "\u00e4rger/1.png",
        "accents of their own": "a\u0308rger/2.png",
        "a class of 250 characters": "c" * 250 + "/1.png",
        "a file of 250 characters": "cats/" + "f" * 246 + ".png",
        "a class reserved on Windows": "CON/1.png",
        "a file reserved on Windows": "cats/NUL.png",
        "dot and space at the end": "dogs. /1.png",
        "control characters": "cats/\x07\x1b[31m.png",
        "a new line": "cats/a\nb.png",
        "turned writing": "cats/\u202egnp.exe",
        "nothing visible": "cats/\u200b\u2060.png",
        "Markdown": "[click](http:bad.example) **b**/![x](y).png",
        "HTML": "<img src=x onerror=alert(1)>/<script>.png",
        "a formula": "=HYPERLINK(1)/=1+1.png",
        "an option": "-rf/--help.png",
        "a shell's command": "$(reboot)/`id`;x.png",
        "a database's command": "Robert'); DROP TABLE photos;--/1.png",
        "an address's escapes": "cats/%2e%2e%2faway.png",
        "no ending": "cats/photo",
        "capitals": "Cats/capitals.png",
        "a directory like a file": "dogs/5.png/6.png",
        "a file where a directory of that name is": "dogs/7.png",
    }
    kinds = [
        Kind(f"name: {name}", path, photo(100 + number), KEPT) for number, (name, path) in enumerate(paths.items())
    ]
    zip_only = {
        "backslashes": ("cats\\back.png", {}),
        "a name cut by a zero": ("cats/zero.png\0.exe", {}),
        "a file where a directory is": ("dogs/5.png", {}),
        "the same name again": ("cats/good0.png", {}),
    }
    kinds += [
        Kind(f"name: {name}", path, photo(150 + number), KEPT, zip_only=True, entry=entry)
        for number, (name, (path, entry)) in enumerate(zip_only.items())
    ]
    kinds.append(Kind("name: UTF-8 that is not said to be", "ёжик/1.png", photo(160), KEPT, True, flags_utf8=False))
    return kinds


def _paths() -> list[Kind]:
    """Names that would be written elsewhere, if files were written under their names."""
    paths = {
        "upwards": "../../evil.png",
        "upwards from a class": "cats/../../../evil.png",
        "absolute": "/evil.png",
        "a drive": "C:\\evil.png",
        "a drive's current folder": "c:evil.png",
        "a share": "\\\\server\\share\\evil.png",
        "backslashes upwards": "..\\evil.png",
        "two dots alone": "..",
    }
    kinds = [
        Kind(f"path: {name}", path, photo(200 + number), OUTSIDE, zip_only=True)
        for number, (name, path) in enumerate(paths.items())
    ]
    deep = Kind("path: two thousand folders", "d/" * 2500 + "evil.png", photo(220), "at most 4,096 are read", True)
    return [*kinds, deep]


def _entries() -> list[Kind]:
    """What only a zip's directory can say."""
    unix = {kind: (mode | 0o777) << 16 for kind, mode in (("link", stat.S_IFLNK), ("pipe", stat.S_IFIFO))}
    whole = photo(300)
    return [
        Kind("zip: a link", "cats/link.png", b"/etc/passwd", "a link", True, {"external_attr": unix["link"]}),
        Kind("zip: a pipe", "cats/pipe.png", b"", "not a plain file", True, {"external_attr": unix["pipe"]}),
        Kind("zip: encrypted", "cats/secret.png", whole, "without a password", True, {"flag_bits": 1}),
        Kind("zip: a zip", "cats/more.zip", as_zip([]), "archive inside the archive", True),
        Kind("zip: a tar", "cats/more.tar.gz", b"\x1f\x8b", "archive inside the archive", True),
        Kind("zip: a folder with content", "cats/folder/", photo(301), "content of its own", True),
        Kind(
            "zip: bytes of another",
            "cats/shared.png",
            whole,
            "shares its bytes|damaged inside",
            True,
            {"header_offset": 0},
        ),
        Kind(
            "zip: said to reach into the next",
            "cats/reach.png",
            whole,
            "shares its bytes",
            True,
            {"compress_size": 9**6},
        ),
        Kind("zip: what is reached into", "cats/reached.png", photo(309), KEPT, True),
        Kind("zip: sixty megabytes of nothing", "cats/bomb.png", bytes(60_000_000), "more than 100 times", True),
        Kind("zip: said to be smaller", "cats/small.png", photo(302), "damaged inside", True, {"file_size": 99}),
        Kind("zip: said to be larger", "cats/large.png", photo(303), KEPT, True, {"file_size": 9**6}),
        Kind("zip: a wrong checksum", "cats/sum.png", photo(304), "damaged inside", True, {"CRC": 1}),
        Kind("zip: an unknown packing", "cats/packed.png", photo(305), "damaged inside", True, {"compress_type": 99}),
        Kind("junk: .DS_Store", "cats/.DS_Store", b"x", "junk"),
        Kind("junk: a Mac's shadow", "__MACOSX/cats/._1.png", photo(306), "junk"),
        Kind("junk: Thumbs.db", "cats/Thumbs.db", b"x", "junk"),
        Kind("junk: hidden", ".git/config.png", photo(307), "junk"),
        Kind("in no class", "loose.png", photo(308), "in no class folder"),
    ]


def _contents() -> list[Kind]:
    """What is inside is not what the name says, or more than one thing."""
    jpeg = photo(400, "JPEG")
    strangers = {
        "nothing": b"",
        "one byte": b"\xff",
        "text": b"hello",
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "PDF": b"%PDF-1.7\n" + photo(401, "JPEG"),
        "HTML": b"<script>alert(1)</script>",
        "a program": b"MZ\x90\0" + bytes(200),
        "a film": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(200),
        "an icon": encoded(Image.new("RGB", (32, 32)), "ICO"),
        "zeros": bytes(3000),
    }
    kinds = [Kind(f"content: {name}", f"dogs/{name}.jpg", data, NOT_A_PHOTO) for name, data in strangers.items()]
    both = {
        "PNG called .jpg": photo(402),
        "JPEG and zip": photo(403, "JPEG") + as_zip([]),
        "GIF and script": photo(404, "GIF") + b";alert(1)//",
        "PNG and HTML": photo(405) + b"<script>alert(1)</script>",
        "JPEG 2000": photo(407, "JPEG2000"),
        "PPM": photo(408, "PPM"),
        "JPEG with PHP in it": photo(406, "JPEG", comment=b"<?php system($_GET[0]); ?>"),
    }
    kinds += [Kind(f"content: {name}", f"dogs/{name}.jpg", data, KEPT) for name, data in both.items()]
    kinds += [
        Kind(f"content: {name} called .txt", f"dogs/{name}.txt", photo(410 + i, name), KEPT)
        for i, name in enumerate(FORMATS)
    ]
    return [*kinds, Kind("content: JPEG called .zip", "dogs/photo.zip", jpeg, "archive inside the archive", True)]


def _damaged() -> list[Kind]:
    kinds = []
    for number, name in enumerate(FORMATS):
        whole = photo(500 + number, name)
        flipped = bytearray(whole)
        for place in range(len(whole) // 2, len(whole), 97):
            flipped[place] ^= 0x10
        kinds += [
            Kind(f"damage: half of a {name}", f"cats/half.{name}", whole[: len(whole) // 2], DAMAGED),
            Kind(f"damage: the beginning of a {name}", f"cats/begun.{name}", whole[:20], DAMAGED),
            Kind(f"damage: flipped bits in a {name}", f"cats/flipped.{name}", bytes(flipped), EITHER),
        ]
    return kinds


def _bombs() -> list[Kind]:
    """Small files that would be large in memory, or take long."""
    text = png_chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(80_000_000)))
    frames = [Image.new("L", (8, 8), shade) for shade in (1, 2)] * 500
    bombs = {
        "PNG of 900 megapixels": (png(30_000, 30_000), "900 megapixels; at most 200"),
        "PNG of 100 megapixels": (png(10_000, 10_000), "only be an empty picture"),
        "PNG of no pixels": (png(0, 10), DAMAGED + "|without pixels"),
        "PNG of fewer data than promised": (png(50, 50), DAMAGED),
        "PNG with 80 MB of text": (png(50, 50, text), DAMAGED),
        "BMP of 3,600 megapixels": (claiming("BMP", 60_000, 60_000), "at most 200"),
        "GIF of 4,295 megapixels": (claiming("GIF", 65_535, 65_535), "at most 200"),
        "JPEG of 4,290 megapixels": (claiming("JPEG", 65_500, 65_500), "at most 200"),
        "JPEG of 100 megapixels": (claiming("JPEG", 10_000, 10_000), "only be an empty picture"),
        "AVIF of 900 megapixels": (claiming("AVIF", 30_000, 30_000), DAMAGED + "|at most 200"),
        "HEIC of 900 megapixels": (claiming("HEIF", 30_000, 30_000), DAMAGED + "|at most 200"),
        "TIFF of 3,600 megapixels": (tiff(width=60_000, height=60_000), "at most 200"),
        "TIFF in giant tiles": (tiff(tile=60_000), "in tiles of more than 200"),
        "TIFF whose pages go round": (tiff(next=1), KEPT),
        "JPEG of 600 passes": (in_many_passes(600), "a JPEG in 6.. passes; at most 500"),
        "strip": (encoded(Image.new("RGB", (1, 6000)), "PNG"), "too narrow"),
        "film of a thousand frames": (encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), KEPT),
    }
    return [
        Kind(f"bomb: {name}", f"dogs/bomb{number}.png", content, expected)
        for number, (name, (content, expected)) in enumerate(bombs.items())
    ]


KINDS = [*_names(), *_paths(), *_entries(), *_contents(), *_damaged(), *_bombs()]


def _many(count: int, **entry: int) -> bytes:
    return as_zip([Kind("", f"cats/{number}.png", b"x", KEPT, entry=entry) for number in range(count)])


# Whole uploads of which nothing comes: (content of x.zip, what is said).
UPLOADS = {
    "no bytes": (b"", "is not a zip that can be opened"),
    "text": (b"hello", "is not a zip that can be opened"),
    "the beginning of a zip": (as_zip([])[:300], "is not a zip that can be opened"),
    "an empty zip": (b"PK\5\6" + bytes(18), "is empty"),
    "sixty files of a gigabyte": (_many(60, file_size=10**9), "would unpack to 60 GB; at most 30"),
    "a name that is not the UTF-8 it is said to be": (as_zip([Kind("", "\udcff.png", b"", "")]), "is not a zip"),
}
