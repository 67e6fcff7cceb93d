"""What training leaves of a model in the run's folder: the head, and the backbone where it was changed. Needs no torch.

Both are kept with their digests, so that a damaged one, or one of another run, is neither exported nor trained on.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError

from transfer_core.backbones import weights
from transfer_core.backbones.catalog import Backbone
from transfer_core.errors import RunError
from transfer_core.runs import Run
from transfer_core.support.arrays import read_arrays, write_arrays
from transfer_core.training.linear_probe.head import Head

if TYPE_CHECKING:  # both bring onnx, without which commands and pages start sooner
    import onnx

    from transfer_core.training.context import Trained


def save_trained(run: Run, trained: "Trained") -> None:
    """Writes `head.safetensors`, what stands in for it, and, where the backbone was changed, `network.safetensors`."""
    network = None
    if trained.network is not None:
        state = {name: value.numpy() for name, value in trained.network.state_dict().items()}
        write_arrays(_network_path(run), state, {"order": list(state)})
        network = weights.digest(_network_path(run))
    stands_in = _digest(trained.stands_in) if trained.stands_in else None
    for path, head in ((_stand_in_path(run), trained.stands_in), (_head_path(run), trained.head)):
        if head is not None:
            header = {"sha256": _digest(head), "network": network, "stands_in": stands_in}
            write_arrays(path, {"weight": head.weight, "bias": head.bias}, header)


def load_head(run: Run) -> Head:
    """The head that the run has learned.

    Raises:
        RunError: Its file is gone or damaged.
    """
    return _read_head(run, _head_path(run))[0]


def load_head_to_tune(run: Run) -> Head:
    """The head with which fine-tuning can go on where the run ended: on the pooled last layer alone.

    Raises:
        RunError: Its file is gone or damaged.
    """
    head, header = _read_head(run, _head_path(run))
    if (digest := header.get("stands_in")) is None:
        return head
    stands_in, _ = _read_head(run, _stand_in_path(run))
    if _digest(stands_in) != digest:
        raise _damaged(run, _stand_in_path(run))
    return stands_in


def find_network(run: Run) -> Path | None:
    """The file of the backbone that the run has changed; None where it was frozen.

    Raises:
        RunError: It is gone or damaged; the pretrained backbone must not stand in for it.
    """
    path, digest = _network_path(run), _read_head(run, _head_path(run))[1].get("network")
    if digest and not (path.is_file() and weights.digest(path) == digest):
        raise _damaged(run, path)
    return path if path.is_file() else None  # runs of earlier versions have no digests


def write_tuned_trunk(backbone: Backbone, network_path: Path) -> "onnx.ModelProto | None":
    """The trunk of a tuned EfficientNet-Lite, in a fraction of a second; None for another, which only torch can write.

    Raises:
        SafetensorError, ValueError, OSError: The file does not hold such a network.
    """
    from transfer_core.backbones import lite0_graph

    arrays, header = read_arrays(network_path)
    if backbone.name not in lite0_graph.SIZES or "order" not in header:
        return None
    return lite0_graph.write_network({name: arrays[name] for name in header["order"]}, backbone)


def _read_head(run: Run, path: Path) -> tuple[Head, dict]:
    try:
        arrays, header = read_arrays(path)
        head = Head(**arrays)
        whole = header.get("sha256") in (None, _digest(head))
    except (OSError, SafetensorError, ValueError, TypeError, AttributeError) as error:
        raise _damaged(run, path) from error
    if not whole:
        raise _damaged(run, path)
    return head, header


def _digest(head: Head) -> str:
    return hashlib.sha256(np.asarray(head.weight, order="C").tobytes() + head.bias.tobytes()).hexdigest()


def _damaged(run: Run, path: Path) -> RunError:
    what = "is damaged" if path.is_file() else "is missing"
    return RunError(f"What run '{run.id}' has learned cannot be read: its file {path.name} {what}. Train again.")


def _head_path(run: Run) -> Path:
    return run.model_dir / "head.safetensors"


def _stand_in_path(run: Run) -> Path:
    return run.model_dir / "head-to-tune.safetensors"


def _network_path(run: Run) -> Path:
    return run.model_dir / "network.safetensors"
