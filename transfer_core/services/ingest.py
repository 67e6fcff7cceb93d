"""From files to photos of a project: what `fit`, `import` and the page Photos do. Imports no torch.

What needs no composing is handed on from `transfer_core.data.ingest` as it is.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from transfer_core.backbones import catalog
from transfer_core.data.ingest.arrivals import IntakeReport, Rejected
from transfer_core.data.ingest.folder_layout import LabelSource, OneClass, Survey, survey
from transfer_core.data.ingest.import_roots import Listing, import_roots, list_folder
from transfer_core.data.ingest.label_source import Choice, choices, open_labels, photos_among, read_as, without_table
from transfer_core.data.ingest.sources import Entry, open_source
from transfer_core.data.ingest.upload_inbox import Upload, receive_folder
from transfer_core.data.ingest.upload_inbox import batches as waiting_uploads
from transfer_core.data.ingest.upload_inbox import receive as receive_upload
from transfer_core.data.labels.dataset import count_classes, labelled, load_items
from transfer_core.deletion import delete_project
from transfer_core.jobs.take_in import Report, take_in_entries
from transfer_core.workspace import Project, Workspace

__all__ = [
    "Choice",
    "Entry",
    "Imported",
    "IntakeReport",
    "LabelSource",
    "Listing",
    "OneClass",
    "Rejected",
    "Survey",
    "Upload",
    "choices",
    "import_photos",
    "import_roots",
    "list_folder",
    "new_or_known",
    "photos_among",
    "read_as",
    "receive_folder",
    "receive_upload",
    "survey",
    "take_in_entries",
    "take_in_named",
    "take_in_path",
    "waiting_uploads",
    "without_table",
]


@dataclass(frozen=True)
class Imported:
    """The result of adding photos without training.

    Args:
        classes: Photos per class, of the whole project.
        unlabelled: Photos without a class, of the whole project.
    """

    project: Project
    report: IntakeReport
    classes: dict[str, int]
    unlabelled: int

    @classmethod
    def of(cls, project: Project, report: IntakeReport) -> "Imported":
        items = load_items(project)
        return cls(project, report, count_classes(items), len(items) - len(labelled(items)))

    def to_json(self) -> dict:
        """The answer of the commands `import` and `fetch`."""
        rejected = [{"file": entry.file, "reason": entry.reason} for entry in self.report.rejected]
        counts = {"photos": self.report.photos, "added": self.report.added}
        without = {"unlabelled": self.unlabelled, "named": self.report.named}
        return {
            "project": self.project.id,
            **counts,
            "rejected": rejected,
            "classes": self.classes,
            **({"notes": self.report.notes} if self.report.notes else {}),
            **{key: count for key, count in without.items() if count},
        }


def import_photos(
    workspace: Workspace, data: Path, name: str, report: Report, labels: str | None = None, *, unlabelled: bool = False
) -> Imported:
    """As `take_in_named`, with what the project then holds."""
    return Imported.of(*take_in_named(workspace, data, name, report, labels, unlabelled=unlabelled))


def take_in_path(
    workspace: Workspace,
    data: Path,
    name: str | None,
    report: Report,
    val: Path | None = None,
    backbone: str = catalog.BUNDLED,
    labels: str | None = None,
    *,
    keeps_pictures: bool = True,
) -> tuple[Project, IntakeReport]:
    """Photos of a folder or zip into the project that belongs to it; only new ones come in.

    What lies in another class folder than before is taken at that word: whoever trains on a folder corrects it there,
    and the run sees just what this call has found.

    Args:
        name: Of the project, if it is to be made or if several were made from this data.
        val: A second folder or zip, whose photos are the validation photos.
        backbone: The one that will see the photos first: what it sees is prepared while they are decoded.
        labels: A table that says the classes of `data`, as `reading.open_labels` takes it.
        keeps_pictures: As of `intake.take_in`: somebody who waits for an answer need not wait for thumbnails.
    """
    sources = [path.expanduser().resolve() for path in (data, val) if path]
    opened = [_open(sources[0], labels), *(_open(source) for source in sources[1:])]
    # Read another way, the same photos are other labels, and so another project.
    known_by = [*sources, _known_path(labels)] if labels else sources
    with new_or_known(workspace, lambda: workspace.project_for(known_by, name)) as project:
        take = partial(
            take_in_entries,
            workspace,
            project,
            report=report,
            backbone=backbone,
            may_contradict=True,
            keeps_pictures=keeps_pictures,
        )
        result = IntakeReport()
        for (entries, reading), part in zip(opened, (None, "val"), strict=False):
            result.add(take(entries, reading=reading, part=part))
    return project, result


def take_in_named(
    workspace: Workspace, data: Path, name: str, report: Report, labels: str | None = None, *, unlabelled: bool = False
) -> tuple[Project, IntakeReport]:
    """Photos of a folder or zip into the project of that name; only new ones come in.

    Args:
        labels: As in `take_in_path`.
        unlabelled: Photos of which neither folder nor table says the class come in without one, instead of being
            rejected.
    """
    entries, reading = _open(data.expanduser().resolve(), labels)
    with new_or_known(workspace, lambda: workspace.project_named(name)) as project:
        return project, take_in_entries(workspace, project, entries, report, reading=reading, unlabelled=unlabelled)


def _open(source: Path, labels: str | None = None) -> tuple[Sequence[Entry], LabelSource | None]:
    """The entries of a folder or zip, and what the table says of them; itself it is no photo that could be left out."""
    entries = open_source(source)
    if not labels:
        return entries, None
    table = open_labels(entries, labels)
    return [entry for entry in entries if entry.path != table.path], table


def _known_path(labels: str) -> Path:
    """The table as its project remembers it: a file of this machine the same from wherever it is named."""
    path = Path(labels).expanduser()
    return path.resolve() if path.is_file() else Path(labels)


@contextmanager
def new_or_known(workspace: Workspace, find: Callable[[], Project]) -> Iterator[Project]:
    """The project, which is deleted again if it was made for an intake from which nothing came."""
    known = {project.id for project in workspace.projects()}
    project = find()
    try:
        yield project
    except BaseException:
        if project.id not in known and not load_items(project):
            delete_project(workspace, project)
        raise
