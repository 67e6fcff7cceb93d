"""The short trial behind every estimate: `python -m transfer_core.advice.speed_benchmark HOME BACKBONE`.

Takes a few seconds, once per machine and backbone, in steps: what the frozen backbone needs is known first.
"""

import io
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter
from threadpoolctl import threadpool_limits

from transfer_core.advice.machine_speed import AGAIN, LearningSpeed, Speed, load_speed, save_speed
from transfer_core.backbones import catalog, features
from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.onnx_backbone import ensure_trunk, has_trunk
from transfer_core.backbones.preprocess import Preparer
from transfer_core.config import TrainConfig
from transfer_core.data.images import decode
from transfer_core.strategies import Facts
from transfer_core.support.files import stay_in
from transfer_core.support.parallel import CORES, map_ahead
from transfer_core.training import engine
from transfer_core.training.linear_probe.head import Scaler, train_epochs
from transfer_core.training.linear_probe.l2_search import search_l2
from transfer_core.workspace import Workspace

if TYPE_CHECKING:
    import torch

    from transfer_core.training.finetune.learner import Learner

    _Batch = tuple[torch.Tensor, np.ndarray, np.ndarray]  # arguments of `Learner.learn`

_SMALL, _LARGE = (500, 375), (2400, 1800)  # pixels; a web picture and a small camera's
_ROUNDS = 3
_CLASSES = 10
_HEAD_PHOTOS, _HEAD_EPOCHS = 200, 20
_LOOK_EVERY_S = 0.002
_BATCHES = {"cpu": (4, 12)}  # photos at once, few and more; a card works them off side by side and wants to be full
_CARD_BATCHES = (8, 32)


def main(home: str, name: str) -> int:
    """Does the next step of the trial and returns the exit code: `AGAIN` where there is another one, else 0.

    Each step has a process of its own: what an earlier one keeps in memory, torch included, would be counted.
    """
    workspace = Workspace(Path(home))
    stay_in(workspace.home)
    backbone = catalog.find(name, workspace.weights_dir)
    if not has_trunk(backbone, workspace.weights_dir):
        ensure_trunk(backbone, workspace.weights_dir)
        return AGAIN
    speed = load_speed(workspace, backbone)
    if speed is None:
        save_speed(workspace, backbone, try_frozen(workspace, backbone))
        return AGAIN
    save_speed(workspace, backbone, try_learning(workspace, backbone, speed))
    return 0


def try_frozen(workspace: Workspace, backbone: Backbone) -> Speed:
    """How fast photos are prepared and looked at, and a head learns."""
    prepare = Preparer(backbone.preparation)
    session = features.open_session(ensure_trunk(backbone, workspace.weights_dir), threads=1)

    def load(content: bytes) -> np.ndarray:
        return prepare(decode.load_rgb(io.BytesIO(content)))

    small, large = _draw(_SMALL), _draw(_LARGE)
    small_s = _seconds_each(lambda: load(small))
    pixels = load(small)[np.newaxis]
    with _Memory() as memory:  # of small photos; a large one's share follows from its pixels
        look_s = _seconds_each(lambda: session.run(None, {"pixels": pixels}))
    large_s = _seconds_each(lambda: load(large))
    per_megapixel = max(0.0, (large_s - small_s) / (_megapixels(_LARGE) - _megapixels(_SMALL)))
    fixed = max(0.0, small_s - per_megapixel * _megapixels(_SMALL))
    width = session.get_outputs()[0].shape[-1]
    return Speed(fixed, per_megapixel, look_s, *_try_head(width), memory.peak_bytes)


def try_learning(workspace: Workspace, backbone: Backbone, speed: Speed) -> Speed:
    """The same with what torch takes to change the backbone."""
    began = time.perf_counter()
    import torch

    from transfer_core.backbones.torch_backbone import build_backbone, feature_width
    from transfer_core.training.finetune import device
    from transfer_core.training.finetune.learner import assemble
    from transfer_core.training.finetune.param_groups import freeze

    plan = engine.make_plan(TrainConfig(strategy="full"), Facts((1,) * _CLASSES, backbone))
    device.make_deterministic(plan.threads)
    network = build_backbone(backbone, workspace.weights_dir)
    head, class_ids = torch.nn.Linear(feature_width(network), _CLASSES), np.arange(_CLASSES)
    learner = assemble(network, head, backbone.preparation, plan.phases[0], plan, class_ids)
    start_s = time.perf_counter() - began
    batches, peaks = _BATCHES.get(plan.device, _CARD_BATCHES), []
    learner.begin_epoch()  # batch norm's statistics then follow the photos, which takes longer than keeping them
    for count in batches:  # two shapes, as a run has two sizes of batches: each takes longer the first time
        batch = _random_batch(backbone, count)
        with _Memory() as memory:
            first_s, step_s = _first_and_best(partial(_learn, learner, batch, count))
        start_s += first_s - step_s
        peaks.append(torch.cuda.max_memory_allocated() if plan.device == "cuda" else memory.peak_bytes)
    learner.held = freeze(network, 0, keeps_statistics=True)
    learner.begin_epoch()
    steady_s = _best(lambda: learner.learn(*batch, batches[1]).cpu())
    pixels = batch[0].numpy()
    first_s, check_s = _first_and_best(lambda: learner.confidences(pixels))
    start_s += 2 * (first_s - check_s)
    per_photo = max(0.0, (peaks[1] - peaks[0]) / (batches[1] - batches[0]))
    found = LearningSpeed(
        start_s=start_s,
        learn_s=step_s / batches[1],
        check_s=check_s / batches[1],
        learn_bytes=max(0.0, peaks[0] - per_photo * batches[0]),
        learn_photo_bytes=per_photo,
        device=plan.device,
        steady_learn_s=steady_s / batches[1],
    )
    return replace(speed, learning=found)


def _draw(size: tuple[int, int]) -> bytes:
    """A JPEG about as full of detail as a photo of that size."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 2, size[0] // 2, 3), np.uint8)
    image = Image.fromarray(noise).resize(size).filter(ImageFilter.GaussianBlur(1.5))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _random_batch(backbone: Backbone, count: int) -> "_Batch":
    """Arguments of `Learner.learn`: noise, variations as in training, and any classes."""
    import torch

    from transfer_core.training.augment.crops import NEUTRAL

    side, generator = backbone.preparation.size_px, np.random.default_rng(0)
    pixels = torch.from_numpy(generator.integers(0, 256, (count, 3, side, side), np.uint8))
    return pixels, np.tile(NEUTRAL * np.float32(1.1), (count, 1)), np.arange(count) % _CLASSES


def _learn(learner: "Learner", batch: "_Batch", count: int) -> None:
    """One step with all photos at once, waited for."""
    learner.learn(*batch, count).cpu()


def _megapixels(size: tuple[int, int]) -> float:
    return size[0] * size[1] / 1e6


def _seconds_each(work: Callable[[], object]) -> float:
    """Seconds for one piece of work with every core at it, the best of a few rounds."""
    for _ in map_ahead(lambda _: work(), range(CORES), CORES):  # warms up
        pass

    def all_cores() -> None:
        for _ in map_ahead(lambda _: work(), range(4 * CORES), 4 * CORES):
            pass

    return _best(all_cores) / (4 * CORES)


def _best(work: Callable[[], object]) -> float:
    """Seconds of the quickest round: what else the machine did only ever makes it slower."""
    return _first_and_best(work)[1]


def _first_and_best(work: Callable[[], object]) -> tuple[float, float]:
    seconds = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return seconds[0], min(seconds)


def _try_head(width: int) -> tuple[float, float]:
    """Seconds per photo, class and epoch to choose a head's strength, and to train it, on features of that width."""
    generator, units = np.random.default_rng(0), _HEAD_PHOTOS * _CLASSES * _HEAD_EPOCHS
    rows = generator.random((_HEAD_PHOTOS, width), np.float32)
    class_ids, photos = np.arange(_HEAD_PHOTOS) % _CLASSES, [str(number) for number in range(_HEAD_PHOTOS)]

    def train() -> None:
        for state in train_epochs(rows, scaler, class_ids, _CLASSES, [1e-3], _HEAD_EPOCHS):
            state.head(scaler).confidences(rows)  # as after every epoch of a run

    with threadpool_limits(1, "blas"):
        search_s = _best(lambda: search_l2(rows, class_ids, photos, _CLASSES, _HEAD_EPOCHS, 0))
        scaler = Scaler.of(rows)
        return search_s / units, _best(train) / units


class _Memory:
    """Watches how much memory this process has; operating systems count its peak in ways of their own, or not at all.

    Used as a context; `peak_bytes` is the most that was seen in it.
    """

    def __enter__(self) -> "_Memory":
        import psutil

        self.peak_bytes, self._over, self._process = 0.0, threading.Event(), psutil.Process()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        over = False
        while not over:  # looks once more at the end
            over = self._over.wait(_LOOK_EVERY_S)
            self.peak_bytes = max(self.peak_bytes, float(self._process.memory_info().rss))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
