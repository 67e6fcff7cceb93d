"""The messages of a worker to people: why a run failed, and warnings about its photos. Imports nothing heavy."""

from transfer_core import strategies
from transfer_core.config import TrainConfig
from transfer_core.data.splits.split import Split, crossings
from transfer_core.errors import DISK_FULL, TransferError


def describe_error(error: BaseException) -> tuple[str, str]:
    """What happened and what to do about it, for a person."""
    if isinstance(error, TransferError):
        return str(error), ""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return (
            "The disk is full, so training could not continue. What was saved before is intact.",
            "Free some space (the home page shows what Graft uses), then press Resume.",
        )
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return (
            "These settings need more memory than this machine has.",
            "Close other programs, choose a smaller backbone or a smaller batch size, then train again.",
        )
    return (
        f"Something went wrong inside Graft ({type(error).__name__}: {str(error)[:200]}).",
        "Press Resume to try again. If it happens again, report it with the run's file worker.log.",
    )


def notices(config: TrainConfig, split: Split) -> list[str]:
    """What a person should know of these settings and photos before they are trained with."""
    found = []
    if names := strategies.idle(config):
        listed = ", ".join(names)
        title = strategies.find(config.strategy).title
        found.append(f"These settings have no effect with '{title}': {listed}.")
    # They are respected, and never mended in silence.
    return found + crossings(split)
