"""The model to take away: whether it is there, how it was checked, and its files. Imports no torch."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from transfer_core import runs
from transfer_core.errors import RunError
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.services.runs import Watch, silent, wait_for_model
from transfer_core.support.files import write_whole

__all__ = [
    "Check",
    "Exported",
    "build_bundle",
    "catch_up",
    "check_of",
    "export",
    "failure_of",
    "is_intact",
    "is_ready",
    "model_bytes",
    "model_card",
    "model_digest",
    "need_model",
    "renew",
    "retry",
]

_log = logging.getLogger(__name__)
_DAMAGED = "The exported model was damaged. Graft makes it again from what the run has learned, and checks it."


@dataclass(frozen=True)
class Check:
    """How the exported model compares with the trained one on the validation photos, read from their original files.

    Args:
        changed_labels: Photos that the exported model answers otherwise than the trained one.
        max_difference: The largest difference of a confidence.
        checked: Photos that were compared.
        seconds: That writing and checking took.
        sha256: Of the `model.onnx` that was checked; None where an earlier version of Graft did it.
    """

    changed_labels: int
    max_difference: float
    checked: int
    seconds: float
    sha256: str | None = None


@dataclass(frozen=True)
class Exported:
    """A file with the model, and its check."""

    file: str
    check: Check

    def to_json(self) -> dict:
        """The answer of the command `export`."""
        content = {name: value for name, value in asdict(self.check).items() if name != "sha256"}
        return {"file": self.file, **content, "seconds": {"export": round(self.check.seconds, 3)}}


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
    result = state.steps["export"].result
    found: dict[str, Any] = {entry.name: result.get(entry.name) for entry in fields(Check)}  # `is_intact` has a look
    return Check(**found)


def is_intact(run: Run, state: RunState) -> bool:
    """Whether the model of a run that has one is still the one that was checked; quick when asked again."""
    from transfer_core.inference import model_file

    check = check_of(state)
    # In a log there is nothing in place of NaN, which the check of earlier versions passed over.
    numbers = (check.changed_labels, check.max_difference, check.checked, check.seconds)
    return all(isinstance(number, (int, float)) for number in numbers) and model_file.is_intact(run, check.sha256)


def renew(run: Run) -> None:
    """Has a damaged model made anew from what the run has learned, and checked again.

    Raises:
        RunError: A worker is just at the run.
    """
    runs.request_step(run, "export", because=_DAMAGED)
    ensure_runner(run.workspace)


def need_model(run: Run, watch: Watch = silent) -> RunState:
    """Waits until the run's model is written and checked; one that was damaged since is made anew.

    Raises:
        RunError: There is none, and why.
    """
    state = _wait(run, watch)
    if not is_intact(run, state):
        _log.warning("The exported model of run '%s' is damaged. Graft makes it again and checks it.", run.id)
        renew(run)
        state = _wait(run, watch)
    return state


def catch_up(run: Run, watch: Watch, tell: Callable[[str], None]) -> None:
    """Has the steps done that a finished run still lacks, and waits for its export.

    Args:
        tell: Given a sentence where an export has to be caught up, and one where that fails: the result stands.
    """
    state = runs.read_state(run)
    if failure_of(state):
        retry(run)
        tell("The model could not be exported before. That is tried once more.")
    elif state.is_pending("export"):
        tell("The run has its result, but its export was cut off. The model is written and checked now.")
    try:
        need_model(run, watch)
    except RunError as error:
        tell(f"The result stands, but there is no model to export: {error}")
    if runs.read_state(run).next_step:
        ensure_runner(run.workspace)


def _wait(run: Run, watch: Watch) -> RunState:
    state = wait_for_model(run, watch)
    if failure := failure_of(state):
        raise RunError(f"The model of run '{run.id}' could not be written as ONNX. {failure}")
    check_of(state)
    return state


def model_digest(run: Run, state: RunState) -> str:
    """SHA-256, hex, of the model that was checked.

    Raises:
        RunError: It is not ready; or damaged, where an earlier version of Graft has made it.
    """
    check = check_of(state)
    return check.sha256 or hashlib.sha256(model_bytes(run, state)).hexdigest()


def model_bytes(run: Run, state: RunState) -> bytes:
    """The whole `model.onnx`, byte for byte as it was checked; takes a tenth of a second.

    Raises:
        RunError: It is not ready, or damaged.
    """
    from transfer_core.inference.model_file import read_model

    return read_model(run, check_of(state).sha256)


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
    if "export" not in state.steps:
        raise RunError(
            f"Run '{run.id}' has no model to export (it is {state.status}). Resume it, or train again, first."
        )
    state = need_model(run, watch)
    if out.is_dir():
        raise RunError(f"'{out}' is a folder. Name the zip to write, for example {out / 'model.zip'}.")
    write_whole(out, build_bundle(run, state))
    return Exported(str(out), check_of(state))


def build_bundle(run: Run, state: RunState) -> bytes:
    """The zip with a run's model; takes a fraction of a second.

    Raises:
        RunError: The model is damaged.
    """
    from transfer_core.export import bundle  # which imports onnxruntime; a look at most pages needs none

    return bundle.build_bundle(run, state)


def model_card(run: Run, state: RunState) -> str:
    """The description of a model whose export is ready, as Markdown."""
    from transfer_core.export.model_card import write_card

    project = run.workspace.open_project(run.folder.parents[1].name)
    return write_card(run, state, runs.load_split(run), {"name": project.name})
