"""The photos of a training, and where their pixels come from: a workspace's files, or arrays in memory. No torch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.features import compute_features, look, open_session
from transfer_core.backbones.onnx_backbone import ensure_trunk
from transfer_core.backbones.preprocess import PreparedPhotos, Preparer, prepare_all
from transfer_core.data.images.rendering import Rendering
from transfer_core.data.images.thumbnails import load_for_training
from transfer_core.data.labels.dataset import Item, LabelledItem
from transfer_core.data.splits.groups import find_units
from transfer_core.errors import StopRequested
from transfer_core.support.parallel import map_ahead
from transfer_core.workspace import Workspace

Report = Callable[[int, int], None]  # (done, total)
ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class LabelledPhotos:
    """Photos and their classes; one part of a split, for example.

    Args:
        digests: Names (n,), by which a `PhotoSource` knows them; what is random about a photo follows from its name.
        class_ids: int64 (n,).
        units: Keys (n,): photos of one unit, such as copies or those of a group, are never on both sides of an inner
            split. None lets every photo be one by itself.
    """

    digests: tuple[str, ...]
    class_ids: np.ndarray
    units: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.digests), len(self.class_ids), len(self.digests if self.units is None else self.units)}
        if len(lengths) > 1:
            raise ValueError(f"{len(self.digests)} digests, {len(self.class_ids)} class ids, units {self.units}")

    def __len__(self) -> int:
        return len(self.digests)

    @classmethod
    def of(cls, items: Sequence[LabelledItem], class_names: Sequence[str]) -> "LabelledPhotos":
        """The photos of a labelled dataset."""
        place = {name: class_id for class_id, name in enumerate(class_names)}
        class_ids = np.array([place[item.class_name] for item in items], np.int64)
        unit_of = find_units(items)
        return cls(tuple(item.photo for item in items), class_ids, tuple(unit_of[item.photo] for item in items))


class PhotoSource(Protocol):
    """Gives the pixels of photos, by digest; several threads may ask at once."""

    def picture(self, digest: str, side_px: int) -> Image.Image:
        """The photo as augmentation takes it: upright, RGB, large enough for sharp crops of that side."""

    def pixels(self, digest: str) -> np.ndarray:
        """uint8 (3, size, size) as the backbone is to see it, without anything random; not to be written to."""

    def prepare(self, digests: Sequence[str], report: Report, should_stop: ShouldStop) -> None:
        """Sees to it that `pixels` of these answers at once; raises StopRequested."""

    def features(
        self, digests: Sequence[str], report: Report, should_stop: ShouldStop
    ) -> AbstractContextManager[np.ndarray]:
        """float32 (n, d) of the frozen backbone, in the order given, as long as the context lasts.

        Entering it raises StopRequested.
        """


@dataclass(frozen=True)
class StoredPhotos:
    """Photos that lie in files; what is made of them goes through the caches of a workspace.

    Args:
        paths: By digest.
        scratch: File for the features of one training, which is deleted afterwards.
        tell: Takes a sentence for people where something kept was damaged and is made anew.
    """

    backbone: Backbone
    paths: Mapping[str, Path]
    workspace: Workspace
    scratch: Path
    tell: Callable[[str], None] = lambda message: None
    rendering: Rendering = field(default_factory=Rendering)

    @classmethod
    def of(
        cls,
        items: Iterable[Item],
        folder: Path,
        backbone: Backbone,
        workspace: Workspace,
        scratch: Path,
        tell: Callable[[str], None] = lambda message: None,
        rendering: Rendering | None = None,
    ) -> "StoredPhotos":
        """Those of a labelled dataset, whose files lie in a folder."""
        paths = {item.photo: folder / item.file for item in items}
        return cls(backbone, paths, workspace, scratch, tell, rendering or Rendering())

    @cached_property
    def _prepared(self) -> PreparedPhotos:
        return PreparedPhotos(self.backbone.preparation, self.workspace.prepared_dir, self.rendering)

    def picture(self, digest: str, side_px: int) -> Image.Image:
        return load_for_training(self.workspace.prepared_dir, digest, self.paths[digest], side_px, self.rendering)

    def pixels(self, digest: str) -> np.ndarray:
        return self._prepared(*self._named([digest])[0])

    def prepare(self, digests: Sequence[str], report: Report, should_stop: ShouldStop) -> None:
        prepare_all(self._prepared, self._named(digests), report, should_stop)

    @contextmanager
    def features(self, digests: Sequence[str], report: Report, should_stop: ShouldStop) -> Iterator[np.ndarray]:
        try:
            photos = self._named(digests)
            yield compute_features(
                self.backbone, photos, self.workspace, self.scratch, report, should_stop, self.tell, self.rendering
            )
        finally:
            with suppress(OSError):  # Windows keeps a file that is still mapped; the next training writes over it
                self.scratch.unlink()

    def _named(self, digests: Sequence[str]) -> list[tuple[str, Path]]:
        """(key, file) of each: what is kept of a photo is kept under how it is read."""
        return [(self.rendering.key(digest, self.paths[digest].name), self.paths[digest]) for digest in digests]


@dataclass(frozen=True)
class ArrayPhotos:
    """Photos in memory.

    Args:
        arrays: uint8 (height, width, 3) each, by digest.
        weights_dir: Of the backbone, for strategies that begin with its features; None where none does.
    """

    backbone: Backbone
    arrays: Mapping[str, np.ndarray]
    weights_dir: Path | None = None
    _pixels: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @cached_property
    def _prepare(self) -> Preparer:
        return Preparer(self.backbone.preparation)

    def picture(self, digest: str, side_px: int) -> Image.Image:
        return Image.fromarray(self.arrays[digest])

    def pixels(self, digest: str) -> np.ndarray:
        if digest not in self._pixels:
            self._pixels[digest] = self._prepare(self.arrays[digest])
        return self._pixels[digest]

    def prepare(self, digests: Sequence[str], report: Report, should_stop: ShouldStop) -> None:
        for _ in _reported(map(self.pixels, digests), len(digests), report, should_stop):
            pass

    @contextmanager
    def features(self, digests: Sequence[str], report: Report, should_stop: ShouldStop) -> Iterator[np.ndarray]:
        if self.weights_dir is None:
            raise ValueError("Features need the backbone's weights: ArrayPhotos(..., weights_dir=FOLDER).")
        backbone, weights_dir = self.backbone, self.weights_dir
        session = open_session(ensure_trunk(backbone, weights_dir), threads=1)
        rows = map_ahead(lambda name: look(session, backbone, self.pixels(name), weights_dir), digests)
        yield np.stack(list(_reported(rows, len(digests), report, should_stop)))


def _reported(
    results: Iterable[np.ndarray], total: int, report: Report, should_stop: ShouldStop
) -> Iterator[np.ndarray]:
    """Passes them on, tells how many there are, and ends when asked to."""
    for done, result in enumerate(results, 1):
        if should_stop():
            raise StopRequested
        report(done, total)
        yield result
