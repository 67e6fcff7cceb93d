"""The trunk: a backbone as an ONNX file, normalization included, made once per digest. Imports torch only to export."""

import hashlib
from pathlib import Path

import onnx
from filelock import FileLock

from transfer_core.backbones import lite0_graph, weights
from transfer_core.backbones.catalog import BUNDLED, Backbone
from transfer_core.support.files import make_folder, write_whole

# Part of every trunk's name: raise it when the graphs change, and old trunks and features are left behind.
TRUNK_VERSION = 2


def digest(backbone: Backbone, weights_dir: Path) -> str:
    """Identifies what features come from: weights, preparation and the way the trunk is made; 16 hex digits."""
    parts = [weights.digest(weights.locate(backbone, weights_dir)), repr(backbone.preparation), str(TRUNK_VERSION)]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def trunk_path(backbone: Backbone, weights_dir: Path) -> Path:
    """Where `ensure_trunk` puts the trunk."""
    return weights_dir / backbone.name / f"trunk-{digest(backbone, weights_dir)}.onnx"


def ensure_trunk(backbone: Backbone, weights_dir: Path) -> Path:
    """The trunk's file; made if it is not here yet: at once for the embedded backbone, else by torch in seconds.

    Raises:
        BackboneError: The weights are not here, do not fit, or the trunk does not answer as it should.
    """
    path = trunk_path(backbone, weights_dir)
    make_folder(path.parent)
    with FileLock(path.with_suffix(".lock")):  # whoever needs it meanwhile waits instead of making it again
        if not path.is_file():
            write_whole(path, _build(backbone, weights_dir).SerializeToString())
    return path


def _build(backbone: Backbone, weights_dir: Path) -> onnx.ModelProto:
    if backbone.name == BUNDLED:
        return lite0_graph.build_trunk(backbone, weights_dir)
    from transfer_core.backbones.torch_export import export_trunk

    return export_trunk(backbone, weights_dir)
