"""The command `label`: what the page Fix labels does, for scripts and for many photos at once."""

import argparse

from transfer_core.cli.terminal import mention_damage
from transfer_core.services import labels
from transfer_core.services.projects import find_project
from transfer_core.support import text
from transfer_core.workspace import Workspace

_SHOWN = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be asked of `label`: which photos, and at most one change."""
    parser.add_argument("project", metavar="PROJECT", help="project id or name")
    which = parser.add_argument_group("which photos", "a photo must match all of these filters")
    classes = which.add_mutually_exclusive_group()
    classes.add_argument("--class", dest="class_name", metavar="NAME")
    classes.add_argument("--no-class", action="store_true", help="photos that have no class yet")
    which.add_argument("--part", choices=[*labels.SPLIT_NAMES, "none"])
    which.add_argument("--match", default="", metavar="WORDS", help="text in the file's name or folder")
    which.add_argument("--removed", action="store_true", help="removed photos, instead of those in use")
    which.add_argument("--all", action="store_true", help="all photos; needed to change a whole project")
    change = parser.add_argument_group("what to change", "without any of these, the command lists the photos")
    change = change.add_mutually_exclusive_group()
    change.add_argument("--to", metavar="CLASS", help="move the photos to this class, new or not")
    change.add_argument("--to-no-class", action="store_true", help="take the photos out of their class, to sort later")
    change.add_argument(
        "--to-part",
        choices=[*labels.SPLIT_NAMES, "none"],
        help="use the photos for training, validation or test; none: split them automatically",
    )
    change.add_argument("--remove", action="store_true", help="remove the photos; --bring-back restores them")
    change.add_argument("--bring-back", action="store_true", help="restore removed photos")
    change.add_argument(
        "--delete-for-good", action="store_true", help="delete removed photos from this computer; nothing restores them"
    )
    change.add_argument(
        "--rename", nargs=2, metavar=("CLASS", "NAME"), help="rename a class; two classes with the same name are merged"
    )
    change.add_argument("--new-class", metavar="NAME", help="create a class without photos")
    change.add_argument("--undo", nargs="?", const="", metavar="ID", help="undo a change; without ID, the last one")
    change.add_argument(
        "--redo", nargs="?", const="", metavar="ID", help="redo a change; without ID, the last one undone"
    )


def label(workspace: Workspace, options: argparse.Namespace) -> dict:
    selection = labels.Selection(
        options.class_name, options.part, options.match, options.no_class, options.removed, everything=options.all
    )
    project = find_project(workspace, options.project)
    mention_damage(project)
    return labels.edit(project, selection, _edit(options)).to_json()


def _edit(options: argparse.Namespace) -> labels.Edit | None:
    """The change that was asked for; None where none was."""
    if options.rename:
        return labels.Rename(*options.rename)
    if options.new_class:
        return labels.CreateClass(options.new_class)
    if options.undo is not None:
        return labels.Undo(options.undo or None)
    if options.redo is not None:
        return labels.Redo(options.redo or None)
    if options.to is not None:
        return labels.Relabel(options.to)
    if options.to_no_class:
        return labels.Relabel(None)
    if options.to_part:
        return labels.Move(None if options.to_part == "none" else options.to_part)
    if options.remove:
        return labels.Remove()
    if options.delete_for_good:
        return labels.Delete()
    return labels.BringBack() if options.bring_back else None


def show_label(answer: dict) -> None:
    if answer["action"]:
        taken_back = "undone: " if answer["undone"] else ""
        print(f"{taken_back}{text.plain(answer['change'])} (change {answer['action']})")
    elif answer["change"]:
        print(text.plain(answer["change"]))
    for row in answer["photos"][:_SHOWN]:
        name = text.plain(row["class_name"] or "-")
        print(f"{row['id']}  {name:20} {row['part'] or '-':6} {text.plain(row['file'])}")
    if (more := len(answer["photos"]) - _SHOWN) > 0:
        print(f"... and {more:,} more; --json lists all")
    for name, count in answer["classes"].items():
        print(f"{count:7} {text.plain(name)}")
    if "unlabelled" in answer:
        print(f"{answer['unlabelled']:7} without a class")
    if answer["removed"]:
        print(f"{answer['removed']:7} removed")
