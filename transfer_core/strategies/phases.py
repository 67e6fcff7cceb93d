"""One phase of a strategy's plan. Imports nothing heavy."""

from dataclasses import dataclass

HEAD, BACKBONE = "head", "backbone"


@dataclass(frozen=True)
class Phase:
    """What trains, for how long, and with which learning rates.

    Args:
        name: For the event log.
        title: For a person, while it runs.
        trains: `HEAD` (on cached features of the frozen backbone) or `BACKBONE` (with the head).
        epochs: Passes over the training photos, at least 1.
        learning_rate: The head's peak; None where the phase chooses its own step size (the linear probe).
        backbone_share: The peak of the backbone's last layers as a share of the head's, in (0, 1].
        layer_decay: Each layer group's peak as a share of the group's after it, in (0, 1].
        frozen: How many of the backbone's stages, counted from the first layers, stay as they are.
        from_scratch: The backbone begins with random weights.
        keeps_statistics: Batch norm keeps its running means and variances, also in layers that are trained.
        views: How many augmented views of each photo training cycles through, with cached frozen activations; 0 where
            every epoch makes new ones.
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
