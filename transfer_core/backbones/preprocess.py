"""The one preparation from a photo to the square a backbone sees, as a small ONNX graph. Imports no torch.

onnxruntime runs this graph for every reported number, for cached features and inside the exported model, so that the
app and the exported model agree by construction. Rounding to whole levels lets prepared pixels be cached exactly.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from transfer_core.backbones.catalog import Preparation
from transfer_core.data.images import decode
from transfer_core.data.images.cache import PhotoCache
from transfer_core.data.images.rendering import Rendering
from transfer_core.errors import StopRequested
from transfer_core.support.parallel import map_ahead

onnxruntime.disable_telemetry_events()  # for Windows, which does not heed what support/telemetry.py sets
OPSET = 20
# onnx writes the newest IR version it knows; onnxruntime releases lag behind it, and old ones should read our files.
IR_VERSION = 10
_COLOURS = ("red", "green", "blue")
_Attributes = dict[str, Any]  # of a node, by name; onnx checks them


def build_graph(preparation: Preparation) -> onnx.ModelProto:
    """The graph: input `photo` uint8 (1, height, width, 3), output `pixels` uint8 (1, 3, size, size).

    Antialiased resize of the shortest side to `preparation.shortest_px`, round, clip, centre crop. The target size
    is computed in whole numbers: `keep_aspect_ratio_policy` of ONNX's Resize scales by another factor, which gives
    visibly other pixels. One colour is resized after the other: as floating point numbers, all three of a large photo
    would take three times the memory at once.
    """
    side = preparation.size_px
    constants: dict[str, np.ndarray] = {
        "shortest_target": np.array([preparation.shortest_px], np.int64),
        "two": np.array([2], np.int64),
        "low": np.array(0, np.float32),
        "high": np.array(255, np.float32),
        "crop": np.array([side, side], np.int64),
        **{colour: np.array([place], np.int64) for place, colour in enumerate(_COLOURS)},
    }
    nodes = [
        helper.make_node("Transpose", ["photo"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Shape", ["planes"], ["sides"], start=2, end=4),
        helper.make_node("ReduceMin", ["sides"], ["shortest"], keepdims=1),
        helper.make_node("Mul", ["sides", "shortest_target"], ["scaled"]),
        helper.make_node("Div", ["shortest", "two"], ["half"]),
        helper.make_node("Add", ["scaled", "half"], ["scaled_half"]),
        helper.make_node("Div", ["scaled_half", "shortest"], ["target"]),
        *(node for colour in _COLOURS for node in _resize_one(preparation, colour)),
        helper.make_node("Concat", [f"{colour}_resized" for colour in _COLOURS], ["resized"], axis=1),
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


def _resize_one(preparation: Preparation, colour: str) -> list[onnx.NodeProto]:
    plane, as_float, resized = (f"{colour}_{step}" for step in ("plane", "float", "resized"))
    return [
        helper.make_node("Gather", ["planes", colour], [plane], axis=1),
        helper.make_node("Cast", [plane], [as_float], to=TensorProto.FLOAT),
        helper.make_node("Resize", [as_float, "", "", "target"], [resized], **_resize(preparation)),
    ]


def _resize(preparation: Preparation) -> _Attributes:
    common: _Attributes = {"antialias": 1, "axes": [2, 3], "coordinate_transformation_mode": "half_pixel"}
    if preparation.interpolation == "bilinear":
        return {"mode": "linear", **common}
    return {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1, **common}


class Preparer:
    """Runs the preparation; one object may be used from several threads at once."""

    def __init__(self, preparation: Preparation):
        options = onnxruntime.SessionOptions()
        # Photos are prepared in parallel by the caller's threads; threads inside a photo would only fight them.
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it would keep what the largest photo took
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            build_graph(preparation).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        """Pixels uint8 (3, size, size) of a photo uint8 (height, width, 3).

        Raises:
            MemoryError: There is not enough of it; onnxruntime says so by an exception of its own.
        """
        try:
            return self._session.run(["pixels"], {"photo": photo[np.newaxis]})[0][0]
        except Exception as error:
            if "alloc" in str(error).lower():
                raise MemoryError(str(error)) from error
            raise


class PreparedPhotos:
    """Prepared pixels by photo: from the cache, else made from the photo and kept. For several threads at once.

    A photo is named by its key, see `Rendering.key`: read otherwise, it has other pixels.

    Args:
        preparation: mean and std do not matter here: they are the network's business and do not change the pixels.
        prepared_dir: The workspace's; preparations that give the same pixels share a folder in it.
        rendering: As which photos are read that are not in the cache.
    """

    def __init__(self, preparation: Preparation, prepared_dir: Path, rendering: Rendering = decode.AS_IT_IS):
        self._preparation, self._rendering = preparation, rendering
        self._shape = (3, preparation.size_px, preparation.size_px)
        name = f"pixels-{preparation.size_px}-{preparation.shortest_px}-{preparation.interpolation}"
        self._cache = PhotoCache(prepared_dir / name, ".pixels")

    @cached_property
    def _prepare(self) -> Preparer:
        """Built when the first photo is not in the cache; by two threads at once at worst, which costs nothing else."""
        return Preparer(self._preparation)

    def __call__(self, photo: str, path: Path) -> np.ndarray:
        """Pixels uint8 (3, size, size), not to be written to, of a stored photo.

        Args:
            photo: Its key.

        Raises:
            DataError: It can no longer be read; says which photo, and what to do.
        """
        content = self._cache.read(photo)
        if content is not None and len(content) == math.prod(self._shape):
            return np.frombuffer(content, np.uint8).reshape(self._shape)
        with decode.naming(path), decode.open_image(path, self._rendering) as image, decode.taking_turns(image):
            return self._make(photo, decode.decode(image, self._rendering))

    def holds(self, photo: str) -> bool:
        """Whether the photo's pixels are in the cache (a damaged file counts, and is made again when it is read)."""
        return self._cache.holds(photo)

    def keep(self, photo: str, upright: Image.Image) -> None:
        """Prepares a photo that was decoded for another reason, unless its pixels are here already."""
        if not self.holds(photo):
            self._make(photo, upright)

    def _make(self, photo: str, upright: Image.Image) -> np.ndarray:
        pixels = self._prepare(np.asarray(upright))
        self._cache.write(photo, pixels.tobytes())
        return pixels


def prepare_all(
    prepared: PreparedPhotos,
    photos: Sequence[tuple[str, Path]],
    report: Callable[[int, int], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Sees to it that the pixels of all photos are in the cache; a photo per core. Arguments as `RowStore.fill`.

    Raises:
        DataError: A photo can no longer be read.
        StopRequested: `should_stop` said so; what was prepared is kept.
    """
    paths = dict(photos)
    missing = [(photo, path) for photo, path in paths.items() if not prepared.holds(photo)]
    here = len(paths) - len(missing)
    report(here, len(paths))
    with closing(map_ahead(lambda entry: prepared(*entry), missing)) as results:
        for done, _ in enumerate(results, here + 1):
            report(done, len(paths))
            if should_stop():
                raise StopRequested
