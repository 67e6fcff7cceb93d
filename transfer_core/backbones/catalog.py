"""The backbones a person can choose from: one row each. Imports neither torch nor timm.

A row repeats what timm's `PretrainedCfg` says, since pages may not import timm; `tests/backbones/test_catalog.py`
holds every row against timm's own.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path

from transfer_core.errors import BackboneError
from transfer_core.support.files import make_folder

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
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HUB = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
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

    @property
    def stage_names(self) -> tuple[str, ...]:
        """ "stem", "stage 1", and so on."""
        return ("stem", *(f"stage {number}" for number in range(1, len(self.stages))))[: len(self.stages)]


def _imagenet(size_px: int, crop_share: float, interpolation: str = "bicubic") -> Preparation:
    return Preparation(size_px, crop_share, interpolation, IMAGENET_MEAN, IMAGENET_STD)


_ROWS = (
    Backbone(
        BUNDLED,
        "EfficientNet-Lite0",
        "Small and quick; a good first choice on a laptop. Comes with Graft.",
        3_371_008,
        "Apache-2.0",
        Preparation(224, 0.875, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        stages=(928, 896, 13_968, 39_712, 198_480, 446_784, 1_652_640, 1_017_600),
        feature_blocks=(1_280, 640, 384, 224),
    ),
    Backbone(
        "mobilenetv3_small_100.lamb_in1k",
        "MobileNetV3-Small",
        "The quickest; made for phones. Less accurate.",
        1_517_856,
        "Apache-2.0",
        _imagenet(224, 0.875),
        "timm/mobilenetv3_small_100.lamb_in1k",
        10,
        stages=(464, 744, 9_280, 128_264, 51_768, 680_040, 56_448, 590_848),
        feature_blocks=(1_024, 1_152, 192, 96),
    ),
    Backbone(
        "resnet18.a1_in1k",
        "ResNet-18",
        "A small classic of 2015, often used in lessons.",
        11_176_512,
        "Apache-2.0",
        _imagenet(224, 0.95),
        "timm/resnet18.a1_in1k",
        47,
        stages=(9_536, 147_968, 525_568, 2_099_712, 8_393_728),
        feature_blocks=(512, 1_024, 512, 256),
    ),
    Backbone(
        "resnet50.a1_in1k",
        "ResNet-50",
        "The network that most papers compare with.",
        23_508_032,
        "Apache-2.0",
        _imagenet(224, 0.95),
        "timm/resnet50.a1_in1k",
        103,
        stages=(9_536, 215_808, 1_219_584, 7_098_368, 14_964_736),
        feature_blocks=(2_048, 4_096, 2_048, 1_024),
    ),
    Backbone(
        "convnext_tiny.fb_in22k_ft_in1k",
        "ConvNeXt-Tiny",
        "Modern and accurate; slow without a graphics card.",
        27_820_128,
        "Apache-2.0",
        _imagenet(224, 0.875),
        "timm/convnext_tiny.fb_in22k_ft_in1k",
        114,
        stages=(4_896, 237_888, 992_256, 11_112_960, 15_472_128),
        feature_blocks=(768, 1_536, 768, 384),
    ),
    Backbone(
        "vit_small_patch14_dinov2.lvd142m",
        "DINOv2 Small",
        "Pretrained on 142 million photos without labels; strong when you have few photos. Slow without a "
        "graphics card.",
        21_628_800,
        "Apache-2.0",
        _imagenet(224, 1.0),
        "timm/vit_small_patch14_dinov2.lvd142m",
        88,
        "transformer",
        (("img_size", 224),),
        stages=(325_248, *[1_775_232] * 11, 1_776_000),
        feature_blocks=(384, 768, 768, 768),
    ),
    Backbone(
        "vgg16.tv_in1k",
        "VGG16",
        "A classic of 2014, very large. For lessons about history.",
        134_260_544,
        "BSD-3-Clause",
        _imagenet(224, 0.875, "bilinear"),
        "timm/vgg16.tv_in1k",
        553,
        stages=(
            1_792,
            36_928,
            73_856,
            147_584,
            295_168,
            590_080,
            590_080,
            1_180_160,
            2_359_808,
            2_359_808,
            2_359_808,
            2_359_808,
            2_359_808,
            119_545_856,
        ),
        feature_blocks=(4_096, 1_024, 1_024, 1_024),
    ),
    Backbone(
        "inception_v3.tv_in1k",
        "Inception-v3",
        "A classic of 2015 that looks at larger pictures (299 px).",
        21_785_568,
        "Apache-2.0",
        Preparation(299, 0.875, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        "timm/inception_v3.tv_in1k",
        95,
        stages=(
            28_768,
            143_904,
            255_904,
            277_472,
            285_152,
            1_153_280,
            1_297_408,
            1_691_008,
            1_691_008,
            2_141_952,
            1_698_304,
            5_044_608,
            6_076_800,
        ),
        feature_blocks=(2_048, 4_096, 1_536, 576),
    ),
)
BUILT_IN = {row.name: row for row in _ROWS}


def save_row(row: Backbone, weights_dir: Path) -> None:
    """Writes `backbone.json` beside weights added by hand, so that the catalogue lists them."""
    folder = weights_dir / row.name
    make_folder(folder)
    (folder / "backbone.json").write_text(json.dumps(asdict(row), indent=1), "utf-8")


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
    for full_name, row in known.items():
        if name in (full_name, full_name.partition(".")[0]):
            return row
    for path in weights_dir.glob("*/backbone.json"):
        if path.parent.name == name:
            return _read_row(path)
    near = get_close_matches(name, known, n=2, cutoff=0.4) or list(known)[:3]
    raise BackboneError(
        f"There is no backbone called '{name}'. Did you mean {' or '.join(near)}? `backbones` lists all {len(known)}."
    )


def _read_row(path: Path) -> Backbone:
    """A row from a file: only fields of known name, type and range are passed on."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["name"] != path.parent.name:
            raise ValueError(f"its name is {content['name']!r}, its folder's {path.parent.name!r}")
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
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackboneError(
            f"{path} does not describe a backbone ({str(error)[:200]}). Correct it, or delete the folder "
            f"{path.parent.name}."
        ) from error


def _check_names(content: dict, kind: type[Backbone | Preparation]) -> None:
    """Raises ValueError: there is something in it that is no field."""
    if unknown := sorted(content.keys() - {entry.name for entry in fields(kind)}):
        raise ValueError(f"unknown: {', '.join(unknown)}")


def _wrong_fields(row: Backbone) -> list[str]:
    """Names of the fields that are not of their type or range."""
    is_right = {
        "name": isinstance(row.name, str) and _NAME.fullmatch(row.name),
        "title": _is_text(row.title),
        "summary": _is_text(row.summary),
        "licence": _is_text(row.licence),
        "parameters": _is_count(row.parameters),
        "download_mb": _is_count(row.download_mb),
        "hub": row.hub is None or (isinstance(row.hub, str) and _HUB.fullmatch(row.hub)),
        "family": row.family in ("cnn", "transformer"),
        "stages": all(map(_is_count, row.stages)),
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
