"""How much faster it learns with half of the stages frozen: photos per second of `partial` over those of `full`.

    python -m tests.benchmarks.freezing DATA [--rounds 5]

Both take turns in one process on the embedded backbone, an epoch of training as runs have it each, variations included:
once with new variations every time, once from kept activations (the time to make those is told beside it).
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from transfer_core import bench
from transfer_core.config import TrainConfig
from transfer_core.training.context import TrainContext
from transfer_core.training.finetune import device, phase
from transfer_core.training.finetune.activation_cache import open_bank
from transfer_core.training.finetune.learner import build_learner
from transfer_core.workspace import Workspace


class Side:
    """One of those that take turns."""

    def __init__(self, context: TrainContext):
        self.context = context
        self._index = len(context.plan.phases) - 1
        self._learner = build_learner(context, self._index, None)
        began = time.perf_counter()
        self.context, self._bank = open_bank(context, self._index, self._learner)
        if self._bank:
            self._bank.fill(context, self._learner.boundary, lambda done, total: None, lambda: False)
        self.fill_s = time.perf_counter() - began

    def photos_per_s(self, epoch: int) -> float:
        began = time.perf_counter()
        phase.run_epoch(self.context, self._index, phase.Position(epoch), self._learner, self._bank)
        return len(self.context.train_ids) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace, sides = Workspace(Path(folder)), {}
        for name, settings in (
            ("full", {"strategy": "full"}),
            ("partial", {"strategy": "partial", "views": 0}),
            ("partial, kept activations", {"strategy": "partial", "views": 4}),
        ):
            config = TrainConfig(epochs=options.rounds, batch_size=32, **settings)
            context = bench.make_context(workspace, options.data, config)
            device.make_deterministic(context.plan.threads)
            sides[name] = Side(context)
        speeds = {name: [] for name in sides}
        for epoch in range(options.rounds):
            for name, side in sides.items():
                speeds[name].append(side.photos_per_s(epoch))
    for name, found in speeds.items():
        ratio = statistics.median(own / full for own, full in zip(found, speeds["full"], strict=True))
        extra = f"; made in {sides[name].fill_s:.1f} s" if "kept" in name else ""
        print(f"{name:26} {statistics.median(found):6.1f} photos per second, {ratio:.2f} times full{extra}")


if __name__ == "__main__":
    main()
