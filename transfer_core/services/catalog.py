"""What can be chosen: backbones with their state on this machine, and strategies with what they do. Imports no torch.

The strategies are handed on from `transfer_core.strategies` as they are: plain rules and tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transfer_core.backbones import catalog, weights
from transfer_core.backbones.catalog import BUNDLED, Backbone
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import LabelledItem
from transfer_core.errors import BackboneError
from transfer_core.evaluation.compare_runs import backbone_title, strategy_title
from transfer_core.strategies import (
    BACKBONE,
    SCRATCH,
    STRATEGIES,
    Facts,
    Phase,
    Resolved,
    Strategy,
    layers_that_learn,
    plan,
    without_idle,
)
from transfer_core.workspace import Workspace

__all__ = [
    "BACKBONE",
    "BUNDLED",
    "SCRATCH",
    "STRATEGIES",
    "Backbone",
    "BackboneState",
    "Facts",
    "Phase",
    "Resolved",
    "Strategy",
    "backbone_state",
    "backbone_title",
    "facts_of",
    "find_problems",
    "layers_that_learn",
    "list_backbones",
    "plan",
    "strategy_title",
    "without_idle",
]


@dataclass(frozen=True)
class BackboneState:
    """A backbone and whether its weights are here.

    Args:
        state: "bundled", "local" (on this machine) or "download" (must be fetched first).
    """

    row: Backbone
    state: str

    def to_json(self) -> dict:
        """An entry of the answer of the command `backbones`."""
        return {
            "name": self.row.name,
            "parameters": self.row.parameters,
            "input_size": self.row.preparation.size_px,
            "licence": self.row.licence,
            "state": self.state,
        }


def facts_of(items: Sequence[LabelledItem], config: TrainConfig, backbone: Backbone) -> Facts:
    """As `advice.cost.facts_of`, which imports onnx: a look at most pages needs none."""
    from transfer_core.advice import cost

    return cost.facts_of(items, config, backbone)


def list_backbones(workspace: Workspace) -> list[BackboneState]:
    """Every backbone, those that were added by hand included."""
    return [BackboneState(row, backbone_state(workspace, row)) for row in catalog.rows(workspace.weights_dir)]


def find_problems(workspace: Workspace) -> list[str]:
    """What is wrong with backbones that were added by hand and are therefore not listed, a sentence each."""
    found = []
    for folder in sorted(workspace.weights_dir.glob("*/")):
        if folder.name not in catalog.BUILT_IN and (folder / "model.safetensors").is_file():
            try:
                catalog.find(folder.name, workspace.weights_dir)
            except BackboneError:
                found.append(
                    f"The backbone {folder.name} is missing from the list: {folder / 'backbone.json'} is damaged or "
                    "missing. Correct it, or add the backbone again."
                )
    return found


def backbone_state(workspace: Workspace, row: Backbone) -> str:
    """Where a backbone's weights are, as in `BackboneState`."""
    return weights.state(row, workspace.weights_dir)
