"""A network parted where its frozen stages end, without rebuilding it. Imports torch."""

from collections.abc import Callable

import torch
from torch import nn

from transfer_core.backbones.torch_backbone import stages
from transfer_core.training.finetune.device import is_out_of_memory

_SAME = 1e-4  # of the largest value: more than float32's rounding, far less than a wrong parting gives


class Boundary:
    """The frozen stages of a network, and what comes after them.

    Args:
        body: Pixels (batch, 3, size, size) -> features; holds `network`.
        network: timm's.
        frozen: How many stages come before the boundary, at least 1.
        blank: Pixels (1, 3, size, size) of any content: what the frozen stages are shown where they do not matter.
    """

    def __init__(self, body: nn.Module, network: nn.Module, frozen: int, blank: torch.Tensor):
        self._body, self._blank = body, blank
        self._first_later = _module_at(network, frozen)

    def before(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the frozen stages make of these pixels, (batch, ...)."""

        def leave(module: nn.Module, inputs: tuple) -> None:
            raise _Reached(inputs)

        try:
            with torch.no_grad():
                self._run(leave, pixels)
        except _Reached as reached:
            return reached.inputs[0]
        raise RuntimeError("the network ended before its boundary was reached")

    def after(self, activations: torch.Tensor) -> torch.Tensor:
        """Features (batch, d) from what `before` gave; the frozen stages see one blank picture meanwhile."""
        return self._run(lambda module, inputs: (activations, *inputs[1:]), self._blank)

    def holds(self, pixels: torch.Tensor) -> bool:
        """Whether both parts together do what the whole does; a network may pass something by the boundary."""
        with torch.no_grad():
            whole = self._body(pixels)
            try:
                parted = self.after(self.before(pixels))
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                return False  # shapes that do not fit: something went by
        return parted.shape == whole.shape and bool((parted - whole).abs().max() <= _SAME * whole.abs().max())

    def _run(self, hook: Callable, pixels: torch.Tensor) -> torch.Tensor:
        handle = self._first_later.register_forward_pre_hook(hook)
        try:
            return self._body(pixels)
        finally:
            handle.remove()


class _Reached(Exception):
    """Leaves a forward pass at the boundary."""

    def __init__(self, inputs: tuple):
        super().__init__()
        self.inputs = inputs


def _module_at(network: nn.Module, frozen: int) -> nn.Module:
    """The largest module that begins with the first layer behind the boundary and holds no frozen one."""
    groups = stages(network)
    later = {name for stage in groups[frozen:] for name in stage}
    path = groups[frozen][0].split(".")[:-1]
    for depth in range(1, len(path) + 1):
        name = ".".join(path[:depth])
        module = network.get_submodule(name)
        if all(f"{name}.{own}" in later for own, _ in module.named_parameters()):
            return module
    raise RuntimeError(f"no module begins at {groups[frozen][0]}")
