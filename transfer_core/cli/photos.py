"""The commands `import` and `fetch`: photos into a project."""

from argparse import Namespace

from transfer_core.cli.terminal import bar, mention_alike
from transfer_core.data import public_datasets
from transfer_core.data.ingest.intake import IntakeReport
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.services import training
from transfer_core.services.fetch import fetch as fetch_set
from transfer_core.support import text
from transfer_core.workspace import Project, Workspace


def import_(workspace: Workspace, options: Namespace) -> dict:
    show = bar("Reading photos")
    return _intake_answer(*training.take_in_named(workspace, options.data, options.name, show, options.labels))


def fetch(workspace: Workspace, options: Namespace) -> dict:
    public_datasets.find(options.set)  # before a project is made for it
    with training.new_or_known(workspace, lambda: workspace.project_named(options.name)) as project:
        show = bar("Reading photos")
        return _intake_answer(project, fetch_set(workspace, project, options.set, options.per_class, show))


def show_import(answer: dict) -> None:
    print(f"{answer['added']} new photos, {answer['photos']} in total. Project {answer['project']}")
    for name, count in answer["classes"].items():
        print(f"{count:7} {name}")
    for entry in answer["rejected"]:
        print(f"left out: {text.plain(entry['file'])}: {entry['reason']}")


def _intake_answer(project: Project, report: IntakeReport) -> dict:
    mention_alike(report.alike)
    return {
        "project": project.id,
        "photos": report.photos,
        "added": report.added,
        "rejected": [{"file": entry.file, "reason": entry.reason} for entry in report.rejected],
        "classes": count_classes(load_items(project)),
    }
