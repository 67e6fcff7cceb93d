"""What a worker says to a person: why a run failed, and what is odd about its photos. Imports nothing heavy."""

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
            "The disk is full, so the run could not go on. What was saved before is intact.",
            "Free some space (the home page shows what Graft uses), then press Resume.",
        )
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return (
            "This machine's memory was not enough for these settings.",
            "Close other programs, choose a smaller backbone or a smaller batch size, then train again.",
        )
    return (
        f"Something went wrong on our side ({type(error).__name__}: {str(error)[:200]}).",
        "Press Resume to try once more. If it happens again, the file worker.log says what to report.",
    )


def notices(config: TrainConfig, split: Split) -> list[str]:
    """What a person should know of these settings and photos before they are trained with."""
    found = []
    if names := strategies.idle(config):
        listed = ", ".join(names)
        title = strategies.find(config.strategy).title
        found.append(f"Asked for, but without effect with '{title}': {listed}.")
    # They are respected, and never mended in silence.
    return found + crossings(split)
