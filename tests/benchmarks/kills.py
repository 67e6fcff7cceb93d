"""Kills workers, the runner and the web server at random moments; the result must be that of a run left alone.

    python -m tests.benchmarks.kills DATA [--strategy full] [--epochs 2] [--kills 10] [--seed 0]

Every trial is one run with empty caches that is killed (SIGKILL, at a moment drawn from the length of the run that was
left alone), resumed, and compared in all it learned: every weight, every answer on the validation photos, every
epoch's figures. Every third kill takes the runner along with the worker, every fourth also a web server that shows it.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.helpers import closed_port, kill_all, wait_for
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.evaluation.result import load_answers
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run
from transfer_core.services import ingest, training
from transfer_core.support.arrays import read_arrays
from transfer_core.support.files import read_json
from transfer_core.workspace import Project, Workspace


def outcome(run: Run) -> dict[str, np.ndarray]:
    """Every number of the finished run."""
    arrays = {"answers": load_answers(run.evaluation_dir).confidences}
    for path in sorted(run.model_dir.glob("*.safetensors")):
        arrays |= {f"{path.stem}.{name}": value for name, value in read_arrays(path)[0].items()}
    for epoch in runs.read_state(run).epochs:
        figures = [epoch.train_loss, epoch.train_accuracy, epoch.val_loss, epoch.val_accuracy]
        arrays[f"epoch {epoch.step}"] = np.array(figures)
    return arrays


def is_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def start(workspace: Workspace, project: Project, config: TrainConfig) -> Run:
    """A run that has every photo to look at anew; begins once the run before is done with its export."""
    wait_for(lambda: not any(runs.is_alive(run) for run in runs.list_runs(workspace, project)), every=0.05)
    shutil.rmtree(workspace.features_dir, ignore_errors=True)
    shutil.rmtree(workspace.prepared_dir, ignore_errors=True)
    run = training.start(workspace, project, config)
    wait_for(lambda: runs.read_state(run).status == "running", every=0.002)
    return run


def finish(run: Run) -> float:
    """Waits for the result; seconds since the run was started."""
    wait_for(lambda: runs.read_state(run).status == "finished", seconds=1800, every=0.05)
    history = runs.read_state(run)
    return history.lifecycle.time - history.started


def start_server(workspace: Workspace) -> subprocess.Popen:
    """The app, as a person starts it, on a port of its own."""
    port = str(closed_port())
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", port, "--server.headless", "true"]
    environment = os.environ | {"GRAFT_HOME": str(workspace.home)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill(path: Path) -> bool:
    """Kills the process that wrote its pid there."""
    try:
        os.kill(read_json(path)["pid"], signal.SIGKILL)
    except (OSError, ValueError):
        return False
    return True


def kill_at_a_moment(workspace: Workspace, run: Run, number: int, seconds: float) -> str:
    """Waits and kills; names what was killed and the run's state then."""
    server = start_server(workspace) if number % 4 == 0 else None
    time.sleep(seconds)
    killed = ["worker"] if runs.is_alive(run) and kill(run.folder / "worker.json") else []
    if number % 3 == 0 and kill(workspace.home / "runner.json"):
        killed.append("runner")
    if server:
        server.kill()
        server.wait()
        killed.append("web server")
    if "worker" in killed:  # one that holds much memory takes a moment to be gone
        wait_for(lambda: not runs.is_alive(run))
    return f"{' and '.join(killed) or 'nothing'} killed after {seconds:.2f} s, {runs.read_state(run).status}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--strategy", default="full")
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw, same = random.Random(options.seed), 0
    config = TrainConfig(strategy=options.strategy, backbone=options.backbone, epochs=options.epochs)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = Workspace(Path(folder))
        project, _ = ingest.take_in_path(workspace, options.data, None, lambda done, total: None)
        first = start(workspace, project, config)
        finish(first)
        alone = start(workspace, project, config)  # its length counts: the first one also had the trunk to build
        length, expected = finish(alone), outcome(alone)
        print(f"left alone: {length:.1f} s; twice the same: {is_same(outcome(first), expected)}", flush=True)
        for number in range(1, options.kills + 1):
            run = start(workspace, project, config)
            said = kill_at_a_moment(workspace, run, number, draw.uniform(0, length))
            if runs.read_state(run).status == "interrupted":
                runs.request_resume(run)
            ensure_runner(workspace)
            finish(run)
            good = is_same(outcome(run), expected)
            same += good
            print(f"{number:3}: {said}; then the same result: {good}", flush=True)
        kill_all(workspace)
    print(f"{same} of {options.kills} results are those of the run left alone")
    sys.exit(same != options.kills)


if __name__ == "__main__":
    main()
