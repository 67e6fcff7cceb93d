"""Networks beyond the catalogue: described by their name in timm, or with weights from a file. Imports torch and timm.

Started as a program of its own, for pages and commands import no torch; it answers with one JSON object.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from pickle import UnpicklingError

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from transfer_core.backbones import catalog, weights
from transfer_core.backbones.catalog import BUILT_IN, MODEL_NAME, Backbone, Preparation, save_row
from transfer_core.backbones.torch_backbone import build_random, feature_blocks, stages
from transfer_core.errors import BackboneError
from transfer_core.support.files import make_folder, move_into_place, temp_path

LEAST_COVERAGE = 0.95  # of the backbone's tensors: with fewer, the file is of another network
_WRAPPERS = ("state_dict", "model_state_dict", "model_ema", "model", "module", "net")  # under which tools put tensors
ADDED = "Its weights were added here, from a file."
UNCHECKED = "Not checked by us: it may be slow, or fail to train or to be exported."


@dataclass(frozen=True)
class Adopted:
    """What became of a file.

    Args:
        matched, total: Tensors of the backbone that came from the file, and that it has.
        missing: Names of those that the file lacks and timm's own first values stand for, such as a bias of zeros.
    """

    name: str
    matched: int
    total: int
    missing: tuple[str, ...]


def describe(name: str) -> Backbone:
    """The row of a network that is not in the catalogue, from what timm says of it.

    Raises:
        BackboneError: timm has no such network, or it cannot be used here.
    """
    if not MODEL_NAME.fullmatch(name) or not timm.is_model(name):
        near = timm.list_models(f"{name[:6]}*", pretrained=True)[:3] if MODEL_NAME.fullmatch(name) else []
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise BackboneError(f"timm {timm.__version__} has no network called '{name[:100]}'.{hint}")
    try:
        told = timm.get_pretrained_cfg(name)
    except RuntimeError:  # there are no weights of that name
        told = None
    if told is None or told.input_size[1] != told.input_size[2]:
        raise BackboneError(f"timm does not say what photos '{name}' was trained on, so it cannot be used here.")
    with torch.device("meta"):
        try:
            network = build_random(_row(name, told, ()))
            found, blocks = stages(network), feature_blocks(network, told.input_size[-1])
        except Exception as error:  # whatever one of a thousand networks may raise
            raise BackboneError(f"timm cannot build '{name}' as a backbone ({str(error)[:200]}).") from error
    sizes = {key: value.numel() for key, value in network.named_parameters()}
    is_transformer = any("attention" in type(module).__name__.lower() for module in network.modules())
    row = _row(name, told, tuple(sum(sizes[key] for key in stage) for stage in found), is_transformer)
    return replace(row, feature_blocks=blocks)


def _row(
    name: str, told: "timm.models.PretrainedCfg", found: tuple[int, ...], is_transformer: bool = False
) -> Backbone:
    way = told.interpolation if told.interpolation in ("bicubic", "bilinear") else "bicubic"
    mean, std = (tuple(map(float, values)) for values in (told.mean, told.std))
    can_be_had = told.hf_hub_id and not told.hf_hub_filename
    return Backbone(
        name,
        name,
        UNCHECKED,
        sum(found),
        told.license or "unknown",
        Preparation(told.input_size[1], float(told.crop_pct), way, mean, std),  # type: ignore[arg-type]
        told.hf_hub_id if can_be_had else None,
        round(sum(found) * 4 / 1e6) if can_be_had else 0,
        "transformer" if is_transformer else "cnn",
        stages=found,
    )


def add_by_name(name: str, weights_dir: Path, title: str = "") -> Backbone:
    """Describes a network so that the catalogue lists it; its weights come with its first run, or when asked for.

    Args:
        title: What people call it; its name where there is none.

    Raises:
        BackboneError: As `describe`, or there are no weights of it that could be downloaded.
    """
    if name in BUILT_IN or (weights_dir / name / "backbone.json").exists():
        raise BackboneError(f"'{name}' is in the list already.")
    row = _titled(describe(name), title)
    if row.hub is None:
        raise BackboneError(f"timm knows the network '{name}', but no weights of it that Graft could download.")
    save_row(row, weights_dir)
    return row


def _titled(row: Backbone, title: str) -> Backbone:
    return replace(row, title=title[:100] or row.title)


def add_file(name: str, file: Path, weights_dir: Path, title: str = "") -> Adopted:
    """Takes weights from a file for one of timm's networks, so that the catalogue lists it under a name of its own.

    Raises:
        BackboneError: The file cannot be read, holds more than tensors, or is of another network.
    """
    described = _listed(name, weights_dir) or describe(name)
    network = build_random(described)
    tensors, adopted = _match(described, network, read_tensors(file))
    own = catalog.own_name(name, weights_dir)
    row = replace(_titled(described, title or own), name=own, summary=ADDED, licence="own", hub=None, download_mb=0)
    folder = weights_dir / own
    make_folder(folder)
    part = temp_path(folder / "model.safetensors")
    try:
        save_file({key: value.contiguous() for key, value in tensors.items()}, part)
        move_into_place(part, folder / "model.safetensors")
    finally:
        part.unlink(missing_ok=True)
    save_row(row, weights_dir)
    weights.record(row, weights_dir)
    return replace(adopted, name=own)


def _listed(name: str, weights_dir: Path) -> Backbone | None:
    """What the catalogue says of the network, which timm may not know by that name, or with another size of pictures.

    Without what is true of the row's own weights alone.
    """
    row = next((row for row in catalog.rows(weights_dir) if row.name == name), None)
    return row and replace(row, group="", pretraining="", good_for="", bad_for="", package=None)


def read_tensors(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .safetensors file, or of one that `torch.save` wrote, which may hold nothing but tensors.

    Raises:
        BackboneError: It cannot be read so.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, weights_only=True, map_location="cpu")
    except UnpicklingError as error:
        raise BackboneError(
            f"{file.name} was not opened: it holds more than weights, and could run a program. Save its weights alone, "
            "best as .safetensors."
        ) from error
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise BackboneError(f"{file.name} cannot be read as a file of weights ({str(error)[:200]}).") from error
    while isinstance(content, Mapping) and (inner := next((key for key in _WRAPPERS if key in content), None)):
        content = content[inner]
    found = content if isinstance(content, Mapping) else {}
    return {str(key): value for key, value in found.items() if isinstance(value, torch.Tensor)}


def _match(
    row: Backbone, network: nn.Module, given: Mapping[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], Adopted]:
    """The file's tensors under the network's names, by the ends of their names and their shapes.

    Raises:
        BackboneError: Too few fit, or one is missing for which chance would stand.
    """
    wanted = {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")}
    begin = _beginning(wanted, given)
    found = {
        key: given[begin + key]
        for key, value in wanted.items()
        if begin + key in given and given[begin + key].shape == value.shape
    }
    missing = [key for key in wanted if key not in found]
    share = f"{len(found)} of {len(wanted)} tensors of {row.name}"
    if len(found) < LEAST_COVERAGE * len(wanted):
        raise BackboneError(
            f"The file holds {share} ({len(found) / max(1, len(wanted)):.0%}), by name and shape; at least "
            f"{LEAST_COVERAGE:.0%} are needed. It is probably of another network: choose that one."
        )
    parameters = dict(network.named_parameters())
    if chance := [key for key in missing if key in parameters and parameters[key].ndim > 1]:
        raise BackboneError(
            f"The file holds {share}, but lacks {', '.join(chance[:3])}, which would stay random. Graft never fills in "
            "random weights: add a file that has them."
        )
    return found, Adopted(row.name, len(found), len(wanted), tuple(missing))


def _beginning(wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str:
    """What tools put before all names, such as "module." or "backbone."; the beginning with which most tensors fit."""
    first = next(iter(wanted))
    choices = {key.removesuffix(first) for key in given if key.endswith(first)} | {""}

    def fitting(begin: str) -> int:
        return sum(begin + key in given and given[begin + key].shape == value.shape for key, value in wanted.items())

    return max(sorted(choices), key=fitting)


def main(arguments: list[str]) -> int:
    """NAME WEIGHTS_DIR TITLE [FILE]: prints {"error"} or what was added, as JSON."""
    name, weights_dir, title, *file = arguments
    try:
        if file:
            answer = asdict(add_file(name, Path(file[0]), Path(weights_dir), title))
        else:
            answer = {"name": add_by_name(name, Path(weights_dir), title).name}
    except BackboneError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
