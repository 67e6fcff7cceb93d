"""The command `weights`: networks and their weights onto this machine, from the hub, a pack or a file."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from transfer_core.cli.terminal import open_run, watch
from transfer_core.errors import ConfigError
from transfer_core.services import weights
from transfer_core.support import text
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Workspace


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="BACKBONE", help="names as `backbones` lists them")
    parser.add_argument("--pack", type=Path, metavar="DIR", help="download into a folder that can be carried elsewhere")
    parser.add_argument("--take", type=Path, metavar="DIR", help="take in the backbones of such a folder")
    parser.add_argument("--add", metavar="NAME", help="add another network of timm, by its name there")
    parser.add_argument("--run", metavar="RUN", help="add the network of a run of yours that was fine-tuned")
    parser.add_argument("--title", default="", help="with --add and --run: what people call it")
    parser.add_argument("--file", type=Path, metavar="FILE", help="with --add: its weights, .safetensors or .pth")


def answer(workspace: Workspace, options: Namespace) -> dict:
    ways = [bool(options.names), *(value is not None for value in (options.take, options.add, options.run))]
    if sum(ways) != 1 or (options.file and not options.add) or (options.pack and not options.names):
        raise ConfigError(
            "Say one of these: backbones to download (with --pack or without), --take DIR, --add NAME or --run RUN."
        )
    if options.take:
        taken = weights.take_pack(workspace, options.take)
        return {
            "backbones": list(taken.names),
            "refused": [{"name": name, "reason": why} for name, why in taken.refused],
        }
    if options.run:
        return weights.add_run(workspace, open_run(workspace, options.run), options.title)
    if options.add:
        return weights.add(workspace, options.add, options.file, options.title)
    paths = weights.download(workspace, options.names, options.pack, watch())
    return {"backbones": [path.parent.name for path in paths], "folder": str(paths[0].parent.parent)}


def show(answer: dict) -> None:
    if "total" in answer:
        print(f"Added {answer['name']}: {answer['matched']} of {answer['total']} tensors came from the file.")
    elif "name" in answer:
        print(f"Added {answer['name']}, not checked by us. `weights {answer['name']}` downloads it.")
    else:
        where = f" in {answer['folder']}" if "folder" in answer else ""
        print(f"{pluralize(len(answer['backbones']), 'backbone')}{where}: {', '.join(answer['backbones'])}")
    for entry in answer.get("refused", ()):
        print(f"left out: {text.plain(entry['name'])}: {entry['reason']}")
