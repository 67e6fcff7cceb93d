"""A run of a workspace as the engine takes it. Imports no torch."""

from collections.abc import Callable

from transfer_core.backbones.catalog import Backbone
from transfer_core.data.splits.early_stopping_holdout import part_off
from transfer_core.data.splits.split import Split
from transfer_core.runs import Run
from transfer_core.runs.events import CheckpointSaved, Notice, read_events
from transfer_core.training.context import Emit, TrainContext, Trained
from transfer_core.training.photos import LabelledPhotos, StoredPhotos
from transfer_core.training.plan import Plan


def context_of_run(
    run: Run, split: Split, backbone: Backbone, plan: Plan, emit: Emit, should_stop: Callable[[], bool]
) -> TrainContext:
    """The run's photos from the workspace's store, with everything kept in the run's folder."""
    early_stopping, seed = plan.settings.early_stopping, plan.settings.seed
    train, spared = part_off(split.train, seed) if early_stopping else (split.train, ())
    scratch = run.folder / "features.bin"
    return TrainContext(
        len(split.class_names),
        LabelledPhotos.of(train, split.class_names),
        LabelledPhotos.of(split.val, split.class_names),
        StoredPhotos.of(
            (*split.train, *split.val),
            run.photos_dir,
            backbone,
            run.workspace,
            scratch,
            lambda message: emit(Notice(message=message)),
            run.rendering,
        ),
        backbone,
        plan,
        weights_dir=run.workspace.weights_dir,
        spared=LabelledPhotos.of(spared, split.class_names),
        start=_start_of(run, split, backbone, plan),
        emit=emit,
        should_stop=should_stop,
        checkpoint_path=run.checkpoint_path,
        expects_checkpoint=any(isinstance(event, CheckpointSaved) for event in read_events(run.events_path)[0]),
        plan_path=run.plan_path,
        scratch_dir=run.folder,
    )


def _start_of(run: Run, split: Split, backbone: Backbone, plan: Plan) -> Callable[[], Trained] | None:
    """A function that loads the model of the continued run; None if training starts from the pretrained backbone."""
    earlier = plan.settings.continue_from
    if earlier is None:
        return None

    def start() -> Trained:  # only when asked: a run that has begun needs the earlier one no longer
        from transfer_core.training.finetune.warm_start import begin_from

        return begin_from(run.workspace, earlier, backbone, split.class_names)

    return start
