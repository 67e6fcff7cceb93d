"""Looks through a run's folder for files that are damaged or missing. Imports no torch."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from transfer_core import runs
from transfer_core.data.images.rendering import NAME as RENDERING_NAME
from transfer_core.errors import TransferError
from transfer_core.evaluation import test_set
from transfer_core.evaluation.result import load_answers
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.services import export
from transfer_core.services.findings import Finding, from_copy, look_at_copy, tried
from transfer_core.support.checked_json import copy_path, in_words, read_checked, write_with_copy
from transfer_core.training.plan import load_plan


def unreadable(run: runs.UnreadableRun) -> Finding:
    cost, remedy = "This run cannot be shown.", "Put the file back from a backup, or delete the run."
    return Finding(str(run.folder / "config.json"), run.reason, cost, remedy)


def look_at_run(run: Run) -> Iterator[Finding]:
    for name, is_needed in (("config.json", True), ("about.json", False), (RENDERING_NAME, False)):
        path = run.folder / name
        if is_needed or path.exists() or copy_path(path).exists():
            yield from look_at_kept(path, run.id)
    state, train_again = runs.read_state(run), "Delete the run and train again."
    if state.lost or (state.failure and "events.jsonl" in state.failure.message):
        problem = state.damage or "it is missing or empty"
        remedy = "Train again if you need all of it." if state.result else "Resume the run."
        yield Finding(str(run.events_path), problem, "Parts of the run's curves, or its result.", remedy)
    if (run.folder / "split.json").exists() or run.kind == "train":
        yield from tried(lambda: runs.load_split(run), run.folder / "split.json", "The run's photos.", train_again)
    yield from tried(lambda: load_plan(run.plan_path), run.plan_path, "The run cannot be resumed.", train_again)
    if run.kind == "train" and state.result:
        answers = run.evaluation_dir / "val.safetensors"
        cost = "Which photos the model got right; its figures stand in the run's log."
        yield from tried(lambda: load_answers(run.evaluation_dir, state.result), answers, cost, train_again)
    for name, cost in (
        ("result.json", "Nothing that Graft reads."),
        ("baselines.json", "What simple guesses get right, to compare the model with."),
    ):
        path = run.evaluation_dir / name
        if path.exists():
            yield from tried(partial(_read_own, path, run), path, cost, "Train again if you need it.")
    if state.has_finished("test_set"):
        path = run.evaluation_dir / "test.json"
        yield from tried(
            lambda: test_set.load_opening(run), path, "The figure of the final test.", "Put back a backup."
        )
    yield from look_at_model(run, state)


def look_at_kept(path: Path, owner: str) -> Iterator[Finding]:
    """At a file that is kept twice."""
    try:
        content = read_checked(path, owner)
    except (OSError, ValueError) as error:
        yield from from_copy(path, owner, error, "What it says.", "Put it back from a backup.")
        return
    yield from look_at_copy(path, owner, lambda: write_with_copy(path, content, owner))


def _read_own(path: Path, run: Run) -> None:
    try:
        read_checked(path, run.id)
    except (OSError, ValueError) as error:
        raise TransferError(in_words(error)) from error


def look_at_model(run: Run, state: RunState) -> Iterator[Finding]:
    """The model that was exported, where there should be one: the bytes that were checked, or none."""
    if state.has_finished("export") and not export.is_intact(run, state):
        cost = "The model cannot be tried, tested or exported."
        remedy = "Graft can make it again from what the run has learned, and check it."
        problem = "it is missing, or not what was checked"
        yield Finding(str(run.model_dir), problem, cost, remedy, mend=partial(export.need_model, run))
