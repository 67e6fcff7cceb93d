"""The network that learns: backbone, head and optimizer, one step, and its state for a checkpoint. Imports torch."""

import copy
import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from timm.utils import ModelEmaV3
from torch import nn

from transfer_core.backbones.catalog import Preparation
from transfer_core.backbones.torch_backbone import build_backbone, build_random, feature_width
from transfer_core.backbones.torch_export import Normalized
from transfer_core.config import TrainConfig, decided
from transfer_core.strategies import Phase
from transfer_core.training.augment.crops import NEUTRAL
from transfer_core.training.augment.mixup import blend
from transfer_core.training.context import TrainContext, Trained
from transfer_core.training.finetune.freeze_boundary import Boundary
from transfer_core.training.finetune.loss import Objective
from transfer_core.training.finetune.param_groups import Anchors, freeze, parameter_groups
from transfer_core.training.linear_probe.head import Head, softmax
from transfer_core.training.plan import Plan

_WARM_UP = 0.1  # share of the steps in which the learning rate rises from zero
_CLIP_NORM = 1.0  # one odd batch must not throw away what was learned
_AVERAGE_DECAY = 0.99  # about the last hundred steps; fewer at the beginning


class BodyAndHead(nn.Module):
    """Body and head as one module; the names of the weights in a checkpoint begin with these two names."""

    def __init__(self, body: Normalized, head: nn.Linear):
        super().__init__()
        self.body, self.head = body, head

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of pixels (batch, 3, size, size)."""
        return self.head(self.body(pixels))


@dataclass
class Learner:
    """The parts that learn.

    Args:
        body: Normalization and backbone: pixels (batch, 3, size, size) -> features (batch, d).
        head: Features -> logits (batch, classes).
        optimizer: Over both; each group's "peak" is its highest learning rate.
        objective: What a step asks for.
        settings: Of the run, nothing left open.
        held: Modules that stay in eval mode while it learns.
        precision: "float32" or "bfloat16", of the products while it learns.
        anchors: What pulls the backbone back, if anything does.
        average: Of body and head over the last steps, where that is what will be kept.
        boundary: Where the frozen stages end; then `learn` takes what comes out of them.
    """

    body: Normalized
    head: nn.Linear
    optimizer: torch.optim.Optimizer
    objective: Objective
    settings: TrainConfig
    held: list[nn.Module]
    device: torch.device
    precision: str
    anchors: Anchors | None = None
    average: ModelEmaV3 | None = None
    boundary: Boundary | None = None

    @property
    def modules(self) -> BodyAndHead:
        return BodyAndHead(self.body, self.head)

    @property
    def kept(self) -> BodyAndHead:
        """Body and head as they would be kept now."""
        return self.average.module if self.average else self.modules

    def begin_epoch(self) -> None:
        """Puts what learns into training mode, and nothing else."""
        self.body.train()
        for module in self.held:
            module.eval()

    def learn(
        self, inputs: torch.Tensor, variations: np.ndarray | None, class_ids: np.ndarray, micro_batch: int
    ) -> torch.Tensor:
        """One optimizer step on a batch, gone through in equal parts of at most `micro_batch` photos.

        Args:
            inputs: uint8 (batch, 3, size, size), in the processor's memory; without variations, what the frozen stages
                gave, (batch, ...).
            variations: float32 (batch, 4), see `augment.Varied`.
            class_ids: int64 (batch,).

        Returns:
            float32 (2,) on the device: the sum of the photos' losses, and how many were answered rightly. It is not
            waited for: a graphics card goes on meanwhile.
        """
        self.optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(2, device=self.device)
        for part in _parts(len(inputs), micro_batch):
            # Only CUDA is safe not to wait for: MPS may copy pixels that are gone by then.
            shown = inputs[part].to(self.device, non_blocking=self.device.type == "cuda")
            wanted = self.objective.wanted(class_ids[part])
            if variations is not None:
                shown, wanted = self._vary(shown, variations[part], wanted)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                logits = self.head(self._after_boundary(shown) if variations is None else self.body(shown))
            losses, told = self.objective(logits.float(), wanted)
            (losses.sum() / len(inputs)).backward()
            sums += told
        nn.utils.clip_grad_norm_(self.modules.parameters(), _CLIP_NORM)
        self.optimizer.step()
        return sums

    def _after_boundary(self, activations: torch.Tensor) -> torch.Tensor:
        assert self.boundary is not None, "activations can be learned from only with the boundary that gave them"
        return self.boundary.after(activations)

    def _vary(self, pixels: torch.Tensor, variations: np.ndarray, wanted: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return blend(vary(pixels, variations), wanted, self.settings.mixup, self.settings.cutmix)

    def end_step(self, step: int, share: float, steps_per_epoch: int) -> None:
        """What follows a step (counted from 1 in the phase) that was made at this share of the peak learning rate."""
        if self.anchors:
            self.anchors.pull(share, steps_per_epoch)
        if self.average:
            self.average.update(self.modules, step)

    def confidences(self, pixels: np.ndarray) -> np.ndarray:
        """float64 (batch, classes) of prepared pixels uint8 (batch, 3, size, size), always in float32."""
        kept = self.kept.eval()
        with torch.inference_mode():
            return softmax(kept(torch.from_numpy(pixels).to(self.device)).cpu().numpy())

    def set_share(self, share: float) -> None:
        """Sets every group's learning rate to this share of its peak."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share

    def trained_head(self) -> Head:
        head = self.kept.head
        return Head(head.weight.detach().cpu().numpy(), head.bias.detach().cpu().numpy())

    def trained_network(self) -> nn.Module:
        """The backbone, on the processor and in eval mode; the learner is done with then."""
        return self.kept.body.network.cpu().eval()

    def state(self) -> dict[str, np.ndarray]:
        """Every number that the next step depends on; views, to be written down before it."""
        arrays = {f"model.{name}": value.cpu().numpy() for name, value in self.modules.state_dict().items()}
        if self.average:
            kept = self.average.module.state_dict()
            arrays |= {f"average.{name}": value.cpu().numpy() for name, value in kept.items()}
        for number, entries in self.optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{number}.{name}": value.cpu().numpy() for name, value in entries.items()}
        return arrays

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes back what `state` gave; other names are passed over."""
        self.modules.load_state_dict(_named(arrays, "model."))
        if self.average:
            self.average.module.load_state_dict(_named(arrays, "average."))
        states: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in _named(arrays, "optimizer.").items():
            written, _, entry = name.partition(".")
            states.setdefault(int(written), {})[entry] = value.clone()  # of its own: it will change
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        for number, entries in states.items():
            for name, value in entries.items():
                if value.shape == parameters[number].shape:  # as it lay in memory before, which the quick kernels want
                    entries[name] = torch.empty_like(parameters[number], device="cpu").copy_(value)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})

    def kept_state(self) -> dict[str, np.ndarray]:
        """Copies of the weights as they would be kept now."""
        return {name: value.cpu().numpy().copy() for name, value in self.kept.state_dict().items()}

    def restore_kept(self, arrays: dict[str, np.ndarray]) -> None:
        """Goes back to weights that `kept_state` gave."""
        self.kept.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})


def _named(arrays: dict[str, np.ndarray], beginning: str) -> dict[str, torch.Tensor]:
    """The arrays whose names begin so, as tensors under the rest of their names."""
    return {
        name.removeprefix(beginning): torch.from_numpy(value)
        for name, value in arrays.items()
        if name.startswith(beginning)
    }


def build_learner(context: TrainContext, index: int, earlier: Trained | None) -> Learner:
    """The network as the phase begins: pretrained, random, or as the phase before left it."""
    phase, plan = context.plan.phases[index], context.plan
    if earlier is not None and earlier.network is not None:
        # A copy: should memory not suffice, the phase begins anew from what it was given.
        network = copy.deepcopy(earlier.network)
    else:
        network = _first_network(context, phase)
    head = nn.Linear(feature_width(network) if earlier is None else earlier.head.weight.shape[1], context.class_count)
    with torch.no_grad():
        if earlier is None:
            # A head that starts at zero sends no noise back into the pretrained layers.
            head.weight.zero_()
            head.bias.zero_()
        else:
            head.weight.copy_(torch.from_numpy(earlier.head.weight))
            head.bias.copy_(torch.from_numpy(earlier.head.bias))
    learner = assemble(network, head, context.backbone.preparation, phase, plan, context.train.class_ids)
    if plan.settings.l2_sp:
        pretrained = build_backbone(context.backbone, context.pretrained_dir).state_dict()
        learner.anchors = Anchors.of(network, pretrained, plan.settings.l2_sp)
    return learner


def _first_network(context: TrainContext, phase: Phase) -> nn.Module:
    if not phase.from_scratch:
        return build_backbone(context.backbone, context.pretrained_dir)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(context.plan.settings.seed)
        return build_random(context.backbone)


def assemble(
    network: nn.Module,
    head: nn.Linear,
    preparation: Preparation,
    phase: Phase,
    plan: Plan,
    class_ids: np.ndarray,
) -> Learner:
    """Backbone and head on their device, with the optimizer and the objective that phase and plan ask for.

    Args:
        class_ids: Of the training photos (n,), for the class weights.
    """
    place, settings = torch.device(plan.device), plan.settings
    body = Normalized(network, preparation).to(place).to(memory_format=torch.channels_last)
    head = head.to(place)
    held = freeze(network, phase.frozen, phase.keeps_statistics)
    optimizer = torch.optim.AdamW(parameter_groups(network, head, phase, decided(settings.weight_decay)))
    smoothing, weighted = decided(settings.label_smoothing), decided(settings.class_weights)
    objective = Objective.of(class_ids, head.out_features, smoothing, weighted, place)
    learner = Learner(body, head, optimizer, objective, settings, held, place, plan.precision)
    if settings.average_weights:
        learner.average = ModelEmaV3(learner.modules, _AVERAGE_DECAY, use_warmup=True)
    return learner


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
