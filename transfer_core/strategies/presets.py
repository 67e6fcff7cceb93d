"""The strategies, a row each, and how a row's phases come about. Imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from transfer_core.backbones import catalog
from transfer_core.backbones.catalog import Backbone
from transfer_core.config import TrainConfig, decided, setting
from transfer_core.errors import ConfigError
from transfer_core.strategies.phases import BACKBONE, HEAD, Phase
from transfer_core.strategies.rules import FAST, GENTLE, Facts, Resolved, Schedule, resolve

SCRATCH = ("scratch", "scratch_small")  # strategies without transfer
_SMALL_PX = 64  # a twelfth of the work at 224, so that a lesson has time for it
_HEAD_EPOCHS = 100  # accelerated full-batch steps bring the convex problem to within the noise of its optimum


@dataclass(frozen=True)
class Strategy:
    """A row of the table.

    Args:
        title: What a person calls it.
        run_name: What a run of it is called, with a number behind it from the second on.
        summary: One sentence for a beginner.
        when: When to use it, one sentence.
        expert: One sentence for somebody who knows the field's terms.
        source: Where the method comes from.
        schedule: Its own numbers.
        phases: (resolved settings, backbone) -> phases.
        small: Whether photos are made small; see `network_of`.
        pace: A word for those that are offered first, the quickest of them first; "" for the others.
    """

    name: str
    title: str
    run_name: str
    summary: str
    when: str
    expert: str
    source: str
    schedule: Schedule
    phases: Callable[[TrainConfig, Backbone], tuple[Phase, ...]]
    pace: str = ""
    small: bool = False

    @property
    def up_front(self) -> bool:
        """Whether it is among those offered first."""
        return bool(self.pace)


def network_of(config: TrainConfig, weights_dir: Path) -> Backbone:
    """The backbone that a run with these settings has, as it sees photos: small ones with some strategies.

    Raises:
        BackboneError: There is no such backbone.
    """
    backbone = catalog.find(config.backbone, weights_dir)
    strategy = STRATEGIES.get(config.strategy)
    if not (strategy and strategy.small):
        return backbone
    small = replace(backbone.preparation, size_px=min(_SMALL_PX, backbone.preparation.size_px))
    return replace(backbone, preparation=small)


def plan(config: TrainConfig, facts: Facts) -> tuple[tuple[Phase, ...], Resolved]:
    """The phases of a run, and the settings with every rule applied."""
    strategy = find(config.strategy)
    resolved = resolve(config, strategy.schedule, facts)
    return strategy.phases(resolved.config, facts.backbone), resolved


def layers_that_learn(phases: Sequence[Phase], backbone: Backbone) -> tuple[bool, ...]:
    """Whether each stage of the backbone, the first layers first, and then the head learns in one of the phases."""
    opened = [phase.frozen for phase in phases if phase.trains == BACKBONE]
    frozen = min(opened, default=len(backbone.stages))
    return *(stage >= frozen for stage in range(len(backbone.stages))), True


def share_that_learns(phases: Sequence[Phase], backbone: Backbone) -> float:
    """Share of the backbone's parameters, in [0, 1], that one of the phases changes."""
    learns = layers_that_learn(phases, backbone)
    sizes = zip(backbone.stages, learns, strict=False)  # the head has no size yet
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
    """The reasons why these settings cannot be used, one sentence each; empty if they can."""
    backbone, strategy, problems = facts.backbone, find(config.strategy), []
    stages = len(backbone.stages)
    if config.strategy in ("partial", "gradual") and stages < 3:
        problems.append(
            f"'{strategy.title}' needs to know the stages of {backbone.title}, which its description does "
            "not list. Choose another strategy, for example 'Fine-tune all layers'."
        )
    elif config.strategy == "partial" and config.frozen_stages and config.frozen_stages >= stages:
        problems.append(
            f"{backbone.title} has {stages} stages, so 1 to {stages - 1} can stay frozen, got "
            f"{config.frozen_stages}. To freeze all of them, choose 'New layer only'."
        )
    if strategy.small and backbone.family != "cnn":
        problems.append(
            f"{backbone.title} sees photos of one size only, so '{strategy.title}' cannot make them smaller. Choose "
            "another backbone, for example EfficientNet-Lite0."
        )
    if config.batch_size and facts.class_sizes and config.batch_size > facts.photos:
        problems.append(
            f"The batch size is {config.batch_size}, but there are only {facts.photos} training photos. "
            f"Choose at most {max(2, facts.photos)}, or leave it on automatic."
        )
    if config.continue_from and config.strategy in ("feature_extraction", *SCRATCH):
        problems.append(
            f"'{strategy.title}' cannot continue from an earlier run, because it does not fine-tune the "
            "backbone. Choose another strategy, for example 'All layers at once'."
        )
    if config.continue_from and config.early_stopping:
        problems.append(
            "Early stopping does not work when you continue from an earlier run: that run was trained on "
            "the photos that early stopping would set apart. Turn it off."
        )
    if config.l2_sp and config.strategy in SCRATCH:
        problems.append("L2-SP pulls towards the pretrained weights, and from scratch there are none. Set it to 0.")
    if config.views and (config.mixup or config.cutmix):
        problems.append("Mixup and CutMix make new photos every time, so views cannot be cached. Set one of them to 0.")
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

    The head fits features made with the present batch-norm statistics. If these followed the photos, the features would
    change after a few steps: on drawings of seven things (PACS, 245 training photos), the accuracy fell from 87% to 70%
    within one epoch, and eight epochs did not bring it back.
    """
    return replace(_phase(config, name, title, epochs), keeps_statistics=True, frozen=frozen, views=views)


def _probe(config: TrainConfig) -> tuple[Phase, ...]:
    """The phase that trains the head alone, unless the run continues from one that has a head."""
    return () if config.continue_from else (Phase("head", "Training the new layer", HEAD, _HEAD_EPOCHS),)


def _feature_extraction(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    return (Phase("head", "Training the new layer", HEAD, decided(config.epochs)),)


def _lp_ft(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    return *_probe(config), _tune(config, "everything", "Fine-tuning all layers", decided(config.epochs))


def _partial(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    frozen, epochs = config.frozen_stages or 0, decided(config.epochs)
    views = min(decided(config.views), epochs)
    views = min(views, 1) if config.augmentation == "none" else views  # they would all be the same
    return *_probe(config), _tune(config, "later", "Fine-tuning the later layers", epochs, frozen, views)


def _full(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    begin = _tune if config.continue_from else _phase
    return (begin(config, "everything", "Fine-tuning all layers", decided(config.epochs)),)


def _gradual(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    stages, epochs = len(backbone.stages), decided(config.epochs)
    steps = [("last", "Fine-tuning the last stage", stages - 1), ("half", "Fine-tuning the later half", stages // 2)]
    short = max(1, epochs // 4)
    opened = [_tune(config, name, title, short, frozen) for name, title, frozen in steps]
    rest = max(1, epochs - short * len(opened))
    return *_probe(config), *opened, _tune(config, "everything", "Fine-tuning all layers", rest)


def _scratch(config: TrainConfig, backbone: Backbone) -> tuple[Phase, ...]:
    return (replace(_phase(config, "scratch", "Training from scratch", decided(config.epochs)), from_scratch=True),)


_TUNING = (150, (5, 10))  # steps; fewest and most epochs

_ROWS: Sequence[Strategy] = (
    Strategy(
        "feature_extraction",
        "New layer only",
        "Frozen",
        "The network stays frozen and sees every photo once; only a new last layer learns your classes.",
        "Start here. It takes seconds and is hard to beat with few photos.",
        "Linear probe: frozen backbone, cached pooled features of the last layer and the last stages; shrunken linear "
        "discriminant analysis or L2-regularised softmax regression, kind and strength chosen by cross-validation on "
        "the training photos.",
        "Donahue et al. 2013, arXiv 1310.1531; several stages: Evci et al. 2022, Head2Toe, arXiv 2201.03529",
        Schedule(0, (_HEAD_EPOCHS, _HEAD_EPOCHS), {"cnn": (None, 1.0), "transformer": (None, 1.0)}),
        _feature_extraction,
        pace="Quick",
    ),
    Strategy(
        "partial",
        "Fine-tune later layers",
        "Later layers",
        "The new layer learns first; then the later layers are fine-tuned: adjusted gently to your "
        "photos. The first layers stay frozen; you choose how many.",
        "Use it for more than a new layer can do: faster than fine-tuning everything, and safer with few photos.",
        "Partial fine-tuning: linear probe, then fine-tuning above a freeze boundary, with batch-norm "
        "statistics frozen; activations at the boundary are cached where that is faster.",
        "Yosinski et al. 2014, arXiv 1411.1792",
        Schedule(*_TUNING, GENTLE),
        _partial,
        pace="In between",
    ),
    Strategy(
        "lp_ft",
        "Fine-tune all layers",
        "Fine-tuned",
        "The new layer learns first; then all layers are fine-tuned: adjusted gently to your "
        "photos, the first ones least.",
        "Use it when your photos look unlike everyday ones, or when you have a few hundred. Takes minutes "
        "without a graphics card.",
        "LP-FT: linear probe, then full fine-tuning from it with AdamW, warm-up, cosine schedule and "
        "layer-wise learning rates, so that a random head cannot distort the pretrained features.",
        "Kumar et al. 2022, arXiv 2202.10054",
        Schedule(*_TUNING, GENTLE),
        _lp_ft,
        pace="Thorough",
    ),
    Strategy(
        "full",
        "All layers at once",
        "All at once",
        "All layers are adjusted to your photos from the first step, while the new layer still knows nothing.",
        "Use it with thousands of photos. With fewer, training the new layer first is usually better.",
        "Full fine-tuning with discriminative learning rates: AdamW, warm-up, cosine schedule, layer-wise decay.",
        "Yosinski et al. 2014, arXiv 1411.1792; layer-wise decay: Clark et al. 2020, arXiv 2003.10555",
        Schedule(200, (6, 12), FAST),
        _full,
    ),
    Strategy(
        "gradual",
        "Layer by layer",
        "Layer by layer",
        "The new layer learns first; then the last layers join in, then more, and in the end all.",
        "Use it with few photos that look unlike everyday ones, when fine-tuning all layers makes the result worse.",
        "Gradual unfreezing from the head down, each step with its own warm-up and cosine schedule.",
        "Howard and Ruder 2018, ULMFiT, arXiv 1801.06146, section 3.3",
        Schedule(*_TUNING, GENTLE),
        _gradual,
    ),
    Strategy(
        "scratch",
        "From scratch",
        "From scratch",
        "The network forgets everything it knows and learns from your photos alone: no transfer.",
        "Use it to see how much the pretrained network helps. Seldom good with few photos.",
        "Random initialisation, same architecture and split; no transfer.",
        "He et al. 2018, Rethinking ImageNet Pre-training, arXiv 1811.08883",
        Schedule(500, (12, 25), {"cnn": (1e-3, 1.0), "transformer": (5e-4, 1.0)}),
        _scratch,
    ),
    Strategy(
        "scratch_small",
        "From scratch, quick (small pictures)",
        "From scratch, quick (small pictures)",
        "As from scratch, but on pictures of 64 pixels, so that a lesson has time for it.",
        "Use it to watch a network learn without a head start. It tells less than 'From scratch': it sees less, too.",
        "Random initialisation, same architecture and split, photos at 64 pixels; no transfer, and no control for it.",
        "He et al. 2018, Rethinking ImageNet Pre-training, arXiv 1811.08883",
        Schedule(500, (12, 25), {"cnn": (1e-3, 1.0), "transformer": (5e-4, 1.0)}),
        _scratch,
        small=True,
    ),
)
STRATEGIES = {row.name: row for row in _ROWS}
