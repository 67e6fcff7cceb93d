"""Named plans of what learns when: a table. Data only; imports no torch.

A strategy is a list of phases. The engine knows how to run a phase and nothing about strategies, so a new strategy
is a new row here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from transfer_core.config import TrainConfig
from transfer_core.errors import ConfigError

HEAD, EVERYTHING = "head", "everything"


@dataclass(frozen=True)
class Phase:
    """One step of a plan.

    Args:
        name: For the event log.
        title: For a person, while it runs.
        trains: `HEAD` (on cached features of the frozen backbone) or `EVERYTHING`.
        epochs: Passes over the training photos, at least 1.
        learning_rate: Peak, of the head; None where the phase finds its own steps.
        backbone_factor: The backbone's learning rate as a share of the head's, in (0, 1].
    """

    name: str
    title: str
    trains: str
    epochs: int
    learning_rate: float | None = None
    backbone_factor: float = 1.0


@dataclass(frozen=True)
class Strategy:
    """A row of the table.

    Args:
        title: What a person calls it.
        summary: One sentence for a beginner.
        expert: One sentence for somebody who knows the field's terms.
        source: Where the method comes from.
        layers_learn: For the drawing: what learns, from the first layers to the new part.
        plan: (settings, number of training photos) -> phases.
    """

    name: str
    title: str
    summary: str
    expert: str
    source: str
    layers_learn: tuple[bool, ...]
    plan: Callable[[TrainConfig, int], tuple[Phase, ...]]


def _feature_extraction(config: TrainConfig, train_count: int) -> tuple[Phase, ...]:
    # 100 accelerated full-batch steps bring the convex problem to within the noise of its optimum, in milliseconds.
    return (Phase("head", "Learning your classes", HEAD, config.epochs or 100),)


def _full(config: TrainConfig, train_count: int) -> tuple[Phase, ...]:
    # Small sets need more looks, large ones more patience: about 600 steps, but 8 to 30 epochs. The idea of a schedule
    # by data size and no search is BiT-HyperRule's (arXiv 1912.11370).
    steps_per_epoch = max(1, train_count // config.batch_size)
    epochs = config.epochs or min(30, max(8, 600 // steps_per_epoch))
    return (Phase("everything", "Learning, all layers", EVERYTHING, epochs, config.learning_rate or 1e-3, 0.1),)


STRATEGIES = {
    row.name: row
    for row in (
        Strategy(
            "feature_extraction",
            "Only the new part",
            "The network stays as it is and looks at every photo once; a small new part learns your classes. Takes "
            "seconds and is hard to beat with few photos.",
            "Frozen backbone, cached pooled features, L2-regularised softmax regression; strength by cross-validation "
            "on train.",
            "Donahue et al. 2013, arXiv 1310.1531",
            (False, False, False, False, False, True),
            _feature_extraction,
        ),
        Strategy(
            "full",
            "Everything",
            "All layers are adjusted to your photos, the new part ten times faster than the rest. Takes minutes on a "
            "processor; worth it with many photos, or photos unlike everyday ones.",
            "Full fine-tuning: AdamW, warm-up and cosine, backbone at a tenth of the head's learning rate, fixed "
            "schedule, last weights.",
            "Yosinski et al. 2014, arXiv 1411.1792",
            (True, True, True, True, True, True),
            _full,
        ),
    )
}


def find(name: str) -> Strategy:
    """The strategy of that name.

    Raises:
        ConfigError: There is none; names those there are.
    """
    if name not in STRATEGIES:
        raise ConfigError([f"There is no strategy called '{name}'. There are: {', '.join(STRATEGIES)}."])
    return STRATEGIES[name]
