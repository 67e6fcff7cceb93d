"""What one training run is asked to do: a frozen dataclass, the same in the page, on disk and in the worker."""

from dataclasses import Field, asdict, dataclass, field, fields
from typing import TypeVar

from transfer_core.errors import ConfigError
from transfer_core.support import safe_regex

SCHEMA = 1
MOST_ASIDE = 0.8  # of the photos, validation and test photos together
AUGMENTATIONS = ("none", "light", "strong")
_Value = TypeVar("_Value")


def _setting(default: _Value, label: str, help: str, **limits: object) -> _Value:
    """A field that carries its own words and limits; forms, help texts and checks all read them from here."""
    return field(default=default, metadata={"label": label, "help": help, **limits})


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run; None means: by the strategy's rule.

    Raises:
        ConfigError: At construction, with every value that is out of its limits.
    """

    backbone: str = _setting(
        "tf_efficientnet_lite0",
        "Backbone",
        "The pretrained network. It has already learned from a great many photos and passes that knowledge on.",
    )
    strategy: str = _setting(
        "feature_extraction",
        "Strategy",
        "How much of the network your photos change: only a new last layer, or all of it.",
    )
    epochs: int | None = _setting(
        None,
        "Epochs",
        "How often the network sees every training photo. More epochs take longer and help less and less.",
        min=1,
        max=1000,
    )
    batch_size: int | None = _setting(
        None,
        "Batch size",
        "How many photos the network sees before it changes a little. Used only when the backbone is fine-tuned.",
        min=2,
        max=512,
    )
    learning_rate: float | None = _setting(
        None,
        "Learning rate",
        "How big the steps are. If they are too big, training never settles; if they are too small, it "
        "takes forever. Used only when the backbone is fine-tuned.",
        min=1e-6,
        max=1.0,
        step=1e-4,
    )
    backbone_share: float | None = _setting(
        None,
        "Backbone learning rate",
        "How big the backbone's steps are, as a share of the new layer's. Pretrained layers should change "
        "more gently than new ones.",
        min=0.001,
        max=1.0,
        step=0.01,
    )
    layer_decay: float | None = _setting(
        None,
        "Layer-wise decay",
        "How much slower the first layers learn: each group of layers takes steps of this share of the size "
        "of the next group's. 1 means that all learn alike.",
        min=0.1,
        max=1.0,
        step=0.05,
    )
    frozen_stages: int | None = _setting(
        None,
        "Frozen stages",
        "How many groups of layers stay as they are, counted from the first. With more frozen stages, "
        "training is faster and the network changes less.",
        min=1,
        max=100,
    )
    views: int | None = _setting(
        None,
        "Cached views per photo",
        "How many augmented copies of each photo pass through the frozen stages once and are kept. Training "
        "goes through them in turn. 0 makes new ones in every epoch.",
        min=0,
        max=64,
    )
    augmentation: str = _setting(
        "light",
        "Augmentation",
        "Every training photo is changed a little each time, so that the network learns what matters. "
        "Light: cropped, lighter, darker. Strong: also turned, blurred, recoloured and partly covered.",
        choices=AUGMENTATIONS,
    )
    mirror: bool = _setting(
        True,
        "A mirror image is still the same class",
        "Yes for animals and things. No for letters, numbers, or left and right hands.",
    )
    upside_down: bool = _setting(
        False,
        "Upside down it is still the same class",
        "Yes for photos taken from above: satellites, microscopes, plates. Seldom for others.",
    )
    mixup: float = _setting(
        0.0,
        "Mixup",
        "How strongly two photos are blended into one that shows both classes. 0 is off. Helps in long trainings.",
        min=0.0,
        max=1.0,
        step=0.1,
    )
    cutmix: float = _setting(
        0.0,
        "CutMix",
        "How strongly pieces of one photo are pasted into another, which then shows both classes. 0 is off. "
        "Helps in long trainings.",
        min=0.0,
        max=1.0,
        step=0.1,
    )
    label_smoothing: float | None = _setting(
        None,
        "Label smoothing",
        "How much certainty the right class gives up to the others, so that the network does not learn a "
        "wrong label by heart.",
        min=0.0,
        max=0.4,
        step=0.05,
    )
    class_weights: bool | None = _setting(
        None,
        "Class weights",
        "Rare classes get more weight, so that each class counts the same. Without it, the model favours "
        "large classes.",
    )
    weight_decay: float | None = _setting(
        None,
        "Weight decay",
        "How strongly all weights are pulled towards zero, so that none grows without need.",
        min=0.0,
        max=1.0,
        step=0.01,
    )
    l2_sp: float = _setting(
        0.0,
        "L2-SP",
        "How strongly the backbone is pulled back to its pretrained weights in each epoch. 0 is off. For "
        "few photos that resemble everyday ones.",
        min=0.0,
        max=1.0,
        step=0.01,
    )
    average_weights: bool | None = _setting(
        None,
        "Weight averaging (EMA)",
        "Uses the average of the weights over the last steps. Steadier after many steps.",
    )
    early_stopping: bool | None = _setting(
        None,
        "Early stopping",
        "Sets a seventh of the training photos apart, stops when the results on them no longer improve, and "
        "keeps the best epoch. The validation photos have no say in it.",
    )
    continue_from: str | None = _setting(
        None,
        "Continue from an earlier run",
        "Begins with that run's backbone and last layer, instead of the pretrained backbone.",
    )
    val_fraction: float = _setting(
        0.2,
        "Share of validation photos",
        "Validation photos are kept back to check the model: it never trains on them, so they show how well "
        "it does on photos it has not seen.",
        min=0.05,
        max=0.5,
        step=0.05,
    )
    test_fraction: float = _setting(
        0.0,
        "Share of test photos",
        "Test photos are for the final test. Nothing is trained on them or chosen by them. Use them once, "
        "when you have chosen your model, to see how good it really is. 0 means no test photos.",
        min=0.0,
        max=0.5,
        step=0.05,
    )
    group_pattern: str | None = _setting(
        None,
        "Groups",
        "Keeps photos that belong together on one side of the split, for example all photos of a patient. "
        "Type a regular expression with one pair of brackets. What the brackets find in a photo's path "
        "names its group.",
        problem_of=safe_regex.problem_of,
    )
    fill_val: bool = _setting(
        False,
        "Create validation photos from training photos",
        "For classes that came without validation photos.",
    )
    seed: int = _setting(
        0,
        "Seed",
        "The number behind every random choice. The same seed gives the same result.",
        min=0,
        max=2**31 - 1,
    )

    def __post_init__(self) -> None:
        if problems := problems_of(asdict(self)):
            raise ConfigError(*problems.values())

    def to_json(self) -> dict:
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, content: dict) -> "TrainConfig":
        """Settings as `to_json` wrote them; what a newer version added is left out."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})


def decided(value: _Value | None) -> _Value:
    """A setting that is open no longer: what computes with settings gets them with every rule applied."""
    assert value is not None, "a setting is used that no rule has decided; resolve the settings first"
    return value


def setting(name: str) -> dict:
    """Label, help and limits of one field of `TrainConfig`."""
    return next(dict(entry.metadata) for entry in fields(TrainConfig) if entry.name == name)


def problems_of(settings: dict) -> dict[str, str]:
    """A sentence for each of these settings that is out of its limits, by name."""
    entries = [entry for entry in fields(TrainConfig) if entry.name in settings]
    found = {entry.name: problem for entry in entries if (problem := _problem(entry, settings[entry.name]))}
    aside = [settings.get(name, 0) for name in ("val_fraction", "test_fraction") if name not in found]
    if sum(aside) > MOST_ASIDE + 1e-9:
        found["test_fraction"] = (
            f"A share of {aside[0]:g} validation photos and {aside[1]:g} test photos leaves too few training "
            f"photos. Together they may be at most {MOST_ASIDE:g}. Lower one of them."
        )
    return found


def _problem(entry: Field, value: object) -> str | None:
    """One sentence about a value that is out of its limits, or None."""
    limits = entry.metadata
    kind = entry.type.__name__ if isinstance(entry.type, type) else str(entry.type)  # "int", "int | None"
    if value is None and "None" in kind:
        return None
    if kind.startswith("bool"):
        return None if isinstance(value, bool) else f"{limits['label']} must be true or false, got {value!r}."
    if "choices" in limits and value not in limits["choices"]:
        return f"{limits['label']} is '{value}'. Choose one of: {', '.join(limits['choices'])}."
    if "min" not in limits:
        if not isinstance(value, str) or not value:
            return f"{limits['label']} must not be empty, got {value!r}."
        return limits["problem_of"](value) if "problem_of" in limits else None
    whole = kind.startswith("int")
    is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not is_number or not limits["min"] <= value <= limits["max"]:
        number = "a whole number" if whole else "a number"
        return f"{limits['label']} must be {number} from {limits['min']} to {limits['max']}, got {value}."
    return None
