"""Features of photos from a frozen backbone, computed once and kept. Imports no torch: onnxruntime runs the trunk."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from filelock import FileLock

from transfer_core.backbones import weights
from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.prepare import Preparer
from transfer_core.backbones.rows import RowStore
from transfer_core.data import images

# Rows written at a time: few enough for progress twice a second, enough that the cores seldom wait for each other.
_PER_APPEND = 32
# Part of every trunk's name: raise it when the exported graph changes, and old trunks and features are left behind.
TRUNK_VERSION = 1


def digest(backbone: Backbone, weights_dir: Path) -> str:
    """Identifies what features come from: weights, preparation and the way the trunk is exported; 16 hex digits."""
    parts = [weights.digest(weights.locate(backbone, weights_dir)), repr(backbone.preparation), str(TRUNK_VERSION)]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def trunk_path(backbone: Backbone, weights_dir: Path) -> Path:
    """Where `trunk.ensure_trunk` puts the exported backbone."""
    return weights_dir / backbone.name / f"trunk-{digest(backbone, weights_dir)}.onnx"


def trunk_lock(path: Path) -> FileLock:
    """Held while a trunk is exported: whoever needs it meanwhile waits instead of exporting it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_suffix(".lock"))


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

    Args:
        photos: (sha256, path) each; the same digest may come more than once.
        report: Called with (photos done, photos in all) as they are done; photos from the cache count as done.
        should_stop: Asked every few photos; when true, what is computed is kept and `InterruptedError` is raised.
    """
    session = open_session(trunk_path(backbone, weights_dir), threads=1)
    prepare = Preparer(backbone.preparation)
    store = RowStore(features_dir / digest(backbone, weights_dir), (session.get_outputs()[0].shape[-1],), np.float32)

    def look_at(path: Path) -> np.ndarray:
        return session.run(None, {"pixels": prepare(images.load_stored(path))[np.newaxis]})[0][0]

    known = store.keys()
    missing = list({sha: path for sha, path in photos if sha not in known}.items())
    total = len({sha for sha, _ in photos})
    done = total - len(missing)
    report(done, total)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(missing), _PER_APPEND):
            chunk = missing[start : start + _PER_APPEND]
            rows = pool.map(look_at, [path for _, path in chunk])
            store.append([sha for sha, _ in chunk], np.stack(list(rows)))
            done += len(chunk)
            report(done, total)
            if should_stop():
                raise InterruptedError
    return store.read([sha for sha, _ in photos])


def open_session(path: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    """An onnxruntime session on the CPU, on all cores unless told otherwise."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    # Threads that spin while they wait would take the cores away from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
