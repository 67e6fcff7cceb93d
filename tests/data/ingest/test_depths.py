"""Sets of pictures with more than 8 bits, of raw files, and of files with several pages, as they come in."""

import io
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.deep import write_tiff
from tests.data.images.test_levels import draw
from tests.helpers import RESNET, tiny_row
from transfer_core import storage
from transfer_core.backbones.features import compute_features
from transfer_core.data.images import decode
from transfer_core.data.images.rendering import Rendering
from transfer_core.data.images.thumbnails import ensure_thumbnail, thumbnails
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.sources import open_source, upload_entries
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import Split
from transfer_core.errors import DataError
from transfer_core.jobs.take_in import take_in_entries
from transfer_core.runs.run import create
from transfer_core.runs.spec import PublicDatasetSpec

GREY = "tif-grey-u16"


@pytest.fixture
def project(workspace):
    return workspace.create_project("Cells")


@pytest.fixture
def take(workspace, project):
    return lambda folder, **options: take_in(
        workspace, project, open_source(folder), lambda done, total: None, **options
    )


def fill(folder: Path, scale: float, count: int = 6, first: int = 0) -> Path:
    """Two classes of drawn TIFFs with numbers up to the scale."""
    for name in ("disc", "ring"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for seed in range(first, first + count):
            values = draw(seed + 100 * (name == "ring")) * scale
            write_tiff(folder / name / f"{seed}.tif", values.astype(np.uint16))
    return folder


def test_a_set_has_one_black_and_one_white_which_is_said_once(workspace, project, take, tmp_path):
    first = take(fill(tmp_path / "a", 2500))
    (kind, (black, white)) = next(iter(Rendering.of_project(project).scales.items()))
    assert (kind, first.added) == (GREY, 12) and 0 <= black < 100 and 2400 < white <= 2500
    assert len(first.said) == 1 and "12 photos have more than 8 bits (grey TIFF, 16 bits)" in first.said[0]
    assert {item.file.partition(".")[2] for item in load_items(project)} == {f"{GREY}.tif"}

    take(fill(tmp_path / "b", 2500, 3, 50))  # later ones are read as the first ones are
    assert Rendering.of_project(project).scales == {GREY: (black, white)}
    assert take(fill(tmp_path / "a", 2500)).said == []  # all of them are here
    dim = take(fill(tmp_path / "c", 90, 3, 70))
    assert "6 photos are nearly black or nearly white" in dim.said[-1]
    assert Rendering.of_project(project).scales == {GREY: (black, white)}


@pytest.mark.training
def test_features_are_of_the_set_s_scale_after_the_caches_were_cleared(tiny_workspace, project, tmp_path):
    take_in_entries(
        tiny_workspace, project, open_source(fill(tmp_path / "a", 2500)), lambda *_: None, tiny_row(RESNET).name
    )
    rendering, dim = Rendering.of_project(project), fill(tmp_path / "dim", 900, 1, 50)
    take_in_entries(tiny_workspace, project, open_source(dim), lambda *_: None, tiny_row(RESNET).name)
    photos = [(rendering.key(item.photo, item.file), project.photos_dir / item.file) for item in load_items(project)]

    def compute(name):
        path, row = tmp_path / name, tiny_row(RESNET)
        return np.array(compute_features(row, photos, tiny_workspace, path, lambda *_: None, rendering=rendering))

    first = compute("first")
    for folder in (tiny_workspace.prepared_dir, tiny_workspace.features_dir):
        shutil.rmtree(folder)
    np.testing.assert_array_equal(compute("second"), first)


def test_what_is_chosen_while_photos_come_in_is_not_lost(workspace, project, tmp_path):
    entry, reads = open_source(fill(tmp_path / "a", 2500, 1))[0], []

    def read() -> bytes:  # the second time black and white are being found
        reads.append(entry.path)
        if len(reads) == 2:
            replace(Rendering.of_project(project), page=2).save(project.folder)
        return entry.read()

    take_in(workspace, project, [replace(entry, read=read)], lambda done, total: None)
    assert Rendering.of_project(project).page == 2 and GREY in Rendering.of_project(project).scales


def test_damaged_files_decide_nothing(project, take, tmp_path):
    broken = fill(tmp_path / "a", 2500, 1) / "disc" / "0.tif"
    (tmp_path / "a" / "ring" / "0.tif").unlink()
    broken.write_bytes(broken.read_bytes()[:500] + broken.read_bytes()[3000:])
    with pytest.raises(DataError):
        take(tmp_path / "a")
    assert Rendering.of_project(project).scales == {}
    take(fill(tmp_path / "b", 2500))
    assert Rendering.of_project(project).scales[GREY][1] > 2000


def test_a_set_of_8_bits_is_as_ever(project, take, tmp_path):
    (tmp_path / "a").mkdir()
    for seed in range(3):
        shades = (draw(seed, 3) * 255).astype(np.uint8)
        Image.fromarray(shades).save(tmp_path / "a" / f"{seed}.png")
        Image.fromarray(shades[..., 0]).save(tmp_path / "a" / f"{seed}.tif")
    report = take(tmp_path)
    assert report.added == 6 and report.said == [] and not (project.folder / "rendering.json").exists()
    assert {len(item.file) for item in load_items(project)} == {68}


def test_another_rendering_makes_other_pixels_and_leaves_none_behind(workspace, project, take, tmp_path):
    kept: dict[str, Image.Image] = {}
    take(fill(tmp_path / "a", 2500), keep_pixels=kept.setdefault)
    item, rendering = load_items(project)[0], Rendering.of_project(project)
    cache, key = thumbnails(workspace.prepared_dir), rendering.key(item.photo, item.file)
    assert key in kept and key != item.photo and cache.holds(key) and not cache.holds(item.photo)
    before = Image.open(ensure_thumbnail(workspace, project, item))

    replace(rendering, scales={GREY: (0.0, 10_000.0)}).save(project.folder)
    after = Image.open(ensure_thumbnail(workspace, project, item))
    assert np.mean(after) < np.mean(before) / 2

    edits.remove(project, [item.id])
    storage.delete_photos(workspace, project, [item.id])
    assert not [path for path in workspace.prepared_dir.rglob("*") if path.name.startswith(item.photo[:32])]


def test_a_run_keeps_the_rendering_that_it_was_made_with(project, take, tmp_path):
    take(fill(tmp_path / "a", 2500))
    then = Rendering.of_project(project)
    run = create(project, PublicDatasetSpec("x", 1), Split(("disc", "ring"), (), (), ()))
    replace(then, scales={GREY: (1.0, 2.0)}).save(project.folder)
    assert run.rendering == then != Rendering.of_project(project)
    for path in run.folder.glob("rendering.json*"):
        path.write_bytes(path.read_bytes().replace(b"2", b"3"))
    with pytest.raises(DataError, match=r"rendering\.json is damaged"):
        _ = run.rendering


def raw_file(subtype: int | None = 1) -> bytes:
    """As NEF and DNG: a small preview, and beside it what the sensor measured."""
    picture = (draw(1, 3)[:30, :40] * 255).astype(np.uint8)
    sensor = (draw(1)[..., 0] * 4000).astype("<u2")

    def directory(tags: dict[int, tuple[int, int]]) -> bytes:
        rows = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(tags.items()))
        return struct.pack("<H", len(tags)) + rows + bytes(4)

    first = 8 + picture.nbytes + sensor.nbytes
    tags = {256: (4, 40), 257: (4, 30), 258: (3, 8), 259: (3, 1), 262: (3, 2), 273: (4, 8), 277: (3, 3), 278: (4, 30)}
    tags |= {279: (4, picture.nbytes), **({254: (4, subtype)} if subtype is not None else {})}
    inner = first + 2 + 12 * (len(tags) + 1) + 4
    raw = {254: (4, 0), 256: (4, 50), 257: (4, 37), 258: (3, 16), 259: (3, 1), 262: (3, 32803), 277: (3, 1)}
    raw |= {273: (4, 8 + picture.nbytes), 278: (4, 37), 279: (4, sensor.nbytes)}
    return b"".join(
        [
            b"II*\0" + struct.pack("<I", first),
            picture.tobytes(),
            sensor.tobytes(),
            directory(tags | {330: (4, inner)}),
            directory(raw),
        ]
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("DSC_1.NEF", raw_file()),
        ("no-ending", raw_file(None)),
        ("a.CR3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(50)),
        ("a.raf", b"FUJIFILMCCD-RAW 0201" + bytes(90)),
        ("a.orf", b"IIRO\x08\0\0\0" + bytes(90)),
        ("a.rw2", b"IIU\0\x08\0\0\0" + bytes(90)),
    ],
)
def test_raw_files_are_called_so(workspace, project, name, content):
    with pytest.raises(DataError, match="a camera's raw file, which Graft does not develop; save it as JPEG"):
        take_in(workspace, project, upload_entries([(f"a/{name}", io.BytesIO(content))]), lambda done, total: None)


def test_dicom_is_called_so(workspace, project):
    content = bytes(128) + b"DICM" + bytes(90)
    with pytest.raises(DataError, match="a DICOM file, which Graft does not read; save it as PNG or TIFF"):
        take_in(workspace, project, upload_entries([("a/1.dcm", io.BytesIO(content))]), lambda done, total: None)


def test_the_name_of_a_raw_file_is_enough_where_only_its_preview_can_be_seen(workspace, project, tmp_path):
    plain = write_tiff(tmp_path / "a.tif", (draw(1, 3) * 255).astype(np.uint8)).read_bytes()
    with pytest.raises(DataError, match="raw file"):
        take_in(workspace, project, upload_entries([("a/1.PEF", io.BytesIO(plain))]), lambda done, total: None)


def pages(*pictures: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    pictures[0].save(file, "TIFF", save_all=True, append_images=pictures[1:], **options)
    return file.getvalue()


def test_of_several_pages_one_is_taken_which_is_said(workspace, project):
    white, red = Image.new("RGB", (60, 40), "white"), Image.new("RGB", (90, 80), "red")
    film = io.BytesIO()
    white.save(film, "GIF", save_all=True, append_images=[Image.new("RGB", (60, 40), "black")])
    files = {
        "a/first.tif": pages(white, red),
        "a/preview.tif": pages(Image.new("RGB", (30, 20), "blue"), red),
        "a/film.gif": film.getvalue(),
    }
    entries = upload_entries([(name, io.BytesIO(content)) for name, content in files.items()])
    report = take_in(workspace, project, entries, lambda done, total: None)
    sizes = {item.path: (item.width, item.height) for item in load_items(project)}
    assert sizes == {"a/first.tif": (60, 40), "a/preview.tif": (90, 80), "a/film.gif": (60, 40)}
    assert [note[:35] for note in report.said] == [
        "2 TIFF files hold several pages. On",
        "1 file is an animation. Only the fi",
    ]


def test_another_page_can_be_chosen_for_a_set(project, tmp_path):
    path = tmp_path / "stack.tif"
    path.write_bytes(pages(*(Image.new("RGB", (20, 20), (shade, 0, 0)) for shade in (10, 20, 30))))
    shown = [decode.load_rgb(path, Rendering(page=page))[0, 0, 0] for page in (None, 0, 1, 2, 9)]
    assert shown == [10, 10, 20, 30, 30]
    photo, file = "a" * 64, f"{'a' * 64}.p3.tif"
    assert len({Rendering(page=page).key(photo, file) for page in (None, 1, 2)}) == 3
    assert Rendering(page=2).key(photo, f"{photo}.tif") == photo
    # A later page may be of another kind than the name says, and then depends on the scale of that.
    file = f"{photo}.{GREY}.p3.tif"
    assert len({Rendering({"tif-rgb-u16": (0.0, white)}, 2).key(photo, file) for white in (100.0, 900.0)}) == 2
