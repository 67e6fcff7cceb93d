"""The small pictures made of every photo and kept: a thumbnail to look at, a copy to train on. Imports no torch."""

import io
from pathlib import Path

from PIL import Image

from transfer_core.data.images import decode
from transfer_core.data.images.cache import PhotoCache
from transfer_core.data.images.rendering import Rendering
from transfer_core.data.labels.dataset import Item
from transfer_core.workspace import Project, Workspace

COPY_PX = 448  # shortest side: twice what most backbones see, so that a crop of a third of the area is sharp
_COPY_QUALITY = 92  # differences to the original that no training notices
# Times the copy's pixels. Below this, decoding the original takes hardly longer, and a copy would only need space.
_MUCH_LARGER = 2


def thumbnails(prepared_dir: Path) -> PhotoCache:
    """JPEGs of at most 320 px per side."""
    return PhotoCache(prepared_dir / "thumbnails", ".jpg")


def training_copies(prepared_dir: Path) -> PhotoCache:
    """JPEGs of the photos that are much larger than training needs; upright, without EXIF."""
    return PhotoCache(prepared_dir / "copies", ".jpg")


def thumbnail_path(workspace: Workspace, photo: str) -> Path:
    """Where the thumbnail of a photo (by its key) lies, if it was not cleared; see `ensure_thumbnail`."""
    return thumbnails(workspace.prepared_dir).path(photo)


def ensure_thumbnail(workspace: Workspace, project: Project, item: Item) -> Path:
    """The thumbnail's path, as the project reads the photo now; makes it again where it was cleared or damaged.

    Raises:
        DataError: The photo can no longer be read.
    """
    cache, path = thumbnails(workspace.prepared_dir), project.photos_dir / item.file
    rendering = Rendering.of_project(project)
    key = rendering.key(item.photo, item.file)
    if cache.read(key) is None:
        with decode.naming(path), decode.open_image(path, rendering) as image:
            image.draft(
                None, (2 * decode.THUMBNAIL_PX, 2 * decode.THUMBNAIL_PX)
            )  # a tenth of the time for a large JPEG
            cache.write(key, decode.thumbnail(decode.decode(image, rendering)))
    return cache.path(key)


def keep_pictures(prepared_dir: Path, photo: str, upright: Image.Image) -> None:
    """Makes both of a photo that was just decoded, unless they are here already.

    Args:
        photo: Its key, see `Rendering.key`.
    """
    copies, small = training_copies(prepared_dir), thumbnails(prepared_dir)
    source = upright
    if _is_much_larger(upright.size):
        source = _reduce(upright)
        if not copies.holds(photo):
            copies.write(photo, _encode_copy(source))
    if not small.holds(photo):
        small.write(photo, decode.thumbnail(source))


def load_for_training(
    prepared_dir: Path, photo: str, path: Path, side_px: int, rendering: Rendering = decode.AS_IT_IS
) -> Image.Image:
    """A stored photo as the random part of training takes it: upright, RGB; a large one from its copy.

    Every pixel follows from photo and side alone. A copy that is missing or damaged is made again and decoded like one
    that was here, so that a resumed run sees what it would have seen.

    Args:
        photo: Its digest.
        side_px: Of the square that the backbone sees; a larger one than the copy is made from the original.
        rendering: As whose pixels it is seen: that of the run.

    Raises:
        DataError: The photo can no longer be read; says which, and what to do.
    """
    copies, key = training_copies(prepared_dir), rendering.key(photo, path.name)
    content = copies.read(key) if side_px <= COPY_PX else None
    if content is None:
        with decode.naming(path), decode.open_image(path, rendering) as image, decode.taking_turns(image):
            upright = decode.decode(image, rendering)
            if side_px > COPY_PX or not _is_much_larger(upright.size):
                return upright
            content = _encode_copy(_reduce(upright))
        copies.write(key, content)
    return decode.decode(decode.open_image(io.BytesIO(content)))


def _is_much_larger(size: tuple[int, int]) -> bool:
    return min(size) ** 2 > _MUCH_LARGER * COPY_PX**2


def _reduce(upright: Image.Image) -> Image.Image:
    return decode.shrink(upright, COPY_PX / min(upright.size))


def _encode_copy(small: Image.Image) -> bytes:
    return decode.encode_jpeg(small, _COPY_QUALITY)
