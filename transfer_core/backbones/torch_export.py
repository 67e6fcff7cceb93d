"""Torch networks exported to ONNX, normalization included, and held against torch. Imports torch."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from transfer_core.backbones.catalog import Backbone, Preparation
from transfer_core.backbones.preprocess import IR_VERSION, OPSET
from transfer_core.backbones.torch_backbone import Staged, build_backbone, feature_blocks
from transfer_core.errors import BackboneError

# Logits of up to 34 were seen to differ by 4e-5 between torch and onnxruntime; a wrong export differs by far more.
_TOLERANCE = 1e-3


class Normalized(nn.Module):
    """A network that takes prepared pixels: uint8 (batch, 3, size, size), or the same levels as float."""

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, network: nn.Module, preparation: Preparation):
        super().__init__()
        self.network = network
        self.register_buffer("scale", 1 / (255 * torch.tensor(preparation.std).view(1, 3, 1, 1)), persistent=False)
        mean = torch.tensor(preparation.mean) / torch.tensor(preparation.std)
        self.register_buffer("shift", mean.view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network(pixels.float() * self.scale - self.shift)


def export_trunk(backbone: Backbone, weights_dir: Path) -> onnx.ModelProto:
    """The pretrained backbone as ONNX, with what its last stages see where the row knows them; takes seconds.

    Raises:
        BackboneError: The weights are not here or do not fit, or the trunk does not answer as torch does.
    """
    network = build_backbone(backbone, weights_dir)
    if backbone.feature_blocks:
        if (found := feature_blocks(network, backbone.preparation.size_px)) != backbone.feature_blocks:
            raise BackboneError(
                f"{backbone.title} gives blocks of {found} features, and {backbone.feature_blocks} are expected. "
                f"Correct `feature_blocks` in {weights_dir / backbone.name / 'backbone.json'}, or install the versions "
                "that requirements.txt asks for: `pip install -r requirements.txt --upgrade`."
            )
        network = Staged(network)
    return export_network(Normalized(network, backbone.preparation), backbone.preparation, "features")


def export_network(network: nn.Module, preparation: Preparation, output: str) -> onnx.ModelProto:
    """`network` as ONNX: input `pixels` uint8 (batch, 3, size, size), one output under the name given.

    Raises:
        BackboneError: onnxruntime and torch disagree about four fixed pictures.
    """
    network = network.eval().cpu()
    pixels = _test_pixels(preparation)
    program = torch.onnx.export(
        network,
        (pixels,),
        input_names=["pixels"],
        output_names=[output],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None, "the exporter that `dynamo` asks for always returns a program"
    model = program.model_proto
    model.ir_version = IR_VERSION
    with torch.inference_mode():
        expected = network(pixels).numpy()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    difference = np.abs(session.run(None, {"pixels": pixels.numpy()})[0] - expected).max()
    if not difference <= _TOLERANCE * max(1.0, np.abs(expected).max()):
        raise BackboneError(
            "The exported network does not give the same answers as the trained one (largest difference "
            f"{difference:.2g}). Choose another backbone, and please report this with the backbone's name."
        )
    return model


def _test_pixels(preparation: Preparation) -> torch.Tensor:
    """Four fixed pictures, noise over a ramp; a batch of at least two keeps the exporter from fixing the batch at 1."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 128, (4, 3, preparation.size_px, preparation.size_px))
    ramp = np.linspace(0, 127, preparation.size_px).astype(int)
    return torch.from_numpy((noise + ramp).astype(np.uint8))
