"""What a short trial found out about this machine and one backbone, kept for every later estimate. Imports no torch."""

import hashlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

from transfer_core.backbones import onnx_backbone
from transfer_core.backbones.catalog import Backbone
from transfer_core.support.checked_json import read_checked, write_checked
from transfer_core.support.files import write_whole
from transfer_core.workspace import Workspace

# Raise it when the trial measures something else: what older ones found is left behind then.
_TRIAL_VERSION = 4
AGAIN = 3  # exit code of a trial that has another step before it
_TRY_AGAIN_S = 24 * 3600  # after a trial that failed: memory may have been short just then


@dataclass(frozen=True)
class LearningSpeed:
    """Seconds and bytes that torch takes to change the backbone.

    Args:
        start_s: To start PyTorch, to build the network, and what the first steps take longer than the later ones.
        learn_s: Per training photo (forward, backward, optimizer step), on the device.
        check_s: Per photo, to forward it with torch, on the device.
        learn_bytes: Memory of a worker that changes the backbone, photos left out; on a graphics card, of the card.
        learn_photo_bytes: The same per photo that goes through the network at once.
        device: "cpu", "cuda" or "mps".
        steady_learn_s: `learn_s` where batch norm keeps its statistics, see `strategies.Phase.keeps_statistics`.
    """

    start_s: float
    learn_s: float
    check_s: float
    learn_bytes: float
    learn_photo_bytes: float
    device: str
    steady_learn_s: float


@dataclass(frozen=True)
class Speed:
    """Seconds and bytes of this machine.

    Args:
        prepare_s: To decode and prepare a photo, whatever its size, with every core at one of its own.
        prepare_megapixel_s: The same, for each megapixel it has.
        look_s: To forward a prepared photo through the frozen backbone, with every core at one of its own.
        search_s: To choose a head's strength, per photo, class and epoch.
        head_s: To train a head, per photo, class and epoch.
        look_bytes: Memory of a worker that looks at photos.
        learning: None until torch has been tried, too.
    """

    prepare_s: float
    prepare_megapixel_s: float
    look_s: float
    search_s: float
    head_s: float
    look_bytes: float
    learning: LearningSpeed | None = None

    def on_smaller(self, share: float) -> "Speed":
        """The speed on photos with this share of the pixels, in (0, 1]: the work of a network goes by their number."""
        learning = self.learning and replace(
            self.learning,
            learn_s=self.learning.learn_s * share,
            check_s=self.learning.check_s * share,
            learn_photo_bytes=self.learning.learn_photo_bytes * share,
            steady_learn_s=self.learning.steady_learn_s * share,
        )
        return replace(self, look_s=self.look_s * share, learning=learning)


def load_speed(workspace: Workspace, backbone: Backbone) -> Speed | None:
    """What a trial on this machine found; None where there was none yet, or what it found cannot be read.

    Raises:
        BackboneError: The backbone's weights are not here, or are damaged.
    """
    path = speed_path(workspace, backbone)
    try:
        content = read_checked(path, path.name)
        learning = content.pop("learning")
        return Speed(**content, learning=LearningSpeed(**learning) if learning else None)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save_speed(workspace: Workspace, backbone: Backbone, speed: Speed) -> None:
    path = speed_path(workspace, backbone)
    write_checked(path, asdict(speed), path.name)


def speed_path(workspace: Workspace, backbone: Backbone) -> Path:
    """Named after all that decides speed: another machine with the same home finds nothing of this one's.

    Raises:
        BackboneError: The backbone's weights are not here.
    """
    machine = [platform.node(), platform.machine(), platform.processor(), os.cpu_count()]
    parts = [_TRIAL_VERSION, onnx_backbone.digest(backbone, workspace.weights_dir), *_versions(), *machine]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return workspace.home / "speeds" / f"{backbone.name}-{name}.json"


@cache
def _versions() -> list[str]:
    """Of the packages that do the work; asked of the disk once, for a page with a dozen estimates asks each time."""
    return [version(name) for name in ("torch", "timm", "onnxruntime", "numpy")]


def request_benchmark(workspace: Workspace, backbone: Backbone) -> bool:
    """Asks the runner for a trial, unless one has failed before; returns whether there will be one."""
    wanted = speed_path(workspace, backbone).with_suffix(".wanted")
    failed = wanted.with_suffix(".failed")
    if failed.exists() and 0 <= time.time() - failed.stat().st_mtime < _TRY_AGAIN_S:
        return False
    if not wanted.exists():
        try:
            write_whole(wanted, backbone.name)
        except OSError:  # a full disk, or one that may only be read: no trial, and no estimate
            return False
    return True


def next_request(workspace: Workspace) -> tuple[Path, str] | None:
    """A wish for a trial, and the backbone's name; None where nobody has one."""
    for path in sorted((workspace.home / "speeds").glob("*.wanted")):
        return path, path.read_text("utf-8")
    return None


def close_request(path: Path, succeeded: bool) -> None:
    """Takes the wish back once its trial is over; one that failed is remembered, so that it is not begun for ever."""
    if succeeded:
        path.unlink(missing_ok=True)
    elif path.exists():
        path.unlink()
        path.with_suffix(".failed").touch()


def is_requested(workspace: Workspace, backbone: Backbone) -> bool:
    """Whether a trial of this backbone waits or is at work.

    Raises:
        BackboneError: The backbone's weights are not here.
    """
    return speed_path(workspace, backbone).with_suffix(".wanted").exists()
