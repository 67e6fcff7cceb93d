"""The network that learns: backbone, head and optimizer, one step, and its state for a checkpoint. Imports torch."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from transfer_core.backbones.build import build_backbone, feature_width
from transfer_core.backbones.catalog import Preparation
from transfer_core.backbones.torch_trunk import Normalized
from transfer_core.strategies import Phase
from transfer_core.training.augment import NEUTRAL
from transfer_core.training.head import Head, softmax
from transfer_core.training.task import Task, Trained

_WARM_UP = 0.1  # share of the steps in which the learning rate rises from zero
_WEIGHT_DECAY = 0.01
_CLIP_NORM = 1.0  # one odd batch must not throw away what was learned


@dataclass
class Learner:
    """The parts that learn.

    Args:
        body: Normalization and backbone: pixels (batch, 3, size, size) -> features (batch, d).
        head: Features -> logits (batch, classes).
        optimizer: Over both; each group's "peak" is its highest learning rate.
        precision: "float32" or "bfloat16", of the products while it learns.
    """

    body: Normalized
    head: nn.Linear
    optimizer: torch.optim.Optimizer
    device: torch.device
    precision: str

    @property
    def modules(self) -> nn.ModuleDict:
        return nn.ModuleDict({"body": self.body, "head": self.head})

    def learn(
        self, pixels: torch.Tensor, variations: np.ndarray, class_ids: np.ndarray, micro_batch: int
    ) -> torch.Tensor:
        """One optimizer step on a batch, gone through in equal parts of at most `micro_batch` photos.

        Args:
            pixels: uint8 (batch, 3, size, size), in the processor's memory.
            variations: float32 (batch, 4), see `augment.Varied`.
            class_ids: int64 (batch,).

        Returns:
            float32 (2,) on the device: the sum of the photos' losses, and how many were answered rightly. It is not
            waited for: a graphics card goes on meanwhile.
        """
        self.optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(2, device=self.device)
        for part in _parts(len(pixels), micro_batch):
            wanted = torch.from_numpy(class_ids[part]).to(self.device)
            # Only CUDA is safe not to wait for: MPS may copy pixels that are gone by then.
            on_device = pixels[part].to(self.device, non_blocking=self.device.type == "cuda")
            shown = vary(on_device, variations[part])
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                logits = self.head(self.body(shown))
            losses = nn.functional.cross_entropy(logits.float(), wanted, reduction="sum")
            (losses / len(pixels)).backward()
            sums += torch.stack([losses.detach(), (logits.argmax(1) == wanted).sum().float()])
        nn.utils.clip_grad_norm_(self.modules.parameters(), _CLIP_NORM)
        self.optimizer.step()
        return sums

    def confidences(self, pixels: np.ndarray) -> np.ndarray:
        """float64 (batch, classes) of prepared pixels uint8 (batch, 3, size, size), always in float32."""
        self.body.eval()
        with torch.inference_mode():
            return softmax(self.head(self.body(torch.from_numpy(pixels).to(self.device))).cpu().numpy())

    def set_share(self, share: float) -> None:
        """Sets every group's learning rate to this share of its peak."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share

    def trained_head(self) -> Head:
        return Head(self.head.weight.detach().cpu().numpy(), self.head.bias.detach().cpu().numpy())

    def state(self) -> dict[str, np.ndarray]:
        """Every number that the next step depends on; views, to be written down before it."""
        arrays = {f"model.{name}": value.cpu().numpy() for name, value in self.modules.state_dict().items()}
        for number, entries in self.optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{number}.{name}": value.cpu().numpy() for name, value in entries.items()}
        return arrays

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes back what `state` gave; other names are passed over."""
        weights, states = {}, {}
        for name, value in arrays.items():
            kind, _, rest = name.partition(".")
            if kind == "model":
                weights[rest] = torch.from_numpy(value)
            elif kind == "optimizer":
                number, _, entry = rest.partition(".")
                states.setdefault(int(number), {})[entry] = torch.tensor(value)  # of its own: it will change
        self.modules.load_state_dict(weights)
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        for number, entries in states.items():
            for name, value in entries.items():
                if value.shape == parameters[number].shape:  # as it lay in memory before, which the quick kernels want
                    entries[name] = torch.empty_like(parameters[number], device="cpu").copy_(value)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})


def build_learner(task: Task, index: int, earlier: Trained | None) -> Learner:
    """The network as the phase begins: pretrained, or as the phase before left it."""
    phase, plan = task.plan.phases[index], task.plan
    network = earlier.network if earlier and earlier.network is not None else None
    network = network or build_backbone(task.backbone, task.workspace.weights_dir)
    head = nn.Linear(feature_width(network) if earlier is None else earlier.head.weight.shape[1], task.class_count)
    with torch.no_grad():
        if earlier is None:
            # A head that starts at zero sends no noise back into the pretrained layers.
            head.weight.zero_()
            head.bias.zero_()
        else:
            head.weight.copy_(torch.from_numpy(earlier.head.weight))
            head.bias.copy_(torch.from_numpy(earlier.head.bias))
    return assemble(network, head, task.backbone.preparation, phase, plan.device, plan.precision)


def assemble(
    network: nn.Module, head: nn.Linear, preparation: Preparation, phase: Phase, device: str, precision: str
) -> Learner:
    """Backbone and head on their device, with the optimizer that the phase asks for."""
    place = torch.device(device)
    body = Normalized(network, preparation).to(place, memory_format=torch.channels_last)
    head = head.to(place)
    groups = [
        *_groups(network, phase.learning_rate * phase.backbone_share),
        *_groups(head, phase.learning_rate),
    ]
    return Learner(body, head, torch.optim.AdamW(groups), place, precision)


def learning_rate_share(step: int, steps: int) -> float:
    """Share of the peak learning rate in (0, 1] at a step: warm-up, then a cosine down to nearly zero."""
    warm = max(1, round(_WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _parts(count: int, most: int) -> list[slice]:
    """Slices that part a batch evenly: a leftover of one photo would spoil batch norm."""
    edges = np.linspace(0, count, math.ceil(count / most) + 1).round().astype(int)
    return [slice(start, end) for start, end in pairwise(edges)]


def vary(pixels: torch.Tensor, variations: np.ndarray) -> torch.Tensor:
    """Mirrors and recolours photos where they are, on a graphics card or not.

    Args:
        pixels: uint8 (batch, 3, size, size).
        variations: float32 (batch, 4), see `augment.Varied`.

    Returns:
        float32 levels in [0, 255], same shape; the pixels themselves where nothing varies.
    """
    if (variations == NEUTRAL).all():
        return pixels
    mirrored, brightness, contrast, saturation = torch.from_numpy(variations).to(pixels.device).T[..., None, None, None]
    levels = pixels.float()
    levels = torch.where(mirrored > 0, levels.flip(-1), levels)
    # Brightness, then contrast around the photo's mean grey, then colour around each pixel's grey; the three are
    # linear and done in one pass. Weights of grey: ITU-R BT.601.
    grey = (levels * levels.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    grey_share = brightness * contrast * (1 - saturation)
    lift = brightness * (1 - contrast) * grey.mean((2, 3), keepdim=True)
    return torch.addcmul(grey * grey_share + lift, levels, brightness * contrast * saturation).clamp_(0, 255)


def _groups(module: nn.Module, peak: float) -> list[dict]:
    """Parameter groups; biases and norms are not decayed, which would pull them away from what they normalize."""
    decayed = [p for p in module.parameters() if p.ndim > 1]
    plain = [p for p in module.parameters() if p.ndim <= 1]
    return [
        {"params": decayed, "lr": peak, "peak": peak, "weight_decay": _WEIGHT_DECAY},
        {"params": plain, "lr": peak, "peak": peak, "weight_decay": 0.0},
    ]
