"""Photos as pixels: every odd kind becomes upright RGB, every broken one is refused with its reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.data.bombs import in_many_passes, png, png_chunk, tiff
from tests.data.drawn import encoded
from transfer_core.data.images import decode
from transfer_core.errors import DataError


def picture(mode: str = "RGB", size: tuple[int, int] = (30, 20)) -> Image.Image:
    """Smooth, so that lossy formats keep its colours: red rises to the right, green downwards."""
    across, down = np.meshgrid(np.linspace(0, 250, size[0]), np.linspace(0, 250, size[1]))
    return Image.fromarray(np.stack([across, down, 90 + 0 * down], -1).astype(np.uint8)).convert(mode)


def load(content: bytes) -> np.ndarray:
    return decode.load_rgb(io.BytesIO(content))


@pytest.mark.parametrize(
    ("format", "mode", "tolerance"),
    [
        ("JPEG", "RGB", 24),
        ("JPEG", "CMYK", 24),  # print shops; the colours survive, if not exactly
        ("AVIF", "RGB", 24),
        ("HEIF", "RGB", 24),  # what iPhones make
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


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(format):
    levels = np.array([[0, 257, 32896, 65535]], np.uint16)
    assert load(encoded(Image.fromarray(levels), format))[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (np.array([[0, 0.2, 1]], np.float32), [0, 51, 255]),  # shares of white
        (np.array([[0, 51, 255]], np.float32), [0, 51, 255]),  # levels
        (np.array([[0, 819, 4095]], np.uint16), [0, 51, 255]),  # a 12-bit camera
        (np.array([[0, 13107, 65535]], np.int32), [0, 51, 255]),
        (np.array([[-10, 0, 90]], np.float32), [0, 26, 255]),  # temperatures
        (np.array([[70_000, 80_000, 170_000]], np.int32), [0, 26, 255]),  # counts
        (np.array([[np.nan, np.inf, 1]], np.float32), [0, 0, 255]),  # missing
        (np.array([[7, 7]], np.float32) * -1, [0, 0]),  # nothing to see
    ],
)
def test_what_instruments_measure_becomes_grey(values, shown):
    assert load(encoded(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == shown


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_says_whether_zero_is_white(bits, white_is_zero):
    levels = np.array([[0, 51, 255]], np.uint8 if bits == 8 else np.uint16) * (1 if bits == 8 else 257)
    tags = {256: 3, 257: 1, 258: bits, 259: 1, 262: int(not white_is_zero), 273: 8, 277: 1, 278: 1, 279: levels.nbytes}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    content = (
        struct.pack("<2sHI", b"II", 42, 16) + levels.tobytes().ljust(8) + struct.pack("<H", 9) + entries + bytes(4)
    )
    assert load(content)[0, :, 0].tolist() == ([255, 204, 0] if white_is_zero else [0, 51, 255])


def test_a_tiff_whose_tags_are_of_odd_kinds_is_refused():
    """A word times a number would be that many words."""
    number, word = (struct.pack("<HHI", 322, kind, count) for kind, count in ((4, 1), (2, 4)))
    content = tiff(tile=2**31).replace(number + struct.pack("<I", 2**31), word + b"abc\0")
    assert word in content
    with pytest.raises(DataError):
        load(content)


def test_colours_of_sixteen_bits_are_scaled_too():
    row = b"\0" + struct.pack(">6H", 0, 257, 32896, 65535, 13107, 26214)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(row)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)
    assert load(content).tolist() == [[[0, 1, 128], [255, 51, 102]]]


def test_a_transparent_grey_of_sixteen_bits_becomes_white():
    levels = np.array([[1000, 32896]], np.uint16)
    assert load(encoded(Image.fromarray(levels), "PNG", transparency=1000))[0, :, 0].tolist() == [255, 128]


def test_inks_with_brightness_apart_keep_their_colours():
    """YCCK, as Photoshop writes four inks: brightness and colour of the first three, and black, which is inverted."""
    inks = Image.fromarray(255 - np.asarray(picture()))
    stored = np.dstack([np.asarray(inks.convert("YCbCr")), np.full((20, 30), 255, np.uint8)])
    content = bytearray(encoded(Image.fromarray(255 - stored, "CMYK"), "JPEG", quality=95))  # Pillow inverts, too
    content[content.index(b"Adobe") + 11] = 2  # now said to be YCCK
    assert np.abs(load(bytes(content)).astype(int) - np.asarray(picture()).astype(int)).max() <= 24


LOSSLESS = {
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "HEIF": {"quality": -1, "chroma": 444},
    "JPEG": {"quality": 100, "subsampling": 0},
}


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright(orientation, format):
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
    image, options = Image.fromarray(np.ascontiguousarray(stored)), LOSSLESS.get(format, {})
    content = encoded(image, format, exif=exif.tobytes(), **options)
    np.testing.assert_allclose(load(content).astype(int), upright, atol=24)


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


@pytest.mark.parametrize("format", ["TIFF", "AVIF", "WEBP", "HEIF"])
def test_of_several_pictures_in_one_file_the_first_is_taken(format):
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue")]
    found = load(encoded(frames[0], format, save_all=True, append_images=frames[1:]))
    assert np.abs(found.astype(int) - [255, 0, 0]).max() < 24


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("frames", [1, 2])
def test_a_decoded_photo_outlives_its_file(tmp_path, format, frames):
    several = {"save_all": True, "append_images": [picture().rotate(180)]} if frames == 2 else {}
    path = tmp_path / "photo"
    path.write_bytes(encoded(picture(), format, **(several if format not in ("JPEG", "BMP") else {})))
    with decode.open_image(path) as image:
        upright = decode.decode(image)
    path.unlink()
    assert upright.mode == "RGB" and np.asarray(upright).shape == (20, 30, 3)
    assert Image.open(io.BytesIO(decode.thumbnail(upright))).size == (30, 20)
    assert np.abs(np.asarray(upright).astype(int) - np.asarray(picture())).mean() < 12


def test_content_decides_not_the_ending(tmp_path):
    (tmp_path / "photo.txt").write_bytes(encoded(picture(), "PNG"))
    assert decode.load_rgb(tmp_path / "photo.txt").shape == (20, 30, 3)


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
        (png(30_000, 30_000), "30000 x 30000 pixels, 900 megapixels; at most 200 are read"),
        (png(50, 50), "damaged or cut off"),  # fewer data than promised
        (png(10_000, 10_000), "100 megapixels in a file of .* bytes, so it can only be an empty picture"),
        (in_many_passes(600), "a JPEG in 6.. passes; at most 500"),
        (tiff(tile=60_000), "in tiles of more than 200 megapixels"),
        (encoded(picture("LAB"), "TIFF"), "Lab, which Graft cannot read; save it as RGB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
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


def test_ten_passes_are_no_reason_to_refuse_a_photo():
    assert load(in_many_passes(10)).shape == (30, 40, 3)


def test_thumbnails_are_small_and_carry_nothing_but_pixels():
    exif = Image.Exif()
    exif[0x8825] = {1: "N"}  # a position
    content = encoded(picture(size=(900, 600)), "JPEG", exif=exif, comment=b"HERE", xmp=b"HERE", icc_profile=b"HERE")
    assert content.count(b"HERE") == 3
    small = decode.thumbnail(decode.decode(decode.open_image(io.BytesIO(content))))
    opened = Image.open(io.BytesIO(small))
    assert (opened.format, opened.size) == ("JPEG", (320, 213))
    assert not opened.getexif() and b"HERE" not in small
