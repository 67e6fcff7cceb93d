"""What the tests of training share."""

import pytest
import torch

from transfer_core.training.finetune.learner import Normalized


@pytest.fixture
def small_card(monkeypatch):
    """Lets the network fail as a full graphics card does, on more than so many photos at a time; counts the rest."""

    def limit(photos: int) -> list[int]:
        sizes = []
        forward = Normalized.forward

        def refuse(self, pixels):
            if len(pixels) > photos:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            sizes.append(len(pixels))
            return forward(self, pixels)

        monkeypatch.setattr(Normalized, "forward", refuse)
        return sizes

    return limit
