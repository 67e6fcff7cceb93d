"""The commands `fit` and `resume`: photos in, a trained run out."""

import sys
import time
from argparse import Namespace
from dataclasses import fields

from transfer_core import runs, strategies
from transfer_core.backbones import catalog
from transfer_core.cli.terminal import bar, mention_alike, mention_rejected, wait
from transfer_core.config import TrainConfig, problems_of
from transfer_core.errors import ConfigError, RunError, TransferError
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run, events
from transfer_core.runs.state import RunState
from transfer_core.services import training
from transfer_core.strategies import Facts
from transfer_core.support import text
from transfer_core.workspace import Workspace


def fit(workspace: Workspace, options: Namespace) -> dict:
    config = _config(workspace, options)
    began = time.monotonic()
    project, report = training.take_in_path(
        workspace, options.data, options.name, bar("Reading photos"), options.val, config.backbone, options.labels
    )
    mention_rejected(report.rejected)
    mention_alike(report.alike)
    run = training.start(workspace, project, config, report.items, time.monotonic() - began)
    return _follow(run)


def resume(workspace: Workspace, options: Namespace) -> dict:
    run = runs.open_run(workspace, options.run)
    if run.kind != "train":
        raise RunError(
            f"Run '{run.id}' is not a training run, so it cannot be resumed. `runs` lists those of kind train."
        )
    history = wait(run, lambda history: history.status in ("queued", "running") or not history.alive)
    if history.status != "finished":
        runs.request_resume(run)
    if history.status != "finished" or history.needs_export:
        ensure_runner(run.workspace)
    return _follow(run)


def show_fit(answer: dict) -> None:
    print(f"{text.result_sentence(answer)} ({text.duration(answer['seconds']['total'])})\nrun {answer['run_id']}")


def _config(workspace: Workspace, options: Namespace) -> TrainConfig:
    """The settings asked for; a mistake in them is said before a long intake, not after.

    Raises:
        ConfigError: With everything that is wrong, the list of files included.
    """
    asked = {entry.name: getattr(options, entry.name) for entry in fields(TrainConfig)}
    asked = {name: value for name, value in asked.items() if value is not None}
    problems = problems_of(asked)
    good = {name: value for name, value in asked.items() if name not in problems}
    for setting, find in (
        ("backbone", lambda name: catalog.find(name, workspace.weights_dir)),
        ("strategy", strategies.find),
    ):
        if setting in good:
            try:
                good[setting] = find(good[setting]).name  # a short name is replaced by the full one
            except TransferError as error:
                problems[setting] = str(error)
                del good[setting]
    backbone = catalog.find(TrainConfig(**good).backbone, workspace.weights_dir)
    if problems or strategies.check(TrainConfig(**good), Facts((), backbone)):
        data = [source.expanduser().resolve() for source in (options.data, options.val) if source]
        raise ConfigError([*problems.values(), *training.foresee(data, good, backbone, options.labels)])
    return TrainConfig(**good)


def _follow(run: Run) -> dict:
    """Shows progress until the run has ended and its export is checked; Ctrl-C asks it to stop and keep."""
    print(f"Run {run.id}", file=sys.stderr)
    try:
        history = wait(run, _is_over)
    except KeyboardInterrupt:
        runs.request_stop(run)
        print("\nStopping. The model is kept as it is now ...", file=sys.stderr)
        history = wait(run, _is_over)
    for notice in history.notices:
        print(text.plain(notice), file=sys.stderr)
    return _fit_answer(run, history)


def _is_over(history: RunState) -> bool:
    return history.status in (*runs.ENDED, "interrupted") and (not history.needs_export or not history.alive)


def _fit_answer(run: Run, history: RunState) -> dict:
    if history.status == "failed":
        raise TransferError(f"{history.failure.message} {history.failure.hint}")
    if history.status == "interrupted":
        raise RunError(f"The run was interrupted. `resume {run.id}` continues from its last checkpoint.")
    if history.result is None:
        raise RunError("The run was stopped before it learned anything. `resume` continues it.")
    seconds = dict(history.result["seconds"])
    if isinstance(history.export, events.ExportFinished):
        seconds["export"] = round(history.export.seconds, 3)
    return {
        "run_id": run.id,
        "run_dir": str(run.folder),
        "backbone": run.config.backbone,
        "strategy": run.config.strategy,
        **{key: value for key, value in history.result.items() if key != "seconds"},
        "seconds": seconds,
    }
