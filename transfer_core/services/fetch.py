"""Public datasets: start a download, watch it, read its result. The work is a run of its own. Imports no torch."""

from dataclasses import dataclass

from transfer_core import runs
from transfer_core.data import public_datasets
from transfer_core.data.ingest.arrivals import IntakeReport, Rejected
from transfer_core.data.public_datasets import SETS
from transfer_core.jobs.kinds.public_dataset import fetch
from transfer_core.jobs.launch import ensure_runner
from transfer_core.jobs.take_in import Report
from transfer_core.runs import PublicDatasetSpec, Run
from transfer_core.services import ingest
from transfer_core.workspace import Project, Workspace

__all__ = ["SETS", "Download", "begin", "fetch", "fetch_named", "find_download", "forget"]


@dataclass(frozen=True)
class Download:
    """How far a dataset is that was asked for, or how it ended.

    Args:
        title: Of the dataset.
        done, total: Photos; `total` is 0 as long as the archive is being downloaded.
        error: Why it ended without success; None where it did not.
        report: What came in; None before.
    """

    title: str
    done: int = 0
    total: int = 0
    error: str | None = None
    report: IntakeReport | None = None


def fetch_named(workspace: Workspace, name: str, per_class: int, project_name: str, report: Report) -> ingest.Imported:
    """As `fetch`, into the project of that name, which is made if there is none; deleted again if nothing came."""
    public_datasets.find(name)  # before a project is made for it
    with ingest.new_or_known(workspace, lambda: workspace.project_named(project_name)) as project:
        return ingest.Imported.of(project, fetch(workspace, project, name, per_class, report))


def begin(workspace: Workspace, project: Project, name: str, per_class: int) -> None:
    """Queues a run that fetches, unless one is at it; it goes on when the page is closed.

    Raises:
        DataError: The set cannot be had; nothing was started.
    """
    row = public_datasets.find(name)
    public_datasets.check_count(per_class)
    public_datasets.check_reachable(row, workspace.public_dir / row.name)
    spec = PublicDatasetSpec(name, per_class)
    if runs.find_under_way(workspace, project, spec) is None:
        runs.create(project, spec)
    ensure_runner(workspace)


def find_download(workspace: Workspace, project: Project) -> Download | None:
    """The newest dataset that the project asked for, until somebody calls `forget`; None where there is none."""
    found = _own_runs(workspace, project)
    if not found:
        return None
    state, spec = runs.read_state(found[0]), found[0].spec
    title = SETS[spec.dataset].title if isinstance(spec, PublicDatasetSpec) and spec.dataset in SETS else "Dataset"
    if state.status == "finished" and state.result:
        rejected = [Rejected(**entry) for entry in state.result["rejected"]]
        return Download(title, report=IntakeReport(state.result["photos"], state.result["added"], rejected))
    if state.failure:
        return Download(title, error=f"{state.failure.message} {state.failure.hint}".strip())
    if state.status in ("interrupted", "stopped"):
        return Download(title, error="The download was interrupted. Try again; photos that have arrived are kept.")
    done, total = (state.progress.done, state.progress.total) if state.progress else (0, 0)
    return Download(title, done, total)


def forget(workspace: Workspace, project: Project) -> None:
    """Deletes the downloads that have ended, so that their results are shown once."""
    for run in _own_runs(workspace, project):
        if runs.read_state(run).status not in ("queued", "running"):
            runs.delete(run)


def _own_runs(workspace: Workspace, project: Project) -> list[Run]:
    return runs.list_runs(workspace, project, kind=PublicDatasetSpec.kind)
