"""Batches of training photos, loaded while the network trains on the batch before. Imports torch."""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
import torch

from transfer_core.support.parallel import CORES, map_ahead
from transfer_core.training.augment.crops import Augmentation, Varied, crop
from transfer_core.training.context import TrainContext


class Batch(NamedTuple):
    """Some training photos.

    Args:
        rows: int64 (batch,), places in the training part.
        pixels: uint8 (batch, 3, size, size); or float32 (batch, ...), what the frozen stages made of them.
        variations: float32 (batch, 4), see `augment.Varied`; None where they are in already.
    """

    rows: np.ndarray
    pixels: torch.Tensor
    variations: np.ndarray | None


def split_into_batches(count: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Rows of each batch, shuffled, of nearly equal size: a last batch of one photo would spoil batch norm."""
    order = np.random.default_rng((seed, epoch)).permutation(count)
    return np.array_split(order, max(1, min(round(count / batch_size), count // 2)))


def load_batches(context: TrainContext, batches: list[np.ndarray], epoch: int) -> Generator[Batch, None, None]:
    """Yields the batches in order, each loaded by one thread."""
    digests, preparation, seed = context.train.digests, context.backbone.preparation, context.plan.settings.seed
    augmentation, on_card = Augmentation.of(context.plan.settings), context.plan.device == "cuda"

    def load_one(digest: str) -> Varied:
        picture = context.photos.picture(digest, preparation.size_px)
        return crop(picture, digest, preparation, augmentation, seed, epoch)

    def load(rows: np.ndarray) -> Batch:
        varied = [load_one(digests[row]) for row in rows]
        pixels = torch.from_numpy(np.stack([photo.pixels for photo in varied]))
        # A graphics card fetches pinned memory by itself, while the processor goes on.
        return Batch(rows, pixels.pin_memory() if on_card else pixels, np.stack([photo.variation for photo in varied]))

    # The processor learns more slowly than it loads; a graphics card wants every core to load for it.
    ahead = 1 if context.plan.device == "cpu" else CORES
    return map_ahead(load, batches, ahead, min(CORES, ahead + 1))
