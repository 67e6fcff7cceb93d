"""The strategies, a row each, and how a row's phases come about. Imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from transfer_core.backbones.catalog import Backbone
from transfer_core.config import TrainConfig, decided, setting
from transfer_core.errors import ConfigError
from transfer_core.strategies.phases import BACKBONE, HEAD, Phase
from transfer_core.strategies.rules import FAST, GENTLE, Facts, Resolved, Schedule, resolve

_HEAD_EPOCHS = 100  # accelerated full-batch steps bring the convex problem to within the noise of its optimum


@dataclass(frozen=True)
class Strategy:
    """A row of the table.

    Args:
        title: What a person calls it.
        summary: One sentence for a beginner.
        when: When to use it, one sentence.
        expert: One sentence for somebody who knows the field's terms.
        source: Where the method comes from.
        schedule: Its own numbers.
        phases: (resolved settings, backbone) -> phases.
        up_front: Whether it is among those shown first.
    """

    name: str
    title: str
    summary: str
    when: str
    expert: str
    source: str
    schedule: Schedule
    phases: Callable[[TrainConfig, Backbone], tuple[Phase, ...]]
    up_front: bool = False


def plan(config: TrainConfig, facts: Facts) -> tuple[tuple[Phase, ...], Resolved]:
    """The phases of a run, and the settings with every rule applied."""
    strategy = find(config.strategy)
    resolved = resolve(config, strategy.schedule, facts)
    return strategy.phases(resolved.config, facts.backbone), resolved


def layers_that_learn(phases: Sequence[Phase], backbone: Backbone) -> tuple[bool, ...]:
    """Whether each stage of the backbone, the first layers first, and then the new part learns in one of the phases."""
    opened = [phase.frozen for phase in phases if phase.trains == BACKBONE]
    frozen = min(opened, default=len(backbone.stages))
    return *(stage >= frozen for stage in range(len(backbone.stages))), True


def share_that_learns(phases: Sequence[Phase], backbone: Backbone) -> float:
    """Share of the backbone's parameters, in [0, 1], that one of the phases changes."""
    learns = layers_that_learn(phases, backbone)
    sizes = zip(backbone.stages, learns, strict=False)  # the new part has no size yet
    return sum(size for size, own in sizes if own) / max(1, sum(backbone.stages))


def find(name: str) -> Strategy:
    """The strategy of that name.

    Raises:
        ConfigError: There is none; names those there are.
    """
    if name not in STRATEGIES:
        raise ConfigError(f"There is no strategy called '{name}'. There are: {', '.join(STRATEGIES)}.")
    return STRATEGIES[name]


def check(config: TrainConfig, facts: Facts) -> list[str]:
    """What speaks against these settings, a sentence each."""
    backbone, strategy, problems = facts.backbone, find(config.strategy), []
    stages = len(backbone.stages)
    if config.strategy in ("partial", "gradual") and stages < 3:
        problems.append(
            f"'{strategy.title}' needs to know {backbone.title}'s stages, which its description does not list. Choose "
            "another strategy, for example 'The new part, then everything'."
        )
    elif config.strategy == "partial" and config.frozen_stages and config.frozen_stages >= stages:
        problems.append(
            f"{backbone.title} has {stages} stages, so from 1 to {stages - 1} can stay as they are, got "
            f"{config.frozen_stages}. With all of them it is 'Only the new part'."
        )
    if config.batch_size and facts.class_sizes and config.batch_size > facts.photos:
        problems.append(
            f"The batch size is {config.batch_size}, but there are only {facts.photos} photos to learn from. Choose at "
            f"most {max(2, facts.photos)}, or leave it to the rule."
        )
    if config.continue_from and config.strategy in ("feature_extraction", "scratch"):
        problems.append(
            f"'{strategy.title}' does not change the backbone of an earlier run. Go on from it with another strategy, "
            "for example 'Everything at once'."
        )
    if config.continue_from and config.early_stopping:
        problems.append(
            "The best epoch cannot be chosen where an earlier run is gone on from: that run has learned from the "
            "photos that would be spared for it. Leave it out."
        )
    if config.l2_sp and config.strategy == "scratch":
        problems.append("Staying near the pretrained weights makes no sense where there are none. Set it to 0.")
    if config.views and (config.mixup or config.cutmix):
        problems.append("Blended photos are new every time, so variations cannot be kept. Set one of them to 0.")
    return problems


_IDLE = {  # settings that do nothing, by strategy
    "feature_extraction": (
        *("batch_size", "learning_rate", "backbone_share", "layer_decay", "label_smoothing", "weight_decay", "l2_sp"),
        *("augmentation", "mirror", "upside_down", "mixup", "cutmix", "average_weights", "early_stopping"),
        *("frozen_stages", "views"),
    ),
    "partial": (),
}


def without_idle(config: TrainConfig) -> TrainConfig:
    """The same settings, those that do nothing with this strategy being left open or off."""
    default = TrainConfig()
    names = _IDLE.get(config.strategy, ("frozen_stages", "views"))
    return replace(config, **{name: getattr(default, name) for name in names})


def idle(config: TrainConfig) -> list[str]:
    """Labels of the settings that were asked for and do nothing with this strategy."""
    used = without_idle(config)
    names = [entry.name for entry in fields(config) if getattr(config, entry.name) != getattr(used, entry.name)]
    return [setting(name)["label"] for name in names]


def _phase(config: TrainConfig, name: str, title: str, epochs: int) -> Phase:
    share, decay = decided(config.backbone_share), decided(config.layer_decay)
    return Phase(name, title, BACKBONE, epochs, config.learning_rate, share, decay)


def _tune(config: TrainConfig, name: str, title: str, epochs: int, frozen: int = 0, views: int = 0) -> Phase:
    """A phase that begins with a new part which has learned already.

    That part fits the features as batch norm's present statistics make them. Were these to follow the photos, the
    features would be others after a few steps: on drawings of seven things (PACS, 245 to learn from) the share of right
    answers fell from 87 to 70 % within one epoch, and eight did not bring it back.
    """
    return replace(_phase(config, name, title, epochs), keeps_statistics=True, frozen=frozen, views=views)


def _probe(config: TrainConfig) -> tuple[Phase, ...]:
    """The new part on its own, unless an earlier run has brought one along."""
    return () if config.continue_from else (Phase("head", "Learning the new part", HEAD, _HEAD_EPOCHS),)


def _feature_extraction(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    return (Phase("head", "Learning your classes", HEAD, decided(config.epochs)),)


def _lp_ft(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    return *_probe(config), _tune(config, "everything", "Learning, all layers", decided(config.epochs))


def _partial(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    frozen, epochs = config.frozen_stages or 0, decided(config.epochs)
    views = min(decided(config.views), epochs)
    views = min(views, 1) if config.augmentation == "none" else views  # they would all be the same
    return *_probe(config), _tune(config, "later", "Learning, later layers", epochs, frozen, views)


def _full(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    begin = _tune if config.continue_from else _phase
    return (begin(config, "everything", "Learning, all layers", decided(config.epochs)),)


def _gradual(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    stages, epochs = len(backbone.stages), decided(config.epochs)
    steps = [("last", "Learning, last stage", stages - 1), ("half", "Learning, later half", stages // 2)]
    short = max(1, epochs // 4)
    opened = [_tune(config, name, title, short, frozen) for name, title, frozen in steps]
    rest = max(1, epochs - short * len(opened))
    return *_probe(config), *opened, _tune(config, "everything", "Learning, all layers", rest)


def _scratch(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    return (replace(_phase(config, "scratch", "Learning from nothing", decided(config.epochs)), from_scratch=True),)


_TUNING = (150, (5, 10))  # steps; fewest and most epochs

_ROWS: Sequence[Strategy] = (
    Strategy(
        "feature_extraction",
        "Only the new part",
        "The network stays as it is and looks at every photo once; a small new part learns your classes.",
        "First, always: it takes seconds and is hard to beat with few photos.",
        "Frozen backbone, cached pooled features, L2-regularised softmax regression; strength by cross-validation on "
        "train.",
        "Donahue et al. 2013, arXiv 1310.1531",
        Schedule(0, (_HEAD_EPOCHS, _HEAD_EPOCHS), {"cnn": (None, 1.0), "transformer": (None, 1.0)}),
        _feature_extraction,
        up_front=True,
    ),
    Strategy(
        "lp_ft",
        "The new part, then everything",
        "The new part learns first; then all layers are adjusted gently to your photos, the first ones least.",
        "When your photos are unlike everyday ones, or there are a few hundred. Takes minutes on a processor.",
        "Linear probe, then full fine-tuning from it: AdamW, warm-up and cosine, layer-wise learning rates; keeps the "
        "pretrained features from being distorted by a random head.",
        "Kumar et al. 2022, arXiv 2202.10054",
        Schedule(*_TUNING, GENTLE),
        _lp_ft,
        up_front=True,
    ),
    Strategy(
        "partial",
        "The later layers",
        "The first layers stay as they are; the new part learns, and then the later layers with it. You choose how "
        "many stay.",
        "Between the other two: quicker than adjusting everything, and safer with few photos.",
        "Linear probe, then fine-tuning above a freeze boundary, batch-norm statistics frozen with their layers; "
        "activations at the boundary are kept where that is faster.",
        "Yosinski et al. 2014, arXiv 1411.1792",
        Schedule(*_TUNING, GENTLE),
        _partial,
        up_front=True,
    ),
    Strategy(
        "full",
        "Everything at once",
        "All layers are adjusted to your photos from the first step on, while the new part still knows nothing.",
        "With thousands of photos; otherwise learning the new part first is usually better.",
        "Full fine-tuning with discriminative learning rates: AdamW, warm-up and cosine, layer-wise decay.",
        "Yosinski et al. 2014, arXiv 1411.1792; layer-wise decay: Clark et al. 2020, arXiv 2003.10555",
        Schedule(200, (6, 12), FAST),
        _full,
    ),
    Strategy(
        "gradual",
        "Layer by layer",
        "The new part learns first, then the last layers join in, then more, and at the end all.",
        "With few photos that are unlike everyday ones, when adjusting everything at once makes it worse.",
        "Gradual unfreezing from the head down, each step with its own warm-up and cosine.",
        "Howard and Ruder 2018, ULMFiT, arXiv 1801.06146, section 3.3",
        Schedule(*_TUNING, GENTLE),
        _gradual,
    ),
    Strategy(
        "scratch",
        "From nothing",
        "The network forgets everything that it has seen before and learns from your photos alone.",
        "To see what the pretrained network is worth: the control of the experiment. Seldom good with few photos.",
        "Random initialisation, same architecture and split; no transfer.",
        "He et al. 2018, Rethinking ImageNet Pre-training, arXiv 1811.08883",
        Schedule(500, (12, 25), {"cnn": (1e-3, 1.0), "transformer": (5e-4, 1.0)}),
        _scratch,
    ),
)
STRATEGIES = {row.name: row for row in _ROWS}
