"""Which parameters learn: freezing holds norms, too, and anchors pull back."""

import pytest
import timm
import torch

from transfer_core.backbones.torch_backbone import stages
from transfer_core.training.finetune.param_groups import Anchors, freeze


@pytest.mark.parametrize("frozen", [0, 2, 4])
def test_frozen_stages_learn_nothing_and_count_nothing(frozen):
    network = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    held = freeze(network, frozen, keeps_statistics=False)
    groups, own = stages(network), dict(network.named_parameters())
    for number, stage in enumerate(groups):
        assert all(own[name].requires_grad is (number >= frozen) for name in stage)
    network.train()
    for module in held:
        module.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.randn(4, 3, 64, 64))
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    held_modules = {name.rpartition(".")[0] for stage in groups[:frozen] for name in stage}
    assert moved and not {name for name in moved if name.rpartition(".")[0] in held_modules}


def test_norms_can_keep_their_statistics_while_they_learn():
    network = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    held = freeze(network, 0, keeps_statistics=True)
    network.train()
    for module in held:
        module.eval()
    before = {name: value.clone() for name, value in network.named_buffers()}
    network(torch.randn(4, 3, 64, 64)).sum().backward()
    assert before and all(torch.equal(value, before[name]) for name, value in network.named_buffers())
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_what_was_frozen_in_an_earlier_phase_learns_again():
    network = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    freeze(network, 4, keeps_statistics=False)
    assert freeze(network, 0, keeps_statistics=False) == []
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_anchors_undo_their_share_of_the_way_in_an_epoch():
    network = torch.nn.Linear(2, 1)
    pretrained = {name: torch.zeros_like(value) for name, value in network.named_parameters()}
    with torch.no_grad():
        network.weight.fill_(1.0)
    anchors = Anchors.of(network, pretrained, 0.2)
    for _ in range(7):
        anchors.pull(1.0, 7)
    torch.testing.assert_close(network.weight, torch.full((1, 2), 0.8))
    anchors.pull(0.0, 7)  # no step, no pull
    torch.testing.assert_close(network.weight, torch.full((1, 2), 0.8))
