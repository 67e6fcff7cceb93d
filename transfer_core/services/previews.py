"""Short runs before training: an augmentation preview and a learning rate finder. Imports no torch."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest

from filelock import FileLock

from transfer_core import runs, strategies
from transfer_core.backbones import catalog
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import LabelledItem, load_labelled
from transfer_core.data.splits.split import Split
from transfer_core.errors import ConfigError, DataError, RunError
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import LrFinderSpec, PreviewSpec, Run
from transfer_core.services import training
from transfer_core.support.class_order import in_class_order
from transfer_core.training import short_run_results
from transfer_core.training.short_run_results import LrSweep, PreviewRow
from transfer_core.workspace import Project, Workspace

PHOTOS = 4  # of a preview
_KEPT = 3  # runs of either kind per project; nobody looks up older ones
_VARYING = ("augmentation", "mirror", "upside_down", "mixup", "cutmix", "backbone")


def start_preview(
    workspace: Workspace, project: Project, config: TrainConfig, photos: Sequence[str] | None = None
) -> Run:
    """A run that draws photos as training with these settings would see them; one under way is returned instead.

    Args:
        photos: Ids of labelled items, of which the first four are taken; None for the first of each class in turn.

    Raises:
        TransferError: The backbone is unknown, or there is no such photo. Nothing has been started then.
    """
    catalog.find(config.backbone, workspace.weights_dir)
    items = load_labelled(project)
    chosen = _spread(items) if photos is None else [item for item in items if item.id in photos]
    if not chosen:
        raise DataError("There are no photos to show augmentation on. Add photos first.")
    names = tuple(in_class_order({item.class_name for item in chosen[:PHOTOS]}))
    split = Split(names, tuple(chosen[:PHOTOS]), (), given=False)
    return _start(workspace, project, PreviewSpec(config), split)


def start_lr_finder(workspace: Workspace, project: Project, config: TrainConfig) -> Run:
    """A run that tries learning rates with these settings; one under way is returned instead.

    Raises:
        ConfigError: With this strategy the backbone does not learn.
        TransferError: As `pipeline.check`. Nothing has been started then.
    """
    if not training.learns_backbone(workspace, config):
        title = strategies.find(config.strategy).title
        raise ConfigError(
            f"With '{title}' the backbone stays frozen and the new layer finds its own step size, so "
            "there is no learning rate to look for. Choose another strategy, for example 'Fine-tune all "
            "layers'."
        )
    split, _ = training.check(workspace, project, config)
    return _start(workspace, project, LrFinderSpec(config), split)


def newest(workspace: Workspace, project: Project, kind: str) -> Run | None:
    """The project's newest run of that kind."""
    return next(iter(runs.list_runs(workspace, project, kind=kind)), None)


def load_preview(run: Run) -> tuple[PreviewRow, ...] | None:
    """A row per photo, and perhaps one of blended photos; the pictures lie in `run.evaluation_dir`. None before."""
    return short_run_results.load_preview(run.evaluation_dir)


def load_rates(run: Run) -> LrSweep | None:
    """The curve and the suggestion; None before."""
    return short_run_results.load_sweep(run.evaluation_dir)


def varies_alike(run: Run, config: TrainConfig) -> bool:
    """Whether a preview's pictures are those that these settings would give."""
    return all(getattr(run.config, name) == getattr(config, name) for name in _VARYING)


def learns_alike(run: Run, config: TrainConfig) -> bool:
    """Whether a rate that was found holds for these settings: only rate and length of the training may differ."""
    first, second = (replace(settings, learning_rate=None, epochs=None) for settings in (run.config, config))
    return first == second


def _spread(items: Sequence[LabelledItem]) -> list[LabelledItem]:
    """The items, one of each class in turn, the classes in order; of copies of a photo the first."""
    by_class: dict[str, list[LabelledItem]] = defaultdict(list)
    for item in {item.photo: item for item in reversed(items)}.values():
        by_class[item.class_name].insert(0, item)
    turns = zip_longest(*(by_class[name] for name in in_class_order(by_class)))
    return [item for turn in turns for item in turn if item]


def _start(workspace: Workspace, project: Project, spec: PreviewSpec | LrFinderSpec, split: Split) -> Run:
    """The run of these settings and photos that is under way, or a new one, for which old ones make room."""
    with FileLock(project.folder / "start.lock"):
        run = runs.find_under_way(workspace, project, spec, split)
        if run is None:
            for old in runs.list_runs(workspace, project, kind=spec.kind)[_KEPT - 1 :]:
                _forget(old)
            run = runs.create(project, spec, split)
    ensure_runner(workspace)
    return run


def _forget(run: Run) -> None:
    """Deletes a run that waits for nothing; one whose files are open somewhere (Windows) goes the next time."""
    if runs.read_state(run).status in (*runs.ENDED, "interrupted"):
        with suppress(RunError, OSError):
            runs.delete(run)
