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
from transfer_core.data.labels import dataset
from transfer_core.errors import TransferError
from transfer_core.evaluation import test_set
from transfer_core.evaluation.result import load_answers
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.support import kept_log
from transfer_core.support.checked_json import copy_path, in_words, read_checked, write_with_copy
from transfer_core.support.files import read_json
from transfer_core.support.wording import pluralize
from transfer_core.training.plan import load_plan
from transfer_core.workspace import Project, Workspace

Watch = Callable[[str, int, int], None]  # takes (what is done, so many, of so many)
_NOTHING = "Nothing: its copy is whole."


@dataclass(frozen=True)
class Finding:
    """A file that is not as it was written.

    Args:
        file: Its path.
        problem: What is wrong with it.
        cost: What is lost or cannot be shown.
        remedy: What can be done.
        repaired: Whether it has been.
        mend: Does it; None where only a person can.
    """

    file: str
    problem: str
    cost: str
    remedy: str
    repaired: bool = False
    mend: Callable[[], object] | None = None


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
        for look in (_look_at_project, _look_at_labels, _look_at_photos, _look_at_uploads, _look_at_test_notes):
            findings += look(project)
        for run in runs.list_runs(workspace, project, kind=None):
            findings += _look_at_run(run)
        findings += map(_unreadable, runs.list_unreadable(workspace, project))
        checked += _count(project.folder)
    findings += [*_look_at_weights(workspace), *_look_at_features(workspace)]
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
        cost = _NOTHING if is_known else "The project's name. Photos, labels and runs are there."
        remedy = "It is written anew from its copy." if is_known else "Rename the project."
        yield Finding(str(path), project.problem, cost, remedy, mend=project.save if is_known else None)
    else:
        yield from _look_at_copy(path, "", project.save)


def _look_at_copy(path: Path, owner: str, mend: Callable[[], object]) -> Iterator[Finding]:
    """Whether the copy of a file that is whole says the same."""
    copy = copy_path(path)
    try:
        is_same = read_checked(copy, owner) == read_checked(path, owner)
    except (OSError, ValueError):
        is_same = False
    if not is_same and path.is_file():
        why = "the copy is missing" if not copy.exists() else "the copy is damaged, or says something else"
        yield Finding(str(copy), why, "Nothing: the file itself is whole.", "It is written anew.", mend=mend)


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
        yield Finding(str(path), f"{lines} damaged or missing", _NOTHING, "It is written anew.", mend=mend)
    elif health.is_copy_off or not copy_path(path).is_file():
        why = "the copy is missing" if not copy_path(path).exists() else "the copy says something else"
        cost = "Nothing: the file itself is whole."
        yield Finding(str(copy_path(path)), why, cost, "It is written anew.", mend=mend)
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
            yield from _from_copy(path, owner, error, "What was handed in and is not read yet.", "Hand it in again.")


def _look_at_test_notes(project: Project) -> Iterator[Finding]:
    for path in sorted((project.folder / "opened").glob("*.json")):
        try:
            test_set.load_look(path)
        except TransferError as error:
            cost = "How often these test photos were looked at cannot be said."
            yield Finding(str(path), str(error), cost, "Put it back from a backup.")


def _from_copy(path: Path, owner: str, error: Exception, cost: str, remedy: str) -> Iterator[Finding]:
    """A damaged file that is kept twice: written anew where its copy is whole."""
    try:
        content = read_checked(copy_path(path), owner)
    except (OSError, ValueError):
        yield Finding(str(path), in_words(error), cost, remedy)
        return

    def mend() -> None:
        write_with_copy(path, content, owner)

    yield Finding(str(path), in_words(error), _NOTHING, "It is written anew from its copy.", mend=mend)


# --- runs ------------------------------------------------------------------------------------------------------------


def _unreadable(run: runs.UnreadableRun) -> Finding:
    cost, remedy = "This run cannot be shown.", "Put the file back from a backup, or delete the run."
    return Finding(str(run.folder / "config.json"), run.reason, cost, remedy)


def _look_at_run(run: Run) -> Iterator[Finding]:
    for name, is_needed in (("config.json", True), ("about.json", False)):
        path = run.folder / name
        if is_needed or path.exists() or copy_path(path).exists():
            yield from _look_at_kept(path, run.id)
    state, train_again = runs.read_state(run), "Delete the run and train again."
    if state.lost or (state.failure and "events.jsonl" in state.failure.message):
        problem = state.damage or "it is missing or empty"
        yield Finding(str(run.events_path), problem, "Parts of the run's course, or its result.", "Resume the run.")
    if (run.folder / "split.json").exists() or run.kind == "train":
        yield from _tried(lambda: runs.load_split(run), run.folder / "split.json", "The run's photos.", train_again)
    yield from _tried(lambda: load_plan(run.plan_path), run.plan_path, "The run cannot be resumed.", train_again)
    if run.kind == "train" and state.result:
        answers = run.evaluation_dir / "val.safetensors"
        cost = "Which photos the model got right; its figures stand in the run's log."
        yield from _tried(lambda: load_answers(run.evaluation_dir, state.result), answers, cost, train_again)
    for name, cost in (("result.json", "Nothing that Graft reads."), ("baselines.json", "What goes without a network")):
        path = run.evaluation_dir / name
        if path.exists():
            yield from _tried(partial(_read_own, path, run), path, cost, "Train again if you need it.")
    if state.has_finished("test_set"):
        path = run.evaluation_dir / "test.json"
        yield from _tried(
            lambda: test_set.load_opening(run), path, "The figure of the final test.", "Put back a backup."
        )
    yield from look_at_model(run, state)


def _look_at_kept(path: Path, owner: str) -> Iterator[Finding]:
    try:
        content = read_checked(path, owner)
    except (OSError, ValueError) as error:
        yield from _from_copy(path, owner, error, "What it says.", "Put it back from a backup.")
        return
    yield from _look_at_copy(path, owner, lambda: write_with_copy(path, content, owner))


def _read_own(path: Path, run: Run) -> None:
    try:
        read_checked(path, run.id)
    except (OSError, ValueError) as error:
        raise TransferError(in_words(error)) from error


def _tried(read: Callable[[], object], path: Path, cost: str, remedy: str) -> Iterator[Finding]:
    try:
        read()
    except TransferError as error:
        yield Finding(str(path), str(error), cost, remedy)


def look_at_model(run: Run, state: RunState) -> Iterator[Finding]:
    """The model that was exported, where there should be one."""
    if state.has_finished("export") and not run.model_path.is_file():
        cost = "The model cannot be tried, tested or exported."
        yield Finding(str(run.model_path), "it is missing", cost, "Resume the run, which writes it anew.")


# --- backbones and caches --------------------------------------------------------------------------------------------


def _look_at_weights(workspace: Workspace) -> Iterator[Finding]:
    for folder in sorted(workspace.weights_dir.glob("*/")):
        cost = f"The backbone {folder.name} cannot be used."
        if (folder / "backbone.json").exists():
            read = partial(catalog.find, folder.name, workspace.weights_dir)
            yield from _tried(read, folder / "backbone.json", cost, "Correct it, or add the backbone again.")
        promised: object = None
        with suppress(OSError, ValueError):
            promised = read_json(folder / "source.json").get("sha256")
        path = folder / "model.safetensors"
        if path.is_file() and promised and weights.digest(path) != promised:
            remedy = "It is moved aside; Graft downloads it again when it is needed."
            mend = partial(os.replace, path, path.with_name(f"{path.name}.damaged"))
            yield Finding(str(path), "its digest is not that of the download", cost, remedy, mend=mend)


def _look_at_features(workspace: Workspace) -> Iterator[Finding]:
    for folder in sorted(workspace.features_dir.glob("*/")):
        if not any((folder / name).exists() for name in ("shape.json", "rows.bin", "keys.txt")):
            continue  # emptied
        try:
            RowStore.at(folder).keys()
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = in_words(error)
            yield Finding(
                str(folder),
                f"the features cannot be read ({why})",
                "Time: they are computed again when they are needed.",
                "The cache is dropped.",
                mend=partial(_drop, folder),
            )


def _drop(folder: Path) -> None:
    """Deletes the files of a cache; the folder stays, for somebody may hold its lock."""
    for path in folder.iterdir():
        if path.suffix != ".lock":
            path.unlink(missing_ok=True)
