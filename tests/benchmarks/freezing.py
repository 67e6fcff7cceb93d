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
from transfer_core.training.finetune.phase import FineTuning, Position
from transfer_core.workspace import Workspace


class Side:
    """One of those that take turns."""

    def __init__(self, context: TrainContext):
        self._tuning = FineTuning(context, len(context.plan.phases) - 1)
        began = time.perf_counter()
        self._tuning.open_bank()
        if bank := self._tuning.bank:
            bank.fill(context, self._tuning.learner.boundary, lambda done, total: None, lambda: False)
        self.fill_s = time.perf_counter() - began

    def photos_per_s(self, epoch: int) -> float:
        began = time.perf_counter()
        self._tuning.position = Position(epoch)
        self._tuning.run_epoch()
        return len(self._tuning.context.train) / (time.perf_counter() - began)


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
