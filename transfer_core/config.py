"""What one training run is asked to do: a frozen dataclass, the same in the page, on disk and in the worker."""

from dataclasses import asdict, dataclass, field, fields

from transfer_core.errors import ConfigError

SCHEMA = 1
AUGMENTATIONS = ("none", "light")


def _setting(default, label: str, help: str, **limits):
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
    batch_size: int = _setting(
        32,
        "Batch size",
        "How many photos are looked at before the network is changed a little. Only when everything learns.",
        min=2,
        max=512,
    )
    learning_rate: float | None = _setting(
        None,
        "Learning rate",
        "How big the steps are. Too big and it never settles, too small and it takes for ever. Only when everything "
        "learns.",
        min=1e-6,
        max=1.0,
        step=1e-4,
    )
    augmentation: str = _setting(
        "light",
        "Variations of each photo",
        "Shows every photo a little differently each time (cropped, mirrored, lighter, darker), so that the network "
        "learns what matters. Only when everything learns.",
        choices=AUGMENTATIONS,
    )
    val_fraction: float = _setting(
        0.2,
        "Kept aside for checking",
        "This share of the photos is not learned from; it tells how good the model is on photos it has never seen.",
        min=0.05,
        max=0.5,
        step=0.05,
    )
    seed: int = _setting(
        0,
        "Seed",
        "The number that decides every random choice. The same seed gives the same result.",
        min=0,
        max=2**31 - 1,
    )

    def __post_init__(self):
        problems = [problem for entry in fields(self) if (problem := _problem(entry, getattr(self, entry.name)))]
        if problems:
            raise ConfigError(problems)

    def to_json(self) -> dict:
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, content: dict) -> "TrainConfig":
        """Settings as `to_json` wrote them; what a newer version added is left out."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})


def setting(name: str) -> dict:
    """Label, help and limits of one field of `TrainConfig`."""
    return next(dict(entry.metadata) for entry in fields(TrainConfig) if entry.name == name)


def _problem(entry, value) -> str | None:
    """One sentence about a value that is out of its limits, or None."""
    limits = entry.metadata
    kind = entry.type.__name__ if isinstance(entry.type, type) else str(entry.type)  # "int", "int | None"
    if value is None and "None" in kind:
        return None
    if "choices" in limits and value not in limits["choices"]:
        return f"{limits['label']} is '{value}'; choose one of: {', '.join(limits['choices'])}."
    if "min" not in limits:
        return None if isinstance(value, str) and value else f"{limits['label']} must be named, got {value!r}."
    whole = kind.startswith("int")
    is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not is_number or not limits["min"] <= value <= limits["max"]:
        number = "a whole number" if whole else "a number"
        return f"{limits['label']} must be {number} from {limits['min']} to {limits['max']}, got {value}."
    return None
