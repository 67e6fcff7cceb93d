"""Trunks that torch exports."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from tests.helpers import RESNET, tiny_row
from transfer_core.backbones.onnx_backbone import trunk_path
from transfer_core.backbones.torch_backbone import Staged, build_backbone
from transfer_core.backbones.torch_export import Normalized, export_network, export_trunk
from transfer_core.errors import BackboneError


def test_normalization_is_the_usual_one():
    preparation = tiny_row(RESNET).preparation
    pixels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (preparation.mean, preparation.std))
    expected = (pixels.float() / 255 - mean) / std
    torch.testing.assert_close(Normalized(nn.Identity(), preparation)(pixels), expected, atol=1e-6, rtol=0)


def test_the_trunk_answers_as_torch_for_any_batch(tiny_weights):
    row = tiny_row(RESNET)
    path = trunk_path(row, tiny_weights)
    assert onnx.load(path).ir_version == 10
    network = Normalized(Staged(build_backbone(row, tiny_weights)), row.preparation)
    session = onnxruntime.InferenceSession(str(path))
    for batch in (1, 2, 5):
        pixels = torch.randint(0, 256, (batch, 3, 64, 64), dtype=torch.uint8)
        with torch.inference_mode():
            expected = network(pixels).numpy()
        np.testing.assert_allclose(session.run(["features"], {"pixels": pixels.numpy()})[0], expected, atol=1e-4)


def test_a_row_that_knows_no_blocks_gives_the_last_layer_alone(tiny_weights):
    row = replace(tiny_row(RESNET), feature_blocks=())
    [features] = export_trunk(row, tiny_weights).graph.output
    assert features.type.tensor_type.shape.dim[1].dim_value == 96


def test_a_row_with_other_blocks_than_its_network_is_refused(tiny_weights):
    with pytest.raises(BackboneError, match=r"gives blocks of \(96, 192, 384, 96\) features, and \(96, 1\)"):
        export_trunk(replace(tiny_row(RESNET), feature_blocks=(96, 1)), tiny_weights)


class _Unfaithful(nn.Module):
    """Answers otherwise under export."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        pooled = pixels.float().mean((2, 3))
        return pooled + 1 if torch.compiler.is_exporting() else pooled


def test_an_unfaithful_export_is_refused():
    with pytest.raises(BackboneError, match="does not give the same answers as the trained one"):
        export_network(_Unfaithful(), tiny_row(RESNET).preparation, "features")
