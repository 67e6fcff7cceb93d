"""The one preparation from a photo to the square a backbone sees, as a small ONNX graph. Imports no torch.

onnxruntime runs this graph for every reported number, for cached features and inside the exported model, so that the
app and what people take along agree by construction. Rounding to whole levels lets prepared pixels be cached exactly.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from transfer_core.backbones.catalog import Preparation
from transfer_core.backbones.rows import RowStore
from transfer_core.data import images

OPSET = 20
# onnx writes the newest IR version it knows; onnxruntime releases lag behind it, and old ones should read our files.
IR_VERSION = 10


def build_graph(preparation: Preparation) -> onnx.ModelProto:
    """The graph: input `photo` uint8 (1, height, width, 3), output `pixels` uint8 (1, 3, size, size).

    Antialiased resize of the shortest side to `preparation.shortest_px`, round, clip, centre crop. The target size
    is computed in whole numbers: `keep_aspect_ratio_policy` of ONNX's Resize scales by another factor, which gives
    visibly other pixels.
    """
    side = preparation.size_px
    constants = {
        "shortest_target": np.array([preparation.shortest_px], np.int64),
        "two": np.array([2], np.int64),
        "low": np.array(0, np.float32),
        "high": np.array(255, np.float32),
        "crop": np.array([side, side], np.int64),
    }
    nodes = [
        helper.make_node("Transpose", ["photo"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["planes_float"], to=TensorProto.FLOAT),
        helper.make_node("Shape", ["planes"], ["sides"], start=2, end=4),
        helper.make_node("ReduceMin", ["sides"], ["shortest"], keepdims=1),
        helper.make_node("Mul", ["sides", "shortest_target"], ["scaled"]),
        helper.make_node("Div", ["shortest", "two"], ["half"]),
        helper.make_node("Add", ["scaled", "half"], ["scaled_half"]),
        helper.make_node("Div", ["scaled_half", "shortest"], ["target"]),
        helper.make_node("Resize", ["planes_float", "", "", "target"], ["resized"], **_resize(preparation)),
        helper.make_node("Round", ["resized"], ["rounded"]),
        helper.make_node("Clip", ["rounded", "low", "high"], ["levels"]),
        helper.make_node("CenterCropPad", ["levels", "crop"], ["square"], axes=[2, 3]),
        helper.make_node("Cast", ["square"], ["pixels"], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph(
        nodes,
        "prepare",
        [helper.make_tensor_value_info("photo", TensorProto.UINT8, [1, "height", "width", 3])],
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, 3, side, side])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def _resize(preparation: Preparation) -> dict[str, object]:
    common = {"antialias": 1, "axes": [2, 3], "coordinate_transformation_mode": "half_pixel"}
    if preparation.interpolation == "bilinear":
        return {"mode": "linear", **common}
    return {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1, **common}


class Preparer:
    """Runs the preparation; one object may be used from several threads at once."""

    def __init__(self, preparation: Preparation):
        options = onnxruntime.SessionOptions()
        # Photos are prepared in parallel by the caller's threads; threads inside a photo would only fight them.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            build_graph(preparation).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        """Pixels uint8 (3, size, size) of a photo uint8 (height, width, 3)."""
        return self._session.run(["pixels"], {"photo": photo[np.newaxis]})[0][0]


def load_prepared(
    preparation: Preparation,
    photos: Sequence[tuple[str, Path]],
    prepared_dir: Path,
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """Prepared pixels uint8 (photos, 3, size, size) in the order given; each photo is prepared once and kept.

    Other arguments and errors as `RowStore.fetch`.
    """
    prepare = Preparer(preparation)
    store = pixel_store(preparation, prepared_dir)
    return store.fetch(photos, lambda path: prepare(images.load_stored(path)), report, should_stop)


def pixel_store(preparation: Preparation, prepared_dir: Path) -> RowStore:
    """Where prepared pixels are kept, by photo."""
    # mean and std are the network's business and do not change the pixels.
    key = f"{preparation.size_px}|{preparation.shortest_px}|{preparation.interpolation}"
    folder = prepared_dir / f"pixels-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    return RowStore(folder, (3, preparation.size_px, preparation.size_px), np.uint8)
