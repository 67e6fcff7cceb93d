"""Which of a network's parameters learn, and how fast. Imports torch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from timm.optim import param_groups_layer_decay
from torch import nn

from transfer_core.backbones.torch_backbone import stages
from transfer_core.config import decided
from transfer_core.strategies import Phase


@runtime_checkable
class _ListsUndecayed(Protocol):
    """A network of timm's that names parameters of its own that weight decay would harm."""

    def no_weight_decay(self) -> Collection[str]: ...


def freeze(network: nn.Module, frozen: int, keeps_statistics: bool) -> list[nn.Module]:
    """Lets all but the first `frozen` stages learn; returns the modules that must stay in eval mode for it.

    These are the frozen ones whole: batch norm that goes on counting would change what its frozen layers give. With
    `keeps_statistics` it is every batch norm.
    """
    # Some networks do not say what their stages are; they can be trained as a whole.
    held = {name for stage in stages(network)[:frozen] for name in stage} if frozen else set()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in held)

    def is_frozen(module: nn.Module) -> bool:
        own = list(module.parameters())
        return bool(own) and not any(parameter.requires_grad for parameter in own)

    def keeps(module: nn.Module) -> bool:
        return keeps_statistics and isinstance(module, nn.modules.batchnorm._NormBase)

    return [module for module in network.modules() if is_frozen(module) or keeps(module)]


def parameter_groups(network: nn.Module, head: nn.Linear, phase: Phase, weight_decay: float) -> list[dict]:
    """Groups for the optimizer, each with its "peak" learning rate.

    Layer-wise decay and its grouping are timm's. Biases and norms are not decayed, which would pull them away from what
    they normalize.
    """
    unrestrained = network.no_weight_decay() if isinstance(network, _ListsUndecayed) else ()
    groups = param_groups_layer_decay(network, weight_decay, tuple(unrestrained), layer_decay=phase.layer_decay)
    learning_rate = decided(phase.learning_rate)
    peak = learning_rate * phase.backbone_share
    found = [_group(group["params"], peak * group["lr_scale"], group["weight_decay"]) for group in groups]
    return [*found, _group([head.weight], learning_rate, weight_decay), _group([head.bias], learning_rate)]


def _group(parameters: list[torch.Tensor], peak: float, weight_decay: float = 0.0) -> dict:
    return {"params": parameters, "lr": peak, "peak": peak, "weight_decay": weight_decay}


@dataclass(frozen=True)
class Anchors:
    """Pulls a backbone back to its pretrained weights (L2-SP), beside the optimizer as AdamW's decay is.

    Args:
        strength: Share of the way that is undone per epoch at the peak learning rate, in [0, 1].

    Source: Li, Grandvalet and Davoine 2018, arXiv 1802.01483.
    """

    parameters: list[torch.Tensor]
    origins: list[torch.Tensor]
    strength: float

    @classmethod
    def of(cls, network: nn.Module, pretrained: Mapping[str, torch.Tensor], strength: float) -> "Anchors":
        learning = {name: value for name, value in network.named_parameters() if value.requires_grad}
        origins = [pretrained[name].detach().clone().to(value) for name, value in learning.items()]
        return cls(list(learning.values()), origins, strength)

    def pull(self, share: float, steps_per_epoch: int) -> None:
        """One step's pull, at this share of the peak learning rate."""
        weight = share * (1 - (1 - self.strength) ** (1 / steps_per_epoch))
        with torch.no_grad():
            torch._foreach_lerp_(self.parameters, self.origins, weight)
