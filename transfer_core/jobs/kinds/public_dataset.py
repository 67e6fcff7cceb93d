"""Downloads a public dataset and takes in so many photos of each class. Imports no torch."""

import socket
from functools import partial
from pathlib import Path

from transfer_core.data import public_datasets
from transfer_core.data.ingest.arrivals import IntakeReport
from transfer_core.data.ingest.sources import Entry, read_file
from transfer_core.errors import RunError, StopRequested
from transfer_core.jobs.job import Job, Outcome
from transfer_core.jobs.take_in import Report, take_in_entries
from transfer_core.runs import PublicDatasetSpec, events
from transfer_core.workspace import Project, Workspace

_SILENCE_S = 60  # of a host in the middle of a download, after which it counts as gone


def run(job: Job) -> Outcome:
    """{"photos", "added", "rejected"}: the fields of an `IntakeReport`."""
    spec = job.run.spec
    if not isinstance(spec, PublicDatasetSpec):
        raise RunError(f"Run '{job.run.id}' names no public dataset.")
    socket.setdefaulttimeout(_SILENCE_S)  # torchvision sets none, and would wait for ever
    title = public_datasets.find(spec.dataset).title
    job.emit(events.PhaseStarted(name="download", title=f"Downloading {title}"))

    def report(done: int, total: int) -> None:
        job.report(done, total)
        if job.should_stop():
            raise StopRequested

    project = job.workspace.open_project(job.run.project_id)
    came = fetch(job.workspace, project, spec.dataset, spec.per_class, report)
    rejected = [vars(entry) for entry in came.rejected]
    return Outcome({"photos": came.photos, "added": came.added, "rejected": rejected})


def fetch(workspace: Workspace, project: Project, name: str, per_class: int, report: Report) -> IntakeReport:
    """Downloads a public dataset, unless it is here, and takes in so many photos of each class.

    One set at a time comes into a project.

    Raises:
        DataError: No such set, or it cannot be had.
    """
    row = public_datasets.find(name)
    public_datasets.check_count(per_class)
    folder = workspace.public_dir / row.name
    with project.fetch_lock():
        public_datasets.check_reachable(row, folder)
        photos = public_datasets.load(row, folder, per_class)
        entries = [_entry(row.name, label, path) for path, label in photos]
        return take_in_entries(workspace, project, entries, report)


def _entry(name: str, label: str, path: Path) -> Entry:
    return Entry(f"{name}/{label}/{path.name}", partial(read_file, path))
