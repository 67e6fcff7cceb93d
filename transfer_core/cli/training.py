"""The commands `fit` and `resume`: photos in, a trained run out."""

from argparse import Namespace
from dataclasses import fields

from transfer_core.cli.terminal import (
    mention,
    mention_alike,
    mention_damage,
    mention_disputed,
    mention_rejected,
    open_run,
    say,
    watch,
)
from transfer_core.config import TrainConfig
from transfer_core.services import runs, training
from transfer_core.services.ingest import IntakeReport
from transfer_core.support import text, wording
from transfer_core.workspace import Workspace


def fit(workspace: Workspace, options: Namespace) -> dict:
    asked = {entry.name: getattr(options, entry.name) for entry in fields(TrainConfig)}
    begun = training.begin(
        workspace,
        options.data,
        {name: value for name, value in asked.items() if value is not None},
        name=options.name,
        val=options.val,
        labels=options.labels,
        class_from=options.class_from,
        encoding=options.encoding,
        watch=watch(),
        taken_in=_mention,
    )
    mention_damage(workspace.open_project(begun.run.project_id))
    return _follow(begun.run)


def resume(workspace: Workspace, options: Namespace) -> dict:
    run = open_run(workspace, options.run)
    training.take_up(run, watch(), say)
    return _follow(run)


def show_fit(answer: dict) -> None:
    print(f"{wording.result_sentence(answer)} ({wording.duration(answer['seconds']['total'])})\nrun {answer['run_id']}")


def _mention(intake: IntakeReport) -> None:
    mention(intake.said)
    mention_disputed(intake.disputed)
    mention_rejected(intake.rejected)
    mention_alike(intake.alike)


def _follow(run: runs.Run) -> dict:
    """Shows progress until the result is there; Ctrl-C asks the run to stop and keep what it learned."""
    say(f"Run {run.id}")
    outcome = training.follow(run, watch(), lambda: say("\nStopping. The model is kept as it is now ..."))
    for notice in outcome.notices:
        say(text.plain(notice))
    return outcome.to_json()
