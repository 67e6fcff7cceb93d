"""Runs the phases of a strategy, one after the other. Imports torch only where a phase changes the backbone."""

from transfer_core import strategies
from transfer_core.training import head_phase
from transfer_core.training.checkpoints import load_checkpoint
from transfer_core.training.task import Task, Trained


def fit(task: Task) -> Trained | None:
    """The trained model, or None where a person stopped the run before anything was learned.

    Goes on from the run's checkpoint if there is one. Raises TransferError when training cannot go on; says why.
    """
    checkpoint = load_checkpoint(task.run.checkpoint_path)
    trained = None
    for index, phase in enumerate(task.phases):
        if checkpoint and index < checkpoint.phase:
            continue
        own = checkpoint if checkpoint and checkpoint.phase == index else None
        trained = _runner_of(phase)(task, index, trained, own)
        if trained is None or trained.stopped:
            break
    return trained


def import_torch() -> None:
    """Does the slow imports of a phase that changes the backbone, ahead of time."""
    from transfer_core.training import finetune  # noqa: F401


def _runner_of(phase: strategies.Phase):
    if phase.trains == strategies.HEAD:
        return head_phase.run_phase
    from transfer_core.training import finetune

    return finetune.run_phase
