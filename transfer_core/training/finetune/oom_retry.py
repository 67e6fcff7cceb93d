"""What is done where memory does not suffice: the same with fewer photos at a time. Imports torch."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from transfer_core.errors import TransferError
from transfer_core.runs.events import Notice
from transfer_core.training.context import TrainContext
from transfer_core.training.finetune import device

_Result = TypeVar("_Result")


def fit_into_memory(context: TrainContext, attempt: Callable[[TrainContext, bool], _Result]) -> _Result:
    """Attempts it with half as many photos at a time, again and again, until memory suffices.

    Args:
        attempt: Called with the context and whether this is the first attempt.

    Raises:
        TransferError: Memory does not suffice for a single photo.
    """
    is_first = True
    while True:
        try:
            return attempt(context, is_first)
        except (RuntimeError, MemoryError) as error:
            if not device.is_out_of_memory(error):
                raise
            # What the attempt has found out about this machine holds for the next one.
            context = _with_less_memory(context.with_newest_plan())
        # Outside the handler, where the failed attempt's tensors are held no longer.
        device.free_memory(context.plan.device)
        is_first = False


def _with_less_memory(context: TrainContext) -> TrainContext:
    """The same with half as many photos at a time, written down before it is used."""
    if context.plan.micro_batch == 1:
        raise TransferError(
            f"This machine has too little memory for {context.backbone.title}, even for one photo at a time. "
            "Choose a smaller backbone, or the strategy 'New layer only', which needs far less."
        )
    plan = replace(context.plan, micro_batch=(context.plan.micro_batch + 1) // 2)
    context.emit(
        Notice(
            message=f"There was too little memory for {context.plan.micro_batch} photos at a time. Training "
            f"continues with {plan.micro_batch} at a time, a little more slowly. The batch size stays "
            f"{plan.settings.batch_size}."
        )
    )
    return context.with_plan(plan)
