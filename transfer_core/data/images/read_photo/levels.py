"""Pictures of more than 8 bits: their numbers, and what is black and what is white among these.

A file's own darkest and brightest pixel do not say: one defective pixel would make a picture ten times darker than its
neighbour. What does, in this order: the format or its tags; what all the files of a set have in common; and only for
a picture that belongs to no set, its own middle 99.8 percent.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from . import tiff

Scale = tuple[float, float]  # what becomes black, and what becomes white
Scales = Mapping[str, Scale]  # by kind of picture, see `kind_of`

MOST_BYTES = 1_200_000_000  # of a picture's numbers: 200 megapixels of 16-bit colour
_SAMPLE = 65_536  # pixels that a file is judged by
_ENDS = (0.1, 99.9)  # percent; what lies beyond may be defective pixels
_TINY = 500  # numbers, of which each counts
_ODD_FILES = 0.05  # share of a set's files, at either end, that do not count
_FEW = 3  # files, of which none is odd
_LEAST_BLACK, _LEAST_WHITE = 0.3, 0.85  # shares of a usual range within which the ends of one lie that is that one
_MAX_TAGS = ((340, 341), (280, 281))  # SMinSampleValue and SMaxSampleValue, then those of whole numbers
_NODATA = 42113  # GDAL's tag: the number of pixels that were not measured
_PNG_DEEP = (";16B", "I;16")
_BAND = 2_000_000  # numbers that are turned into levels at a time
MOST_DIGITS = 10_000_000  # bytes of such a file


class Numbers(NamedTuple):
    """A picture as its file holds it, upright or not.

    Args:
        values: (height, width, 1 or 3).
        opacity: (height, width), in the same numbers; None where nothing shows through.
        clear: The number, or three, that means "see-through".
        unmeasured: The number that means "not measured".
        inverted: Whether the least is white.
        said: The darkest and brightest that the file names.
    """

    values: np.ndarray
    opacity: np.ndarray | None = None
    clear: int | tuple[int, ...] | None = None
    unmeasured: float | None = None
    inverted: bool = False
    said: Scale | None = None


class Extent(NamedTuple):
    """Between which numbers a picture lies, without what is odd; and what its file says about that."""

    low: float
    high: float
    said: Scale | None


def kind_of(image: Image.Image) -> str | None:
    """Of a picture of more than 8 bits, what decides which scale it has, such as "tif-grey-u16"; None of others.

    The last part, such as "to4095", is the brightest number where the file names one that ends a number of bits.
    """
    if isinstance(image, TiffImageFile):
        kind = tiff.number_kind(image)
        if kind is None:
            return None
        top = _named_top(image, kind)
        return f"tif-{'rgb' if tiff.is_colour(image) else 'grey'}-{kind}{f'to{top}' if top else ''}"
    if image.format == "PNG" and (rawmode := str(_tile(image)[3])).endswith(_PNG_DEEP):
        return f"png-{'grey' if rawmode.startswith(('I', 'L')) else 'rgb'}-u16"
    if image.format == "PPM" and (top := _ppm_top(image)) not in (None, 255):
        number = "u16" if top == 65535 else f"{'u16' if top > 255 else 'u8'}to{top}"
        return f"ppm-{'rgb' if image.mode == 'RGB' else 'grey'}-{number}"
    if image.mode.startswith(("I", "F")) and image.format:
        return f"{image.format.lower()}-grey-{'f32' if image.mode == 'F' else 'u16' if ';16' in image.mode else 'i32'}"
    return None


def numbers_of(image: Image.Image, content: bytes) -> Numbers:
    """The picture's numbers; it is used up.

    Raises:
        tiff.Unsupported: It holds them in a way that is not read here.
    """
    if isinstance(image, TiffImageFile):
        values, opacity = tiff.numbers(image, content)
        photometric = image.tag_v2.get(262, 1)
        return Numbers(values, opacity, None, _unmeasured(image), photometric == tiff.WHITE_IS_ZERO, _said(image))
    if image.format == "PNG":
        return _png(image, content)
    if image.format == "PPM" and image.mode != "F":
        return Numbers(_ppm(image, content))
    image.load()
    return Numbers(np.array(image)[..., None], clear=image.info.get("transparency"))


def extent_of(numbers: Numbers) -> Extent | None:
    """Where the picture's numbers lie; None where none was measured."""
    step = max(1, numbers.values.shape[0] * numbers.values.shape[1] // _SAMPLE)
    pixels = numbers.values.reshape(-1, numbers.values.shape[2])[::step]
    pixels = pixels[_measured(numbers, pixels) & ~_is_clear(numbers, pixels)]
    found = np.sort(pixels.astype(np.float64), axis=None)
    found = _without_fill(found[np.isfinite(found)])
    if not len(found):
        return None
    ends = _ENDS if len(found) > _TINY else (0, 100)
    low, high = np.percentile(found, ends[0], method="higher"), np.percentile(found, ends[1], method="lower")
    return Extent(float(low), float(max(low, high)), numbers.said)


def scale_of(kind: str, extents: Sequence[Extent]) -> Scale:
    """What is black and white in all pictures of a kind, by some of them.

    Args:
        extents: Of at least one picture.
    """
    number, top = _parts(kind)
    low, high = _common([one.low for one in extents], [one.high for one in extents])
    if top and (high <= top or kind.startswith("ppm")):
        return 0.0, float(top)
    said = {one.said for one in extents}
    # Files that name different numbers name what is in them, not what their instrument can measure.
    if len(said) == 1 and (one := said.pop()) and one[0] <= low and high <= one[1] and _tells(number, one):
        return one
    usual = (1.0, 255.0, 65535.0) if number[0] == "f" else (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
    for most in usual:  # of 8, 10, 12, 14 and 16 bits: so that a 12-bit copy looks like its photo of 8 bits
        if high <= most:
            if 0 <= low <= _LEAST_BLACK * most and high >= _LEAST_WHITE * most:
                return 0.0, most
            break
    if high > low:
        return low, high
    full = {"u16": 65535.0, "f32": 1.0}.get(number, 0.0)  # of one number in all of them, nobody can say what it is
    return (0.0, full) if 0 <= low <= full else (low, low + 1)


def to_levels(numbers: Numbers, scale: Scale) -> np.ndarray:
    """uint8 (height, width, 1 or 3); what was not measured is black, what shows through lies on white."""
    values, (black, white) = numbers.values, scale
    levels = np.empty(values.shape, np.uint8)
    rows = max(1, _BAND // max(1, values.shape[1] * values.shape[2]))
    for start in range(0, len(values), rows):
        band = values[start : start + rows]
        part = band.astype(np.float32 if band.dtype.itemsize <= 2 else np.float64)
        measured = _measured(numbers, band) & np.isfinite(part).all(-1)
        part = np.nan_to_num(part, copy=False, nan=0, posinf=0, neginf=0)
        part = np.clip((part - black) * (255 / (white - black)), 0, 255)
        part = 255 - part if numbers.inverted else part
        part[~measured] = 0
        part[_is_clear(numbers, band)] = 255
        if numbers.opacity is not None:
            share = np.clip(numbers.opacity[start : start + rows].astype(np.float64) / max(white, 1e-9), 0, 1)[
                ..., None
            ]
            part = part * share + 255 * (1 - share)
        levels[start : start + rows] = np.rint(part)
    return levels


def is_in_digits(image: Image.Image) -> bool:
    """Whether it is a PBM, PGM or PPM whose numbers are spelled out: each takes a step of Python."""
    return image.format == "PPM" and _tile(image)[0] == "ppm_plain"


def bytes_per_pixel(image: Image.Image) -> float:
    """Of the numbers in memory, for the room that a picture takes."""
    return tiff.bytes_per_pixel(image) if isinstance(image, TiffImageFile) else 6 if image.mode != "I;16" else 2


def _common(lows: list[float], highs: list[float]) -> Scale:
    """The range of a set's files, without the few that lie apart from all others."""
    if len(lows) < _FEW:
        return min(lows), max(highs)
    return (
        float(np.quantile(lows, _ODD_FILES, method="higher")),
        float(np.quantile(highs, 1 - _ODD_FILES, method="lower")),
    )


def _parts(kind: str) -> tuple[str, int | None]:
    """("u16", 4095) of "tif-grey-u16to4095"."""
    number, _, top = kind.rsplit("-", 1)[-1].partition("to")
    return number, int(top) if top.isdigit() else None


def _without_fill(found: np.ndarray) -> np.ndarray:
    """The sorted numbers without a lowest or highest one that stands far from all others: -9999, say, is no grey."""
    for _ in range(4):
        distinct = np.unique(found)
        if len(distinct) < 8:
            break
        if distinct[1] - distinct[0] > 2 * (distinct[-1] - distinct[1]):
            found = found[found > distinct[0]]
        elif distinct[-1] - distinct[-2] > 2 * (distinct[-2] - distinct[0]):
            found = found[found < distinct[-1]]
        else:
            break
    return found


def _measured(numbers: Numbers, pixels: np.ndarray) -> np.ndarray:
    """bool, by pixel."""
    if numbers.unmeasured is None:
        return np.ones(pixels.shape[:-1], bool)
    with np.errstate(all="ignore"):  # a tag may name a number that these pixels cannot have
        return ~(
            pixels == np.float64(numbers.unmeasured).astype(pixels.dtype if pixels.dtype.kind == "f" else float)
        ).all(-1)


def _is_clear(numbers: Numbers, pixels: np.ndarray) -> np.ndarray:
    """bool, by pixel: whether it has the number that means see-through."""
    if numbers.clear is None:
        return np.zeros(pixels.shape[:-1], bool)
    return (pixels == np.asarray(numbers.clear)).all(-1)


def _tile(image: Image.Image) -> Any:
    """(codec, box, offset, arguments): how Pillow would read the pixels."""
    return (getattr(image, "tile", None) or [("", (0, 0, 0, 0), 0, "")])[0]


def _png(image: Image.Image, content: bytes) -> Numbers:
    """Of 16-bit colour Pillow keeps the high bytes alone; asked for the other order, it gives the low ones."""
    rawmode, clear = str(_tile(image)[3]), image.info.get("transparency")
    if image.mode == "I;16":
        image.load()
        return Numbers(np.array(image)[..., None], clear=clear)
    if rawmode == "LA;16B":  # as four bytes of one pixel: two of grey, two of opacity
        both = np.ascontiguousarray(_png_bytes(content, "RGBA")).view(">u2")
        return Numbers(both[..., :1], both[..., 1])
    high, low = _png_bytes(content, rawmode), _png_bytes(content, rawmode.replace("16B", "16L"))
    values = high.astype(np.uint16) << 8 | low
    image.load()  # for what stands behind the pixels, such as which side is up
    return Numbers(values[..., :3], values[..., 3] if values.shape[2] > 3 else None, clear)


def _png_bytes(content: bytes, rawmode: str) -> np.ndarray:
    with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
        assert isinstance(picture, ImageFile.ImageFile)
        codec, box, offset, _ = picture.tile[0]
        make = getattr(ImageFile, "_Tile", lambda *parts: parts)  # Pillow 10 has plain tuples
        picture.tile = [make(codec, box, offset, rawmode)]
        picture.info.pop("transparency", None)
        return np.array(picture)


def _ppm_top(image: Image.Image) -> int | None:
    """The number that means white in a PGM or PPM."""
    codec, _, _, args = _tile(image)
    if codec == "raw":
        return 65535 if (isinstance(args, tuple) and args[0] == "I;16B") or args == "I;16B" else 255
    return args[-1] if isinstance(args, tuple) and isinstance(args[-1], int) else None


def _ppm(image: Image.Image, content: bytes) -> np.ndarray:
    """Pillow would scale each number by a step of Python, and colours to 8 bits."""
    codec, _, offset, _ = _tile(image)
    shape = (image.height, image.width, 3 if image.mode == "RGB" else 1)
    count = shape[0] * shape[1] * shape[2]
    if codec == "ppm_plain":
        text = re.sub(rb"#[^\r\n]*", b"", content[offset:])
        return np.array(text.split()[:count], np.uint16).reshape(shape)
    return np.frombuffer(content, ">u2" if (_ppm_top(image) or 0) > 255 else "u1", count, offset).reshape(shape)


def _named_top(image: TiffImageFile, kind: str) -> int | None:
    """The brightest number that a TIFF names, where it is the last of 9 to 15 bits: its instrument's, not its own."""
    if kind != "u16":
        return int(2 ** int(kind[1:]) - 1) if kind[0] == "u" and int(kind[1:]) < 16 else None
    said = _said(image)
    top = int(said[1]) if said and said[0] == 0 else 0
    return top if top in (511, 1023, 2047, 4095, 8191, 16383, 32767) else None


def _said(image: TiffImageFile) -> Scale | None:
    """Darkest and brightest as tags of a TIFF name them; either may be left out."""
    for low_tag, high_tag in _MAX_TAGS:
        low, high = (image.tag_v2.get(tag) for tag in (low_tag, high_tag))
        if high is None:
            continue
        try:
            ends = [np.ravel(np.asarray(end, np.float64)) for end in (0 if low is None else low, high)]
            scale = float(ends[0].min()), float(ends[1].max())
        except (TypeError, ValueError):  # text, say, which says nothing
            continue
        return scale if np.isfinite(scale).all() and scale[0] < scale[1] else None
    return None


def _tells(number: str, said: Scale) -> bool:
    """Whether a range says more than that the numbers are of this kind."""
    if number[0] == "f":
        return abs(said[1]) < 1e30
    most = 2 ** int(number[1:]) - 1
    return said[1] - said[0] < most


def _unmeasured(image: TiffImageFile) -> float | None:
    try:
        return float(str(image.tag_v2[_NODATA]).strip("\0 "))
    except (KeyError, ValueError):
        return None
