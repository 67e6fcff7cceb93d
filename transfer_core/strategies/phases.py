"""One step of a plan. Imports nothing heavy."""

from dataclasses import dataclass

HEAD, BACKBONE = "head", "backbone"


@dataclass(frozen=True)
class Phase:
    """What trains, how long and how fast.

    Args:
        name: For the event log.
        title: For a person, while it runs.
        trains: `HEAD` (on cached features of the frozen backbone) or `BACKBONE` (with the head).
        epochs: Passes over the training photos, at least 1.
        learning_rate: Peak, of the head; None where the phase finds its own steps.
        backbone_share: The peak of the backbone's last layers as a share of the head's, in (0, 1].
        layer_decay: Each layer group's peak as a share of the group's after it, in (0, 1].
        frozen: How many of the backbone's stages, counted from the first layers, stay as they are.
        from_scratch: The backbone begins with random weights.
        views: How many augmented views of each photo training cycles through, with cached frozen activations; 0 where
            every epoch makes new ones.
        keeps_statistics: Batch norm goes on with the means and variances it has, in layers that learn, too.
    """

    name: str
    title: str
    trains: str
    epochs: int
    learning_rate: float | None = None
    backbone_share: float = 1.0
    layer_decay: float = 1.0
    frozen: int = 0
    from_scratch: bool = False
    keeps_statistics: bool = False
    views: int = 0
