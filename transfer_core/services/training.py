"""The steps from photos to a queued run, and from a finished run to its files: what pages and command line share."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from filelock import FileLock
from PIL import Image

from transfer_core import runs, storage, strategies
from transfer_core.advice.cost import Estimate, estimate
from transfer_core.advice.machine_speed import load_speed, request_benchmark
from transfer_core.backbones import catalog, weights
from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.preprocess import PreparedPhotos
from transfer_core.config import TrainConfig
from transfer_core.data.ingest.folder_layout import LabelSource, read_layout
from transfer_core.data.ingest.intake import IntakeReport, take_in
from transfer_core.data.ingest.label_source import open_labels
from transfer_core.data.ingest.sources import Entry, is_junk, open_source
from transfer_core.data.labels.dataset import Item, load_items, new_item, version
from transfer_core.data.splits.split import Split, make_split
from transfer_core.errors import ConfigError, DataError, RunError
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run
from transfer_core.strategies import Facts
from transfer_core.support.text import pluralize
from transfer_core.workspace import Project, Workspace

Report = Callable[[int, int], None]

_TRIM_EVERY = 4000  # photos, which leave about a gigabyte in the caches


def take_in_path(
    workspace: Workspace,
    data: Path,
    name: str | None,
    report: Report,
    val: Path | None = None,
    backbone: str = catalog.BUNDLED,
    labels: str | None = None,
) -> tuple[Project, IntakeReport]:
    """Photos of a folder or zip into the project that belongs to it; only new ones come in.

    What lies in another class folder than before is taken at that word: whoever trains on a folder corrects it there,
    and the run sees just what this call has found.

    Args:
        name: Of the project, if it is to be made or if several were made from this data.
        val: A second folder or zip whose photos are kept aside for checking.
        backbone: The one that will see the photos first: what it sees is prepared while they are decoded.
        labels: A table that says the classes of `data`, as `reading.open_labels` takes it.
    """
    sources = [path.expanduser().resolve() for path in (data, val) if path]
    opened = [_open(sources[0], labels), *(_open(source) for source in sources[1:])]
    # Read another way, the same photos are other labels, and so another project.
    known_by = [*sources, _known_path(labels)] if labels else sources
    with new_or_known(workspace, lambda: workspace.project_for(known_by, name)) as project:
        take = partial(take_in_entries, workspace, project, report=report, backbone=backbone, may_contradict=True)
        result = IntakeReport()
        for (entries, reading), part in zip(opened, (None, "val"), strict=False):
            result.add(take(entries, reading=reading, part=part))
    return project, result


def take_in_named(
    workspace: Workspace, data: Path, name: str, report: Report, labels: str | None = None
) -> tuple[Project, IntakeReport]:
    """Photos of a folder or zip into the project of that name; only new ones come in. `labels` as in `take_in_path`."""
    entries, reading = _open(data.expanduser().resolve(), labels)
    with new_or_known(workspace, lambda: workspace.project_named(name)) as project:
        return project, take_in_entries(workspace, project, entries, report, reading=reading)


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


def take_in_entries(
    workspace: Workspace,
    project: Project,
    entries: Sequence[Entry],
    report: Report,
    backbone: str = catalog.BUNDLED,
    *,
    reading: LabelSource | None = None,
    part: str | None = None,
    arrived: Callable[[Item], None] = lambda item: None,
    may_contradict: bool = False,
) -> IntakeReport:
    """`intake.take_in`, which also prepares what the backbone will see, and keeps the caches within their limit."""
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
            arrived=arrived,
            may_contradict=may_contradict,
        )
    finally:
        storage.trim_caches(workspace)


@contextmanager
def new_or_known(workspace: Workspace, find: Callable[[], Project]) -> Iterator[Project]:
    """The project, which is deleted again if it was made for an intake from which nothing came."""
    known = {project.id for project in workspace.projects()}
    project = find()
    try:
        yield project
    except BaseException:
        if project.id not in known and not load_items(project):
            workspace.delete_project(project)
        raise


def check(workspace: Workspace, project: Project, config: TrainConfig, only: Collection[str] | None = None) -> Split:
    """The split that a run with these settings would have.

    Args:
        only: Ids of the items to use; None for all of the project.

    Raises:
        TransferError: Unknown backbone or strategy, weights that cannot be had, photos that cannot be trained on.
            Nothing has been started then.
    """
    backbone = catalog.find(config.backbone, workspace.weights_dir)
    items = [item for item in load_items(project) if only is None or item.id in only]
    split, problems = share_out(workspace, items, config)
    if problems:
        raise ConfigError(problems)
    if weights.state(backbone, workspace.weights_dir) == "download":
        weights.check_reachable(backbone)
    return split


def share_out(workspace: Workspace, items: Sequence[Item], config: TrainConfig) -> tuple[Split | None, list[str]]:
    """The split of these photos, None where there cannot be one, and everything that speaks against the settings.

    Raises:
        BackboneError: There is no such backbone.
    """
    backbone = catalog.find(config.backbone, workspace.weights_dir)
    learned, against = _earlier(workspace, config, backbone)
    split, problems = _try_split(items, config, backbone, learned)
    problems += against
    if split and (seen := sum(item.photo in learned for item in (*split.val, *split.test))):
        problems.append(
            f"{pluralize(seen, 'validation photo was a training photo', 'validation photos were training photos')} "
            "of the earlier run, so the accuracy would look too good. Choose other validation photos."
        )
    return split, problems


def foresee(data: Sequence[Path], settings: dict, backbone: Backbone, labels: str | None = None) -> list[str]:
    """What a list of files says already against training on them with these settings; no photo is opened.

    Args:
        data: Folders or zips; the second one's photos are kept aside.
        settings: Of `TrainConfig`, those within their limits.
        labels: As in `take_in_path`.
    """
    items = []
    for number, source in enumerate(data):
        entries = [entry for entry in open_source(source) if not entry.refusal and not is_junk(entry.path)]
        by_table = labels and not number
        reading = open_labels(entries, labels) if by_table else read_layout([entry.path for entry in entries])
        for entry in entries:
            if place := reading.place(entry.path):
                part = "val" if number else place.part
                items.append(new_item(entry.path, entry.path, entry.path, place.class_name, part, (1, 1), place.group))
    return _try_split(items, TrainConfig(**settings), backbone)[1]


def _try_split(
    items: Sequence[Item], config: TrainConfig, backbone: Backbone, learned: Collection[str] = frozenset()
) -> tuple[Split | None, list[str]]:
    """The split, None where there cannot be one, and everything that speaks against these photos and settings.

    Args:
        learned: Photos that an earlier run has learned from.
    """
    split, problems = None, []
    sizes = tuple(Counter(item.class_name for item in items if item.part in (None, "train")).values())
    try:
        split = make_split(
            items,
            config.val_fraction,
            config.seed,
            config.fill_val,
            learned,
            config.test_fraction,
            config.group_pattern,
        )
        sizes = split.train_sizes
    except DataError as error:
        problems += error.problems
    return split, problems + strategies.check(config, Facts(sizes, backbone))


def _earlier(workspace: Workspace, config: TrainConfig, backbone: Backbone) -> tuple[set[str], list[str]]:
    """Photos that the run gone on from has learned from, if there is one, and what speaks against going on from it."""
    if not config.continue_from:
        return set(), []
    try:
        run = runs.open_run(workspace, config.continue_from)
        learned = runs.learned_photos(run)
    except RunError as error:
        return set(), [f"{error} Begin with the pretrained weights or with another run."]
    problems = []
    if run.kind != "train":
        problems.append(f"Run '{run.id}' did not train a model. Choose another run.")
    elif runs.read_state(run).result is None:
        problems.append(f"Run '{run.id}' has no model to continue from yet. Resume it first.")
    if run.config.backbone != backbone.name:
        problems.append(f"Run '{run.id}' has another backbone, {run.config.backbone}. Choose that backbone.")
    return learned, problems


def estimate_run(workspace: Workspace, items: Sequence[Item], config: TrainConfig) -> tuple[Estimate | None, bool]:
    """How long a run on these photos will take, None if unknown; and whether a trial that will tell is on its way.

    Where there was no trial yet the runner is asked for one. A backbone that must be downloaded first has none.
    """
    backbone = catalog.find(config.backbone, workspace.weights_dir)
    if weights.state(backbone, workspace.weights_dir) == "download":
        return None, False
    speed = load_speed(workspace, backbone)
    found = estimate(workspace, backbone, config, items, speed) if speed else None
    coming = found is None and request_benchmark(workspace, backbone)
    if coming:
        ensure_runner(workspace)
    return found, coming


def start(
    workspace: Workspace,
    project: Project,
    config: TrainConfig,
    only: Collection[str] | None = None,
    intake_s: float = 0.0,
) -> Run:
    """Checks, creates the run and sees to it that a runner takes it; arguments and errors as those of `check`.

    A run that was asked the very same and has not ended is returned instead: a second would come to the same numbers,
    and who presses twice, or in two windows, wants one.
    """
    began = time.monotonic()
    labels_version = version(project)  # first: what is changed while the photos are shared out is told as a change
    split = check(workspace, project, config, only)
    if config.continue_from:  # a folder may have been named
        config = replace(config, continue_from=runs.open_run(workspace, config.continue_from).id)
    with FileLock(project.folder / "start.lock"):
        run = runs.find_under_way(workspace, project, config, split)
        if run is None:
            spent_s = intake_s + time.monotonic() - began
            run = runs.create(project, config, split, spent_s, labels_version=labels_version)
    ensure_runner(workspace)
    return run
