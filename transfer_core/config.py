"""What one training run is asked to do: a frozen dataclass, the same in the page, on disk and in the worker."""

from dataclasses import Field, asdict, dataclass, field, fields
from typing import TypeVar

from transfer_core.errors import ConfigError
from transfer_core.support import safe_regex

SCHEMA = 1
MOST_ASIDE = 0.8  # of the photos, in the parts to check with and to hold back together
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
        "The network that has already seen a great many photos. Its experience is carried over to yours.",
    )
    strategy: str = _setting(
        "feature_extraction",
        "What may learn",
        "How much of the network is changed by your photos: only a new last part, or all of it.",
    )
    epochs: int | None = _setting(
        None,
        "Epochs",
        "One epoch is one look at every training photo. More looks take longer and help less and less.",
        min=1,
        max=1000,
    )
    batch_size: int | None = _setting(
        None,
        "Batch size",
        "How many photos are looked at before the network is changed a little. Only when the backbone learns.",
        min=2,
        max=512,
    )
    learning_rate: float | None = _setting(
        None,
        "Learning rate",
        "How big the steps are. Too big and it never settles, too small and it takes for ever. Only when the backbone "
        "learns.",
        min=1e-6,
        max=1.0,
        step=1e-4,
    )
    backbone_share: float | None = _setting(
        None,
        "Step size of the backbone",
        "As a share of the new part's. What is pretrained should change more gently than what is new.",
        min=0.001,
        max=1.0,
        step=0.01,
    )
    layer_decay: float | None = _setting(
        None,
        "Slower towards the first layers",
        "Each group of layers learns at this share of the speed of the group after it (layer-wise decay). 1 means: all "
        "alike.",
        min=0.1,
        max=1.0,
        step=0.05,
    )
    frozen_stages: int | None = _setting(
        None,
        "Stages that stay as they are",
        "Counted from the first layers. The more stay, the quicker it learns and the less it can change.",
        min=1,
        max=100,
    )
    views: int | None = _setting(
        None,
        "Kept variations per photo",
        "What the frozen stages see of so many variations of each photo is kept, and learning goes round them. 0 makes "
        "new variations every time.",
        min=0,
        max=64,
    )
    augmentation: str = _setting(
        "light",
        "Variations of each photo",
        "Shows every photo a little differently each time, so that the network learns what matters (augmentation). "
        "Light: cropped, lighter, darker. Strong: turned, blurred, recoloured and partly covered, too.",
        choices=AUGMENTATIONS,
    )
    mirror: bool = _setting(
        True,
        "A mirror image would still be the same class",
        "True of animals and things. Not of letters, numbers, or left and right hands.",
    )
    upside_down: bool = _setting(
        False,
        "Upside down it would still be the same class",
        "True of photos from above: satellites, microscopes, plates. Seldom of others.",
    )
    mixup: float = _setting(
        0.0,
        "Blend photos (mixup)",
        "Lays two photos over each other and asks for both classes, this strongly. 0 is off. Helps long trainings.",
        min=0.0,
        max=1.0,
        step=0.1,
    )
    cutmix: float = _setting(
        0.0,
        "Patch photos (cutmix)",
        "Puts a piece of one photo into another and asks for both classes. 0 is off. Helps long trainings.",
        min=0.0,
        max=1.0,
        step=0.1,
    )
    label_smoothing: float | None = _setting(
        None,
        "Label smoothing",
        "So much of the certainty is spread over the other classes, so that it does not learn one wrong label by "
        "heart.",
        min=0.0,
        max=0.4,
        step=0.05,
    )
    class_weights: bool | None = _setting(
        None,
        "Weigh small classes more",
        "Each class counts the same, however few photos it has. Without it, large classes are favoured.",
    )
    weight_decay: float | None = _setting(
        None,
        "Weight decay",
        "Pulls all weights a little towards zero, so that none grows without need.",
        min=0.0,
        max=1.0,
        step=0.01,
    )
    l2_sp: float = _setting(
        0.0,
        "Stay near the pretrained weights (L2-SP)",
        "Undoes this share of the way that the backbone has come from the pretrained weights, per epoch. 0 is off. For "
        "few photos that resemble everyday ones.",
        min=0.0,
        max=1.0,
        step=0.01,
    )
    average_weights: bool | None = _setting(
        None,
        "Average over the last steps",
        "Keeps a running average of the weights (EMA) and uses that. Steadier after many steps.",
    )
    early_stopping: bool | None = _setting(
        None,
        "Keep the best epoch",
        "Spares a seventh of the photos to learn from, ends when these no longer get better, and keeps the epoch that "
        "was best on them. The photos kept aside to check with decide nothing.",
    )
    continue_from: str | None = _setting(
        None,
        "Go on from an earlier run",
        "Begins with the backbone and the new part as that run left them, instead of the pretrained ones.",
    )
    val_fraction: float = _setting(
        0.2,
        "Kept aside to check with",
        "This share of the photos (the validation part) is not learned from; it tells how good the model is on photos "
        "it has never seen.",
        min=0.05,
        max=0.5,
        step=0.05,
    )
    test_fraction: float = _setting(
        0.0,
        "Held back for the last test",
        "This share of the photos (the test part) is neither learned from nor checked with. It is opened once, when "
        "you have chosen your model, and then tells how good that really is. 0 holds nothing back.",
        min=0.0,
        max=0.5,
        step=0.05,
    )
    group_pattern: str | None = _setting(
        None,
        "What belongs together",
        "A pattern with one bracket, looked for in the path of each photo. What the bracket finds names its group, the "
        "patient for example. All photos of a group stay in one part, so that no old acquaintance is checked with.",
        problem_of=safe_regex.problem_of,
    )
    fill_val: bool = _setting(
        False,
        "Take photos to check with from those to learn from",
        "Where your photos came in two parts, and a class has none in the part to check with.",
    )
    seed: int = _setting(
        0,
        "Seed",
        "The number that decides every random choice. The same seed gives the same result.",
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
            f"{aside[0]:g} of the photos kept aside and {aside[1]:g} held back leave too few to learn from. They may "
            f"come to {MOST_ASIDE:g} together; lower one of them."
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
        return f"{limits['label']} is '{value}'; choose one of: {', '.join(limits['choices'])}."
    if "min" not in limits:
        if not isinstance(value, str) or not value:
            return f"{limits['label']} must be named, got {value!r}."
        return limits["problem_of"](value) if "problem_of" in limits else None
    whole = kind.startswith("int")
    is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not is_number or not limits["min"] <= value <= limits["max"]:
        number = "a whole number" if whole else "a number"
        return f"{limits['label']} must be {number} from {limits['min']} to {limits['max']}, got {value}."
    return None
