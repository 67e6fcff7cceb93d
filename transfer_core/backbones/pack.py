"""Weights in a folder that can be carried: fetched where there is internet, taken in where there is none."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from transfer_core.backbones import catalog, weights
from transfer_core.backbones.catalog import BUILT_IN, Backbone
from transfer_core.errors import BackboneError
from transfer_core.support.files import make_folder, move_into_place, read_json, temp_path, write_json


@dataclass(frozen=True)
class Taken:
    """The result of making or taking in a pack.

    Args:
        names: Of the backbones that were taken in, or were here already.
        refused: (name of the folder, why).
    """

    names: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


def take_in(folder: Path, weights_dir: Path) -> Taken:
    """Copies every backbone of a pack whose weights are what they were when they were fetched.

    Raises:
        BackboneError: There is no pack.
    """
    paths = sorted(folder.glob("*/model.safetensors"))
    if not paths:
        raise BackboneError(
            f"{folder} is no pack of weights: no folder in it holds a model.safetensors. Name the folder that was "
            "given to `weights --pack`."
        )
    names, refused = [], []
    for path in paths:
        try:
            row = catalog.find(path.parent.name, folder)
            _copy(row, folder, weights_dir)
            names.append(row.name)
        except BackboneError as error:
            refused.append((path.parent.name, str(error)))
    return Taken(tuple(names), tuple(refused))


def _copy(row: Backbone, folder: Path, weights_dir: Path) -> None:
    """Brings a backbone here; replaces nothing but weights that are damaged, and makes up for what was cut short."""
    source, target = folder / row.name / "model.safetensors", weights_dir / row.name / "model.safetensors"
    promised = weights.verify_pack(row, source)
    if target.is_file() and weights.digest(target) != promised and weights.is_whole(target):
        raise BackboneError(
            f"Other weights are here under the name {row.name}, and stay. To take in those of the pack, delete the "
            f"folder {target.parent} first."
        )
    make_folder(target.parent)
    if not (target.is_file() and weights.digest(target) == promised):
        _copy_file(row, source, target, promised)
    write_json(target.with_name("source.json"), read_json(source.with_name("source.json")))
    if row.name not in BUILT_IN and not target.with_name("backbone.json").is_file():
        catalog.save_row(row, weights_dir)


def _copy_file(row: Backbone, source: Path, target: Path, promised: str) -> None:
    part = temp_path(target)
    try:
        shutil.copyfile(source, part)
        if weights.digest(part) != promised:  # a stick that is pulled out, or going bad
            raise BackboneError(f"The weights of {row.title} were damaged while they were copied. Try again.")
        move_into_place(part, target)
    finally:
        part.unlink(missing_ok=True)
