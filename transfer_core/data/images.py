"""Photos as pixels: verified by decoding, upright, RGB. Imports no torch."""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps

from transfer_core.errors import DataError

# The shortest side becomes 256 px for a backbone; a strip of 1 x 6000 would become a gigabyte on the way.
NARROWEST = 50
PIXEL_LIMIT = 200_000_000  # Above any camera (a 100-megapixel back included), below what exhausts a laptop's memory.
FORMATS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}
LARGE = 40_000_000  # pixels; several of these at once, one per core, would exhaust a laptop's memory
_one_at_a_time = threading.RLock()
_READERS = [name for name in FORMATS if name != "MPO"]  # which the JPEG reader recognizes
THUMBNAIL_PX = 320

Image.init()  # all readers: a call of `Image.open` that names its formats does not load them itself
ImageFile.LOAD_TRUNCATED_IMAGES = False
# Our own limit is stricter in what it says and counts; Pillow's would warn at a lower one.
Image.MAX_IMAGE_PIXELS = None
# About odd EXIF blocks, nothing a user can act on. Once for all: `catch_warnings` is not safe between threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def open_image(source: Path | BinaryIO) -> Image.Image:
    """The image with its header read and no pixel decoded; content decides, never the extension.

    Raises:
        DataError: Not an image in one of our formats, more than 200 megapixels, or a strip.
    """
    try:
        # Only these readers: Pillow has others (EPS, PDF) that start outside programs.
        image = Image.open(source, formats=_READERS)
    except Exception as error:  # Pillow lets struct.error, EOFError and others of its readers through
        raise DataError("not a photo that can be read (JPEG, PNG, WebP, GIF, BMP and TIFF can)") from error
    width, height = image.size
    if width * height > PIXEL_LIMIT:
        raise DataError(
            f"{width} x {height} pixels, {width * height / 1e6:.0f} megapixels; at most {PIXEL_LIMIT // 10**6} are read"
        )
    if not width or not height:
        raise DataError("an image without pixels")
    if max(width, height) > NARROWEST * min(width, height):
        raise DataError(f"{width} x {height} pixels, too narrow: one side may be at most {NARROWEST} times the other")
    return image


def taking_turns(image: Image.Image) -> AbstractContextManager:
    """Held while something is made of a large photo: one thread at a time, which may ask again; others pass freely."""
    return _one_at_a_time if image.width * image.height > LARGE else nullcontext()


def decode(image: Image.Image) -> Image.Image:
    """All pixels, upright, RGB: transparency laid on white, 16 bits scaled to 8, the first frame of several.

    The image given is used up: where nothing had to be changed, it is the one that is returned.

    Raises:
        DataError: The file is damaged or cut off.
    """
    try:
        with taking_turns(image):
            ImageOps.exif_transpose(image, in_place=True)
            return _to_rgb(image)
    except MemoryError as error:
        raise DataError("too large for this machine's memory") from error
    except Exception as error:  # a hostile file makes Pillow's readers raise whatever their code happens to
        raise DataError("damaged or cut off: its pixels cannot be read to the end") from error


def load_rgb(source: Path | BinaryIO) -> np.ndarray:
    """Pixels uint8 (height, width, 3) of a photo.

    Raises:
        DataError: As `open_image` and `decode` say.
    """
    with open_image(source) as image:
        return np.asarray(decode(image))


def load_stored(path: Path) -> np.ndarray:
    """As `load_rgb`, of a photo of a project; see `naming`."""
    with naming(path):
        return load_rgb(path)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names the photo in what goes wrong with one that could be read when it came in, and now cannot."""
    try:
        yield
    except DataError as error:
        reason = error if path.is_file() else "the file is gone"
        raise DataError(
            f"A photo of this project can no longer be read ({reason}): {path}. "
            "Delete that file and add the photo again."
        ) from error


def thumbnail(image: Image.Image) -> bytes:
    """JPEG of at most 320 px per side of a decoded image; carries no EXIF, so no position either."""
    return encode_jpeg(shrink(image, THUMBNAIL_PX / max(image.size)), quality=85)


def shrink(image: Image.Image, factor: float) -> Image.Image:
    """The decoded image with both sides times the factor, unless that enlarges it; good to look at, not exact."""
    if factor >= 1:
        return image
    size = tuple(max(1, round(side * factor)) for side in image.size)
    # Of a large photo, whole pixels are averaged first, down to twice the size: a third of the time, and hardly seen.
    return image.resize(size, Image.Resampling.HAMMING, reducing_gap=2)


def encode_jpeg(image: Image.Image, quality: int) -> bytes:
    """A JPEG of a decoded image, without EXIF."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16 bits per value: Pillow's own conversion would clip everything above 255 to white.
        levels = np.asarray(image, np.float32) / 257
        image = Image.fromarray(np.clip(np.round(levels), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")
