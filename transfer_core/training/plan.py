"""How a run is carried out on this machine: written down before it is used, so that a resumed run repeats it."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from transfer_core.config import TrainConfig
from transfer_core.errors import RunError, TransferError
from transfer_core.strategies import Phase
from transfer_core.support.checked_json import read_checked, write_checked
from transfer_core.support.parallel import CORES


@dataclass(frozen=True)
class Plan:
    """What could come out otherwise on another machine, or at another moment on this one.

    Args:
        phases: Of the strategy.
        settings: Those of the run, with every rule applied.
        micro_batch: The most photos that go through the network at once; a step adds up as many as make a batch.
        device: "cpu", "cuda" or "mps"; of the phases that change the backbone.
        precision: "float32", or "bfloat16" for the products inside the network while it learns.
        threads: Of the processor: how a sum is split among them decides its last digits.
        keeps_views: Whether what frozen stages make of the photos is kept; None until that was found out.
    """

    phases: tuple[Phase, ...]
    settings: TrainConfig
    micro_batch: int
    device: str = "cpu"
    precision: str = "float32"
    threads: int = CORES
    keeps_views: bool | None = None


def save_plan(path: Path, plan: Plan) -> None:
    """Replaces the file whole."""
    write_checked(path, asdict(plan), path.parent.name)


def load_plan(path: Path) -> Plan | None:
    """The plan as it was written down, None where there is none yet; fields that a newer version added are left out.

    Raises:
        RunError: The file was changed by somebody and cannot be read.
    """
    try:
        content = read_checked(path, path.parent.name)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path) from error
    try:
        phases = tuple(Phase(**_known(Phase, phase)) for phase in content["phases"])
        settings = TrainConfig.from_json(content["settings"])
        return Plan(**(_known(Plan, content) | {"phases": phases, "settings": settings}))
    except (KeyError, TypeError, AttributeError, TransferError) as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> RunError:
    return RunError(f"The plan of this run can no longer be read ({path}). Start a new run instead.")


def _known(kind: type, content: dict) -> dict:
    names = {entry.name for entry in fields(kind)}
    return {name: value for name, value in content.items() if name in names}
