"""The model to take away: whether it is there, how it was checked, and its files. Imports no torch."""

from dataclasses import asdict, dataclass
from pathlib import Path

from transfer_core import runs
from transfer_core.errors import RunError
from transfer_core.export.bundle import ensure_bundle, write_bundle
from transfer_core.export.model_card import write_card
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run, events
from transfer_core.runs.state import RunState
from transfer_core.services.runs import Watch, silent, wait
from transfer_core.support.files import read_json

__all__ = ["Exported", "check_of", "ensure_bundle", "export", "failure_of", "is_ready", "model_card", "retry"]


@dataclass(frozen=True)
class Exported:
    """A file with the model, and what its check has found on the validation photos.

    Args:
        changed_labels: Photos that the exported model answers otherwise than the trained one.
        max_difference: The largest difference of a confidence.
        checked: Photos that were compared.
    """

    file: str
    changed_labels: int
    max_difference: float
    checked: int

    def to_json(self) -> dict:
        """The answer of the command `export`."""
        return asdict(self)


def is_ready(state: RunState) -> bool:
    """Whether the run's model was written as ONNX and checked."""
    return isinstance(state.export, events.ExportFinished)


def failure_of(state: RunState) -> str | None:
    """Why the model could not be written; None where nothing has failed. Hostile text."""
    return state.export.message if isinstance(state.export, events.ExportFailed) else None


def check_of(state: RunState) -> events.ExportFinished:
    """What the check of the exported model has found.

    Raises:
        RunError: It is not ready.
    """
    if not isinstance(state.export, events.ExportFinished):
        raise RunError("This run has no model yet. Wait until it has finished, or resume it if it was interrupted.")
    return state.export


def retry(run: Run) -> None:
    """Has an export that failed tried once more.

    Raises:
        RunError: A worker is just at the run.
    """
    runs.request_export(run)
    ensure_runner(run.workspace)


def export(run: Run, out: Path, watch: Watch = silent) -> Exported:
    """Writes a run's model as a zip, once its export is checked; one that failed is tried once more.

    Args:
        out: The zip.
        watch: Told how far the run is, where it has to be waited for.

    Raises:
        RunError: There is no model, it cannot be written as ONNX, or `out` is a folder.
    """
    state = runs.read_state(run)
    if failure_of(state):
        runs.request_export(run)
        state = runs.read_state(run)
    if state.needs_export:
        ensure_runner(run.workspace)
        state = wait(run, lambda state: not state.needs_export, watch)
    if failure := failure_of(state):
        raise RunError(f"The model of run '{run.id}' could not be written as ONNX. {failure}")
    if not is_ready(state):
        raise RunError(
            f"Run '{run.id}' has no model to export (it is {state.status}). Resume it, or train again, first."
        )
    if out.is_dir():
        raise RunError(f"'{out}' is a folder. Name the zip to write, for example {out / 'model.zip'}.")
    write_bundle(run, state, out)
    found = check_of(state)
    return Exported(str(out), found.changed_labels, found.max_difference, found.checked)


def model_card(run: Run, state: RunState) -> str:
    """The description of a model whose export is ready, as Markdown."""
    project = read_json(run.folder.parents[1] / "project.json")
    return write_card(run, state, runs.load_split(run), project)
