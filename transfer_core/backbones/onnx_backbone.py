"""The trunk: a backbone as an ONNX file, normalization included, made once per digest. Imports torch only to export."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import onnx
from filelock import FileLock

from transfer_core.backbones import lite0_graph, weights
from transfer_core.backbones.catalog import Backbone
from transfer_core.support.files import make_folder, write_whole

# Part of every trunk's name: raise it when the graphs change, and old trunks and features are left behind.
TRUNK_VERSION = 3
_log = logging.getLogger(__name__)


def digest(backbone: Backbone, weights_dir: Path) -> str:
    """Identifies what features come from: weights, preparation and the way the trunk is made; 16 hex digits.

    Raises:
        BackboneError: The weights are not here, or are not those that came here.
    """
    made = backbone.preparation, backbone.feature_blocks, TRUNK_VERSION
    parts = [weights.digest(weights.verify(backbone, weights_dir)), *map(repr, made)]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def trunk_path(backbone: Backbone, weights_dir: Path) -> Path:
    """Where `ensure_trunk` puts the trunk."""
    return weights_dir / backbone.name / f"trunk-{digest(backbone, weights_dir)}.onnx"


def has_trunk(backbone: Backbone, weights_dir: Path) -> bool:
    """Whether the trunk was made already; only `ensure_trunk` looks whether it is whole."""
    path = trunk_path(backbone, weights_dir)
    return path.is_file() and _checksum_path(path).is_file()


def ensure_trunk(backbone: Backbone, weights_dir: Path, tell: Callable[[str], None] = lambda message: None) -> Path:
    """The trunk's file; made if it is not here yet: at once for a backbone that came with a package, else by torch.

    It is checked against the checksum beside it, once per process, and rebuilt if damaged.

    Args:
        tell: Takes a sentence for people where it is damaged.

    Raises:
        BackboneError: The weights are not here, do not fit, or the trunk does not answer as it should.
    """
    path = trunk_path(backbone, weights_dir)
    make_folder(path.parent)
    with FileLock(path.with_suffix(".lock")):  # whoever needs it meanwhile waits instead of making it again
        if not _is_whole(path):
            if has_trunk(backbone, weights_dir):
                _log.warning("%s is not what its checksum says. Graft makes it again.", path)
                tell(f"The prepared copy of {backbone.title} was damaged on the disk. Graft makes it again.")
            write_whole(path, _build(backbone, weights_dir).SerializeToString())
            write_whole(_checksum_path(path), _checksum_line(path))
            weights.record(backbone, weights_dir)
    return path


def damaged_trunks(weights_dir: Path) -> list[Path]:
    """Trunks that are not what the checksum beside them says; those without one are of an earlier version."""
    return [
        path
        for path in sorted(weights_dir.glob("*/trunk-*.onnx"))
        if _checksum_path(path).exists() and not _is_whole(path)
    ]


def _is_whole(path: Path) -> bool:
    try:
        return _checksum_path(path).read_text("ascii") == _checksum_line(path)
    except (OSError, ValueError):
        return False


def _checksum_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _checksum_line(path: Path) -> str:
    """As the program `sha256sum` writes it; with the name, so that another trunk and its checksum do not pass."""
    return f"{weights.digest(path)}  {path.name}\n"


def _build(backbone: Backbone, weights_dir: Path) -> onnx.ModelProto:
    if weights.is_packaged(backbone) and backbone.name in lite0_graph.SIZES:
        return lite0_graph.build_trunk(backbone, weights_dir)
    from transfer_core.backbones.torch_export import export_trunk

    return export_trunk(backbone, weights_dir)
