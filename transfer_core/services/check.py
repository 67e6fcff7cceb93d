"""Looks through a home for files that are damaged or missing, and mends what can be mended. Imports no torch.

Nothing that nobody can make anew is ever deleted: a damaged file of that kind is moved aside, or a copy of it is kept.
Caches that are damaged are dropped, for they are made again when they are needed.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from transfer_core import runs
from transfer_core.backbones import catalog, weights
from transfer_core.backbones.feature_store import RowStore
from transfer_core.data.images.decode import is_intact
from transfer_core.data.images.rendering import NAME as RENDERING_NAME
from transfer_core.data.labels import dataset
from transfer_core.errors import TransferError
from transfer_core.evaluation import test_set
from transfer_core.services.check_run import look_at_kept, look_at_run, unreadable
from transfer_core.services.findings import NOTHING, Finding, from_copy, look_at_copy, tried
from transfer_core.support import kept_log
from transfer_core.support.checked_json import copy_path, in_words, read_checked
from transfer_core.support.files import read_json
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Project, Workspace

Watch = Callable[[str, int, int], None]  # takes (what is done, so many, of so many)


@dataclass(frozen=True)
class Report:
    """What `check` answers.

    Args:
        checked: Files that were looked at.
    """

    checked: int
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged any more."""
        return all(finding.repaired for finding in self.findings)

    def to_json(self) -> dict:
        """The answer of the command `check`."""
        names = ("file", "problem", "cost", "remedy", "repaired")
        findings = [{name: getattr(finding, name) for name in names} for finding in self.findings]
        return {"checked": self.checked, "findings": findings}


def check(workspace: Workspace, *, repair: bool = False, watch: Watch = lambda *_: None) -> Report:
    """Looks at every project, photo, run, backbone and cache of a home.

    Args:
        repair: Mends what can be mended; else nothing is changed.
    """
    projects, checked = workspace.projects(), 0
    findings: list[Finding] = []
    for number, project in enumerate(projects):
        watch("Checking the projects", number, len(projects))
        looks = (_look_at_project, _look_at_rendering, _look_at_labels, _look_at_photos, _look_at_uploads)
        for look in (*looks, _look_at_test_notes):
            findings += look(project)
        for run in runs.list_runs(workspace, project, kind=None):
            findings += look_at_run(run)
        findings += map(unreadable, runs.list_unreadable(workspace, project))
        checked += _count(project.folder)
    findings += [*_look_at_weights(workspace), *_look_at_trunks(workspace), *_look_at_features(workspace)]
    checked += _count(workspace.weights_dir) + _count(workspace.features_dir)
    watch("Checking the projects", len(projects), len(projects))
    return Report(checked, tuple(_mended(finding) if repair else finding for finding in findings))


def _mended(finding: Finding) -> Finding:
    if finding.mend is None:
        return finding
    try:
        finding.mend()
    except (OSError, TransferError, ValueError) as error:
        return replace(finding, remedy=f"{finding.remedy} It could not be done now: {error}.")
    return replace(finding, repaired=True)


def _count(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


# --- projects --------------------------------------------------------------------------------------------------------


def _look_at_project(project: Project) -> Iterator[Finding]:
    path = project.folder / "project.json"
    if project.problem:
        is_known = "taken from its copy" in project.problem
        cost = NOTHING if is_known else "The project's name. Photos, labels and runs are there."
        remedy = "Graft can restore it from its copy." if is_known else "Rename the project."
        yield Finding(str(path), project.problem, cost, remedy, mend=project.save if is_known else None)
    else:
        yield from look_at_copy(path, "", project.save)


def _look_at_rendering(project: Project) -> Iterator[Finding]:
    path = project.folder / RENDERING_NAME
    if path.exists() or copy_path(path).exists():
        yield from look_at_kept(path, "")


def _look_at_labels(project: Project) -> Iterator[Finding]:
    path = project.labels_path
    if not kept_log.size(path):
        if any(project.photos_dir.glob("[!.]*")):
            cost = "The classes of all photos of this project."
            yield Finding(str(path), "it and its copy are missing or empty", cost, "Put it back from a backup.")
        return
    health = kept_log.examine(path, project.mark)

    def mend() -> None:
        kept_log.repair(path, project.mark)

    if health.lost:
        lines = pluralize(health.lost, "line")
        cost = f"About one photo or one change of labels for each of {lines}."
        remedy = "Put it back from a backup; else the damaged file is renamed, and the rest is written without them."
        yield Finding(str(path), f"{lines} cannot be read, nor in its copy", cost, remedy, mend=mend)
    elif health.copied:
        lines = pluralize(health.copied, "line is", "lines are")
        yield Finding(str(path), f"{lines} damaged or missing", NOTHING, "Graft can write it again.", mend=mend)
    elif health.is_copy_off or not copy_path(path).is_file():
        why = "the copy is missing" if not copy_path(path).exists() else "the copy says something else"
        cost = "Nothing: the file itself is whole."
        yield Finding(str(copy_path(path)), why, cost, "Graft can write it again.", mend=mend)
    elif problem := dataset.damage(project):
        yield Finding(str(path), problem, "About one photo or change of labels a line.", "Put back a backup.")


def _look_at_photos(project: Project) -> Iterator[Finding]:
    for path in sorted(project.photos_dir.glob("[!.]*")):
        if path.is_file() and not is_intact(path):
            remedy = "It is moved aside, into the folder damaged; then add the photo again."
            yield Finding(
                str(path),
                "its bytes are not those that it is named by",
                "This photo: it is neither shown nor trained on.",
                remedy,
                mend=partial(_move_aside, project, path),
            )
    files = {item.file for item in dataset.load_items(project)}
    for file in sorted(file for file in files if not (project.photos_dir / file).is_file()):
        path = project.photos_dir / file
        yield Finding(str(path), "it is missing", "This photo: it is neither shown nor trained on.", "Add it again.")


def _move_aside(project: Project, path: Path) -> None:
    """Out of the photos, so that the same photo may come in again; nothing is deleted."""
    place = project.folder / "damaged"
    place.mkdir(exist_ok=True)
    os.replace(path, place / path.name)


def _look_at_uploads(project: Project) -> Iterator[Finding]:
    for path in sorted((project.folder / "inbox").glob("*/batch.json")):
        owner = path.parent.name
        try:
            read_checked(path, owner)
        except (OSError, ValueError) as error:
            yield from from_copy(path, owner, error, "What was handed in and is not read yet.", "Hand it in again.")


def _look_at_test_notes(project: Project) -> Iterator[Finding]:
    for path in sorted((project.folder / "opened").glob("*.json")):
        try:
            test_set.load_look(path)
        except TransferError as error:
            cost = "How often these test photos were looked at cannot be said."
            yield Finding(str(path), str(error), cost, "Put it back from a backup.")


# --- backbones and caches --------------------------------------------------------------------------------------------


def _look_at_weights(workspace: Workspace) -> Iterator[Finding]:
    for folder in sorted(workspace.weights_dir.glob("*/")):
        cost = f"The backbone {folder.name} cannot be used."
        if (folder / "backbone.json").exists():
            read = partial(catalog.find, folder.name, workspace.weights_dir)
            yield from tried(read, folder / "backbone.json", cost, "Correct it, or add the backbone again.")
        promised: object = None
        with suppress(OSError, ValueError):
            promised = read_json(folder / "source.json").get("sha256")
        path = folder / "model.safetensors"
        if path.is_file() and promised and weights.digest(path) != promised:
            remedy = "It is moved aside; Graft downloads it again when it is needed."
            mend = partial(os.replace, path, path.with_name(f"{path.name}.damaged"))
            yield Finding(str(path), "its digest is not that of the download", cost, remedy, mend=mend)


def _look_at_trunks(workspace: Workspace) -> Iterator[Finding]:
    from transfer_core.backbones.onnx_backbone import damaged_trunks  # which imports onnx

    for path in damaged_trunks(workspace.weights_dir):
        cost = "Time: it is made again when it is needed."
        yield Finding(str(path), "its digest is not what was written", cost, "It is dropped.", mend=path.unlink)


def _look_at_features(workspace: Workspace) -> Iterator[Finding]:
    for folder in sorted(workspace.features_dir.glob("*/")):
        if not any((folder / name).exists() for name in ("shape.json", "rows.bin", "keys.txt")):
            continue  # emptied
        try:
            store = RowStore.at(folder)
            damaged = store.damaged()
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = in_words(error)
            yield Finding(
                str(folder),
                f"the features cannot be read ({why})",
                "Time: they are computed again when they are needed.",
                "The cache is dropped.",
                mend=partial(_drop, folder),
            )
        else:
            if damaged:
                problem = (
                    f"{pluralize(len(damaged), 'row of features is', 'rows of features are')} not what was written"
                )
                cost = "Time: they are computed again when they are needed."
                remedy = "They are dropped."
                yield Finding(str(folder), problem, cost, remedy, mend=partial(store.delete, damaged))


def _drop(folder: Path) -> None:
    """Deletes the files of a cache; the folder stays, for somebody may hold its lock."""
    for path in folder.iterdir():
        if path.suffix != ".lock":
            path.unlink(missing_ok=True)
