"""The time said before a run against the time it then took: three backbones, two strategies.

    python -m tests.benchmarks.estimates DATA

Two of the backbones get random weights, with which they are as fast as with their own.
"""

import argparse
import tempfile
from pathlib import Path

import timm
from safetensors.torch import save_file

from tests.helpers import kill_all, run_python, wait_for
from transfer_core import runs
from transfer_core.advice.machine_speed import AGAIN
from transfer_core.backbones import catalog
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.services import ingest, training
from transfer_core.workspace import Workspace

_RANDOM = ("mobilenetv3_small_100.lamb_in1k", "resnet18.a1_in1k")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    worst = 1.0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = Workspace(Path(folder))
        for name in _RANDOM:
            path = workspace.weights_dir / name / "model.safetensors"
            path.parent.mkdir(parents=True)
            save_file(timm.create_model(name, pretrained=False).state_dict(), path)
        project, _ = ingest.take_in_path(workspace, options.data, None, lambda done, total: None)
        items = load_items(project)
        for name in (catalog.BUNDLED, *_RANDOM):
            while (
                trial := run_python("-m", "transfer_core.advice.speed_benchmark", folder, name, seconds=600)
            ).returncode == AGAIN:
                pass
            assert trial.returncode == 0, trial.stderr
            for strategy, epochs in (("feature_extraction", None), ("full", 1)):
                config = TrainConfig(backbone=name, strategy=strategy, epochs=epochs)
                said, _ = training.estimate_run(workspace, items, config)
                run = training.start(workspace, project, config)
                wait_for(lambda run=run: runs.read_state(run).status == "finished", seconds=3600, every=0.1)
                history = runs.read_state(run)
                took = history.lifecycle.time - history.started
                factor = max(said.seconds / took, took / said.seconds)
                worst = max(worst, factor)
                print(
                    f"{name:36} {strategy:20} said {said.seconds:6.1f} s, took {took:6.1f} s, factor {factor:.2f}; "
                    f"said {said.memory_bytes / 1e6:.0f} MB",
                    flush=True,
                )
                wait_for(lambda run=run: not runs.is_alive(run), seconds=600, every=0.1)  # the export
        kill_all(workspace)
    print(f"worst factor {worst:.2f} (limit 2)")


if __name__ == "__main__":
    main()
