"""Where a photo was taken stays in the photo: nothing that is shown, kept beside it or exported says so."""

import io
import zipfile

import pytest
from PIL import Image

from tests.data.drawn import encoded, photo
from transfer_core import runs
from transfer_core.data.images.thumbnails import ensure_thumbnail, load_for_training, training_copies
from transfer_core.data.ingest.sources import upload_entries
from transfer_core.data.labels.dataset import load_items
from transfer_core.export.bundle import build_bundle
from transfer_core.services import ingest

PLACE = b"HIDDEN-HILL"
GPS, AREA, DESCRIPTION = 0x8825, 28, 0x010E  # EXIF: the block of positions, the place's name in it; what is seen


def telling(format: str) -> bytes:
    """A photo, large enough for a training copy, that names the place wherever its format has room for it."""
    exif = Image.Exif()
    exif[DESCRIPTION] = PLACE.decode()
    exif.get_ifd(GPS)[AREA] = b"ASCII\0\0\0" + PLACE
    options = {"exif": exif.tobytes(), "xmp": b"<x:xmpmeta>" + PLACE + b"</x:xmpmeta>", "comment": PLACE}
    if format == "TIFF":
        options = {"tiffinfo": {DESCRIPTION: PLACE.decode()}}
    image = Image.open(io.BytesIO(photo(1, size=(900, 700))))
    content = encoded(image, format, **options)
    assert PLACE in content
    return content


@pytest.mark.parametrize(
    "format",
    ["JPEG", "HEIF", *(pytest.param(name, marks=pytest.mark.full) for name in ("PNG", "WEBP", "GIF", "TIFF", "AVIF"))],
)
def test_only_the_photo_itself_says_where_it_was_taken(workspace, format):
    project = workspace.create_project("Trip")
    entries = upload_entries([("hills/1", io.BytesIO(telling(format)))])
    ingest.take_in_entries(workspace, project, entries, lambda done, total: None)
    [item] = load_items(project)
    original = project.photos_dir / item.file
    assert training_copies(workspace.prepared_dir).holds(item.photo)
    says_nothing(workspace, original)
    for path in workspace.prepared_dir.rglob("*.jpg"):
        path.unlink()
    ensure_thumbnail(workspace, project, item)  # made again, in another way
    small = load_for_training(workspace.prepared_dir, item.photo, original, 224)
    assert PLACE not in encoded(small, "JPEG") + encoded(small, "PNG")
    assert len(list(workspace.prepared_dir.rglob("*.jpg"))) == 2
    says_nothing(workspace, original)


def says_nothing(workspace, original) -> None:
    assert PLACE in original.read_bytes()
    kept = [path for path in workspace.home.rglob("*") if path.is_file() and path != original]
    assert len(kept) > 4
    assert [path for path in kept if PLACE in path.read_bytes()] == []


@pytest.mark.full
def test_what_is_taken_along_holds_no_photo(finished, tmp_path):
    for path in finished.photos_dir.iterdir():
        path.write_bytes(telling("JPEG"))
    (tmp_path / "model.zip").write_bytes(build_bundle(finished, runs.read_state(finished)))
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        contents = [archive.read(name) for name in archive.namelist()]
    assert contents and not any(PLACE in content or content.startswith(b"\xff\xd8") for content in contents)
