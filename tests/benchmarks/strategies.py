"""Every strategy on photos of your own, with its defaults, as a table in Markdown; the one in the README is made so.

    python -m tests.benchmarks.strategies DATA [DATA ...] [--strategy NAME ...] [--seed 0] [--seeds 3] [--home DIR]

Each run is the command that a person would give. Accuracy is on the photos kept aside (the part that the data gives,
else 30%); with several seeds, the mean is added for every strategy.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from tests.helpers import kill_all, run_python
from transfer_core import runs, strategies
from transfer_core.backbones import catalog
from transfer_core.runs import Run
from transfer_core.strategies import STRATEGIES
from transfer_core.support.arrays import read_arrays
from transfer_core.training.plan import load_plan
from transfer_core.workspace import Workspace

_HOUR_S = 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--strategy", nargs="+", default=list(STRATEGIES), choices=list(STRATEGIES))
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--home", type=Path, help="kept, where given")
    options = parser.parse_args()
    print("| Photos | Strategy | Right | 95% interval | Seconds | Learns |\n|--|--|--|--|--|--|", flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = Workspace(options.home or Path(folder))
        for data in options.data:
            for strategy in options.strategy:
                found = []
                for seed in range(options.seed, options.seed + options.seeds):
                    found.append(fit(workspace, data, strategy, seed))
                    print(row(workspace, data, strategy, found[-1]), flush=True)
                if len(found) > 1:
                    mean = statistics.mean(answer["val_accuracy"] for answer in found)
                    print(f"| {data.name} | {strategy}, mean of {len(found)} | {mean:.3f} | | | |", flush=True)
        kill_all(workspace)


def fit(workspace: Workspace, data: Path, strategy: str, seed: int) -> dict:
    """What the command answers."""
    command = ["fit", str(data), "--val-fraction", "0.3", "--strategy", strategy, "--seed", str(seed)]
    answer = run_python("-m", "transfer_core", *command, "--home", str(workspace.home), "--json", seconds=_HOUR_S)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def row(workspace: Workspace, data: Path, strategy: str, answer: dict) -> str:
    low, high = answer["val_interval"]
    hits = round(answer["val_accuracy"] * answer["val_count"])
    run = runs.open_run(workspace, answer["run_id"])
    return (
        f"| {data.name} | {strategy} | {answer['val_accuracy']:.3f} ({hits} of {answer['val_count']}) | {low:.2f} to "
        f"{high:.2f} | {answer['seconds']['total']:.0f} | {learning_share(run):.1%} |"
    )


def learning_share(run: Run) -> float:
    """Of all parameters, the new part's included, those that the run changed."""
    backbone = catalog.find(run.config.backbone, run.workspace.weights_dir)
    learned = strategies.share_that_learns(load_plan(run.plan_path).phases, backbone) * backbone.parameters
    head = sum(value.size for value in read_arrays(run.model_dir / "head.safetensors")[0].values())
    return (learned + head) / (backbone.parameters + head)


if __name__ == "__main__":
    main()
