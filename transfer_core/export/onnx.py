"""The exported model: preparation, trunk and head grafted into one ONNX file. Torch only for some tuned backbones."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.onnx_backbone import ensure_trunk
from transfer_core.backbones.preprocess import IR_VERSION, OPSET, build_graph
from transfer_core.training.linear_probe.head import Head
from transfer_core.training.trained_model import write_tuned_trunk


def export_model(backbone: Backbone, trunk: onnx.ModelProto, head: Head, class_names: tuple[str, ...]) -> bytes:
    """The model as a file: input `photo` uint8 (1, height, width, 3), output `confidences` float32 (1, classes).

    The class names are kept inside the file too, as metadata.
    """
    prepared = compose.merge_models(build_graph(backbone.preparation), trunk, io_map=[("pixels", "pixels")])
    model = compose.merge_models(prepared, _head_graph(head, trunk), io_map=[("features", "features")])
    helper.set_model_props(model, {"class_names": "\n".join(class_names), "made_by": "Graft"})
    versions = {entry.domain: entry.version for entry in model.opset_import}  # merging repeats them
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*entry) for entry in versions.items())
    model.producer_name = "Graft"
    for node in model.graph.node:  # torch notes from which files on this machine each comes: nobody else's business
        del node.metadata_props[:]
    onnx.checker.check_model(model)
    return model.SerializeToString()


def load_trunk(backbone: Backbone, weights_dir: Path, network_path: Path | None) -> onnx.ModelProto:
    """The trunk of a run: that of the pretrained backbone, or, where there is a tuned one, of that."""
    if network_path is None:
        return onnx.load(ensure_trunk(backbone, weights_dir))
    if (trunk := write_tuned_trunk(backbone, network_path)) is not None:
        return trunk
    from transfer_core.backbones.torch_backbone import load_tuned
    from transfer_core.backbones.torch_export import Normalized, export_network

    network = Normalized(load_tuned(backbone, network_path), backbone.preparation)
    return export_network(network, backbone.preparation, "features")


def _head_graph(head: Head, trunk: onnx.ModelProto) -> onnx.ModelProto:
    """The head on the trunk's features; a narrower one, of a run of an earlier version, on the first of them."""
    classes, width = head.weight.shape
    given = trunk.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    weight = np.zeros((classes, given), np.float32)
    weight[:, :width] = head.weight
    nodes = [
        helper.make_node("Gemm", ["features", "weight", "bias"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["confidences"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", given])],
        [helper.make_tensor_value_info("confidences", TensorProto.FLOAT, ["batch", classes])],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.ascontiguousarray(head.bias, np.float32), "bias"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
