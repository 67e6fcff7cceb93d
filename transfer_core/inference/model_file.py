"""A run's exported model on disk: without what lies elsewhere already, and put together on demand. Imports no torch.

All of `model.onnx` but some kilobytes are the trunk's weights. Runs with a frozen backbone share their trunk in
weights/, and that of a tuned EfficientNet-Lite can be written again from the run's `network.safetensors`. So
`model.onnx.parts` keeps the bytes between the weights, and where the weights go. Whatever is put together is held
against the digest of the bytes that were checked: it is these, or it is refused. The package onnx is imported where it
is needed: commands and pages that ask no model start sooner without.
"""

import filecmp
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError

from transfer_core.backbones import catalog
from transfer_core.backbones.catalog import BUNDLED, Backbone
from transfer_core.errors import RunError, TransferError
from transfer_core.runs import Run
from transfer_core.support.arrays import read_arrays, write_arrays
from transfer_core.support.files import move_into_place, temp_path
from transfer_core.training.trained_model import find_network, write_tuned_trunk

if TYPE_CHECKING:
    import onnx

_LEAST_BYTES = 256  # of an array of weights, for it to be left out
_NETWORK = "network.safetensors"  # where the weights of a tuned EfficientNet-Lite come from
_TRUNK_NAME = re.compile(r"trunk-[0-9a-f]{16}\.onnx")


class ModelDamaged(RunError):
    """The exported model is gone, or is not the one that was checked."""


def save_model(run: Run, backbone: Backbone, trunk: "onnx.ModelProto", content: bytes) -> bytes:
    """Keeps an exported model; returns it as it was read again, by its SHA-256.

    Args:
        trunk: That is inside it.
        content: The whole `model.onnx`.

    Raises:
        ModelDamaged: It cannot be read again as it was written.
    """
    from transfer_core.backbones.onnx_backbone import trunk_path

    network, shared = find_network(run), None
    source = _NETWORK if network and write_tuned_trunk(backbone, network) is not None else None
    if network is None:
        shared = trunk_path(backbone, run.workspace.weights_dir)
        source = shared.name
    own, pieces = _take_apart(content, _weights_of(trunk) if source else ())
    write_arrays(_parts_path(run), {"own": own, "pieces": pieces}, {"source": source})
    if shared and backbone.name != BUNDLED:
        _keep_trunk(run, shared)
    again = read_model(run, hashlib.sha256(content).hexdigest())
    for left in (run.whole_model_path, run.model_dir / "bundle.zip"):  # as earlier versions kept them
        left.unlink(missing_ok=True)
    return again


def read_model(run: Run, sha256: str | None) -> bytes:
    """The whole `model.onnx`, byte for byte as it was checked.

    Args:
        sha256: Of what was checked; None for a run of an earlier version, which has the file whole, and no digest.

    Raises:
        ModelDamaged: It is gone, or it is another.
    """
    if sha256 is None:
        return _read_undigested(run)
    try:
        arrays, header = read_arrays(_parts_path(run))
        for weights in _sources(run, header["source"]):
            content = _put_together(arrays["own"], arrays["pieces"], weights)
            if hashlib.sha256(content).hexdigest() == sha256:
                return content
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(run) from error
    raise _damaged(run)


def is_intact(run: Run, sha256: str | None) -> bool:
    """Whether `read_model` would give the model; found out once per process, as long as no file of it changes."""
    return _is_intact(run, sha256, tuple(_stamps(run)))


@lru_cache(maxsize=1024)
def _is_intact(run: Run, sha256: str | None, stamps: tuple) -> bool:
    try:
        read_model(run, sha256)
    except ModelDamaged:
        return False
    return True


def _stamps(run: Run) -> Iterator[tuple[str, int, int, int]]:
    """What tells a changed file from an unchanged one, of all files that the model may be made of."""
    trunks = [*_kept_dir(run).glob("*"), *(run.workspace.weights_dir / run.config.backbone).glob("trunk-*.onnx")]
    for path in (_parts_path(run), run.whole_model_path, run.model_dir / _NETWORK, *sorted(trunks)):
        try:
            found = path.stat()
        except OSError:
            continue
        yield str(path), found.st_mtime_ns, found.st_size, found.st_ino


def _read_undigested(run: Run) -> bytes:
    """A model as earlier versions kept it: whole, and checked, but nobody noted which bytes were."""
    import onnx

    try:
        content = run.whole_model_path.read_bytes()
        if onnx.load_model_from_string(content).graph.node:  # protobuf takes an empty file for a model without any
            return content
    except Exception as error:  # protobuf's, for a file that was cut off
        raise _damaged(run) from error
    raise _damaged(run)


def _sources(run: Run, source: str | None) -> Iterator[bytes]:
    """The weights that the parts leave out, from each place that may still have them."""
    if source is None:
        yield b""
    elif source == _NETWORK:
        trunk = write_tuned_trunk(catalog.BUILT_IN[run.config.backbone], run.model_dir / _NETWORK)
        yield b"".join(_weights_of(trunk)) if trunk else b""
    elif _TRUNK_NAME.fullmatch(source):
        weights_dir, name = run.workspace.weights_dir, run.config.backbone
        for path in (_kept_dir(run) / source, weights_dir / name / source):
            if (weights := _read_trunk(path)) is not None:
                yield weights
        if name == BUNDLED:  # any other takes torch, and so a worker
            from transfer_core.backbones.onnx_backbone import ensure_trunk

            try:
                path = ensure_trunk(catalog.BUILT_IN[BUNDLED], weights_dir)
            except TransferError:
                return
            yield _read_trunk(path) or b""


def _read_trunk(path: Path) -> bytes | None:
    import onnx

    try:
        return b"".join(_weights_of(onnx.load(path)))
    except Exception:  # it is not there, or it is what protobuf calls undecodable
        return None


def _weights_of(trunk: "onnx.ModelProto") -> Iterator[bytes]:
    return (tensor.raw_data for tensor in trunk.graph.initializer)


def _take_apart(content: bytes, weights: Iterable[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The model without the weights, and where these belong.

    Args:
        weights: In the order in which they come in the model.

    Returns:
        Its own bytes, uint8 (n,), and int64 (pieces, 3): after how many more of these which weights follow, as the
        first of all weights' bytes and their number.
    """
    own, pieces, done, first = [], [], 0, 0
    for array in weights:
        place = content.find(array, done) if len(array) >= _LEAST_BYTES else -1
        if place >= 0:
            own.append(content[done:place])
            pieces.append((place - done, first, len(array)))
            done = place + len(array)
        first += len(array)
    rest = b"".join([*own, content[done:]])
    return np.frombuffer(rest, np.uint8), np.array(pieces, np.int64).reshape(-1, 3)


def _put_together(own: np.ndarray, pieces: np.ndarray, weights: bytes) -> bytes:
    """The reverse of `_take_apart`; something else where the weights are others."""
    between, shared, done = memoryview(own.tobytes()), memoryview(weights), 0
    parts = []
    for count, first, size in pieces.tolist():
        parts += [between[done : done + count], shared[first : first + size]]
        done += count
    return b"".join([*parts, between[done:]])


def _keep_trunk(run: Run, trunk: Path) -> None:
    """Lets the project's runs outlive the deletion of a backbone that does not come with Graft.

    As a second name of the same file it takes no space; where the file system knows no such names it is a copy.
    """
    kept = _kept_dir(run) / trunk.name
    if kept.is_file() and (kept.samefile(trunk) or filecmp.cmp(kept, trunk, shallow=False)):
        return
    kept.parent.mkdir(exist_ok=True)
    part = temp_path(kept)
    try:
        try:
            os.link(trunk, part)
        except OSError:
            shutil.copyfile(trunk, part)
        move_into_place(part, kept)
    finally:
        part.unlink(missing_ok=True)


def _kept_dir(run: Run) -> Path:
    return run.photos_dir.with_name("trunks")


def _parts_path(run: Run) -> Path:
    return run.model_dir / "model.onnx.parts"


def _damaged(run: Run) -> ModelDamaged:
    _is_intact.cache_clear()  # a disk that rots changes no file's time: whoever asks next is to look anew
    return ModelDamaged(
        f"The exported model of run '{run.id}' is damaged or gone. Export it again: Graft makes a new one."
    )
