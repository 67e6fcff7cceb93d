"""A worker's own memory, and the time per photo, on ten thousand drawn photos against one thousand.

    python -m tests.benchmarks.memory [--few 1000] [--many 10000] [--strategy feature_extraction]

Own memory is what the operating system could not drop at once: pages of files are left out, as mapped caches and
program code have them. Read from /proc, hence for Linux. The time is that of a whole `fit` in an empty home.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from transfer_core import runs
from transfer_core.support.files import read_json
from transfer_core.workspace import Workspace

_CLASSES = 4


def draw(folder: Path, count: int) -> Path:
    """That many small photos of soft blots, in class folders."""
    generator = np.random.default_rng(0)
    for number in range(count):
        class_id = number % _CLASSES
        coarse = generator.integers(0, 200, (6, 8, 3))
        coarse[..., class_id % 3] += 25 + 15 * (class_id // 3)
        buffer = io.BytesIO()
        image = Image.fromarray(coarse.astype(np.uint8)).resize((320, 240), Image.Resampling.BICUBIC)
        image.save(buffer, "JPEG", quality=85)
        path = folder / f"class{class_id}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    return folder


def own_bytes(pid: int) -> int:
    """Memory of the process without pages of files."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon")), 0)


def fit(data: Path, home: Path, strategy: str, epochs: int | None) -> tuple[float, float, int]:
    """Seconds of intake and of the run, and the most own memory that its worker had."""
    command = [sys.executable, "-m", "transfer_core", "fit", str(data), "--home", str(home), "--strategy", strategy]
    command += ["--json", *(["--epochs", str(epochs)] if epochs else [])]
    process = subprocess.Popen(command, env=os.environ | {"GRAFT_IDLE_S": "1"}, stdout=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        for path in home.glob("projects/*/runs/*/worker.json"):
            peak = max(peak, own_bytes(read_json(path)["pid"]))
        time.sleep(0.05)
    answer = json.loads(process.stdout.read().splitlines()[-1])
    run = runs.open_run(Workspace(home), answer["run_id"])
    history = runs.read_state(run)
    return run.spec.intake_s, history.lifecycle.time - history.started, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=10000)
    parser.add_argument("--strategy", default="feature_extraction")
    parser.add_argument("--epochs", type=int)
    options = parser.parse_args()
    peaks, costs = [], []
    for count in (options.few, options.many):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            data = draw(Path(folder, "photos"), count)
            intake_s, run_s, peak = fit(data, Path(folder, "home"), options.strategy, options.epochs)
        peaks.append(peak)
        costs.append((intake_s + run_s) / count)
        print(
            f"{count:6} photos: {peak / 1e6:.0f} MB, intake {1e3 * intake_s / count:.2f} ms and run "
            f"{1e3 * run_s / count:.2f} ms a photo",
            flush=True,
        )
    print(f"memory {peaks[1] / peaks[0]:.2f} times (limit 1.20), time per photo {costs[1] / costs[0]:.2f} times (1.15)")


if __name__ == "__main__":
    main()
