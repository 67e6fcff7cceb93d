"""Photos as pixels: verified by decoding, upright, RGB. Needs Pillow 10.1 or newer and numpy, of Python 3.9 or newer.

The app reads photos with this package, and an exported model carries a copy of it, so that both see the same pixels. It
therefore imports nothing else of this project, and must go on doing so. Imported, it sets Pillow up for the process.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from . import levels, tiff

# The shortest side becomes 256 px for a backbone; a strip of 1 x 6000 would become a gigabyte on the way.
NARROWEST = 50
PIXEL_LIMIT = 200_000_000  # Above any camera (a 100-megapixel back included), below what exhausts a laptop's memory.
FORMATS = {  # and the ending that a file of each is kept under
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "HEIF": ".heic",
    "PPM": ".ppm",
    "JPEG2000": ".jp2",
}
# A few kilobytes can claim to be many pixels. Of more than this many, a file needs some bytes for each: the smoothest
# sky takes four times as much, an empty picture less.
_CLAIM_LIMIT, _BYTES_PER_PIXEL = 30_000_000, 1 / 64
_HEAD = 132  # bytes that tell what a file is; the last four of a DICOM file's
_PIXEL_BYTES = 3  # of a usual photo: what holds more of them per pixel counts as so many more pixels
_PAGES_ASKED = 8  # for pictures that belong to them; in a camera's raw file it is the first or second page
_JPEG2000_LIMIT = 60_000_000  # its reader takes 36 bytes for a pixel
_SCAN_LIMIT = 500  # Progressive JPEGs have about ten; each costs a pass over all pixels and may be a few bytes long.
_SCAN = b"\xff\xda"  # begins one
_ORIENTATION, _TILE_WIDTH, _TILE_HEIGHT = 274, 322, 323  # TIFF tags
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # bytes 8 to 12 of a file
_SPELLED = {"WEBP": "WebP", "HEIF": "HEIC", "JPEG2000": "JPEG 2000"}  # by people; the others as Pillow spells them
_RAW_ENDINGS = (
    *(".nef", ".nrw", ".dng", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf", ".pef", ".3fr"),
    *(".erf", ".kdc", ".dcr", ".mrw", ".raw", ".rwl", ".srw", ".x3f", ".iiq", ".mef", ".mos"),
)
_RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")  # of those that are no TIFFs
RAW = "a camera's raw file, which Graft does not develop; save it as JPEG"


class UnreadablePhoto(Exception):
    """A file that cannot be used as a photo; its text says why."""


def _set_up_pillow() -> list[str]:
    """Loads all readers and makes them strict; returns the names of those we use that this machine has."""
    if not hasattr(Image.Image, "has_transparency_data"):
        raise ImportError("Pillow is older than 10.1")
    Image.init()  # a call of `Image.open` that names its formats does not load them itself
    with contextlib.suppress(ImportError):  # where the model is taken to, HEIC may be left unread
        # One thread for a photo: others decode other photos meanwhile.
        importlib.import_module("pi_heif").register_heif_opener(thumbnails=False, decode_threads=1)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    # Our own limit is stricter in what it says and counts; Pillow's would warn at a lower one.
    Image.MAX_IMAGE_PIXELS = None
    # About odd EXIF blocks, nothing a user can act on. Once for all: `catch_warnings` is not safe between threads.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    return [name for name in FORMATS if name in Image.OPEN and name != "MPO"]  # which the JPEG reader recognizes


_READERS = _set_up_pillow()


def open_image(source: Path | BinaryIO, page: int | None = None) -> Image.Image:
    """The image with its header read and no pixel decoded; content decides, never the extension.

    Args:
        page: Of a TIFF that has several, from 0; None for the first that is not the preview of another.

    Raises:
        UnreadablePhoto: Not an image in one of our formats, a camera's raw file, more than 200 megapixels, a strip, or
            made to exhaust a machine.
    """
    try:
        if _head(source)[:4] in tiff.MAGIC:
            image, source = _open_tiff(_content(source), page)
        else:
            # Only these readers: Pillow has others (EPS, PDF) that start outside programs.
            image = Image.open(source, formats=_READERS)
    except UnreadablePhoto:
        raise
    except Exception as error:  # Pillow lets struct.error, EOFError and others of its readers through
        raise UnreadablePhoto(_why_not_opened(source, error)) from error
    with _saying_why():
        _check_size(image)
        _check_cost(image, source)
    return image


def traits(image: Image.Image) -> list[str]:
    """What of an opened image another reading of it would change: its kind if it has more than 8 bits, its pages.

    Such as ["tif-grey-u16", "p5"]; "several" of an animation, of which the first picture is taken.
    """
    found = [levels.kind_of(image)]
    if isinstance(image, tiff.Tiff):
        found += [f"p{image.page_count}"] if image.page_count > 1 else []
    elif image.format != "MPO" and getattr(image, "is_animated", False):  # an MPO's others are views of the same
        found.append("several")
    return [trait for trait in found if trait]


def extent(source: Path | BinaryIO, page: int | None = None) -> tuple[str, levels.Extent | None]:
    """The kind of a picture of more than 8 bits, and where its numbers lie, for `levels.scale_of`.

    Raises:
        UnreadablePhoto: As `open_image` and `decode` say.
    """
    with open_image(source, page) as image, _saying_why():
        return levels.kind_of(image) or "", levels.extent_of(levels.numbers_of(image, _content_of(image)))


def decode(image: Image.Image, scales: levels.Scales | None = None) -> Image.Image:
    """All pixels, upright, RGB: transparency laid on white, more than 8 bits scaled to these, the first of several.

    Nothing but pixels is left: no EXIF, XMP or comment, which may say where the photo was taken. The image given is
    used up: where nothing had to be changed, it is the one that is returned.

    Args:
        scales: What is black and white for each kind of more than 8 bits. A picture of another kind is scaled by
            what it says of itself, or by its own numbers without the most extreme.

    Raises:
        UnreadablePhoto: The file is damaged or cut off, or holds its numbers in a way that is not read.
    """
    with _saying_why():
        if kind := levels.kind_of(image):
            return _decode_deep(image, kind, scales or {})
        image.load()
        _check_size(image)  # some readers learn the true size only now
        ImageOps.exif_transpose(image, in_place=True)
        upright = _to_rgb(image)
        upright.info = {}
        return upright


def load_rgb(source: Path | BinaryIO, scales: levels.Scales | None = None, page: int | None = None) -> np.ndarray:
    """Pixels uint8 (height, width, 3) of a photo; arguments and errors as of `open_image` and `decode`."""
    with open_image(source, page) as image:
        return np.asarray(decode(image, scales))


def is_raw_name(name: str) -> bool:
    """Whether a file's name ends as those of cameras' raw files do."""
    return name.lower().endswith(_RAW_ENDINGS)


@contextlib.contextmanager
def _saying_why() -> Iterator[None]:
    try:
        yield
    except UnreadablePhoto:
        raise
    except tiff.Unsupported as error:
        raise UnreadablePhoto(str(error)) from error
    except MemoryError as error:
        raise UnreadablePhoto("too large for this machine's memory") from error
    except Exception as error:  # a malformed file makes Pillow's readers raise whatever their code happens to
        raise UnreadablePhoto("damaged or cut off: its pixels cannot be read to the end") from error


def _decode_deep(image: Image.Image, kind: str, scales: levels.Scales) -> Image.Image:
    numbers = levels.numbers_of(image, _content_of(image))
    scale = scales.get(kind)
    if scale is None:
        found = levels.extent_of(numbers)
        scale = levels.scale_of(kind, [found]) if found else (0.0, 1.0)
    orientation = _tiff_tag(image, _ORIENTATION) or image.getexif().get(_ORIENTATION)
    shades = levels.to_levels(numbers, scale)
    picture = Image.fromarray(shades if shades.shape[2] == 3 else shades[..., 0])
    _check_size(picture)
    if orientation in range(2, 9):
        picture.getexif()[_ORIENTATION] = orientation
        ImageOps.exif_transpose(picture, in_place=True)
    picture = picture.convert("RGB")
    picture.info = {}
    return picture


def _open_tiff(content: bytes, page: int | None) -> tuple[Image.Image, BinaryIO]:
    """The page of a TIFF that is the photo, and the file that has it as its first.

    Raises:
        UnreadablePhoto: It is a camera's raw file, or only a preview can be read.
    """
    found = tiff.pages(content)
    if not found:
        raise UnreadablePhoto("damaged or cut off: a TIFF without a picture")
    within = [one for each in found[:_PAGES_ASKED] for one in tiff.subfiles(content, each)]
    if content[8:10] == b"CR" or any(one.is_raw for one in (*found, *within)):
        raise UnreadablePhoto(RAW)
    chosen = tiff.chosen_page(found, page)
    inner = max(tiff.subfiles(content, chosen), key=lambda one: one.pixels, default=chosen)
    is_preview = inner.pixels > chosen.pixels
    file = io.BytesIO(tiff.beginning_at(content, (inner if is_preview else chosen).offset))
    try:
        image = tiff.Tiff(file)
    except Exception as error:
        if is_preview:
            small = f"{chosen.tags.get(256)} x {chosen.tags.get(257)}"
            raise UnreadablePhoto(f"only a preview of {small} pixels in it can be read; save it as JPEG") from error
        raise
    image.page_count = len(tiff.main_pages(found))
    return image, file


def _why_not_opened(source: Path | BinaryIO, error: Exception) -> str:
    head = _head(source) if isinstance(error, UnidentifiedImageError) else b""
    if head.startswith(_RAW_STARTS) or head[4:12] == b"ftypcrx ":
        return RAW
    if head.endswith(b"DICM"):
        return "a DICOM file, which Graft does not read; save it as PNG or TIFF"
    if "HEIF" not in _READERS and head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return "a HEIC photo, which takes one more package to read: pip install pi-heif, or save it as JPEG"
    names = [_SPELLED.get(name, name) for name in _READERS]
    return f"not a photo in a format that can be read ({', '.join(names[:-1])} and {names[-1]})"


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > PIXEL_LIMIT:
        raise UnreadablePhoto(
            f"{width} x {height} pixels, {width * height / 1e6:.0f} megapixels; at most {PIXEL_LIMIT // 10**6} are read"
        )
    if not width or not height:
        raise UnreadablePhoto("an image without pixels")
    if max(width, height) > NARROWEST * min(width, height):
        raise UnreadablePhoto(
            f"{width} x {height} pixels, too narrow: one side may be at most {NARROWEST} times the other"
        )


def _check_cost(image: Image.Image, source: Path | BinaryIO) -> None:
    """Refuses what a few bytes could cost a machine much with, as no camera's file does."""
    pixels = image.width * image.height
    if levels.kind_of(image):
        total = pixels * levels.bytes_per_pixel(image)
        if total > levels.MOST_BYTES:
            raise UnreadablePhoto(f"{total / 1e9:.1f} GB of numbers; at most {levels.MOST_BYTES / 1e9:.1f} are read")
        pixels = max(pixels, int(total / _PIXEL_BYTES))
    if levels.is_in_digits(image) and len(_content(source)) > levels.MOST_DIGITS:
        raise UnreadablePhoto("a large PPM that is written in digits; save it as a binary one")
    if pixels > _CLAIM_LIMIT and (size := len(_content(source))) < pixels * _BYTES_PER_PIXEL:
        raise UnreadablePhoto(
            f"{pixels / 1e6:.0f} megapixels in a file of {size:,} bytes, so it can only be an empty picture"
        )
    if image.format == "JPEG2000" and pixels > _JPEG2000_LIMIT:
        raise UnreadablePhoto(
            f"a JPEG 2000 of {pixels / 1e6:.0f} megapixels; at most {_JPEG2000_LIMIT // 10**6} are read"
        )
    if image.mode == "LAB":
        raise UnreadablePhoto("its colours are stored as Lab, which Graft cannot read; save it as RGB")
    width, height = _tiff_tag(image, _TILE_WIDTH), _tiff_tag(image, _TILE_HEIGHT)
    if isinstance(width, int) and isinstance(height, int) and width * height > PIXEL_LIMIT:
        raise UnreadablePhoto(f"in tiles of more than {PIXEL_LIMIT // 10**6} megapixels")
    if image.info.get("progressive") and (scans := _content(source).count(_SCAN)) > _SCAN_LIMIT:
        raise UnreadablePhoto(f"a JPEG in {scans:,} passes; at most {_SCAN_LIMIT} are read")


def _tiff_tag(image: Image.Image, tag: int) -> object:
    """What a TIFF says under this tag; None where it says nothing, or the image is no TIFF."""
    return image.tag_v2.get(tag) if isinstance(image, TiffImageFile) else None


def _head(source: Path | BinaryIO) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(_HEAD)
    position = source.tell()
    source.seek(0)
    head = source.read(_HEAD)
    source.seek(position)
    return head


def _content_of(image: Image.Image) -> bytes:
    """The file that an image was opened from, before it is decoded."""
    return _content(image.fp)  # type: ignore[attr-defined, unused-ignore]


def _content(source: Path | BinaryIO) -> bytes:
    if isinstance(source, Path):
        return source.read_bytes()
    position = source.tell()
    source.seek(0)
    content = source.read()
    source.seek(position)
    return content


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")
