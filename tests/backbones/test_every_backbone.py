"""Every row of the catalogue with random weights: it builds, learns, freezes, parts and exports.

Two families in every run of the tests, at the size of their row; all others in the full tier, on smaller pictures where
the network takes them: what could go wrong depends on its layers, not on how often they are applied.
"""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from transfer_core.backbones import catalog
from transfer_core.backbones.torch_backbone import Staged, build_random, feature_width, stages
from transfer_core.backbones.torch_export import Normalized, export_network
from transfer_core.training.finetune.freeze_boundary import Boundary
from transfer_core.training.finetune.param_groups import freeze

ALWAYS = {"mobilenetv3_small_100.lamb_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k"}
FULL_SIZE = ALWAYS | {"vgg16.tv_in1k", "tiny_vit_5m_224.dist_in22k_ft_in1k"}  # VGG's and TinyViT's layers fix the size
SMALLER = {"vit_base_patch32_clip_224.openai": 128, "inception_v3.tv_in1k": 128, "swinv2_tiny_window8_256.ms_in1k": 128}


def smaller(row: catalog.Backbone) -> catalog.Backbone:
    """The row on pictures of about 100 px, by its `img_size` where that is built into a transformer."""
    if row.name in FULL_SIZE:
        return row
    side = SMALLER.get(row.name, 112)
    args = (("img_size", side),) if row.family == "transformer" else row.model_args
    return replace(row, preparation=replace(row.preparation, size_px=side), model_args=args)


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=() if row.name in ALWAYS else pytest.mark.full) for row in catalog.BUILT_IN.values()],
    ids=lambda row: row.name,
)
def test_every_backbone_builds_learns_freezes_and_is_exported(row):
    row = smaller(row)
    torch.manual_seed(0)
    network = build_random(row)
    side, count = row.preparation.size_px, len(stages(network))
    assert count == len(row.stages)
    pixels = torch.rand(2, 3, side, side)
    later = one_step(network, pixels, frozen=count // 2)
    assert later == {name for stage in stages(network)[count // 2 :] for name in stage}
    assert one_step(network, pixels, frozen=0) == {name for name, _ in network.named_parameters()}
    network.eval()
    features = network(pixels).detach()
    assert features.shape == (2, feature_width(network)) and features.isfinite().all()
    assert Boundary(network, network, count // 2, torch.zeros(1, 3, side, side)).holds(pixels)
    check_export(network, row)


def one_step(network: nn.Module, pixels: torch.Tensor, frozen: int) -> set[str]:
    """Forward and backward through a head; the names of the parameters that were to learn and got a gradient."""
    network.train()
    for module in freeze(network, frozen, keeps_statistics=False):
        module.eval()
    network.zero_grad(set_to_none=True)
    head = nn.Linear(feature_width(network), 2)
    nn.functional.cross_entropy(head(network(pixels)), torch.tensor([0, 1])).backward()
    return {name for name, value in network.named_parameters() if value.grad is not None}


def check_export(network: nn.Module, row: catalog.Backbone) -> None:
    """The trunk of several stages answers as torch does, ten times as exactly as an export demands."""
    whole = Normalized(Staged(network), row.preparation)
    model = export_network(whole, row.preparation, "features")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    side = row.preparation.size_px
    drawn = np.random.default_rng(1).integers(0, 256, (3, 3, side, side), np.uint8)
    with torch.inference_mode():
        expected = whole(torch.from_numpy(drawn)).numpy()
    for batch in (drawn[:1], drawn):
        found = session.run(None, {"pixels": batch})[0]
        assert found.shape == (len(batch), sum(row.feature_blocks))
        assert np.abs(found - expected[: len(batch)]).max() <= 1e-4 * np.abs(expected).max()
