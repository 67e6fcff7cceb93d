"""Photos of a project that could be read otherwise: which they are, and what is said of them. Imports no torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transfer_core.data.images.rendering import Rendering
from transfer_core.data.labels.dataset import Item, load_items
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Project

_FORMATS = {"tif": "TIFF", "png": "PNG", "ppm": "PGM or PPM", "jpeg2000": "JPEG 2000"}
_EXAMPLES = 3


@dataclass(frozen=True)
class Shades:
    """What is black and white in the pictures of one kind that have more than 8 bits.

    Args:
        kind: As `Rendering.scales` names it.
        words: Such as "grey TIFF, 16 bits".
        black, white: Numbers of the files.
        count: Photos of that kind.
        examples: A few of them, far apart.
    """

    kind: str
    words: str
    black: float
    white: float
    count: int
    examples: tuple[Item, ...]


def shades(project: Project, items: Sequence[Item] | None = None) -> list[Shades]:
    """Of each kind of picture with more than 8 bits that the project has; none where there are none.

    Args:
        items: Its photos; None to read them.
    """
    rendering = Rendering.of_project(project)
    if not rendering.scales:
        return []
    found: dict[str, list[Item]] = {}
    for item in load_items(project) if items is None else items:
        for trait in traits(item):
            if trait in rendering.scales:
                found.setdefault(trait, []).append(item)
    return [
        Shades(kind, _words(kind), *rendering.scales[kind], len(own), tuple(own[:: -(-len(own) // _EXAMPLES)]))
        for kind, own in sorted(found.items())
    ]


def most_pages(items: Iterable[Item]) -> int:
    """Of the photos' files the most pages that one has; 1 where none has several."""
    return max((_pages(item) for item in items), default=1)


def notes(project: Project, arrived: Iterable[str], off_scale: int = 0) -> list[str]:
    """Sentences about how pictures that came in are read, where a person might expect something else.

    Args:
        arrived: Ids of photos.
        off_scale: How many of them hardly fit between the black and the white that were known before.
    """
    ids = set(arrived)
    items = [item for item in load_items(project) if item.id in ids]
    told = [
        f"{pluralize(one.count, 'photo has', 'photos have')} more than 8 bits ({one.words}). For all of them black is "
        f"{number(one.black)} and white is {number(one.white)}; the page Photos changes that."
        for one in shades(project, items)
    ]
    several = sum(_pages(item) > 1 for item in items)
    if several:
        files = pluralize(several, "TIFF file holds", "TIFF files hold")
        told.append(
            f"{files} several pages. Only the first of each is used, or the full picture where that is a preview. "
            "To use other pages, choose their number on the page Photos, or save each as a file of its own."
        )
    moving = sum("several" in traits(item) for item in items)
    if moving:
        files = pluralize(moving, "file is an animation", "files are animations")
        told.append(f"{files}. Only the first picture of each is used.")
    if off_scale:
        told.append(
            f"{pluralize(off_scale, 'photo is', 'photos are')} nearly black or nearly white between the black and the "
            "white of the photos that were here before. Change these on the page Photos if that is wrong."
        )
    return told


def number(value: float) -> str:
    """Such as "4,095" or "0.36"."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def traits(item: Item) -> list[str]:
    """What of a photo depends on the rendering, as the name of its file says."""
    return item.file.split(".")[1:-1]


def _pages(item: Item) -> int:
    return max((int(trait[1:]) for trait in traits(item) if trait[:1] == "p" and trait[1:].isdigit()), default=1)


def _words(kind: str) -> str:
    form, colour, numbers = kind.rsplit("-", 2)
    bits, _, top = numbers[1:].partition("to")
    size = f"up to {int(top):,}" if top else f"{bits} bits"
    sign = {"i": ", with a sign", "f": ", floating point"}.get(numbers[0], "")
    return f"{'grey' if colour == 'grey' else 'colour'} {_FORMATS.get(form, form.upper())}, {size}{sign}"
