"""What a step asks for: the classes of a batch as shares, and how far the answers are from them. Imports torch."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from transfer_core.training.linear_probe.head import balance


@dataclass(frozen=True)
class Objective:
    """Cross entropy with label smoothing and class weights.

    Args:
        weights: float32 (classes,), of mean 1 over the training photos.
        smoothing: Share of the certainty that is spread over all classes, in [0, 1).
    """

    weights: torch.Tensor
    smoothing: float

    @classmethod
    def of(
        cls, class_ids: np.ndarray, class_count: int, smoothing: float, weighted: bool, device: torch.device
    ) -> "Objective":
        """For training photos of these classes (n,); `weighted` lets every class count the same."""
        weights = balance(class_ids, class_count) if weighted else np.ones(class_count)
        return cls(torch.tensor(weights, dtype=torch.float32, device=device), smoothing)

    def wanted(self, class_ids: np.ndarray) -> torch.Tensor:
        """Shares float32 (batch, classes) that photos of these classes are to be given, before smoothing."""
        ids = torch.from_numpy(class_ids).to(self.weights.device)
        return nn.functional.one_hot(ids, len(self.weights)).float()

    def __call__(self, logits: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(losses (batch,) to train on, sums (2,) to report: of plain losses, and of right answers).

        What is reported leaves smoothing and weights out, so that it can be compared with validation (of photos that
        are not blended).
        """
        surprise = -torch.log_softmax(logits, 1)
        smoothed = wanted * (1 - self.smoothing) + self.smoothing / wanted.shape[1]
        losses = (smoothed * surprise).sum(1) * (wanted @ self.weights)
        plain = (wanted * surprise.detach()).sum()
        return losses, torch.stack([plain, (logits.argmax(1) == wanted.argmax(1)).sum().float()])
