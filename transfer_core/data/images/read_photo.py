"""Photos as pixels: verified by decoding, upright, RGB. Needs Pillow 10.1 or newer and numpy, of Python 3.9 or newer.

The app reads photos with this file, and an exported model carries a copy of it, so that both see the same pixels. It
therefore imports nothing else of this project, and must go on doing so. Imported, it sets Pillow up for the process.
"""

from __future__ import annotations

import contextlib
import importlib
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

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
}
# A few kilobytes can claim to be many pixels. Of more than this many, a file needs some bytes for each: the smoothest
# sky takes four times as much, an empty picture less.
_CLAIM_LIMIT, _BYTES_PER_PIXEL = 30_000_000, 1 / 64
_SCAN_LIMIT = 500  # Progressive JPEGs have about ten; each costs a pass over all pixels and may be a few bytes long.
_FULL_SCALES = (1, 255, 4095, 65535)  # of shares, and of 8, 12 and 16 bits
_SCAN = b"\xff\xda"  # begins one
_WHITE_IS_ZERO, _TILE_WIDTH, _TILE_HEIGHT = 262, 322, 323  # TIFF tags; of the first, 0 means yes
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # bytes 8 to 12 of a file
_SPELLED = {"WEBP": "WebP", "HEIF": "HEIC"}  # by people; the others as Pillow spells them


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


def open_image(source: Path | BinaryIO) -> Image.Image:
    """The image with its header read and no pixel decoded; content decides, never the extension.

    Raises:
        UnreadablePhoto: Not an image in one of our formats, more than 200 megapixels, a strip, or made to exhaust a
            machine.
    """
    try:
        # Only these readers: Pillow has others (EPS, PDF) that start outside programs.
        image = Image.open(source, formats=_READERS)
    except Exception as error:  # Pillow lets struct.error, EOFError and others of its readers through
        raise UnreadablePhoto(_why_not_opened(source, error)) from error
    _check_size(image)
    _check_cost(image, source)
    return image


def decode(image: Image.Image) -> Image.Image:
    """All pixels, upright, RGB: transparency laid on white, grey of more than 8 bits scaled, the first of several.

    Nothing but pixels is left: no EXIF, XMP or comment, which may say where the photo was taken. The image given is
    used up: where nothing had to be changed, it is the one that is returned.

    Raises:
        UnreadablePhoto: The file is damaged or cut off.
    """
    try:
        image.load()
        _check_size(image)  # some readers learn the true size only now
        ImageOps.exif_transpose(image, in_place=True)
        upright = _to_rgb(image)
        upright.info = {}
        return upright
    except UnreadablePhoto:
        raise
    except MemoryError as error:
        raise UnreadablePhoto("too large for this machine's memory") from error
    except Exception as error:  # a malformed file makes Pillow's readers raise whatever their code happens to
        raise UnreadablePhoto("damaged or cut off: its pixels cannot be read to the end") from error


def load_rgb(source: Path | BinaryIO) -> np.ndarray:
    """Pixels uint8 (height, width, 3) of a photo.

    Raises:
        UnreadablePhoto: As `open_image` and `decode` say.
    """
    with open_image(source) as image:
        return np.asarray(decode(image))


def _why_not_opened(source: Path | BinaryIO, error: Exception) -> str:
    if "HEIF" not in _READERS and isinstance(error, UnidentifiedImageError):
        head = _content(source)[:12]
        if head[4:8] == b"ftyp" and head[8:] in _HEIC_BRANDS:
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
    if pixels > _CLAIM_LIMIT and (size := len(_content(source))) < pixels * _BYTES_PER_PIXEL:
        raise UnreadablePhoto(
            f"{pixels / 1e6:.0f} megapixels in a file of {size:,} bytes, so it can only be an empty picture"
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


def _content(source: Path | BinaryIO) -> bytes:
    if isinstance(source, Path):
        return source.read_bytes()
    position = source.tell()
    source.seek(0)
    content = source.read()
    source.seek(position)
    return content


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = _to_eight_bits(image)
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, whole or floating, scaled to 8; Pillow's own conversion clips all above 255 to white.

    A PNG says what white is. In a TIFF it may be the most that 16, 12 or 8 bits hold, or 1: the least of these that no
    pixel exceeds. Of numbers below 0 or beyond 16 bits, as measuring instruments give, the least becomes black and the
    greatest white.
    """
    levels = np.array(image, np.float32)
    transparent = image.info.get("transparency")
    np.nan_to_num(levels, copy=False, nan=0, posinf=0, neginf=0)
    black: float = 0
    white: float = _FULL_SCALES[-1]
    if image.format != "PNG":
        low, high = float(levels.min()), float(levels.max())
        fitting = [scale for scale in _FULL_SCALES if low >= 0 and high <= scale]
        black, white = (0, fitting[0]) if fitting else (low, max(high, low + 1))
    if transparent is not None:
        levels[levels == transparent] = white
    if _tiff_tag(image, _WHITE_IS_ZERO) == 0:  # X-rays, say; Pillow minds it for 8 bits only
        np.subtract(black + white, levels, out=levels)
    levels -= black
    levels *= 255 / (white - black)
    return Image.fromarray(np.clip(np.rint(levels, out=levels), 0, 255).astype(np.uint8))
