"""How a project's pictures are read where that could be otherwise: shown, said, and changed. Imports no torch."""

import math
from dataclasses import replace

from transfer_core.data.images import decode
from transfer_core.data.images.rendering import Rendering, changing_rendering
from transfer_core.data.images.shades import Shades, most_pages, number, shades, traits
from transfer_core.data.labels.dataset import Item
from transfer_core.errors import DataError
from transfer_core.workspace import Project

__all__ = ["Shades", "load_rendering", "most_pages", "number", "preview", "set_page", "set_scale", "shades"]


def load_rendering(project: Project) -> Rendering:
    """As the project reads its pictures now.

    Raises:
        DataError: Its note of that is damaged.
    """
    return Rendering.of_project(project)


def preview(project: Project, item: Item, black: float, white: float) -> bytes:
    """A thumbnail of a photo as it would look, JPEG.

    Raises:
        DataError: The photo can no longer be read, or black and white are none.
    """
    now, path = Rendering.of_project(project), project.photos_dir / item.file
    kinds = {trait: _checked(black, white) for trait in traits(item)}
    rendering = replace(now, scales=dict(now.scales) | kinds)
    with decode.naming(path), decode.open_image(path, rendering) as image, decode.taking_turns(image):
        return decode.thumbnail(decode.decode(image, rendering))


def set_scale(project: Project, kind: str, black: float, white: float) -> None:
    """Has pictures of a kind read otherwise from now on; runs that have learned keep reading as they did.

    Raises:
        DataError: Black and white are none.
    """
    scale = _checked(black, white)
    with changing_rendering(project):
        now = Rendering.of_project(project)
        replace(now, scales=dict(now.scales) | {kind: scale}).save(project.folder)


def set_page(project: Project, page: int | None) -> None:
    """Has another page of files with several taken from now on, from 0; None for the first that is no preview."""
    with changing_rendering(project):
        replace(Rendering.of_project(project), page=page).save(project.folder)


def _checked(black: float, white: float) -> tuple[float, float]:
    if not (math.isfinite(black) and math.isfinite(white) and black < white):
        raise DataError(f"White is {number(white)}, black is {number(black)}. White has to be the greater number.")
    return float(black), float(white)
