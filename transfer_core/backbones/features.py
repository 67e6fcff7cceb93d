"""Features of photos from a frozen backbone, computed once and kept. Imports no torch: onnxruntime runs the trunk."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from transfer_core.backbones import weights
from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.feature_store import RowStore, StoreDamaged, store_folder
from transfer_core.backbones.onnx_backbone import digest, ensure_trunk
from transfer_core.backbones.preprocess import PreparedPhotos
from transfer_core.data.images import decode
from transfer_core.data.images.rendering import Rendering
from transfer_core.errors import BackboneError, TransferError
from transfer_core.workspace import Workspace

_TRIES = 5  # to keep features and to read them again, should the caches be cleared, or something be damaged, meanwhile
_log = logging.getLogger(__name__)


def compute_features(
    backbone: Backbone,
    photos: Sequence[tuple[str, Path]],
    workspace: Workspace,
    path: Path,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda message: None,
    rendering: Rendering = decode.AS_IT_IS,
) -> np.ndarray:
    """Features float32 (photos, d) in the order given; only photos not in the cache are prepared and forwarded.

    Each core takes one photo from file to features by itself. Measured against batches on all cores together this is
    as fast or faster, overlaps decoding with the forward pass for free, and a photo's features cannot depend on
    what else was in its batch.

    Args:
        path: Of the file that holds the answer, see `RowStore.gather`: ten thousand photos take no more memory than
            ten.
        tell: Takes a sentence for people where something was found damaged and is made anew.
        rendering: As which photos are read that were not prepared before; the keys are those that it gives them.

    Other arguments and errors as `RowStore.fill`, and DataError for a photo that can no longer be read, BackboneError
    for a backbone that is not here or computes no numbers, TransferError where what was kept does not come back.
    """
    folder = store_folder(workspace.features_dir, digest(backbone, workspace.weights_dir))
    shas = [sha for sha, _ in photos]
    rows = _gather(folder, shas, path, tell)
    if rows is not None:  # without loading the backbone, which takes longer than this
        report(len(set(shas)), len(set(shas)))
        return rows
    session = open_session(ensure_trunk(backbone, workspace.weights_dir, tell), threads=1)
    prepared = PreparedPhotos(backbone.preparation, workspace.prepared_dir, rendering)

    def look_at(photo: str, path: Path) -> np.ndarray:
        return look(session, backbone, prepared(photo, path), workspace.weights_dir)

    for _ in range(_TRIES):
        store = RowStore(folder, (session.get_outputs()[0].shape[-1],), np.float32)
        store.fill(photos, look_at, report, should_stop)
        rows = _gather(folder, shas, path, tell)
        if rows is not None:
            return rows
    raise TransferError(
        f"What Graft computed of your photos was written to {folder} {_TRIES} times and could not be read again. Check "
        "whether the disk is damaged, or whether something else empties that folder."
    )


def look(
    session: onnxruntime.InferenceSession, backbone: Backbone, pixels: np.ndarray, weights_dir: Path
) -> np.ndarray:
    """Features float32 (d,) of one photo, pixels uint8 (3, size, size), by the session of the backbone's trunk.

    Raises:
        BackboneError: Some features are not finite numbers, so no head can be trained on them.
    """
    features = session.run(None, {"pixels": pixels[np.newaxis]})[0][0]
    if not np.isfinite(features).all():
        raise BackboneError(
            f"{backbone.title} computes values that are not numbers from a photo, so nothing can be learned with it. "
            f"{weights.mend(backbone, weights_dir)} Or choose another backbone."
        )
    return features


def _gather(folder: Path, photos: Sequence[str], path: Path, tell: Callable[[str], None]) -> np.ndarray | None:
    """The features of all photos, or None where some are missing, or were damaged, which is told."""
    try:
        store = RowStore.find(folder)
        return store.gather(photos, path) if store else None
    except KeyError:
        return None
    except StoreDamaged as damage:
        _log.warning("%s", damage)
        tell("What Graft had kept of your photos was damaged on the disk. It looks at the photos concerned again.")
        return None


def open_session(path: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    """An onnxruntime session on the CPU, on all cores unless told otherwise."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    # Threads that spin while they wait would take the cores away from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
