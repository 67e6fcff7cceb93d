"""Photos into a project, prepared for a backbone on the way, within the limit of the caches. Imports no torch."""

import itertools
from collections.abc import Callable, Sequence

from PIL import Image

from transfer_core import storage
from transfer_core.backbones import catalog
from transfer_core.data.ingest.arrivals import IntakeReport
from transfer_core.data.ingest.folder_layout import LabelSource
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.sources import Entry
from transfer_core.data.labels.dataset import Item
from transfer_core.workspace import Project, Workspace

Report = Callable[[int, int], None]

_TRIM_EVERY = 4000  # photos, which leave about a gigabyte in the caches


def take_in_entries(
    workspace: Workspace,
    project: Project,
    entries: Sequence[Entry],
    report: Report,
    backbone: str = catalog.BUNDLED,
    *,
    reading: LabelSource | None = None,
    part: str | None = None,
    keeps_pictures: bool = True,
    arrived: Callable[[Item], None] = lambda item: None,
    may_contradict: bool = False,
    unlabelled: bool = False,
) -> IntakeReport:
    """`intake.take_in`, which also prepares what the backbone will see, and keeps the caches within their limit."""
    from transfer_core.backbones.preprocess import PreparedPhotos  # which imports onnx; a look at a page needs none

    storage.cache_limit()  # a limit that cannot be read is said before a long intake, not after
    prepared = PreparedPhotos(catalog.find(backbone, workspace.weights_dir).preparation, workspace.prepared_dir)
    kept = itertools.count(1)

    def keep_pixels(photo: str, upright: Image.Image) -> None:
        prepared.keep(photo, upright)
        if next(kept) % _TRIM_EVERY == 0:
            storage.trim_caches(workspace)

    try:
        return take_in(
            workspace,
            project,
            entries,
            report,
            reading=reading,
            part=part,
            keep_pixels=keep_pixels,
            keeps_pictures=keeps_pictures,
            arrived=arrived,
            may_contradict=may_contradict,
            unlabelled=unlabelled,
        )
    finally:
        storage.trim_caches(workspace)
