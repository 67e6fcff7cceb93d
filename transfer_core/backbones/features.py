"""Features of photos from a frozen backbone, computed once and kept. Imports no torch: onnxruntime runs the trunk."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.feature_store import RowStore
from transfer_core.backbones.onnx_backbone import digest, ensure_trunk
from transfer_core.backbones.preprocess import PreparedPhotos
from transfer_core.workspace import Workspace


def compute_features(
    backbone: Backbone,
    photos: Sequence[tuple[str, Path]],
    workspace: Workspace,
    path: Path,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """Features float32 (photos, d) in the order given; only photos not in the cache are prepared and forwarded.

    Each core takes one photo from file to features by itself. Measured against batches on all cores together this is
    as fast or faster, overlaps decoding with the forward pass for free, and a photo's features cannot depend on
    what else was in its batch.

    Args:
        path: Of the file that holds the answer, see `RowStore.gather`: ten thousand photos take no more memory than
            ten.

    Other arguments and errors as `RowStore.fill`, and DataError for a photo that can no longer be read.
    """
    folder, shas = workspace.features_dir / digest(backbone, workspace.weights_dir), [sha for sha, _ in photos]
    rows = _gather(folder, shas, path)
    if rows is not None:  # without loading the backbone, which takes longer than this
        report(len(set(shas)), len(set(shas)))
        return rows
    session = open_session(ensure_trunk(backbone, workspace.weights_dir), threads=1)
    prepared = PreparedPhotos(backbone.preparation, workspace.prepared_dir)

    def look_at(photo: str, path: Path) -> np.ndarray:
        return session.run(None, {"pixels": prepared(photo, path)[np.newaxis]})[0][0]

    while rows is None:  # once more, should somebody clear the caches in between
        store = RowStore(folder, (session.get_outputs()[0].shape[-1],), np.float32)
        store.fill(photos, look_at, report, should_stop)
        rows = _gather(folder, shas, path)
    return rows


def _gather(folder: Path, photos: Sequence[str], path: Path) -> np.ndarray | None:
    """The features of all photos, or None where some are missing."""
    store = RowStore.find(folder)
    try:
        return store.gather(photos, path) if store else None
    except KeyError:
        return None


def open_session(path: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    """An onnxruntime session on the CPU, on all cores unless told otherwise."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    # Threads that spin while they wait would take the cores away from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
