"""Features of photos from a frozen backbone, computed once and kept. Imports no torch: onnxruntime runs the trunk."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.prepare import Preparer
from transfer_core.backbones.rows import RowStore
from transfer_core.backbones.trunk import digest, ensure_trunk
from transfer_core.data import images


def compute_features(
    backbone: Backbone,
    photos: Sequence[tuple[str, Path]],
    weights_dir: Path,
    features_dir: Path,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """Features float32 (photos, d) in the order given; only photos not in the cache are decoded and forwarded.

    Each core takes one photo from file to features by itself. Measured against batches on all cores together this is
    as fast or faster, overlaps decoding with the forward pass for free, and a photo's features cannot depend on
    what else was in its batch.

    Other arguments and errors as `RowStore.fetch`.
    """
    folder, shas = features_dir / digest(backbone, weights_dir), [sha for sha, _ in photos]
    if (store := RowStore.find(folder)) and store.holds(shas):
        report(len(set(shas)), len(set(shas)))
        return store.read(shas)  # without loading the backbone, which takes longer than this
    session = open_session(ensure_trunk(backbone, weights_dir), threads=1)
    prepare = Preparer(backbone.preparation)
    store = RowStore(folder, (session.get_outputs()[0].shape[-1],), np.float32)

    def look_at(path: Path) -> np.ndarray:
        return session.run(None, {"pixels": prepare(images.load_stored(path))[np.newaxis]})[0][0]

    return store.fetch(photos, look_at, report, should_stop)


def open_session(path: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    """An onnxruntime session on the CPU, on all cores unless told otherwise."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    # Threads that spin while they wait would take the cores away from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
