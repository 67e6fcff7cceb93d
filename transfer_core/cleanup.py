"""Deleting for good, and how much disk things use."""

from transfer_core import runs
from transfer_core.backbones.rows import RowStore
from transfer_core.data.cache import forget
from transfer_core.data.items import load_items
from transfer_core.errors import RunError
from transfer_core.workspace import Project, Workspace, folder_size


def delete_project(workspace: Workspace, project: Project) -> None:
    """Deletes photos, runs, and what the caches hold of photos that no other project has.

    Raises:
        RunError: A run of it is being worked on; stop it first.
    """
    if any(runs.is_alive(run) for run in runs.list_runs(workspace, project)):
        raise RunError(f"A run of '{project.name}' is at work. Stop it first, then delete the project.")
    own = {item.photo for item in load_items(project)}
    for other in workspace.projects():
        if other.id != project.id and own:
            own -= {item.photo for item in load_items(other)}
    workspace.delete_project(project)
    for shape in workspace.features_dir.glob("*/shape.json"):
        RowStore.at(shape.parent).delete(sorted(own))
    forget(workspace.prepared_dir, own)


def disk_use(workspace: Workspace) -> dict[str, int]:
    """Bytes by purpose: projects, caches (may be deleted at any time), backbones."""
    return {
        "projects": folder_size(workspace.projects_dir),
        "caches": folder_size(workspace.prepared_dir) + folder_size(workspace.features_dir),
        "backbones": folder_size(workspace.weights_dir),
    }
