"""A backbone as a torch module with its pretrained weights. Imports torch and timm: never from a page."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import group_parameters
from torch import nn

from transfer_core.backbones import weights
from transfer_core.backbones.catalog import STAGES_SEEN, Backbone
from transfer_core.errors import BackboneError

_UNLIKELY_SEED = 0x67726166  # nobody's weights are those that this seed draws
# Pooled features of backbones whose weights come with a package, for the fixed input of `_fingerprint_input`, numbers 5
# to 7. The package's tensors are matched with timm's by their order, which a change in timm could silently break; see
# `_check_fingerprint`.
_FINGERPRINTS = {
    "tf_efficientnet_lite0": (0.0346, 0.0, 1.7551),
    "tf_efficientnet_lite1": (2.3021, 0.0, 0.9388),
    "tf_efficientnet_lite2": (0.0, 1.3936, 0.0),
}


@runtime_checkable
class _TimmNetwork(Protocol):
    """What timm gives every one of its networks, beyond torch's own."""

    head_hidden_size: int

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]: ...

    def reset_classifier(self, num_classes: int) -> None: ...


def build_backbone(backbone: Backbone, weights_dir: Path) -> nn.Module:
    """The network without its classifier, in eval mode: float32 (batch, 3, size, size) -> features (batch, d).

    Raises:
        BackboneError: The weights are not on this machine, or do not fit.
    """
    path = weights.verify(backbone, weights_dir)
    if weights.is_packaged(backbone):
        return _build_packaged(backbone, path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_UNLIKELY_SEED)
        try:
            network = _create(backbone, pretrained=True, pretrained_cfg_overlay={"file": str(path)})
        except (RuntimeError, ValueError, KeyError, SafetensorError) as error:
            raise _no_fit(backbone, path) from error
        # With the classifier left out, timm passes over in silence what the file does not hold.
        torch.manual_seed(_UNLIKELY_SEED)
        pairs = zip(network.parameters(), build_random(backbone).parameters(), strict=True)
        if any(own.ndim > 1 and torch.equal(own, random) for own, random in pairs):
            raise _no_fit(backbone, path)
    return network.eval()


def _no_fit(backbone: Backbone, path: Path) -> BackboneError:
    return BackboneError(
        f"The weights in {path} do not fit {backbone.title}. Delete that file and download them again."
    )


def build_random(backbone: Backbone) -> nn.Module:
    """The same network with random weights: for the strategy "scratch", asked for by name, and for nothing else."""
    return _create(backbone, pretrained=False)


def _create(backbone: Backbone, **options: Any) -> nn.Module:
    """timm's network without its classifier; the options are those of `timm.create_model`, ours before the row's."""
    name = backbone.name
    if not timm.is_model_pretrained(name):  # weights that were added here have a tag of ours, see `catalog.own_name`
        name = name.partition(".")[0]
    return timm.create_model(name, **(dict(backbone.model_args) | options | {"num_classes": 0}))


def feature_width(network: nn.Module) -> int:
    """How many features a network without its classifier gives; some have layers of their own behind the last map."""
    assert isinstance(network, _TimmNetwork)
    return network.head_hidden_size


def stages(network: nn.Module) -> list[list[str]]:
    """Names of the parameters of each stage, the stem first, as timm groups them.

    A norm that stands alone behind the last stage belongs to it: nobody would train it by itself.
    """
    own = dict(network.named_parameters())
    assert isinstance(network, _TimmNetwork)
    groups = group_parameters(network, network.group_matcher(coarse=True))
    found = [[name for name in groups[key] if name in own] for key in sorted(groups)]
    if len(found) > 1 and all(own[name].ndim <= 1 for name in found[-1]):
        last = found.pop()
        found[-1] += last
    return found


class Staged(nn.Module):
    """A network without its classifier that also tells what its last stages saw, in the same pass.

    Images float32 (batch, 3, size, size) -> features (batch, sum of `feature_blocks`). Of every stage come two numbers
    per channel: of maps their mean and maximum, of tokens the class token and the mean of those of the picture.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat(self.blocks(images), 1)

    def blocks(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The pooled last layer (batch, d), and then what each of the last stages saw, the last one first."""
        seen: list[torch.Tensor] = []
        stages = [self.network.get_submodule(name) for name in _stage_modules(self.network)[-STAGES_SEEN:]]
        handles = [stage.register_forward_hook(lambda *called: seen.append(called[-1])) for stage in stages]
        try:
            pooled = self.network(images)
        finally:
            for handle in handles:
                handle.remove()
        return [pooled, *(self._two_views(stage) for stage in reversed(seen))]

    def _two_views(self, stage: torch.Tensor) -> torch.Tensor:
        if stage.ndim == 4:
            across = (1, 2) if getattr(self.network, "output_fmt", "NCHW") == "NHWC" else (2, 3)
            return torch.cat([stage.mean(across), stage.amax(across)], 1)
        prefix = getattr(self.network, "num_prefix_tokens", 0)
        first = stage[:, 0] if prefix else stage.amax(1)
        return torch.cat([first, stage[:, prefix:].mean(1)], 1)


def _stage_modules(network: nn.Module) -> list[str]:
    """Names of the modules that end a stage, as timm lists them, in the order in which they run.

    In its list of an EfficientNet and the like, stages that keep the size are missing.
    """
    blocks = getattr(network, "blocks", None)
    if isinstance(blocks, nn.Sequential):
        return [f"blocks.{number}" for number in range(len(blocks))]
    return [entry["module"] for entry in getattr(network, "feature_info", ())]


def feature_blocks(network: nn.Module, side_px: int) -> tuple[int, ...]:
    """How many features each block of `Staged` has; see `Backbone.feature_blocks`."""
    blank = torch.zeros(1, 3, side_px, side_px)
    with torch.inference_mode():
        return tuple(block.shape[1] for block in Staged(network.eval()).blocks(blank))


def _build_packaged(backbone: Backbone, path: Path) -> nn.Module:
    network = timm.create_model(backbone.name, pretrained=False)
    ours, theirs = network.state_dict(), torch.load(path, weights_only=True, map_location="cpu")
    if [value.shape for value in ours.values()] != [value.shape for value in theirs.values()]:
        raise _mismatch(backbone)
    network.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    assert isinstance(network, _TimmNetwork)
    network.reset_classifier(0)
    network.eval()
    _check_fingerprint(backbone, network)
    return network


def _fingerprint_input() -> torch.Tensor:
    ramp = np.linspace(-1, 1, 3 * 64 * 64, dtype=np.float32).reshape(1, 3, 64, 64)
    return torch.from_numpy(np.sin(7 * ramp))


def _check_fingerprint(backbone: Backbone, network: nn.Module) -> None:
    with torch.inference_mode():
        found = network(_fingerprint_input())[0, 5:8].numpy()
    if not np.allclose(found, _FINGERPRINTS[backbone.name], rtol=1e-2, atol=1e-3):
        raise _mismatch(backbone)


def _mismatch(backbone: Backbone) -> BackboneError:
    return BackboneError(
        f"The weights of {backbone.title} do not fit the installed timm {timm.__version__}. Install the versions that "
        "requirements.txt asks for: `pip install -r requirements.txt --upgrade`."
    )


def load_tuned(backbone: Backbone, path: Path) -> nn.Module:
    """A backbone that a run has changed, from the safetensors file that the run kept, in eval mode."""
    network = build_random(backbone)
    network.load_state_dict(load_file(path))
    return network.eval()
