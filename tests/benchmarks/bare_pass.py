"""Feature extraction against one bare pass over the same photos, side by side in one process.

    python -m tests.benchmarks.bare_pass DATA [--rounds 3]

The bare pass decodes all photos and brings them to the backbone's size with every core, then forwards all of them
through onnxruntime with every core, and does nothing else. Graft's figure is a run from an empty workspace: intake
(reading, verifying, storing, thumbnails, prepared pixels, copies of large photos), features, choice of the
regularisation and training of the head. The trunk's one-time export is left out on both sides.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from transfer_core import pipeline, runs, strategies
from transfer_core.backbones import catalog, features
from transfer_core.backbones.prepare import Preparer
from transfer_core.backbones.trunk import ensure_trunk
from transfer_core.config import TrainConfig
from transfer_core.data import images
from transfer_core.data.sources import is_junk, open_source
from transfer_core.training import engine
from transfer_core.training.task import Task
from transfer_core.workspace import Workspace

BACKBONE = catalog.BUILT_IN[catalog.EMBEDDED]


def bare_pass(data: Path, weights_dir: Path) -> float:
    """Seconds for decoding all, then forwarding all, each on every core."""
    paths = [data / entry.path for entry in open_source(data) if not is_junk(entry.path)]
    paths = [path for path in paths if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    prepare = Preparer(BACKBONE.preparation)
    session = features.open_session(features.trunk_path(BACKBONE, weights_dir))
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pixels = list(pool.map(lambda path: prepare(images.load_rgb(path)), paths))
    for photo in pixels:
        session.run(None, {"pixels": photo[np.newaxis]})
    return time.perf_counter() - began


def graft_run(data: Path, home: Path) -> tuple[float, float]:
    """Seconds from the first file to the trained head in an empty workspace, and the accuracy on val."""
    workspace = Workspace(home)
    began = time.perf_counter()
    project, _ = pipeline.take_in_path(workspace, data, None, lambda done, total: None)
    config = TrainConfig()
    split = pipeline.check(workspace, project, config)
    run = runs.create(project, config, split)
    phases = strategies.find(config.strategy).plan(config, len(split.train))
    task = Task(workspace, run, split, BACKBONE, phases, lambda event: None, lambda: False)
    trained = engine.fit(task)
    seconds = time.perf_counter() - began
    return seconds, float((trained.val_confidences.argmax(1) == task.val_ids).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        weights_dir = Path(folder, "weights")
        ensure_trunk(BACKBONE, weights_dir)
        bare_pass(options.data, weights_dir)  # warms the disk cache for both
        for number in range(options.rounds):
            home = Path(folder, f"home-{number}")
            shutil.copytree(weights_dir, home / "weights")
            bare = bare_pass(options.data, weights_dir)
            ours, accuracy = graft_run(options.data, home)
            ratios.append(ours / bare)
            print(f"bare pass {bare:.2f} s, Graft {ours:.2f} s, ratio {ratios[-1]:.2f}, val accuracy {accuracy:.3f}")
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
