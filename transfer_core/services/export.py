"""The model to take away: whether it is there, how it was checked, and its files. Imports no torch."""

from dataclasses import asdict, dataclass
from pathlib import Path

from transfer_core import runs
from transfer_core.errors import RunError
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.services.runs import Watch, silent, wait_for_model

__all__ = ["Check", "Exported", "check_of", "ensure_bundle", "export", "failure_of", "is_ready", "model_card", "retry"]


@dataclass(frozen=True)
class Check:
    """How the exported model compares with the trained one on the validation photos, read from their original files.

    Args:
        changed_labels: Photos that the exported model answers otherwise than the trained one.
        max_difference: The largest difference of a confidence.
        checked: Photos that were compared.
        seconds: That writing and checking took.
    """

    changed_labels: int
    max_difference: float
    checked: int
    seconds: float


@dataclass(frozen=True)
class Exported:
    """A file with the model, and its check."""

    file: str
    check: Check

    def to_json(self) -> dict:
        """The answer of the command `export`."""
        content = asdict(self.check)
        return {"file": self.file, **content, "seconds": {"export": round(content["seconds"], 3)}}


def is_ready(state: RunState) -> bool:
    """Whether the run's model was written as ONNX and checked."""
    return state.has_finished("export")


def failure_of(state: RunState) -> str | None:
    """Why the model could not be written, and what to do; None where nothing has failed. Untrusted text."""
    return state.failure_of("export")


def check_of(state: RunState) -> Check:
    """What the check of the exported model has found.

    Raises:
        RunError: It is not ready.
    """
    if not is_ready(state):
        raise RunError("This run has no model yet. Wait until it has finished, or resume it if it was interrupted.")
    return Check(**state.steps["export"].result)


def retry(run: Run) -> None:
    """Has an export that failed tried once more.

    Raises:
        RunError: A worker is just at the run.
    """
    runs.request_step(run, "export")
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
        runs.request_step(run, "export")
    state = wait_for_model(run, watch)
    if failure := failure_of(state):
        raise RunError(f"The model of run '{run.id}' could not be written as ONNX. {failure}")
    if not is_ready(state):
        raise RunError(
            f"Run '{run.id}' has no model to export (it is {state.status}). Resume it, or train again, first."
        )
    if out.is_dir():
        raise RunError(f"'{out}' is a folder. Name the zip to write, for example {out / 'model.zip'}.")
    from transfer_core.export.bundle import write_bundle

    write_bundle(run, state, out)
    return Exported(str(out), check_of(state))


def ensure_bundle(run: Run, state: RunState) -> Path:
    """The run's zip, written once per export and name of the project."""
    from transfer_core.export import bundle  # which imports onnxruntime; a look at most pages needs none

    return bundle.ensure_bundle(run, state)


def model_card(run: Run, state: RunState) -> str:
    """The description of a model whose export is ready, as Markdown."""
    from transfer_core.export.model_card import write_card

    project = run.workspace.open_project(run.folder.parents[1].name)
    return write_card(run, state, runs.load_split(run), {"name": project.name})
