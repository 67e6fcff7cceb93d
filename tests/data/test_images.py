"""Photos as pixels: every odd kind becomes upright RGB, every broken one is refused with its reason."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from transfer_core.data import images
from transfer_core.errors import DataError


def encoded(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (30, 20)) -> Image.Image:
    """Smooth, so that lossy formats keep its colours: red rises to the right, green downwards."""
    across, down = np.meshgrid(np.linspace(0, 250, size[0]), np.linspace(0, 250, size[1]))
    return Image.fromarray(np.stack([across, down, 90 + 0 * down], -1).astype(np.uint8)).convert(mode)


def huge_png(width: int, height: int) -> bytes:
    """A PNG whose header promises that many pixels and whose data are a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def load(content: bytes) -> np.ndarray:
    return images.load_rgb(io.BytesIO(content))


@pytest.mark.parametrize(
    ("format", "mode", "tolerance"),
    [
        ("JPEG", "RGB", 24),
        ("JPEG", "CMYK", 24),  # print shops; the colours survive, if not exactly
        ("PNG", "RGB", 0),
        ("WEBP", "RGB", 24),
        ("BMP", "RGB", 0),
        ("TIFF", "RGB", 0),
    ],
)
def test_the_usual_formats_keep_their_colours(format, mode, tolerance):
    found = load(encoded(picture(mode), format))
    assert (found.dtype, found.shape) == (np.uint8, (20, 30, 3))
    assert np.abs(found.astype(int) - np.asarray(picture()).astype(int)).max() <= tolerance


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "I;16"])
def test_modes_without_rgb_become_rgb(mode):
    image = picture("L")
    image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    found = load(encoded(image, "PNG"))
    assert found.shape == (20, 30, 3)
    assert found.std() > 20  # not all black, not all white


def test_sixteen_bits_are_scaled_not_clipped():
    levels = np.array([[0, 257, 32896, 65535]], np.uint16)
    assert load(encoded(Image.fromarray(levels), "PNG"))[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright(orientation):
    """What a camera means by each value, from the EXIF standard: where row 0 and column 0 of the file belong."""
    upright = np.zeros((20, 30, 3), np.uint8)
    upright[:8, :12] = 255  # white at the upper left
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(load(content), upright)


def test_transparency_is_laid_on_white():
    image = Image.new("RGBA", (2, 1), (200, 0, 0, 0))
    image.putpixel((1, 0), (200, 0, 0, 255))
    assert load(encoded(image, "PNG")).tolist() == [[[255, 255, 255], [200, 0, 0]]]


def test_a_palette_with_a_transparent_colour_is_laid_on_white():
    image = Image.new("P", (2, 1), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert load(encoded(image, "PNG", transparency=0)).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_of_a_moving_gif_the_first_frame_is_taken():
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    found = load(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert (found == [255, 0, 0]).all()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("frames", [1, 2])
def test_a_decoded_photo_outlives_its_file(tmp_path, format, frames):
    several = {"save_all": True, "append_images": [picture().rotate(180)]} if frames == 2 else {}
    path = tmp_path / "photo"
    path.write_bytes(encoded(picture(), format, **(several if format not in ("JPEG", "BMP") else {})))
    with images.open_image(path) as image:
        upright = images.decode(image)
    path.unlink()
    assert upright.mode == "RGB" and np.asarray(upright).shape == (20, 30, 3)
    assert Image.open(io.BytesIO(images.thumbnail(upright))).size == (30, 20)
    assert np.abs(np.asarray(upright).astype(int) - np.asarray(picture())).mean() < 12


def test_content_decides_not_the_ending(tmp_path):
    (tmp_path / "photo.txt").write_bytes(encoded(picture(), "PNG"))
    assert images.load_rgb(tmp_path / "photo.txt").shape == (20, 30, 3)


JPEG = encoded(picture(size=(300, 200)), "JPEG")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a photo"),  # an empty file
        (b"hello", "not a photo"),  # text
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a photo"),  # a drawing
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a photo"),  # Pillow would start Ghostscript
        (JPEG[: len(JPEG) // 2], "damaged or cut off"),  # a copy that broke off
        (JPEG[:20], "not a photo"),  # broke off in its header
        (huge_png(30_000, 30_000), "30000 x 30000 pixels, 900 megapixels; at most 200 are read"),
        (huge_png(50, 50), "damaged or cut off"),  # fewer data than promised
    ],
    ids=["empty", "text", "svg", "eps", "truncated", "header only", "900 megapixels", "too few data"],
)
def test_what_is_no_photo_is_refused_with_its_reason(content, said):
    with pytest.raises(DataError, match=said):
        load(content)


@pytest.mark.parametrize("size", [(1, 6000), (6000, 1), (20_000, 100)])
def test_strips_are_refused(size):
    """Prepared for a backbone, the shortest side becomes 256 px: a strip of 1 x 6000 would become a gigabyte."""
    with pytest.raises(DataError, match="too narrow"):
        load(encoded(Image.new("RGB", size), "PNG"))


def test_a_panorama_is_no_strip():
    assert load(encoded(Image.new("RGB", (2000, 100)), "PNG")).shape == (100, 2000, 3)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_random_damage_is_a_refusal_or_a_picture_never_a_crash():
    """Two thousand damaged files: one that broke the intake would cost a person all the others."""
    rng = random.Random(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    seeds = [encoded(picture(), format) for format in ("PNG", "GIF", "TIFF", "BMP", "WEBP")]
    seeds += [encoded(picture(), "JPEG", exif=exif), encoded(picture("P"), "PNG", transparency=3)]
    outcomes = {"read": 0, "refused": 0}
    for _ in range(2000):
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.choice([1, 1, 2, 4])):
            content[rng.randrange(min(len(content), rng.choice([60, 5000])))] = rng.choice([0, 1, 127, 255])
        if rng.random() < 0.2:
            del content[rng.randrange(len(content)) :]
        try:
            load(bytes(content))
            outcomes["read"] += 1
        except DataError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 300, outcomes


def test_thumbnails_are_small_and_carry_no_exif():
    exif = Image.Exif()
    exif[0x8825] = {1: "N"}  # a position
    photo = Image.open(io.BytesIO(encoded(picture(size=(900, 600)), "JPEG", exif=exif)))
    small = Image.open(io.BytesIO(images.thumbnail(images.decode(photo))))
    assert (small.format, small.size) == ("JPEG", (320, 213))
    assert not small.getexif()
