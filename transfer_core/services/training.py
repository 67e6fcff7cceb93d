"""From photos and settings to a queued run, and on to its result. Imports no torch."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from transfer_core import runs, strategies
from transfer_core.backbones import catalog, weights
from transfer_core.config import TrainConfig, problems_of
from transfer_core.data.ingest.arrivals import IntakeReport
from transfer_core.data.labels.dataset import LabelledItem, load_labelled, version
from transfer_core.data.splits.split import Split
from transfer_core.errors import BackboneError, ConfigError, RunError, TransferError
from transfer_core.evaluation.recount import recount
from transfer_core.evaluation.result import Result
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import ENDED, Run
from transfer_core.runs import request_stop as stop
from transfer_core.runs.state import RunState
from transfer_core.services.export import catch_up
from transfer_core.services.ingest import take_in_path
from transfer_core.services.runs import Watch, silent, wait
from transfer_core.services.splits import Basis, find_basis, foresee, remarks_on_groups, share_out
from transfer_core.strategies import BACKBONE, Facts
from transfer_core.workspace import Project, Workspace

if TYPE_CHECKING:
    from transfer_core.advice.cost import Estimate

__all__ = [
    "Begun",
    "Outcome",
    "begin",
    "check",
    "ensure_runner",
    "estimate_run",
    "follow",
    "learns_backbone",
    "make_config",
    "outcome_of",
    "resume",
    "start",
    "stop",
    "take_up",
]


@dataclass(frozen=True)
class Begun:
    """A run that was just queued, and where its photos went."""

    run: Run
    project: Project
    intake: IntakeReport


@dataclass(frozen=True)
class Outcome:
    """What a run has come to.

    Args:
        result: On the validation photos.
        notices: What a person should know of how it went, a sentence each; untrusted text.
    """

    run: Run
    result: Result
    notices: tuple[str, ...]

    def to_json(self) -> dict:
        """The answer of the commands `fit` and `resume`."""
        settings = {"backbone": self.run.config.backbone, "strategy": self.run.config.strategy}
        figures = {name: value for name, value in self.result.to_json().items() if not name.startswith("recall_")}
        return {"run_id": self.run.id, "run_dir": str(self.run.folder), **settings, **figures}


def make_config(
    workspace: Workspace,
    asked: Mapping[str, object],
    data: Sequence[Path] = (),
    labels: str | None = None,
    encoding: str = "",
    class_from: str | None = None,
) -> TrainConfig:
    """The settings asked for, with short names of backbone and strategy replaced by the full ones.

    A mistake is said before a long intake, not after, and together with what the list of files says already.

    Args:
        asked: By the names of `TrainConfig`'s fields; what is left out is left to the rules.
        data, labels, encoding, class_from: As in `foresee`.

    Raises:
        ConfigError: With everything that is wrong.
    """
    names = [entry.name for entry in fields(TrainConfig)]
    problems = {name: _unknown(name, names) for name in asked if name not in names}
    known = {name: value for name, value in asked.items() if name in names}
    problems |= problems_of(known)
    # What stands here is of its field's type: `problems_of` has seen to that.
    good: dict = {name: value for name, value in known.items() if name not in problems}
    for setting, find in (
        ("backbone", lambda name: catalog.find(name, workspace.weights_dir)),
        ("strategy", strategies.find),
    ):
        if setting in good:
            try:
                good[setting] = find(good[setting]).name
            except TransferError as error:
                problems[setting] = str(error)
                del good[setting]
    config = TrainConfig(**good)
    backbone = strategies.network_of(config, workspace.weights_dir)
    against = strategies.check(config, Facts((), backbone))
    if data and (problems or against or config.group_pattern):
        against = foresee(data, good, backbone, labels, encoding, class_from)
    if problems or against:
        raise ConfigError(*problems.values(), *against)
    return config


def learns_backbone(workspace: Workspace, config: TrainConfig) -> bool:
    """Whether training with these settings changes the backbone, and so varies photos and has a learning rate."""
    backbone = strategies.network_of(config, workspace.weights_dir)
    phases, _ = strategies.plan(config, Facts((1,), backbone))  # how many photos there are does not matter here
    return any(phase.trains == BACKBONE for phase in phases)


def begin(
    workspace: Workspace,
    data: Path,
    settings: Mapping[str, object],
    *,
    name: str | None = None,
    val: Path | None = None,
    labels: str | None = None,
    encoding: str = "",
    class_from: str | None = None,
    watch: Watch = silent,
    taken_in: Callable[[IntakeReport], None] = lambda report: None,
) -> Begun:
    """Takes photos into their project and queues a run on just these.

    Args:
        data, name, val, labels, encoding, class_from: As in `take_in_path`.
        settings: As in `make_config`.
        watch: Told how far the intake is.
        taken_in: Given the result of the intake, before the run is started.

    Raises:
        TransferError: As `make_config`, `take_in_path` and `start`.
    """
    sources = [path.expanduser().resolve() for path in (data, val) if path]
    config = make_config(workspace, settings, sources, labels, encoding, class_from)
    began = time.monotonic()

    def report(done: int, total: int) -> None:
        watch("Reading photos", done, total)

    keeps_pictures = learns_backbone(workspace, config)
    project, intake = take_in_path(
        workspace,
        data,
        name,
        report,
        val,
        config.backbone,
        labels,
        encoding,
        class_from=class_from,
        keeps_pictures=keeps_pictures,
    )
    items = [item for item in load_labelled(project) if item.id in intake.items]
    intake.said += remarks_on_groups(project, items, config)
    taken_in(intake)
    return Begun(start(workspace, project, config, intake.items, time.monotonic() - began), project, intake)


def check(
    workspace: Workspace, project: Project, config: TrainConfig, only: Collection[str] | None = None
) -> tuple[Split, Basis]:
    """The split that a run with these settings would have, and what it would begin with.

    Args:
        only: Ids of the items to use, of which those with a class are taken; None for all of the project.

    Raises:
        TransferError: Unknown backbone or strategy, weights that cannot be had, photos that cannot be trained on.
            Nothing has been started then.
    """
    basis = find_basis(workspace, config)
    items = [item for item in load_labelled(project) if only is None or item.id in only]
    split, problems = share_out(items, config, basis)
    if problems or split is None:
        raise ConfigError(*problems)
    if weights.state(basis.backbone, workspace.weights_dir) == "download":
        weights.check_reachable(basis.backbone)
    return split, basis


def estimate_run(
    workspace: Workspace, items: Sequence[LabelledItem], config: TrainConfig
) -> "tuple[Estimate | None, bool]":
    """How long a run on these photos will take, None if unknown; and whether a trial that will tell is on its way.

    Where there was no trial yet the runner is asked for one. A backbone that must be downloaded first has none.
    """
    from transfer_core.advice.cost import estimate  # these import onnx; a look at most pages needs none
    from transfer_core.advice.machine_speed import load_speed, request_benchmark

    backbone = catalog.find(config.backbone, workspace.weights_dir)
    if weights.state(backbone, workspace.weights_dir) == "download":
        return None, False
    try:
        speed, seen = load_speed(workspace, backbone), strategies.network_of(config, workspace.weights_dir)
        share = (seen.preparation.size_px / backbone.preparation.size_px) ** 2
        found = estimate(workspace, seen, config, items, speed.on_smaller(share)) if speed else None
        coming = found is None and request_benchmark(workspace, backbone)
    except BackboneError:  # its weights are damaged, as a run on it will say
        return None, False
    if coming:
        ensure_runner(workspace)
    return found, coming


def start(
    workspace: Workspace,
    project: Project,
    config: TrainConfig,
    only: Collection[str] | None = None,
    intake_s: float = 0.0,
) -> Run:
    """Checks, creates the run and sees to it that a runner takes it; arguments and errors as those of `check`.

    A run that was asked the very same and has not ended is returned instead: a second would come to the same numbers,
    and who presses twice, or in two windows, wants one.
    """
    began = time.monotonic()
    labels_version = version(project)  # first: what is changed while the photos are shared out is told as a change
    split, basis = check(workspace, project, config, only)
    if basis.parent:  # a folder may have been named
        config = replace(config, continue_from=basis.parent.id)
    with FileLock(project.folder / "start.lock"):
        run = runs.find_under_way(workspace, project, runs.TrainSpec(config), split)
        if run is None:
            spent_s = intake_s + time.monotonic() - began
            run = runs.create(project, runs.TrainSpec(config, spent_s), split, labels_version=labels_version)
    ensure_runner(workspace)
    return run


def follow(run: Run, watch: Watch = silent, stopping: Callable[[], None] = lambda: None) -> Outcome:
    """Waits until the run has its result; Ctrl-C asks it to stop and keep what it learned.

    Args:
        stopping: Called once it was asked to stop; a second Ctrl-C waits no longer.

    Raises:
        TransferError: As `outcome_of`.
    """
    try:
        state = wait(run, _is_over, watch)
    except KeyboardInterrupt:
        stop(run)
        stopping()
        state = wait(run, _is_over, watch)
    return outcome_of(run, state)


def outcome_of(run: Run, state: RunState) -> Outcome:
    """What a run has come to that has ended.

    Raises:
        TransferError: It has failed.
        RunError: It was interrupted, or stopped before there was a model.
    """
    if state.status == "failed" and state.failure is not None:
        raise TransferError(f"{state.failure.message} {state.failure.hint}")
    if state.status == "interrupted":
        raise RunError(f"The run was interrupted. `resume {run.id}` continues from its last checkpoint.")
    if state.result is None:
        raise RunError("The run was stopped before it learned anything. `resume` continues it.")
    return Outcome(run, Result.from_json(recount(run, state.result)), tuple(state.notices))


def resume(run: Run) -> None:
    """Queues an interrupted, stopped or failed run again, and sees to it that a runner takes it.

    Raises:
        RunError: As `runs.request_resume`.
    """
    runs.request_resume(run)
    ensure_runner(run.workspace)


def take_up(run: Run, watch: Watch = silent, tell: Callable[[str], None] = lambda sentence: None) -> None:
    """As `resume`, but a run that is at work is left to it, and of one that has finished only the export is caught up.

    That is waited for: the result stands already, and nothing else is left to resume.

    Args:
        tell: Given a sentence where an export has to be caught up, and one where that fails: the result stands.

    Raises:
        RunError: It trains nothing, or as `runs.request_resume`.
    """
    if run.kind != "train":
        raise RunError(
            f"Run '{run.id}' is not a training run, so it cannot be resumed. `runs` lists those of kind train."
        )
    # A worker that is just ending, or writing the model, is waited for: nobody else may write the run's events.
    state = wait(run, lambda state: state.status in ("queued", "running") or not state.alive, watch)
    if state.status != "finished":
        runs.request_resume(run)
        ensure_runner(run.workspace)
    else:
        catch_up(run, watch, tell)


def _is_over(state: RunState) -> bool:
    return state.status in (*ENDED, "interrupted")


def _unknown(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, 1)
    hint = f" Did you mean '{near[0]}'?" if near else f" Those there are: {', '.join(names)}."
    return f"There is no setting '{name}'.{hint}"
