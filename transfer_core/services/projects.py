"""Projects: found, at a glance, made, deleted, and the disk they use. Imports no torch.

What needs no composing is handed on from `transfer_core.storage` as it is.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from transfer_core import runs
from transfer_core.data import sample_set
from transfer_core.data.images.rendering import KEY_BEGINS, Rendering
from transfer_core.data.images.thumbnails import COPY_PX, ensure_thumbnail, load_for_training, thumbnail_path
from transfer_core.data.ingest.sources import Entry
from transfer_core.data.labels.dataset import Item, count_classes, load_items, load_labels
from transfer_core.data.labels.dataset import damage as labels_damage
from transfer_core.deletion import finish as finish_deletions
from transfer_core.errors import DataError, RunError, TransferError
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.services import ingest
from transfer_core.storage import cache_use, clear_caches, delete_project, disk_use
from transfer_core.support.files import folder_size
from transfer_core.support.text import plain
from transfer_core.workspace import NAME_LIMIT, Project, Workspace

__all__ = [
    "NAME_LIMIT",
    "Project",
    "Summary",
    "cache_use",
    "clear_caches",
    "create_sample",
    "create_untitled",
    "delete_project",
    "disk_use",
    "ensure_thumbnail",
    "find_problems",
    "find_project",
    "find_thumbnail",
    "finish_deletions",
    "load_picture",
    "project_size",
    "summarize",
    "thumbnail_path",
]

_THUMBNAILS = 4
_SAMPLE_SEED = 3  # a typical one: 29 of 32 validation photos right; other seeds range from 27 to 32
_SAMPLE_PER_CLASS = 40  # enough for a sound result, few enough to be drawn in four seconds


@dataclass(frozen=True)
class Summary:
    """What a project's card shows.

    Args:
        photos: All that count, `unlabelled` ones included.
        unlabelled: Photos without a class.
        results: How many runs have one.
        best: The highest of them, None without one. Of several it was chosen on the photos that it was measured on, so
            it is a little too good: say of how many it is the best.
        is_training: Whether a run is at work or waits for its turn.
        final: The newest final test in a sentence, which no choice was made by; None where none was run.
        changed: Unix seconds of the last photo or run.
        thumbnails: Of a few photos, of different classes where there are several.
    """

    photos: int
    classes: int
    unlabelled: int
    runs: int
    results: int
    best: dict | None
    is_training: bool
    final: str | None
    changed: float
    thumbnails: tuple[Path, ...]


def summarize(
    workspace: Workspace, project: Project, read_history: Callable[[Run], RunState] = runs.read_state
) -> Summary:
    """The project's state now; its labels are read only if they have changed since this process last summed them up.

    Args:
        read_history: Of a run; who asks often may read on from where it was.
    """
    try:
        found = project.labels_path.stat()
        state, changed = (found.st_size, found.st_mtime_ns), found.st_mtime
    except FileNotFoundError:
        state, changed = None, project.created
    photos, classes, unlabelled, chosen = _sum_up(project, state)
    own = runs.list_runs(workspace, project)
    states = [(run, read_history(run)) for run in own]
    results = [state.result for _, state in states if state.result]
    return Summary(
        photos,
        classes,
        unlabelled,
        len(own),
        len(results),
        max(results, key=lambda result: result["val_accuracy"], default=None),
        any(state.status in ("queued", "running") for _, state in states),
        next((_final(run) for run, state in states if state.has_finished("test_set")), None),
        max([changed, *(run.created for run in own)]),
        tuple(_thumbnails(workspace, project, chosen)),
    )


def _final(run: Run) -> str:
    """The run's final test in a sentence; of a damaged one that it is: an older one must not pass for the newest."""
    from transfer_core.evaluation.test_set import load_opening  # which imports onnxruntime; the first page needs none

    try:
        return load_opening(run).in_words()
    except TransferError:
        return "its result can no longer be read; Understand says why"


@lru_cache(maxsize=256)
def _sum_up(project: Project, state: tuple[int, int] | None) -> tuple[int, int, int, tuple[Item, ...]]:
    """(photos, classes, photos without a class, a few photos to show).

    Args:
        state: Size and time of the labels; what was written since they were asked for is summed up under the next one.
    """
    items = load_items(project)
    first_of_class = {item.class_name: item for item in reversed(items)}
    chosen = list({item.photo: item for item in [*first_of_class.values(), *items[:_THUMBNAILS]]}.values())
    classes = count_classes(items)
    return len(items), len(classes), len(items) - sum(classes.values()), tuple(chosen[:_THUMBNAILS])


def _thumbnails(workspace: Workspace, project: Project, items: Sequence[Item]) -> Iterator[Path]:
    """Those of the photos that can be read."""
    for item in items:
        with suppress(DataError):
            path = ensure_thumbnail(workspace, project, item)
            if path.is_file():  # unless the disk is full
                yield path


def create_untitled(workspace: Workspace) -> Project:
    """A new project under a name that no other has; nobody needs to think of one before they have seen anything."""
    taken = {project.name for project in workspace.projects()}
    names = ("My project", *(f"My project {number}" for number in range(2, len(taken) + 3)))
    return workspace.create_project(next(name for name in names if name not in taken))


def find_thumbnail(workspace: Workspace, project: Project, photo: str) -> Path:
    """The thumbnail of a photo that the project has or had, made again where it was cleared.

    Args:
        photo: Its digest, or its key as the project reads it now: that is another address for other pixels.

    Raises:
        RunError: The project never had such a photo.
        DataError: The photo can no longer be read, or a full disk keeps nothing of it.
    """
    labels = load_labels(project)
    for item in (*labels.items, *labels.removed):
        if item.photo[:KEY_BEGINS] == photo[:KEY_BEGINS] and len(photo) == len(item.photo):
            path = ensure_thumbnail(workspace, project, item)
            if not path.is_file():
                raise DataError("This photo cannot be shown now. Free some disk space, then try again.")
            return path
    raise RunError("This project has no such photo. It may have been deleted; reload the page.")


def load_picture(workspace: Workspace, project: Project, item: Item) -> Image.Image:
    """A photo to look at closely: upright, RGB; of one that is much larger than training needs, its smaller copy.

    Raises:
        DataError: The photo can no longer be read.
    """
    return load_for_training(
        workspace.prepared_dir, item.photo, project.photos_dir / item.file, COPY_PX, Rendering.of_project(project)
    )


def find_project(workspace: Workspace, name: str) -> Project:
    """The project of that id, else the only one of that name.

    Raises:
        RunError: There is none, or there are several of that name.
    """
    projects = workspace.projects()
    found = [project for project in projects if project.id == name]
    found = found or [project for project in projects if project.name == name]
    if not found:
        raise RunError(f"There is no project '{plain(name)[:80]}' here. Use a name from the home page.")
    if len(found) > 1:
        ids = ", ".join(project.id for project in found)
        raise RunError(f"{len(found)} projects are called '{plain(name)}'. Name one by its id: {ids}.")
    return found[0]


def find_problems(project: Project) -> list[str]:
    """What of the project's own files is damaged: what it costs and what can be done, a sentence or two each."""
    return [problem for problem in (project.problem, labels_damage(project)) if problem]


def project_size(project: Project) -> int:
    """Bytes that the project takes on the disk, its photos and runs included."""
    return folder_size(project.folder)


def create_sample(workspace: Workspace, report: Callable[[int, int], None]) -> Project:
    """A new project filled with the drawn sample set; takes a few seconds."""
    pictures = []
    total = _SAMPLE_PER_CLASS * len(sample_set.class_names)
    for path, content in sample_set.draw_sample_set(_SAMPLE_PER_CLASS, _SAMPLE_SEED):
        pictures.append(Entry(path, io.BytesIO(content).read))
        report(len(pictures), total)
    project = workspace.create_project(sample_set.SAMPLE_NAME)
    ingest.take_in_entries(workspace, project, pictures, lambda done, total: None)
    return project
