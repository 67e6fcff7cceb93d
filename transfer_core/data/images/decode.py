"""Photos as pixels for the app: as `read_photo` reads them, within the memory there is. Imports no torch."""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from transfer_core.data.images import read_photo
from transfer_core.data.images.rendering import Rendering, Scale
from transfer_core.errors import DataError
from transfer_core.support.parallel import CORES, MemoryBudget, map_ahead

FORMATS = read_photo.FORMATS
RAW, is_raw_name = read_photo.RAW, read_photo.is_raw_name
AS_IT_IS = Rendering()
THUMBNAIL_PX = 320
# A pixel takes 14 bytes of memory until all is made of it, so that on two cores these are 0.7 GB.
PIXELS_AT_ONCE = 25_000_000 * max(2, CORES)
_DIGEST_LENGTH = 64  # hex digits of the SHA-256 that a stored photo is named by
_BYTES = 14
_COPIES = 4  # of the numbers of a picture of more than 8 bits: the file's, those unpacked, joined, and in order
_DARK = 20  # levels of 256
_LOOKED_AT = 200  # files of a kind: more would not say it better
_COSTLY = 1.5  # times that, of a WebP, whose reader keeps two more copies, and of what is laid on white
_MOST_COSTLY = 2.6  # times that, of a JPEG 2000
_room = MemoryBudget(PIXELS_AT_ONCE)


def open_image(source: Path | BinaryIO, rendering: Rendering = AS_IT_IS) -> Image.Image:
    """As `read_photo.open_image`: the header read, no pixel decoded.

    Raises:
        DataError: It cannot be used, and why.
    """
    with _refusing():
        return read_photo.open_image(source, rendering.page)


def name_file(photo: str, image: Image.Image) -> str:
    """The name that a photo is kept under: its digest, what depends on the rendering, and the ending of its format."""
    assert image.format, "an image that was opened from a file has the format of its reader"
    return ".".join([photo, *read_photo.traits(image)]) + FORMATS[image.format]


def deep_kind(image: Image.Image) -> str | None:
    """The kind of an opened picture of more than 8 bits; None of any other."""
    return read_photo.levels.kind_of(image)


def is_off_scale(upright: Image.Image) -> bool:
    """Whether nearly all of a decoded picture is black, or most of it as white as can be: its scale is not its own."""
    counts = np.array(upright.convert("L").histogram())
    return bool(counts[_DARK:].sum() < 0.001 * counts.sum() or counts[255] > 0.5 * counts.sum())


def find_scales(sources: Mapping[str, Sequence[Callable[[], bytes]]], page: int | None) -> dict[str, Scale]:
    """What is black and white for each kind of picture, by what a set has of it.

    Args:
        sources: By kind, what reads the files; a few hundred of them are looked at.
    """
    found = {}
    for kind, reads in sources.items():
        extents = list(filter(None, map_ahead(partial(_extent, page), reads[:: -(-len(reads) // _LOOKED_AT)])))
        if extents:
            found[kind] = read_photo.levels.scale_of(kind, extents)
    return found


def _extent(page: int | None, read: Callable[[], bytes]) -> read_photo.levels.Extent | None:
    """Of one file; None where it cannot be read, which is said when it comes in."""
    try:
        source = io.BytesIO(read())
        with _refusing(), read_photo.open_image(source, page) as image, taking_turns(image):
            return read_photo.extent(source, page)[1]
    except (DataError, MemoryError):
        return None


def taking_turns(image: Image.Image) -> AbstractContextManager:
    """Held while something is made of a photo: as many at once as the memory has room for, a very large one alone.

    A thread that holds it may ask again.
    """
    if deep_kind(image):
        cost = read_photo.levels.bytes_per_pixel(image) * _COPIES / _BYTES + _COSTLY
    else:
        cost = _COSTLY if image.format == "WEBP" or "A" in image.mode or "transparency" in image.info else 1
        cost = _MOST_COSTLY if image.format == "JPEG2000" else cost
    return _room.holding(round(image.width * image.height * cost))


def decode(image: Image.Image, rendering: Rendering = AS_IT_IS) -> Image.Image:
    """As `read_photo.decode`: all pixels, upright, RGB, and nothing but pixels; the image given is used up.

    Raises:
        DataError: The file is damaged or cut off.
    """
    with taking_turns(image), _refusing():
        return read_photo.decode(image, rendering.scales)


def load_rgb(source: Path | BinaryIO, rendering: Rendering = AS_IT_IS) -> np.ndarray:
    """Pixels uint8 (height, width, 3) of a photo.

    Raises:
        DataError: As `open_image` and `decode` say.
    """
    with open_image(source, rendering) as image:
        return np.asarray(decode(image, rendering))


def load_stored(path: Path, rendering: Rendering = AS_IT_IS) -> np.ndarray:
    """As `load_rgb`, of a photo of a project; see `naming`."""
    with naming(path):
        return load_rgb(path, rendering)


def is_intact(path: Path) -> bool:
    """Whether a stored photo's bytes are those that it is named by; a file that is gone or named otherwise passes."""
    digest = path.name.partition(".")[0]
    if len(digest) != _DIGEST_LENGTH:
        return True
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return True  # whoever opens it says why


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names the photo in what goes wrong with one that could be read when it came in, and now cannot.

    Before anything is made of it, its bytes are held against its name: other pixels would be answered as if they were
    the photo's.
    """
    try:
        if not is_intact(path):
            raise DataError("its bytes were changed")
        yield
    except DataError as error:
        reason = error if path.is_file() else "the file is gone"
        raise DataError(
            f"A photo of this project can no longer be read ({reason}): {path}. "
            "Delete that file and add the photo again."
        ) from error


def thumbnail(image: Image.Image) -> bytes:
    """JPEG of at most 320 px per side of a decoded image; nothing but pixels."""
    return encode_jpeg(shrink(image, THUMBNAIL_PX / max(image.size)), quality=85)


def shrink(image: Image.Image, factor: float) -> Image.Image:
    """The decoded image with both sides times the factor, unless that enlarges it; good to look at, not exact."""
    if factor >= 1:
        return image
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    # Of a large photo, whole pixels are averaged first, down to twice the size: a third of the time, and hardly seen.
    return image.resize(size, Image.Resampling.HAMMING, reducing_gap=2)


def encode_jpeg(image: Image.Image, quality: int) -> bytes:
    """A JPEG of a decoded image; nothing but pixels."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@contextmanager
def _refusing() -> Iterator[None]:
    """What `read_photo` refuses is a mistake that the user can mend."""
    try:
        yield
    except read_photo.UnreadablePhoto as error:
        raise DataError(str(error)) from error
