"""The command `telemetry`: what onnxruntime had kept for its maker, and its deletion."""

from argparse import ArgumentParser, Namespace

from transfer_core.services import telemetry
from transfer_core.support.wording import file_size
from transfer_core.workspace import Workspace


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--delete", action="store_true", help="delete it")


def answer(workspace: Workspace, options: Namespace) -> dict:
    """What there is, or was before it was deleted."""
    found = telemetry.kept()
    if options.delete:
        telemetry.delete_kept()
    kept = [{"path": str(path), "bytes": size} for path, size in found.items()]
    return {"kept": kept, "deleted": options.delete}


def show(answer: dict) -> None:
    if not answer["kept"]:
        print("onnxruntime keeps nothing for its maker on this computer.")
    for entry in answer["kept"]:
        print(f"{entry['path']}  {file_size(entry['bytes'])}{'  deleted' if answer['deleted'] else ''}")
    if answer["kept"] and not answer["deleted"]:
        print("onnxruntime has kept this to send to Microsoft, its maker. `graft telemetry --delete` deletes it.")
