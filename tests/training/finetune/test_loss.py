"""What a step asks for, against torch's own losses and by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from transfer_core.training.finetune.loss import Objective

CPU = torch.device("cpu")
LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3], [-1.0, 3.0, 0.0]])
IDS = np.array([0, 0, 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_without_weights_it_is_cross_entropy(smoothing):
    objective = Objective.of(IDS, 3, smoothing, False, CPU)
    losses, sums = objective(LOGITS, objective.wanted(IDS))
    expected = nn.functional.cross_entropy(LOGITS, torch.from_numpy(IDS), reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(losses, expected)
    plain = nn.functional.cross_entropy(LOGITS, torch.from_numpy(IDS), reduction="sum")
    torch.testing.assert_close(sums, torch.tensor([plain.item(), 2.0]))  # the second photo is answered wrongly


def test_weights_let_every_class_count_the_same():
    ids = np.repeat([0, 1, 2], [12, 6, 2])
    objective = Objective.of(ids, 3, 0.0, True, CPU)
    logits = torch.zeros(len(ids), 3)
    losses, sums = objective(logits, objective.wanted(ids))
    by_class = [losses[torch.from_numpy(ids == class_id)].sum() for class_id in range(3)]
    torch.testing.assert_close(torch.stack(by_class), by_class[0].expand(3))
    assert losses.mean() == pytest.approx(np.log(3))  # the step is as long as without
    assert sums[0] == pytest.approx(len(ids) * np.log(3), rel=1e-5)  # what is reported leaves them out


def test_blended_photos_ask_for_both_classes():
    objective = Objective.of(IDS, 3, 0.0, False, CPU)
    wanted = torch.tensor([[0.7, 0.3, 0.0]])
    losses, _ = objective(LOGITS[:1], wanted)
    shares = torch.softmax(LOGITS[0], 0)
    torch.testing.assert_close(losses[0], -(0.7 * shares[0].log() + 0.3 * shares[1].log()))
