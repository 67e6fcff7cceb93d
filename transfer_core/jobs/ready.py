"""What must be there before a network learns: weights, the backbone's graph, torch, the plan. Imports no torch."""

from pathlib import Path

from transfer_core import strategies
from transfer_core.backbones import onnx_backbone, weights
from transfer_core.data.splits.split import Split
from transfer_core.errors import StopRequested
from transfer_core.jobs.job import Job
from transfer_core.runs import events
from transfer_core.strategies import Facts
from transfer_core.training import engine
from transfer_core.training.context import TrainContext
from transfer_core.training.plan import Plan, load_plan, save_plan
from transfer_core.training.run_context import context_of_run
from transfer_core.workspace import Workspace

ONCE_PER_MACHINE = ("download", "export_trunk", "imports", "wait")  # phases that are not the run's own work


def build_context(job: Job, split: Split) -> TrainContext:
    """What the phases of a training are given; StopRequested when stopped meanwhile."""
    backbone = strategies.network_of(job.run.config, job.workspace.weights_dir)
    plan = _get_ready(job, Facts(split.train_sizes, backbone))
    return context_of_run(job.run, split, backbone, plan, job.emit, job.should_stop)


def start_torch(job: Job) -> None:
    """The slow imports of whatever changes a backbone; from now on standby workers do them ahead."""
    job.emit(events.PhaseStarted(name="imports", title="Starting PyTorch"))
    torch_marker(job.workspace).touch()
    engine.import_torch()


def torch_marker(workspace: Workspace) -> Path:
    """Says that runs of this workspace have needed torch, so that standby workers import it ahead."""
    return workspace.home / "needs-torch"


def _get_ready(job: Job, facts: Facts) -> Plan:
    """What is done once per machine (weights, trunk), the slow imports, and the plan; StopRequested when stopped."""
    weights_dir, backbone, run = job.workspace.weights_dir, facts.backbone, job.run

    def report(done: int, total: int) -> None:
        job.report(done >> 20, total >> 20, "MB")
        if job.should_stop():
            raise StopRequested

    if weights.state(backbone, weights_dir) == "download":
        job.emit(events.PhaseStarted(name="download", title=f"Downloading {backbone.title}"))
        weights.download(backbone, weights_dir, report)
    planned = load_plan(run.plan_path)
    phases = planned.phases if planned else strategies.plan(run.config, facts)[0]
    if not (all(phase.from_scratch for phase in phases) or onnx_backbone.has_trunk(backbone, weights_dir)):
        job.emit(events.PhaseStarted(name="export_trunk", title="Preparing the backbone (only once on this machine)"))
        onnx_backbone.ensure_trunk(backbone, weights_dir)
    if engine.needs_torch(phases):
        start_torch(job)
    plan = engine.fit_to_machine(planned) if planned else engine.make_plan(run.config, facts)
    if planned and plan != planned:
        job.emit(
            events.Notice(
                message="The graphics card that this run began on is gone. Training continues on the processor."
            )
        )
    if plan != planned:
        save_plan(run.plan_path, plan)
    return plan
