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
from transfer_core.data.ingest.class_finder import CLASS_FROM, find_labels, sets_in_words
from transfer_core.data.ingest.folder_layout import LabelSource, OneClass, Survey, survey
from transfer_core.data.ingest.import_roots import Listing, import_roots, list_folder
from transfer_core.data.ingest.label_source import (
    Choice,
    choices,
    photos_among,
    read_as,
    without_table,
)
from transfer_core.data.ingest.refusals import count_left_out, left_out
from transfer_core.data.ingest.sources import Entry, open_source
from transfer_core.data.ingest.upload_inbox import Upload, receive_folder
from transfer_core.data.ingest.upload_inbox import batches as waiting_uploads
from transfer_core.data.ingest.upload_inbox import receive as receive_upload
from transfer_core.data.labels.dataset import count_classes, labelled, load_items
from transfer_core.deletion import delete_project
from transfer_core.jobs.take_in import Report, take_in_entries
from transfer_core.support.encodings import UnclearEncoding
from transfer_core.support.encodings import offered as offered_encodings
from transfer_core.support.encodings import title as encoding_title
from transfer_core.workspace import Project, Workspace

__all__ = [
    "CLASS_FROM",
    "Choice",
    "Entry",
    "Imported",
    "IntakeReport",
    "LabelSource",
    "Listing",
    "OneClass",
    "Rejected",
    "Survey",
    "UnclearEncoding",
    "Upload",
    "choices",
    "count_left_out",
    "encoding_title",
    "import_photos",
    "import_roots",
    "left_out",
    "list_folder",
    "new_or_known",
    "offered_encodings",
    "photos_among",
    "read_as",
    "receive_folder",
    "receive_upload",
    "sets_in_words",
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
            **{key: count for key, count in without.items() if count},
        }


def import_photos(
    workspace: Workspace,
    data: Path,
    name: str,
    report: Report,
    labels: str | None = None,
    encoding: str = "",
    *,
    class_from: str | None = None,
    unlabelled: bool = False,
) -> Imported:
    """As `take_in_named`, with what the project then holds."""
    taken = take_in_named(workspace, data, name, report, labels, encoding, class_from=class_from, unlabelled=unlabelled)
    return Imported.of(*taken)


def take_in_path(
    workspace: Workspace,
    data: Path,
    name: str | None,
    report: Report,
    val: Path | None = None,
    backbone: str = catalog.BUNDLED,
    labels: str | None = None,
    encoding: str = "",
    *,
    class_from: str | None = None,
    keeps_pictures: bool = True,
) -> tuple[Project, IntakeReport]:
    """Photos of a folder or zip into the project that belongs to it; only new ones come in.

    What lies in another class folder than before is taken at that word: whoever trains on a folder corrects it there,
    and the run sees just what this call has found.

    Args:
        name: Of the project, if it is to be made or if several were made from this data.
        val: A second folder or zip, whose photos are the validation photos.
        backbone: The one that will see the photos first: what it sees is prepared while they are decoded.
        labels: A table that says the classes of `data`, as `label_source.open_labels` takes it.
        encoding: That of the table and of names in zips, where they are not Unicode; else it is found.
        class_from: What says the class in `data` and `val`, one of `label_source.CLASS_FROM`; None finds it.
        keeps_pictures: As of `intake.take_in`: somebody who waits for an answer need not wait for thumbnails.
    """
    sources = [path.expanduser().resolve() for path in (data, val) if path]
    opened = [
        open_data(source, None if number else labels, encoding, class_from) for number, source in enumerate(sources)
    ]
    # Read another way, the same photos are other labels, and so another project.
    known_by = [*sources, _known_path(labels)] if labels else sources
    known_by = [*known_by, Path(f"class from {class_from}")] if class_from else known_by
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
        for (entries, reading, said), part in zip(opened, (None, "val"), strict=False):
            result.add(take(entries, reading=reading, part=part))
            result.said += said
    return project, result


def take_in_named(
    workspace: Workspace,
    data: Path,
    name: str,
    report: Report,
    labels: str | None = None,
    encoding: str = "",
    *,
    class_from: str | None = None,
    unlabelled: bool = False,
) -> tuple[Project, IntakeReport]:
    """Photos of a folder or zip into the project of that name; only new ones come in.

    Args:
        labels, encoding, class_from: As in `take_in_path`.
        unlabelled: Photos of which neither folder nor table says the class come in without one, instead of being
            rejected.
    """
    source = data.expanduser().resolve()
    entries, reading, said = open_data(source, labels, encoding, class_from, unlabelled=unlabelled)
    with new_or_known(workspace, lambda: workspace.project_named(name)) as project:
        result = take_in_entries(workspace, project, entries, report, reading=reading, unlabelled=unlabelled)
        result.said += said
        return project, result


def open_data(
    source: Path,
    labels: str | None = None,
    encoding: str = "",
    class_from: str | None = None,
    *,
    unlabelled: bool = False,
) -> tuple[Sequence[Entry], LabelSource, list[str]]:
    """The entries of a folder or zip, what says their classes, and what is to be said of their names.

    Args:
        labels, encoding, class_from, unlabelled: As of `take_in_named`.
    """
    opened = open_source(source, encoding)
    entries, reading = find_labels(
        opened, labels, encoding, class_from=class_from, one_class=source.stem, unlabelled=unlabelled
    )
    return entries, reading, opened.said


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
