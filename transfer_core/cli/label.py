"""The command `label`: what the page Fix labels does, for scripts and for many photos at once."""

import argparse

from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import Item, Labels, count_classes, load_labels
from transfer_core.errors import DataError, RunError
from transfer_core.support import text
from transfer_core.workspace import Project, Workspace

_SHOWN = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be asked of `label`: which photos, and at most one change."""
    parser.add_argument("project", metavar="PROJECT", help="project id or name")
    which = parser.add_argument_group("which photos", "a photo must match all of these filters")
    which.add_argument("--class", dest="class_name", metavar="NAME")
    which.add_argument("--part", choices=[*edits.SPLIT_NAMES, "none"])
    which.add_argument("--match", default="", metavar="WORDS", help="text in the file's name or folder")
    which.add_argument("--removed", action="store_true", help="removed photos, instead of those in use")
    which.add_argument("--all", action="store_true", help="all photos; needed to change a whole project")
    change = parser.add_argument_group("what to change", "without any of these, the command lists the photos")
    change = change.add_mutually_exclusive_group()
    change.add_argument("--to", metavar="CLASS", help="move the photos to this class, new or not")
    change.add_argument(
        "--to-part",
        choices=[*edits.SPLIT_NAMES, "none"],
        help="use the photos for training, validation or test; none: split them automatically",
    )
    change.add_argument("--remove", action="store_true", help="remove the photos; --bring-back restores them")
    change.add_argument("--bring-back", action="store_true", help="restore removed photos")
    change.add_argument(
        "--rename", nargs=2, metavar=("CLASS", "NAME"), help="rename a class; two classes with the same name are merged"
    )
    change.add_argument("--new-class", metavar="NAME", help="create a class without photos")
    change.add_argument("--undo", nargs="?", const="", metavar="ID", help="undo a change; without ID, the last one")
    change.add_argument(
        "--redo", nargs="?", const="", metavar="ID", help="redo a change; without ID, the last one undone"
    )


def label(workspace: Workspace, options: argparse.Namespace) -> dict:
    project = _find_project(workspace, options.project)
    now = load_labels(project)
    chosen = edits.select_items(
        now.removed if options.removed or options.bring_back else now.items,
        options.class_name,
        options.part,
        options.match,
    )
    action = _change(project, now, chosen, options)
    after = load_labels(project)
    return {
        "project": project.id,
        "action": action,
        "change": edits.describe(edits.find_action(after, action)) if action else None,
        "undone": action in after.undone,
        "classes": dict.fromkeys(after.class_names, 0) | count_classes(after.items),
        "removed": len(after.removed),
        "photos": [] if action else [_row(item) for item in chosen],
    }


def _change(project: Project, now: Labels, chosen: list[Item], options: argparse.Namespace) -> str | None:
    """Makes the change that was asked for; returns its id, None where none was."""
    if options.rename:
        return edits.rename_class(project, *options.rename)
    if options.new_class:
        return edits.create_class(project, options.new_class)
    if options.undo is not None:
        return edits.undo(project, options.undo or _last(now, undone=False))
    if options.redo is not None:
        return edits.redo(project, options.redo or _last(now, undone=True))
    if not (options.to is not None or options.to_part or options.remove or options.bring_back):
        return None
    ids = [item.id for item in _certain(chosen, options)]
    if options.to is not None:
        return edits.relabel(project, ids, options.to)
    if options.to_part:
        return edits.move(project, ids, None if options.to_part == "none" else options.to_part)
    return (edits.remove if options.remove else edits.bring_back)(project, ids)


def _certain(chosen: list[Item], options: argparse.Namespace) -> list[Item]:
    """The chosen photos, once it is clear that they are meant."""
    if not (options.class_name is not None or options.part or options.match or options.all):
        raise DataError("Choose photos with --class, --part or --match, or use --all for every photo.")
    if not chosen:
        raise DataError("No photos match these filters. `label PROJECT` without a change lists all photos.")
    return chosen


def _last(now: Labels, undone: bool) -> str:
    if undone:
        found = now.undone
    else:
        taken_back = set(now.undone)
        found = [action.id for action in now.actions if action.id not in taken_back]
    if not found:
        raise DataError("There is nothing to redo." if undone else "There is nothing to undo.")
    return found[-1]


def _find_project(workspace: Workspace, name: str) -> Project:
    """The project of that id, else the only one of that name."""
    projects = workspace.projects()
    found = [project for project in projects if project.id == name]
    found = found or [project for project in projects if project.name == name]
    if not found:
        raise RunError(f"There is no project '{text.plain(name)[:80]}'. Use a name from the home page.")
    if len(found) > 1:
        ids = ", ".join(project.id for project in found)
        raise RunError(f"{len(found)} projects are called '{text.plain(name)}'. Use an id: {ids}.")
    return found[0]


def _row(item: Item) -> dict:
    return {"id": item.id, "file": item.path, "class_name": item.class_name, "part": item.part}


def show_label(answer: dict) -> None:
    if answer["action"]:
        taken_back = "undone: " if answer["undone"] else ""
        print(f"{taken_back}{text.plain(answer['change'])} (change {answer['action']})")
    for row in answer["photos"][:_SHOWN]:
        print(f"{row['id']}  {text.plain(row['class_name']):20} {row['part'] or '-':6} {text.plain(row['file'])}")
    if (more := len(answer["photos"]) - _SHOWN) > 0:
        print(f"... and {more:,} more; --json lists all")
    for name, count in answer["classes"].items():
        print(f"{count:7} {text.plain(name)}")
    if answer["removed"]:
        print(f"{answer['removed']:7} removed")
