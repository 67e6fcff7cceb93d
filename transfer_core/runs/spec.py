"""What a run is asked to do: one frozen dataclass per kind of work, told apart by `kind`. Imports nothing heavy.

Work that `is_light` leaves the processor alone, as a download does, and need not wait for a training to end.

A new kind of work has its row here, so that everybody can read such a run, and the function that does it in
`jobs/kinds`, which alone may import what is heavy.
"""

from dataclasses import asdict, dataclass
from typing import ClassVar

from transfer_core.config import TrainConfig


@dataclass(frozen=True)
class TrainSpec:
    """Train a model.

    Args:
        intake_s: Seconds that reading the photos took before the run was queued; part of its `seconds`.
        expected_s: Seconds from its start to its result, as they were estimated when it was queued; None where nobody
            could know.
    """

    kind: ClassVar[str] = "train"
    is_light: ClassVar[bool] = False
    config: TrainConfig
    intake_s: float = 0.0
    expected_s: float | None = None

    @property
    def is_quick(self) -> bool:
        """Whether it takes seconds: only a head learns."""
        return self.config.strategy == "feature_extraction"


@dataclass(frozen=True)
class PreviewSpec:
    """Draw photos as training with these settings would see them: augmented."""

    kind: ClassVar[str] = "preview"
    is_light: ClassVar[bool] = False
    config: TrainConfig


@dataclass(frozen=True)
class LrFinderSpec:
    """Try learning rates with these settings (learning-rate range test)."""

    kind: ClassVar[str] = "lr_finder"
    is_light: ClassVar[bool] = False
    config: TrainConfig


@dataclass(frozen=True)
class PublicDatasetSpec:
    """Download a public dataset and take in so many photos of each class. Has no split.

    Args:
        dataset: One of `data.public_datasets.SETS`.
        per_class: At least 1.
    """

    kind: ClassVar[str] = "public_dataset"
    is_light: ClassVar[bool] = True
    dataset: str
    per_class: int


@dataclass(frozen=True)
class WeightsSpec:
    """Download the weights of a backbone. Has no split.

    Args:
        backbone: Full name of a row of the catalogue.
    """

    kind: ClassVar[str] = "weights"
    is_light: ClassVar[bool] = True
    backbone: str


Spec = TrainSpec | PreviewSpec | LrFinderSpec | PublicDatasetSpec | WeightsSpec
SPECS: dict[str, type[Spec]] = {
    spec.kind: spec for spec in (TrainSpec, PreviewSpec, LrFinderSpec, PublicDatasetSpec, WeightsSpec)
}
_EARLIER_NAMES = {"find_rate": "lr_finder"}


def spec_to_json(spec: Spec) -> dict:
    """{"kind", "spec"}: two keys of a run's `config.json`."""
    content = asdict(spec)
    if isinstance(spec, TrainSpec | PreviewSpec | LrFinderSpec):
        content["config"] = spec.config.to_json()
    return {"kind": spec.kind, "spec": content}


def spec_from_json(content: dict) -> Spec:
    """What `spec_to_json` wrote, or what earlier versions did ("train" and "intake_s" beside "kind").

    Raises:
        ConfigError: Settings lie outside today's limits.
        ValueError, KeyError, TypeError: The content is none of ours, or of a kind that this version does not know.
    """
    kind = _EARLIER_NAMES.get(content["kind"], content["kind"])
    if kind not in SPECS:
        raise ValueError(f"it is of the kind '{str(kind)[:40]}', which this version of Graft does not know")
    if "spec" in content:
        fields = dict(content["spec"])
        if "config" in fields:
            fields["config"] = TrainConfig.from_json(fields["config"])
    else:
        fields = {"config": TrainConfig.from_json(content["train"])}
        if kind == "train":
            fields["intake_s"] = content["intake_s"]
    return SPECS[kind](**fields)
