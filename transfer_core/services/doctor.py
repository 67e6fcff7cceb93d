"""What is wrong with the photos of a project, in order of how much it matters. Imports no torch."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from transfer_core.backbones import catalog
from transfer_core.backbones.features import compute_features
from transfer_core.data.images.rendering import Rendering
from transfer_core.data.images.thumbnails import ensure_thumbnail, thumbnails
from transfer_core.data.ingest.arrivals import Rejected
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.data.labels.disputes import find_disputes
from transfer_core.doctor.finding import Finding, in_order
from transfer_core.errors import DataError
from transfer_core.services import ingest
from transfer_core.services.projects import find_project
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Project, Workspace

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor found.

    Args:
        photos: Files that are photos.
        classes: Photos per class.
        findings: The most important first.
    """

    project: Project
    photos: int
    rejected: tuple[Rejected, ...]
    classes: dict[str, int]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict:
        """The answer of the command `doctor`."""
        return {
            "project": self.project.id,
            "photos": self.photos,
            "rejected": [{"file": entry.file, "reason": entry.reason} for entry in self.rejected],
            "classes": self.classes,
            "findings": [finding.to_json() for finding in self.findings],
        }


def examine_data(workspace: Workspace, data: str, reading: Report, looking: Report) -> Diagnosis:
    """The photos of a folder or zip, which come in as for `fit`, or those of a project.

    Args:
        data: A path, or a project's id or name.
        reading, looking: Called with (photos done, photos in all) while photos come in, and while the backbone looks.

    Raises:
        DataError: There are no photos, or one can no longer be read.
        TransferError: There is neither such a path nor such a project.
    """
    if not Path(data).expanduser().exists():
        return examine_project(workspace, find_project(workspace, data), looking)
    project, report = ingest.take_in_path(workspace, Path(data), None, reading)
    found = examine_project(workspace, project, looking)
    rejected = tuple(report.rejected)
    said = {file for finding in found.findings for file in finding.files}
    broken = [entry for entry in rejected if entry.reason != "junk" and entry.file not in said]
    findings = found.findings
    if broken:
        says = f"{pluralize(len(broken), 'file')} cannot be used, such as '{broken[0].file[:80]}': {broken[0].reason}."
        files = tuple(entry.file for entry in broken)
        remedy = "Save them again, or leave them out: they are in no class."
        findings = tuple(in_order([Finding("broken", files, "low", says, remedy), *findings]))
    return replace(found, photos=report.photos, rejected=rejected, findings=findings)


def examine_project(workspace: Workspace, project: Project, looking: Report) -> Diagnosis:
    """The photos of a project, as `examine_data` says."""
    from transfer_core.doctor.examine import Photos, examine  # half a second, for which other commands do not wait

    items = load_items(project)
    if not items:
        raise DataError("There are no photos in this project yet. Add some first.")
    once = list({item.photo: item for item in reversed(items)}.values())[::-1]
    row = catalog.find(catalog.BUNDLED, workspace.weights_dir)
    cache, rendering = thumbnails(workspace.prepared_dir), Rendering.of_project(project)
    keys = [rendering.key(item.photo, item.file) for item in once]
    paths = [project.photos_dir / item.file for item in once]

    def thumbnail(number: int) -> bytes:
        content = cache.read(keys[number])
        if content is None:
            ensure_thumbnail(workspace, project, once[number])
            content = cache.read(keys[number])
        if content is None:
            raise DataError("The small pictures of the photos cannot be kept: the disk is full or read-only.")
        return content

    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "features"
        photos = list(zip(keys, paths, strict=True))
        features = compute_features(row, photos, workspace, rows, looking, rendering=rendering)
        # The pooled last layer alone: by it the doctor's limits were found, and what earlier stages see has another
        # scale, and maxima that are alike in all photos.
        features = features[:, : row.feature_blocks[0]]
        left_out = [dispute.items for dispute in find_disputes(project)]
        examined = Photos(once, features, thumbnail, lambda number: paths[number].read_bytes())
        findings = examine(items, examined, left_out)
        del features, examined  # Windows deletes no file that is still mapped
    return Diagnosis(project, len(items), (), count_classes(items), tuple(findings))
