"""Weights that a person asks for: start a download, watch it, stop it. It is a run of its own. Imports no torch."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from transfer_core import runs
from transfer_core.backbones import catalog, pack, weights
from transfer_core.backbones.catalog import Backbone
from transfer_core.errors import BackboneError
from transfer_core.jobs.launch import ensure_runner, run_python
from transfer_core.runs import Run, WeightsSpec
from transfer_core.training.trained_model import find_network
from transfer_core.workspace import Project, Workspace


@dataclass(frozen=True)
class Download:
    """How far a download is, or why it ended without success.

    Args:
        done, total: Bytes; `total` is 0 until the hub has said how many there are.
        error: A sentence; None as long as it is under way.
    """

    run: Run
    done: int = 0
    total: int = 0
    error: str | None = None

    @property
    def share(self) -> float:
        """Of the whole, in [0, 1]."""
        return min(1.0, self.done / self.total) if self.total else 0.0


def download(
    workspace: Workspace, names: Sequence[str], folder: Path | None, watch: Callable[[str, int, int], None]
) -> list[Path]:
    """Downloads the weights of these backbones, here and now; goes on where an earlier try broke off.

    Args:
        folder: Where a pack is made of them; None for this machine's own weights.
        watch: Takes (what is done, bytes so far, of so many).

    Raises:
        BackboneError: There is no such backbone, it comes with a package, or it cannot be had.
    """
    rows = [catalog.find(name, workspace.weights_dir) for name in names]
    if without := [row.title for row in rows if row.hub is None]:
        raise BackboneError(f"There is nothing to download for {', '.join(without)}: leave it out.")
    target = folder or workspace.weights_dir
    found = []
    for row in rows:
        found.append(weights.download(row, target, partial(watch, row.title)))
        if row.name not in catalog.BUILT_IN:
            catalog.save_row(row, target)
    return found


def take_pack(workspace: Workspace, folder: Path) -> pack.Taken:
    """Takes in every backbone of a pack, see `backbones.pack`."""
    return pack.take_in(folder, workspace.weights_dir)


def add(workspace: Workspace, name: str, file: Path | None = None, title: str = "") -> dict:
    """Adds one of timm's networks that is not in the catalogue, with weights from a file where one is given.

    It is a process of its own, of some seconds: this one imports no torch.

    Args:
        title: What people call it; its name where there is none.

    Returns:
        {"name"}, and for a file {"matched", "total", "missing"}: how many of the network's tensors it holds.

    Raises:
        BackboneError: There is no such network, or the file is not of it.
    """
    arguments = [name, str(workspace.weights_dir), title, *([str(file)] if file else [])]
    done = run_python(["transfer_core.backbones.adopt", *arguments])
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BackboneError(f"The network '{name}' could not be added: {last[:200]}") from error
    if "error" in answer:
        raise BackboneError(answer["error"])
    return answer


def add_upload(workspace: Workspace, name: str, title: str, content: tuple[str, bytes] | None) -> dict:
    """As `add`, with the content of a file that a browser sent: its name, which tells its form, and its bytes."""
    if content is None:
        return add(workspace, name, None, title)
    with TemporaryDirectory() as folder:
        path = Path(folder, "weights").with_suffix(Path(content[0]).suffix.lower())
        path.write_bytes(content[1])
        return add(workspace, name, path, title)


def add_run(workspace: Workspace, run: Run, title: str) -> dict:
    """As `add`, with the backbone that a run has changed, so that other runs can be built on it.

    Raises:
        BackboneError: The run's backbone was frozen, so that it is still the one it was built on.
        RunError: What the run has learned is gone or damaged.
    """
    network = find_network(run)
    if network is None:
        raise BackboneError(
            f"Run '{run.id}' has changed nothing of {run.config.backbone}: its backbone was frozen. Choose a run that "
            "was fine-tuned."
        )
    return add(workspace, run.config.backbone, network, title)


def begin(workspace: Workspace, project: Project, row: Backbone) -> None:
    """Queues a run that downloads, unless one is at it; it goes on when the page is closed.

    Raises:
        BackboneError: The hub cannot be reached; nothing was started.
    """
    weights.check_reachable(row)
    spec = WeightsSpec(row.name)
    if runs.find_under_way(workspace, project, spec) is None:
        _forget(workspace, project, row.name)  # why the last one failed
        runs.create(project, spec)
    ensure_runner(workspace)


def find_downloads(workspace: Workspace, project: Project) -> dict[str, Download]:
    """{full name of the backbone: its download}, of those that are under way or have failed."""
    found: dict[str, Download] = {}
    for run in runs.list_runs(workspace, project, kind=WeightsSpec.kind):  # the newest first
        if isinstance(run.spec, WeightsSpec) and run.spec.backbone not in found:
            found[run.spec.backbone] = _look_at(run)
    return {name: entry for name, entry in found.items() if entry.error is not None or not _has_finished(entry.run)}


def stop(workspace: Workspace, project: Project, name: str) -> None:
    """Stops a backbone's download; what has come stays, and the next one goes on there."""
    for run in runs.list_runs(workspace, project, kind=WeightsSpec.kind):
        if isinstance(run.spec, WeightsSpec) and run.spec.backbone == name:
            runs.request_stop(run)


def _look_at(run: Run) -> Download:
    state = runs.read_state(run)
    if state.failure:
        return Download(run, error=f"{state.failure.message} {state.failure.hint}".strip())
    if state.status in ("interrupted", "stopped"):
        return Download(run, error="The download was interrupted. The next one goes on where this one was.")
    done, total = (state.progress.done, state.progress.total) if state.progress else (0, 0)
    return Download(run, done, total)


def _has_finished(run: Run) -> bool:
    return runs.read_state(run).status == "finished"


def _forget(workspace: Workspace, project: Project, name: str) -> None:
    for run in runs.list_runs(workspace, project, kind=WeightsSpec.kind):
        ended = runs.read_state(run).status not in ("queued", "running")
        if ended and isinstance(run.spec, WeightsSpec) and run.spec.backbone == name:
            runs.delete(run)
