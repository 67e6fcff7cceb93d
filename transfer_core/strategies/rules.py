"""What the settings are where a person leaves them to us: by the number of photos and the kind of backbone.

One schedule by size, without a search, is the idea of BiT-HyperRule (arXiv 1912.11370, section 3.3). Every rule says
why. Nothing here looks at validation photos.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from transfer_core.backbones.catalog import Backbone
from transfer_core.config import TrainConfig, decided

_IMBALANCE = 3  # the largest class over the smallest, from which on classes are weighted
_ENOUGH_TO_SPARE = 1000  # training photos of which some may be spared to choose the best epoch
_ENOUGH_PER_CLASS = 20
_MANY_STEPS = 400  # an average over weights needs steps to average
_STEPS_PER_EPOCH = 6
_VIEWS = 6
# Per family of backbones: the head's peak learning rate, and the backbone's share of it.
FAST = {"cnn": (1e-3, 0.1), "transformer": (5e-4, 0.05)}  # for a head with random weights
GENTLE = {"cnn": (3e-4, 0.3), "transformer": (1e-4, 0.3)}  # for a head that is already trained
_BANK_FROM = 1.5  # epochs per view from which on kept activations pay


@dataclass(frozen=True)
class Schedule:
    """A strategy's own numbers, for the rules.

    Args:
        steps: How many steps it aims at.
        epochs: The fewest and the most it takes.
        rates: Per family of backbones: the head's peak learning rate, and the backbone's share of it.
    """

    steps: int
    epochs: tuple[int, int]
    rates: Mapping[str, tuple[float | None, float]]


@dataclass(frozen=True)
class Facts:
    """What the rules go by.

    Args:
        class_sizes: Training photos per class.
        backbone: The one chosen.
    """

    class_sizes: tuple[int, ...]
    backbone: Backbone

    @property
    def photos(self) -> int:
        return sum(self.class_sizes)


@dataclass(frozen=True)
class Resolved:
    """Settings with nothing left open.

    Args:
        config: As asked for, with a value in place of every None.
        reasons: Why, one sentence per setting that a rule decided.
    """

    config: TrainConfig
    reasons: dict[str, str]


def resolve(config: TrainConfig, schedule: Schedule, facts: Facts) -> Resolved:
    """Fills in what was left to the rules."""
    if config.continue_from:
        schedule = replace(schedule, rates=GENTLE)
    reasons = {}
    for name, rule in _RULES.items():  # in this order: later rules look at what earlier ones decided
        if getattr(config, name) is None:
            value, reasons[name] = rule(config, schedule, facts)
            config = replace(config, **{name: value})
    return Resolved(config, reasons)


def _batch_size(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[int, str]:
    per_epoch = max(4, facts.photos // _STEPS_PER_EPOCH)
    size = min(32, 1 << int(math.log2(per_epoch)))
    if size == 32:
        return size, "Most machines have enough memory for this size."
    return size, f"With {facts.photos} photos, smaller batches give enough steps per epoch."


def _epochs(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[int, str]:
    few, many = schedule.epochs
    if few == many:
        return few, "Enough to bring the new layer to its best, in milliseconds."
    steps_per_epoch = max(1, round(facts.photos / decided(config.batch_size)))
    epochs = min(many, max(few, round(schedule.steps / steps_per_epoch)))
    return (
        epochs,
        f"{facts.photos} photos: about {epochs * steps_per_epoch} steps in all. More photos need fewer epochs.",
    )


def _learning_rate(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[float | None, str]:
    rate = schedule.rates[facts.backbone.family][0]
    if rate is None:
        return None, "The new layer finds its own step size."
    kinds = {"cnn": "convolutional networks", "transformer": "transformers, which need smaller steps"}
    return rate, f"A usual value for {kinds[facts.backbone.family]}."


def _backbone_share(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[float, str]:
    return schedule.rates[facts.backbone.family][1], "Pretrained layers change more gently than new ones."


def _layer_decay(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[float, str]:
    if config.strategy in ("scratch", "scratch_small"):
        return 1.0, "Nothing is pretrained, so all layers learn alike."
    if facts.backbone.family == "transformer":
        return 0.75, "Transformers do best when their first layers learn far more slowly."
    return 0.9, "The first layers detect edges and colours, which already fit most photos."


def _frozen_stages(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[int | None, str]:
    if config.strategy != "partial" or not facts.backbone.stages:
        return None, "Used only when some stages stay frozen."
    count = len(facts.backbone.stages) // 2
    return count, "Half of the stages: the later ones are the most specific to what the network was trained on."


def _weight_decay(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[float, str]:
    if config.strategy in ("scratch", "scratch_small"):
        return 0.05, "From random weights, more of it helps."
    return 0.01, "The usual value."


def _label_smoothing(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[float, str]:
    return 0.1, "A little, so that the model does not become overconfident."


def _class_weights(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[bool, str]:
    smallest, largest = min(facts.class_sizes), max(facts.class_sizes)
    if largest > _IMBALANCE * smallest:
        return True, f"The largest class has {largest} photos, the smallest {smallest}: more than {_IMBALANCE} times."
    return False, f"The classes are of similar size ({smallest} to {largest} photos)."


def _average_weights(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[bool, str]:
    steps = decided(config.epochs) * round(facts.photos / decided(config.batch_size))
    if steps >= _MANY_STEPS:
        return True, f"With {steps} steps, the average over the last ones is steadier than the last one."
    return False, f"With only {steps} steps, there is little to average."


def _early_stopping(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[bool, str]:
    if config.strategy == "feature_extraction":
        return False, "The new layer is trained to its optimum, so there is no epoch to choose."
    if config.continue_from:
        return False, "The earlier run was trained on the photos that would be set apart."
    if facts.photos >= _ENOUGH_TO_SPARE and min(facts.class_sizes) >= _ENOUGH_PER_CLASS:
        return True, "There are enough training photos to set some apart and choose the best epoch by them."
    return False, (
        f"{facts.photos} photos: all are needed for training, so the number of epochs is fixed and the last one "
        "is kept."
    )


def _views(config: TrainConfig, schedule: Schedule, facts: Facts) -> tuple[int, str]:
    if config.strategy != "partial":
        return 0, "Used only when the first stages stay frozen."
    if config.mixup or config.cutmix:
        return 0, "Mixup and CutMix make new photos every time."
    if config.augmentation == "none":
        return 1, "Without augmentation, each photo passes through the frozen stages once."
    if decided(config.epochs) >= _BANK_FROM * _VIEWS:
        return _VIEWS, f"{config.epochs} epochs take turns with {_VIEWS} augmented copies of each photo."
    return 0, f"With {config.epochs} epochs, new augmented copies every time cost hardly more."


# The value is of the type of its field; that it is within the field's limits, `TrainConfig` checks.
_Rule = Callable[[TrainConfig, Schedule, Facts], tuple[Any, str]]
_RULES: dict[str, _Rule] = {
    "batch_size": _batch_size,
    "epochs": _epochs,
    "learning_rate": _learning_rate,
    "backbone_share": _backbone_share,
    "layer_decay": _layer_decay,
    "frozen_stages": _frozen_stages,
    "weight_decay": _weight_decay,
    "label_smoothing": _label_smoothing,
    "class_weights": _class_weights,
    "average_weights": _average_weights,
    "early_stopping": _early_stopping,
    "views": _views,
}
