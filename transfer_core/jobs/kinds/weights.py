"""Downloads the weights of a backbone, so that they are here before anybody trains. Imports no torch."""

from transfer_core.backbones import catalog, weights
from transfer_core.errors import RunError, StopRequested
from transfer_core.jobs.job import Job, Outcome
from transfer_core.runs import WeightsSpec, events


def run(job: Job) -> Outcome:
    """{"backbone"}: its full name. Progress counts bytes."""
    spec = job.run.spec
    if not isinstance(spec, WeightsSpec):
        raise RunError(f"Run '{job.run.id}' names no backbone.")
    row = catalog.find(spec.backbone, job.workspace.weights_dir)
    job.emit(events.PhaseStarted(name="download", title=f"Downloading {row.title}"))

    def report(done: int, total: int) -> None:
        job.report(done, total)
        if job.should_stop():
            raise StopRequested

    weights.download(row, job.workspace.weights_dir, report)
    return Outcome({"backbone": row.name})
