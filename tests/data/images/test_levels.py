"""Pictures of more than 8 bits: read to the last bit, and scaled by what their whole set says."""

import io
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.deep import write_png, write_tiff
from transfer_core.data.images import read_photo
from transfer_core.data.images.read_photo import UnreadablePhoto, levels

HEIGHT, WIDTH = 37, 50


def draw(seed: int = 0, channels: int = 1) -> np.ndarray:
    """float64 (height, width, channels) in [0, 1]: two bright discs on a slope of greys."""
    dice = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    planes = []
    for _ in range(channels):
        picture = columns / WIDTH * 0.5 + dice.random((HEIGHT, WIDTH)) * 0.2
        for y, x in dice.integers(5, 30, (2, 2)):
            picture[(rows - y) ** 2 + (columns - x) ** 2 < 30] = 1
        planes.append(picture)
    return np.stack(planes, 2)


def read(path: Path) -> np.ndarray:
    """The numbers as the file holds them, in the order of this machine."""
    with read_photo.open_image(path) as image:
        values = levels.numbers_of(image, path.read_bytes()).values
    return values.astype(values.dtype.newbyteorder("="))


def scales(paths: list[Path]) -> dict[str, levels.Scale]:
    found: dict[str, list[levels.Extent]] = {}
    for path in paths:
        kind, extent = read_photo.extent(path)
        assert extent
        found.setdefault(kind, []).append(extent)
    return {kind: levels.scale_of(kind, extents) for kind, extents in found.items()}


WAYS = {
    "plain": {},
    "other byte order": {"order": ">"},
    "BigTIFF": {"is_big": True},
    "deflate": {"deflate": True},
    "deflate, differences": {"deflate": True, "predictor": 2, "order": ">"},
    "tiles": {"tile": 16},
    "tiles, deflate, differences": {"tile": 16, "deflate": True, "predictor": 2},
    "planes": {"planar": True},
    "planes in tiles": {"planar": True, "tile": 32, "deflate": True},
}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", ["<u2", "<i2", "<u4", "<i4", "<f4", "<f8", "i1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_number_of_a_tiff_is_read(tmp_path: Path, how: dict, kind: str, channels: int) -> None:
    if how.get("predictor") and np.dtype(kind).kind == "f":
        how = how | {"predictor": 3}
    span = {1: 200, 2: 60_000, 4: 4_000_000_000, 8: 1}[np.dtype(kind).itemsize]
    offset = -span / 2 if np.dtype(kind).kind == "i" else 0
    values = (draw(1, channels) * span * 0.99 + offset).astype(kind)
    path = write_tiff(tmp_path / "a.tif", values, **how)

    np.testing.assert_array_equal(read(path), values)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("channels", [1, 3])
def test_numbers_that_lie_across_bytes_are_read(tmp_path: Path, bits: int, channels: int) -> None:
    values = (draw(1, channels) * (2**bits - 1)).astype(np.uint16)
    path = write_tiff(tmp_path / "a.tif", values, packed=bits)

    np.testing.assert_array_equal(read(path), values)
    shown = read_photo.load_rgb(path)  # the file itself says what white is
    np.testing.assert_allclose(shown, np.broadcast_to(values * (255 / (2**bits - 1)), shown.shape), atol=0.51)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_number_of_a_png_is_read(tmp_path: Path, channels: int) -> None:
    values = (draw(2, channels) * 65535).astype(np.uint16)
    path = write_png(tmp_path / "a.png", values)
    with read_photo.open_image(path) as image:
        found = levels.numbers_of(image, path.read_bytes())

    colours = 1 if channels < 3 else 3
    np.testing.assert_array_equal(found.values, values[..., :colours])
    if channels in (2, 4):
        np.testing.assert_array_equal(found.opacity, values[..., -1])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("top", [4095, 65535, 100])
def test_every_number_of_a_pgm_and_ppm_is_read(tmp_path: Path, channels: int, top: int) -> None:
    values = (draw(3, channels) * top).astype(">u2" if top > 255 else "u1")
    path = tmp_path / "a.ppm"
    head = f"P{5 if channels == 1 else 6} {WIDTH} {HEIGHT} {top}\n".encode()
    path.write_bytes(head + values.tobytes())
    in_digits = tmp_path / "b.ppm"
    digits = " ".join(map(str, values.ravel()))
    in_digits.write_text(f"P{2 if channels == 1 else 3}\n# drawn\n{WIDTH} {HEIGHT}\n{top}\n{digits}\n")

    np.testing.assert_array_equal(read(path), values)
    np.testing.assert_array_equal(read(in_digits), values)
    if top != 65535:  # which says no more than that there are 16 bits
        assert levels.scale_of(read_photo.extent(path)[0], [levels.Extent(0, 50, None)]) == (0, top)


@pytest.mark.parametrize("ending", ["tif", "png"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_a_set_looks_as_its_copies_of_8_bits_do(tmp_path: Path, ending: str, channels: int, bits: int) -> None:
    paths, copies = [], []
    for seed in range(6):
        eight = np.rint(draw(seed, channels) * 255)
        values = np.rint(eight * ((2**bits - 1) / 255)).astype(np.uint16)
        write = write_tiff if ending == "tif" else write_png
        paths.append(write(tmp_path / f"{seed}.{ending}", values))
        copies.append(np.broadcast_to(eight, (HEIGHT, WIDTH, 3)))
    found = scales(paths)

    assert set(found.values()) == {(0, 2**bits - 1)}
    for path, copy in zip(paths, copies, strict=True):
        np.testing.assert_allclose(read_photo.load_rgb(path, found), copy, atol=1)


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.int32, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_defective_pixels_change_nothing(tmp_path: Path, kind: type, channels: int) -> None:
    clean, spoilt = [], []
    for seed in range(8):
        values = (draw(seed, channels) * 2500 + 200).astype(kind)
        clean.append(write_tiff(tmp_path / f"clean{seed}.tif", values))
        hot = values.copy()
        hot[3, 4] = 65535 if kind == np.uint16 else np.iinfo(kind).max if kind != np.float32 else 1e30
        spoilt.append(write_tiff(tmp_path / f"hot{seed}.tif", hot if seed % 2 else values))
    before, after = scales(clean), scales(spoilt)

    for kind_name, (black, white) in before.items():
        np.testing.assert_allclose(after[kind_name], (black, white), atol=0.01 * (white - black))
    for one, other in zip(clean, spoilt, strict=True):
        first, second = read_photo.load_rgb(one, before), read_photo.load_rgb(other, after)
        assert (np.abs(first.astype(int) - second) > 4).any(2).sum() <= 1


@pytest.mark.parametrize("fill", [-9999, -32768, 65535, -3.4028234663852886e38, np.nan, np.inf])
@pytest.mark.parametrize("share", [97, 3])
@pytest.mark.parametrize("is_tagged", [True, False])
def test_what_was_not_measured_is_no_grey(tmp_path: Path, fill: float, share: int, is_tagged: bool) -> None:
    paths = []
    for seed in range(5):
        values = (draw(seed) * 0.4).astype(np.float32)
        values.reshape(-1)[::share] = fill
        tags = {42113: str(fill).encode()} if is_tagged else {}
        paths.append(write_tiff(tmp_path / f"{seed}.tif", values, tags=tags))
    (black, white), *_ = scales(paths).values()

    assert -0.01 <= black < 0.1 and 0.35 < white <= 0.41
    shown = read_photo.load_rgb(paths[0], scales(paths)).reshape(-1, 3)
    if is_tagged or not fill > 1:
        assert not shown[::share].any()  # black
    assert shown[1::share].max() > 240


def test_a_file_that_is_odd_changes_nothing(tmp_path: Path) -> None:
    paths = [write_tiff(tmp_path / f"{seed}.tif", (draw(seed) * 900).astype(np.uint16)) for seed in range(12)]
    before = scales(paths)
    paths.append(write_tiff(tmp_path / "odd.tif", (draw(50) * 60_000).astype(np.uint16)))

    (black, white), (black_now, white_now) = *before.values(), *scales(paths).values()
    assert abs(black - black_now) < 10 and abs(white - white_now) < 20


def test_what_tags_say_comes_first(tmp_path: Path) -> None:
    def write(name: str, seed: int, tags: dict) -> Path:
        return write_tiff(tmp_path / f"{name}{seed}.tif", (draw(seed) * 700 + seed).astype(np.uint16), tags=tags)

    twelve_bits = [write("a", seed, {280: (0,), 281: (4095,)}) for seed in range(3)]
    by_instrument = [write("b", seed, {340: (100,), 341: (2000,)}) for seed in range(3)]
    default = [write("c", seed, {281: (65535,)}) for seed in range(3)]
    own = [write("d", seed, {340: (seed,), 341: (701 + seed,)}) for seed in range(3)]

    assert list(scales(twelve_bits).values()) == [(0, 4095)]
    assert list(scales(by_instrument).values()) != [(100, 2000)]  # it holds darker ones: the tags are wrong
    assert list(scales(own).values()) == list(scales(default).values()) != [(0, 65535)]
    floats = [
        write_tiff(tmp_path / f"e{seed}.tif", (draw(seed) * 0.3).astype(np.float32), tags={340: (0.0,), 341: (2.0,)})
        for seed in range(3)
    ]
    assert list(scales(floats).values()) == [(0, 2)]


def test_white_may_be_zero_and_see_through_is_white(tmp_path: Path) -> None:
    grey = draw(4)
    usual = write_tiff(tmp_path / "a.tif", (grey * 65535).astype(np.uint16))
    turned = write_tiff(tmp_path / "b.tif", ((1 - grey) * 65535).astype(np.uint16), tags={262: (0,)})
    np.testing.assert_allclose(read_photo.load_rgb(usual).astype(int), read_photo.load_rgb(turned).astype(int), atol=2)
    values = (draw(4, 3) * 60_000).astype(np.uint16)
    values[5, 6] = 1, 2, 3
    clear = write_png(tmp_path / "c.png", values, {b"tRNS": bytes([0, 1, 0, 2, 0, 3])})
    assert read_photo.load_rgb(clear)[5, 6].tolist() == [255] * 3


@pytest.mark.parametrize("ending", ["tif", "png"])
def test_deep_pictures_stand_upright(tmp_path: Path, ending: str) -> None:
    values = (draw(5, 3) * 65535).astype(np.uint16)
    turned = np.rot90(values)  # stored so that a viewer has to turn it to the right
    if ending == "tif":
        path = write_tiff(tmp_path / "a.tif", turned, tags={274: (6,)})
    else:
        exif = Image.Exif()
        exif[274] = 6
        path = write_png(tmp_path / "a.png", turned, {b"eXIf": exif.tobytes().removeprefix(b"Exif\0\0")})
    with read_photo.open_image(path) as image:
        upright = read_photo.decode(image)
    assert upright.size == (WIDTH, HEIGHT)
    np.testing.assert_allclose(np.asarray(upright, int), values / 257, atol=4)


@pytest.mark.parametrize("kind", ["tif-grey-u16", "png-rgb-u16"])
def test_scales_that_were_noted_decide(tmp_path: Path, kind: str) -> None:
    values = (draw(6, 1 if "grey" in kind else 3) * 1000).astype(np.uint16)
    path = (write_tiff if "tif" in kind else write_png)(tmp_path / f"a.{kind[:3]}", values)
    shown = read_photo.load_rgb(path, {kind: (100, 500)})
    np.testing.assert_allclose(shown, np.broadcast_to(np.clip((values - 100.0) / 400, 0, 1) * 255, shown.shape), atol=1)


def test_tags_that_are_text_say_nothing(tmp_path: Path) -> None:
    values = (draw(1) * 900).astype(np.uint16)
    odd = write_tiff(tmp_path / "a.tif", values, tags={281: b"bright", 340: b"", 42113: b"none"})
    usual = write_tiff(tmp_path / "b.tif", values)
    np.testing.assert_array_equal(read_photo.load_rgb(odd), read_photo.load_rgb(usual))


def test_channels_without_colours_are_refused(tmp_path: Path) -> None:
    five = write_tiff(tmp_path / "a.tif", (draw(1, 5) * 900).astype(np.uint16), tags={262: (1,)})
    with pytest.raises(UnreadablePhoto, match="5 channels, of which none"):
        read_photo.load_rgb(five)


def in_circles(pages: int, entries: int) -> bytes:
    """A TIFF of many pages, each with more entries than any has that is meant."""
    size = 2 + 12 * entries + 4
    file = bytearray(8 + size * pages)
    file[:8] = b"II*\0" + struct.pack("<I", 8)
    for page in range(pages):
        start = 8 + size * page
        file[start : start + 2] = struct.pack("<H", entries)
        file[start + size - 4 : start + size] = struct.pack("<I", start + size if page < pages - 1 else 8)
    return bytes(file)


BOMBS = {
    "more numbers than memory": ({"tags": {256: (20_000,), 257: (9000,)}}, np.float64, r"GB of numbers; at most 1\.2"),
    "tiles beyond the picture": (
        {"tile": 16, "tags": {256: (400,), 257: (20_000,), 322: (60_000,), 323: (16,)}},
        np.uint16,
        "in tiles that do not fit",
    ),
    "an empty giant": ({"tags": {256: (6000,), 257: (4000,)}}, np.float32, "it can only be an empty picture"),
}


@pytest.mark.parametrize(("how", "kind", "reason"), BOMBS.values(), ids=BOMBS)
def test_what_would_exhaust_a_machine_is_refused_at_once(tmp_path: Path, how: dict, kind: type, reason: str) -> None:
    path = write_tiff(tmp_path / "a.tif", np.zeros((64, 64, 3), kind), deflate=True, **how)
    began = time.monotonic()
    with pytest.raises(UnreadablePhoto, match=reason):
        read_photo.load_rgb(path)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "content",
    [
        in_circles(40, 4000),
        b"P6 14000 14000 65535\n" + bytes(900),
        b"P1 4000 4000\n" + b"1 " * 6_000_000,
        b"P5 99 99 65535\n#",
    ],
    ids=["pages in circles", "a PPM's claim", "numbers in digits", "cut off"],
)
def test_other_ways_to_waste_time_are_refused(content: bytes) -> None:
    with pytest.raises(UnreadablePhoto):
        read_photo.load_rgb(io.BytesIO(content))


def test_what_is_cut_off_is_refused(tmp_path: Path) -> None:
    values = (draw(1, 3) * 65535).astype(np.uint16)
    for path in (
        write_tiff(tmp_path / "a.tif", values, deflate=True),
        write_png(tmp_path / "a.png", values),
    ):
        whole = path.read_bytes()
        for cut in range(30, len(whole) - 60, len(whole) // 23):
            path.write_bytes(whole[:cut])
            with pytest.raises(UnreadablePhoto):
                read_photo.load_rgb(path)
