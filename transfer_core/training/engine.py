"""Runs the phases of a strategy, one after the other. Imports torch only where a phase changes the backbone."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from transfer_core import strategies
from transfer_core.config import TrainConfig, decided
from transfer_core.strategies import HEAD, Facts, Phase
from transfer_core.training.checkpoints import Checkpoint
from transfer_core.training.context import TrainContext, Trained
from transfer_core.training.linear_probe import phase as linear_probe
from transfer_core.training.plan import Plan

# What does a phase, from the context, its index, what the phase before left and where it stood itself.
_Runner = Callable[[TrainContext, int, Trained | None, Checkpoint | None], Trained | None]


def fit(context: TrainContext, phase_count: int | None = None) -> Trained | None:
    """The trained model, or None where a person stopped the run before anything was learned.

    Continues from the context's checkpoint if there is one. Raises TransferError if training cannot continue, and why.

    Args:
        phase_count: How many of the plan's phases are done, the first ones; None for all.
    """
    checkpoint = context.load_checkpoint()
    trained = context.start() if context.start and not checkpoint else None
    for index, phase in enumerate(context.plan.phases[:phase_count]):
        if checkpoint and index < checkpoint.phase:
            continue
        own = checkpoint if checkpoint and checkpoint.phase == index else None
        found = _runner_of(phase)(context, index, trained, own)
        if found is None:  # stopped before the phase's first step: what the phases before learned is kept
            return replace(trained, stopped=True) if trained and trained.epochs else None
        trained = found
        if trained.stopped:
            break
    return trained


def needs_torch(phases: Sequence[Phase]) -> bool:
    """Whether one of the phases changes the backbone."""
    return any(phase.trains != HEAD for phase in phases)


def import_torch() -> None:
    """Does the slow imports of a phase that changes the backbone, ahead of time."""
    from transfer_core.training.finetune import phase  # noqa: F401


def make_plan(config: TrainConfig, facts: Facts) -> Plan:
    """How this machine carries out what was asked for."""
    phases, resolved = strategies.plan(config, facts)
    # Batches differ in size, up to half as large again as was asked for; none need be parted as long as memory lasts.
    plan = Plan(phases, resolved.config, micro_batch=3 * decided(resolved.config.batch_size) // 2)
    if not needs_torch(phases):
        return plan
    from transfer_core.training.finetune import device

    name = device.choose_device()
    return replace(plan, device=name, precision=device.choose_precision(name))


def fit_to_machine(plan: Plan) -> Plan:
    """The same plan, or, where the graphics card that it was made for is gone, one for the processor."""
    if not needs_torch(plan.phases):
        return plan
    from transfer_core.training.finetune import device

    return plan if device.is_available(plan.device) else replace(plan, device="cpu", precision="float32")


def _runner_of(phase: Phase) -> _Runner:
    if phase.trains == HEAD:
        return linear_probe.run_phase
    from transfer_core.training.finetune import phase as finetune

    return finetune.run_phase
