"""Trains a small network on arrays in memory by the engine alone: no project, no run, nothing written to the disk.

python docs/examples/train_on_arrays.py
"""

import numpy as np

from transfer_core.backbones.catalog import Backbone, Preparation
from transfer_core.config import TrainConfig
from transfer_core.runs.events import EpochFinished
from transfer_core.strategies import Facts
from transfer_core.training import engine
from transfer_core.training.context import TrainContext
from transfer_core.training.photos import ArrayPhotos, LabelledPhotos

preparation = Preparation(32, 1.0, "bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
backbone = Backbone("test_resnet", "A tiny ResNet", "For examples.", 1, "Apache-2.0", preparation)
class_ids = np.arange(60) % 2  # dark photos and bright ones
noise = np.random.default_rng(0).integers(0, 128, (60, 40, 40, 3))
pixels = {f"photo {i}": (noise[i] + 100 * class_ids[i]).astype(np.uint8) for i in range(60)}
train, val = (LabelledPhotos(tuple(pixels)[part], class_ids[part]) for part in (slice(40), slice(40, 60)))


def report(event):
    if isinstance(event, EpochFinished):
        print(f"Epoch {event.epoch}: loss {event.train_loss:.2f}, validation accuracy {event.val_accuracy:.0%}")


plan = engine.make_plan(TrainConfig(strategy="scratch", epochs=5, batch_size=8), Facts((20, 20), backbone))
trained = engine.fit(TrainContext(2, train, val, ArrayPhotos(backbone, pixels), backbone, plan, emit=report))
print(trained.val_confidences.round(2))
