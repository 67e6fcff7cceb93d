"""The trunks of EfficientNet-Lite0 to 2, written to ONNX node by node from their packages' weights. Imports no torch.

Torch and its exporter take seconds for what is a short list of convolutions; this takes a fraction of one.

EfficientNet-Lite0 is EfficientNet-B0 without squeeze-and-excitation and with ReLU6 for swish, which phones run well.
Lite1 and Lite2 are the same plan, deeper and Lite2 also wider; stem, last layer and the depth of the first and last
stage stay as they are.
Sources: Tan and Le, "EfficientNet" (arXiv 1905.11946), table 1; Sandler et al., "MobileNetV2" (arXiv 1801.04381), for
the blocks; Liu, "Higher accuracy on vision models with EfficientNet-Lite" (TensorFlow blog, March 2020).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from transfer_core.backbones import weights
from transfer_core.backbones.catalog import STAGES_SEEN, Backbone, Preparation
from transfer_core.backbones.preprocess import IR_VERSION, OPSET
from transfer_core.backbones.torch_checkpoint import read_state_dict
from transfer_core.errors import BackboneError


@dataclass(frozen=True)
class _Stage:
    """Blocks of one shape in a row; only the first strides and changes the number of channels."""

    kernel: int
    stride: int
    expansion: int
    channels: int
    repeats: int


@dataclass(frozen=True)
class _Size:
    """How one of the networks differs from Lite0.

    Args:
        width, depth: Of its stages, as multiples of Lite0's.
        fingerprint: The strongest features of the picture that `_fingerprint_pixels` draws, by their place. Without it,
            weights that fit by shape but are in another order would go unnoticed.
    """

    width: float
    depth: float
    fingerprint: dict[int, float]


_STEM_CHANNELS = 32
_STAGES = (
    _Stage(kernel=3, stride=1, expansion=1, channels=16, repeats=1),
    _Stage(kernel=3, stride=2, expansion=6, channels=24, repeats=2),
    _Stage(kernel=5, stride=2, expansion=6, channels=40, repeats=2),
    _Stage(kernel=3, stride=2, expansion=6, channels=80, repeats=3),
    _Stage(kernel=5, stride=1, expansion=6, channels=112, repeats=3),
    _Stage(kernel=5, stride=2, expansion=6, channels=192, repeats=4),
    _Stage(kernel=3, stride=1, expansion=6, channels=320, repeats=1),
)
_FEATURES = 1280
_BATCH_NORM_EPS = 1e-3  # TensorFlow's, with which it was trained; torch's own is 1e-5
SIZES = {
    "tf_efficientnet_lite0": _Size(
        1.0,
        1.0,
        {113: 4.8181, 209: 3.3321, 284: 3.6421, 328: 3.1859, 425: 3.7796, 755: 3.8791, 897: 4.577, 989: 3.6215},
    ),
    "tf_efficientnet_lite1": _Size(
        1.0,
        1.1,
        {27: 2.7239, 388: 3.0112, 413: 3.6225, 604: 2.6201, 605: 5.2135, 903: 4.3696, 975: 2.5972, 1168: 2.9485},
    ),
    "tf_efficientnet_lite2": _Size(
        1.1,
        1.2,
        {154: 2.4205, 314: 2.9836, 467: 2.3513, 820: 3.1562, 833: 2.3334, 966: 3.2779, 1100: 3.1157, 1262: 2.107},
    ),
}


def build_trunk(backbone: Backbone, weights_dir: Path) -> onnx.ModelProto:
    """The trunk: input `pixels` uint8 (batch, 3, size, size), output `features` float32 (batch, 2528).

    The features come in blocks (`Backbone.feature_blocks`): the last layer, pooled, and then of each of the last three
    stages, the last one first, every channel's mean and its maximum.

    Raises:
        BackboneError: The package is missing, or its weights are not those that this module knows.
    """
    path = weights.verify(backbone, weights_dir)
    try:
        trunk = write_network(read_state_dict(path), backbone)
        _check_fingerprint(trunk, backbone)
    except ValueError as error:
        raise BackboneError(
            f"The weights in {path} are not those of {backbone.title}: {error}. {weights.mend(backbone, weights_dir)}"
        ) from error
    return trunk


def write_network(state: dict[str, np.ndarray], backbone: Backbone) -> onnx.ModelProto:
    """The trunk over weights that come in the order in which the network runs; those left over are the classifier's.

    Args:
        backbone: One of `SIZES`.

    Raises:
        ValueError: They are not the network's.
    """
    # How many batches a batch norm saw in training is of no use any more.
    writer = _Writer(tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked"))
    maps = writer.normalize("pixels", backbone.preparation)
    maps = writer.relu6(writer.conv("stem", maps, _STEM_CHANNELS, kernel=3, stride=2))
    plan = _stages(SIZES[backbone.name])
    pools: list[str] = []
    for stage_number, stage in enumerate(plan, 1):
        for block_number in range(1, stage.repeats + 1):
            stride = stage.stride if block_number == 1 else 1
            maps = writer.block(f"stage{stage_number}.block{block_number}", maps, stage, stride)
        means = writer.pool(f"stage{stage_number}.mean", "GlobalAveragePool", maps)
        pools = [means, writer.pool(f"stage{stage_number}.max", "GlobalMaxPool", maps), *pools]
    maps = writer.relu6(writer.conv("last", maps, _FEATURES))
    pooled = writer.pool("pooled", "GlobalAveragePool", maps)
    writer.node("features", "Concat", pooled, *pools[: 2 * STAGES_SEEN], axis=1)
    side, width = backbone.preparation.size_px, _FEATURES + 2 * sum(stage.channels for stage in plan[-STAGES_SEEN:])
    graph = helper.make_graph(
        writer.nodes,
        backbone.name,
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", 3, side, side])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", width])],
        writer.constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _stages(size: _Size) -> tuple[_Stage, ...]:
    """The stages of a network of that size: channels in steps of 8, repeats rounded up."""
    ends = (_STAGES[0], _STAGES[-1])
    return tuple(
        replace(
            stage,
            channels=int(stage.channels * size.width + 4) // 8 * 8,
            repeats=stage.repeats if stage in ends else math.ceil(stage.repeats * size.depth),
        )
        for stage in _STAGES
    )


@dataclass(frozen=True)
class _Maps:
    """Feature maps on their way through the graph: float32 (batch, channels, side_px, side_px)."""

    name: str
    channels: int
    side_px: int


class _Writer:
    """Writes nodes in the order in which they run, each named like its output."""

    def __init__(self, tensors: Iterable[np.ndarray]):
        self._tensors = iter(tensors)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._limits = self.constant("relu6.low", np.array(0)), self.constant("relu6.high", np.array(6))

    def node(self, name: str, operator: str, *inputs: str, **attributes: Any) -> str:  # onnx checks them
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name

    def normalize(self, pixels: str, preparation: Preparation) -> _Maps:
        """Levels 0 to 255 as the network knows them.

        Not folded into the first convolution, whose padding with zeros must stand for the mean and not for black.
        """
        mean, std = (np.reshape(values, (1, 3, 1, 1)) for values in (preparation.mean, preparation.std))
        levels = self.node("normalize.levels", "Cast", pixels, to=TensorProto.FLOAT)
        scaled = self.node("normalize.scaled", "Mul", levels, self.constant("normalize.scale", 1 / (255 * std)))
        name = self.node("normalize", "Sub", scaled, self.constant("normalize.shift", mean / std))
        return _Maps(name, 3, preparation.size_px)

    def conv(self, name: str, maps: _Maps, channels: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> _Maps:
        """A convolution and its batch norm, as one convolution with bias."""
        weight = self._take(channels, maps.channels // groups, kernel, kernel)
        weight, bias = _fold(weight, *(self._take(channels) for _ in range(4)))
        inputs = maps.name, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)
        pads = _same_pads(maps.side_px, kernel, stride)
        self.node(name, "Conv", *inputs, group=groups, strides=[stride, stride], pads=pads)
        return _Maps(name, channels, math.ceil(maps.side_px / stride))

    def relu6(self, maps: _Maps) -> _Maps:
        return replace(maps, name=self.node(f"{maps.name}.relu6", "Clip", maps.name, *self._limits))

    def block(self, name: str, maps: _Maps, stage: _Stage, stride: int) -> _Maps:
        """An inverted residual block (MBConv): widen, filter each channel by itself, narrow; then add what came in."""
        wide = maps
        if stage.expansion > 1:
            wide = self.relu6(self.conv(f"{name}.expand", maps, maps.channels * stage.expansion))
        wide = self.relu6(self.conv(f"{name}.depthwise", wide, wide.channels, stage.kernel, stride, wide.channels))
        narrow = self.conv(f"{name}.project", wide, stage.channels)
        if stride > 1 or narrow.channels != maps.channels:
            return narrow
        return replace(narrow, name=self.node(f"{name}.sum", "Add", maps.name, narrow.name))

    def pool(self, name: str, operator: str, maps: _Maps) -> str:
        """One number per channel, float32 (batch, channels)."""
        return self.node(name, "Flatten", self.node(f"{name}.maps", operator, maps.name), axis=1)

    def _take(self, *shape: int) -> np.ndarray:
        """The next tensor of the file, in float64."""
        tensor = next(self._tensors, None)
        if tensor is None or tensor.shape != shape:
            found = "nothing more" if tensor is None else f"one of {tensor.shape}"
            raise ValueError(f"a tensor of shape {shape} is expected where there is {found}")
        return tensor.astype(np.float64)


def _fold(
    weight: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weight (out, in, kernel, kernel) and bias (out,) of a convolution that does what it and a batch norm did."""
    scale = gamma / np.sqrt(variance + _BATCH_NORM_EPS)
    return weight * scale[:, np.newaxis, np.newaxis, np.newaxis], beta - mean * scale


def _same_pads(side_px: int, kernel: int, stride: int) -> list[int]:
    """Zeros (top, left, bottom, right) such that every stride-th pixel gets an answer; an odd one comes last.

    TensorFlow's "SAME". Torch pads both sides alike, which at stride 2 looks half a step elsewhere.
    """
    total = max(0, (math.ceil(side_px / stride) - 1) * stride + kernel - side_px)
    first = total // 2
    return [first, first, total - first, total - first]


def _check_fingerprint(trunk: onnx.ModelProto, backbone: Backbone) -> None:
    expected = SIZES[backbone.name].fingerprint
    session = onnxruntime.InferenceSession(trunk.SerializeToString(), providers=["CPUExecutionProvider"])
    features = session.run(None, {"pixels": _fingerprint_pixels(backbone.preparation.size_px)})[0][0]
    if not np.allclose(features[list(expected)], list(expected.values()), rtol=1e-3):
        raise ValueError("they see other features in a known picture")


def _fingerprint_pixels(side_px: int) -> np.ndarray:
    """Rings, uint8 (1, 3, size, size); from whole numbers alone, hence the same on every machine."""
    rows, columns = np.indices((side_px, side_px))
    rings = (rows**2 + columns**2) // np.reshape((128, 192, 256), (3, 1, 1)) % 256
    return rings[np.newaxis].astype(np.uint8)
