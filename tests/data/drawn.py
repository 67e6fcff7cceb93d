"""Small drawn photos of every format, and damage done to them by chance."""

import io
import random
from functools import cache

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
_TELLING = (0, 1, 2, 127, 128, 254, 255)  # where lengths and counts go over or under


def photo(number: int, format: str = "PNG", size: tuple[int, int] = (40, 30), **options) -> bytes:
    """A file of that format; no two numbers give the same picture."""
    shades = np.random.default_rng(number).integers(0, 256, (5, 5, 3), np.uint8)
    image = Image.fromarray(shades).resize(size, Image.Resampling.BICUBIC)
    ImageDraw.Draw(image).ellipse((5, 5, 5 + number % 20, 25), tuple(int(value) for value in shades[0, 0]))
    return encoded(image, format, **options)


def encoded(image: Image.Image, format: str, **options) -> bytes:
    """The picture as a file of that format; `options` are those of Pillow's writers."""
    buffer = io.BytesIO()
    if format == "HEIF":
        # pi_heif, which Graft reads HEIC with, cannot write it. Its larger sister does here, called by name: registered
        # with Pillow it would become the reader, too, and the tests would try another one than people use.
        file = pillow_heif.from_pillow(image)
        for frame in options.pop("append_images", ()):
            file.add_from_pillow(frame)
        file.save(buffer, **options)
    else:
        image.save(buffer, format, **options)
    return buffer.getvalue()


@cache
def seeds() -> tuple[bytes, ...]:
    """Files to damage: every format, and within formats every way of packing that readers have code of its own for."""
    exif = Image.Exif()
    exif[0x0112], exif[0x8825] = 6, {1: "N", 2: (48.0, 8.0, 0.0)}
    plain = Image.open(io.BytesIO(photo(1))).convert("RGB")
    grey = Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 54)
    frames = {"save_all": True, "append_images": [plain.rotate(180)]}
    return (
        *(photo(2, format) for format in FORMATS),
        *(encoded(plain, "JPEG", **options) for options in ({"progressive": True}, {"exif": exif}, {"optimize": True})),
        encoded(plain.convert("CMYK"), "JPEG"),
        *(encoded(plain.convert(mode), "PNG") for mode in ("P", "LA", "1", "RGBA")),
        encoded(plain, "PNG", exif=exif),
        encoded(grey, "PNG"),
        *(encoded(plain, "TIFF", compression=kind) for kind in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg")),
        encoded(grey, "TIFF"),
        encoded(plain, "TIFF", tiffinfo={0x0112: 6}, **frames),
        encoded(plain.convert("1"), "TIFF", compression="group4"),
        encoded(plain.convert("P"), "BMP"),
        *(encoded(plain, format, **frames) for format in ("GIF", "WEBP", "AVIF")),
        encoded(plain.convert("RGBA"), "WEBP", lossless=True),
        *(encoded(plain.convert("RGBA"), format, exif=exif.tobytes()) for format in ("AVIF", "HEIF")),
    )


def damage(content: bytes, chance: random.Random, others: tuple[bytes, ...]) -> bytes:
    """The file with some bytes changed, a part cut out, a part of another put in, or another's beginning."""
    damaged, kind = bytearray(content), chance.random()
    place, length = chance.randrange(len(damaged)), chance.choice((1, 4, 64, 1000))
    if kind < 0.55:
        within = chance.choice((64, 600, len(damaged)))  # headers, where most of the meaning is, more often
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            damaged[chance.randrange(min(within, len(damaged)))] = chance.choice((*_TELLING, chance.randrange(256)))
    elif kind < 0.7:
        del damaged[place:]
    elif kind < 0.8:
        del damaged[place : place + length]
    elif kind < 0.9:
        other = chance.choice(others)
        damaged[place : place + length] = other[(start := chance.randrange(len(other))) : start + length]
    else:
        header = chance.choice((12, 40, 200))
        damaged[:header] = chance.choice(others)[:header]
    return bytes(damaged)
