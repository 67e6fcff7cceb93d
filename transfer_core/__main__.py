"""The command line: `graft COMMAND`, or `python -m transfer_core COMMAND`. Programs rely on what it answers."""

import argparse
import errno
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from transfer_core import __version__
from transfer_core.cli import app
from transfer_core.errors import DISK_FULL, TransferError
from transfer_core.support import logs
from transfer_core.support.pipes import flush_output, is_closed_pipe, silence, tell
from transfer_core.workspace import Workspace

# Mistakes of the file system that the user can mend, with the next step.
_MENDABLE = {
    **dict.fromkeys(DISK_FULL, "Free some space on the disk, then try again."),
    errno.EACCES: "Choose a place that you may write to.",
    errno.EPERM: "Choose a place that you may write to.",
    errno.EROFS: "Choose a place that you may write to.",
    errno.ENOTDIR: "Name a folder, not a file.",
    errno.EISDIR: "Name a file, not a folder.",
    errno.EEXIST: "Name a folder, not a file.",
}
_Command = Callable[[Workspace, argparse.Namespace], dict]
_LABELS = "a CSV table with the class of each photo: a file on this machine, or the name of one inside DATA"
_ENCODING = "that of the table and of names in a zip, such as cp1252, where they are not UTF-8; else it is found"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 0: done, 2: a mistake the user can mend, 1: our fault (with its traceback)."""
    try:
        return _main(arguments)
    finally:  # what `--help` prints included
        flush_output()


def _main(arguments: Sequence[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = (_app_parser() if words[:1] == ["app"] else build_parser()).parse_args(words)
    try:
        logs.set_up()
        workspace = Workspace.default(options.home)
        if words[:1] != ["app"]:  # which does so itself, and is to start without what that needs
            _finish_deletions(workspace)
        answer = options.command(workspace, options)
    except KeyboardInterrupt:
        tell("Cancelled.")
        return 130
    except TransferError as error:
        tell(" ".join(str(error).split()))
        return 2
    except OSError as error:
        if error.errno not in _MENDABLE:
            raise
        place = f"'{error.filename}'" if error.filename else "A file"
        tell(f"{place} cannot be used: {error.strerror}. {_MENDABLE[error.errno]}")
        return 2
    try:
        _say(answer, options)
    except OSError as error:  # `runs | head -1`: the reader has what it wanted, and the command has done its work
        if not is_closed_pipe(error):
            raise
        silence(sys.stdout)
    return options.exit_code(answer)


def _finish_deletions(workspace: Workspace) -> None:
    """Finishes what an earlier process did not get to delete, and says so."""
    from transfer_core.services.projects import finish_deletions

    for sentence in finish_deletions(workspace):
        tell(sentence)


def _say(answer: dict, options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(answer, allow_nan=False))  # ASCII, which every terminal and pipe takes
    else:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a name that this terminal cannot show must not end the answer
        options.show(answer)


class _Parser(argparse.ArgumentParser):
    """Says a mistake in one line, as everywhere."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message}. `{self.prog} --help` shows what is possible.\n")


def _empty_parser() -> tuple[argparse.ArgumentParser, Callable[..., argparse.ArgumentParser]]:
    """A parser without commands, and the function that adds one."""
    common = _Parser(add_help=False)
    common.add_argument("--home", metavar="DIR", help="where Graft keeps its files (default GRAFT_HOME, else ~/.graft)")
    common.add_argument("--json", action="store_true", help="answer with one JSON object on the last line of stdout")
    name = "graft" if Path(sys.argv[0]).stem == "graft" else "python -m transfer_core"
    parser = _Parser(name, description="No-code transfer learning, by command.")
    parser.add_argument("--version", action="version", version=f"graft {__version__}")
    add = parser.add_subparsers(required=True, metavar="COMMAND").add_parser

    def command(name: str, function: _Command, show: Callable[[dict], None], help: str) -> argparse.ArgumentParser:
        entry = add(name, parents=[common], help=help, description=help)
        entry.set_defaults(command=function, show=show, exit_code=lambda answer: 0)
        return entry

    return parser, command


def _add_app(command: Callable[..., argparse.ArgumentParser]) -> None:
    app.add_options(command("app", app.app, app.show_app, "start the web app, from any folder"))


def _app_parser() -> argparse.ArgumentParser:
    """The command `app` alone: the first page need not wait for the libraries of all the others."""
    parser, command = _empty_parser()
    _add_app(command)
    return parser


def build_parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    from transfer_core.cli import check, compare, doctor, label, lists, model, photos, telemetry, training, weights
    from transfer_core.services.fetch import SETS

    parser, command = _empty_parser()
    fit = command("fit", training.fit, training.show_fit, "train on a folder or zip with one folder per class")
    fit.add_argument("data", type=Path, metavar="DATA")
    fit.add_argument("--val", type=Path, metavar="DIR", help="validation photos, in class folders")
    fit.add_argument("--name", help="name of the project")
    _add_labels(fit)
    _add_settings(fit)

    take = command("import", photos.import_, photos.show_import, "add photos to a project without training")
    take.add_argument("data", type=Path, metavar="DATA")
    take.add_argument("--name", required=True, help="name of the project")
    _add_labels(take)
    take.add_argument("--unlabelled", action="store_true", help="add photos without a class, too, to sort them later")

    fetch = command("fetch", photos.fetch, photos.show_import, "add photos of a public dataset to a project")
    fetch.add_argument("set", metavar="NAME", help=f"one of {', '.join(SETS)}")
    fetch.add_argument("--per-class", type=int, required=True, metavar="N", help="photos per class")
    fetch.add_argument("--name", required=True, help="name of the project")

    examined = command("doctor", doctor.doctor, doctor.show_findings, "find what is wrong with the photos")
    examined.add_argument("data", metavar="DATA|PROJECT", help="folder or zip of photos, or a project's id or name")

    change = command("label", label.label, label.show_label, "list, relabel, rename and remove photos, with undo")
    label.add_options(change)

    evaluate = command("evaluate", model.evaluate, model.show_evaluate, "test a run's model on labelled photos")
    evaluate.add_argument("run", metavar="RUN")
    evaluate.add_argument("data", nargs="?", type=Path, metavar="DATA")
    evaluate.add_argument("--test", action="store_true", help="run the final test, once, on the run's own test photos")

    predict = command("predict", model.predict, model.show_predict, "classify photos with a run's model")
    model.add_predict_options(predict)

    several = command(
        "compare", compare.compare, compare.show_compare, "compare runs, and say whether the difference is clear"
    )
    several.add_argument("runs", nargs="+", metavar="RUN", help="two or more, with the same validation photos")

    export = command("export", model.export, model.show_export, "export a run's model as a zip")
    export.add_argument("run", metavar="RUN")
    export.add_argument("--out", type=Path, required=True, metavar="FILE.zip")

    resume = command("resume", training.resume, training.show_fit, "continue an interrupted or stopped run")
    resume.add_argument("run", metavar="RUN")

    examine = command("check", check.check, check.show_check, "look for damaged files, and repair what can be repaired")
    check.add_options(examine)
    examine.set_defaults(exit_code=check.exit_code)

    bench = command("bench", lists.bench, lists.show_bench, "measure how fast Graft is on this machine")
    bench.add_argument(
        "data", nargs="?", type=Path, metavar="DATA", help="a folder of labelled photos (default: drawn)"
    )
    bench.add_argument("--rounds", type=int, default=5, help="number of rounds (default 5)")

    _add_app(command)

    kept = command("telemetry", telemetry.answer, telemetry.show, "say what onnxruntime had kept for its maker")
    telemetry.add_options(kept)

    more = command("weights", weights.answer, weights.show, "download, carry or add pretrained networks")
    weights.add_options(more)

    command("runs", lists.list_runs, lists.show_runs, "list all runs")
    command("backbones", lists.backbones, lists.show_backbones, "list the backbones")
    command("strategies", lists.strategies, lists.show_strategies, "list the strategies")
    return parser


def _add_labels(parser: argparse.ArgumentParser) -> None:
    """What says the class of each photo."""
    from transfer_core.services.ingest import CLASS_FROM

    parser.add_argument("--labels", metavar="FILE", help=_LABELS)
    parser.add_argument("--encoding", metavar="NAME", default="", help=_ENCODING)
    parser.add_argument(
        "--class-from",
        choices=CLASS_FROM,
        help="what says the class: the folder that holds the photo, its top folder, the beginning of its name, the "
        "tables beside the photos, or one class for all, called as DATA is (default: what is found, in this order)",
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """An option for every field of `TrainConfig`; what is not given is left to the rules."""
    from transfer_core.config import TrainConfig

    for entry in fields(TrainConfig):
        kind = getattr(entry.type, "__args__", (entry.type,))[0]  # the first of "int | None"
        how: dict[str, Any] = {"action": argparse.BooleanOptionalAction} if kind is bool else {"type": kind}
        if kind is not bool and "choices" in entry.metadata:
            how["metavar"] = "|".join(entry.metadata["choices"])
        help = f"{entry.metadata['label']}. {entry.metadata['help']}".replace("%", "%%")
        parser.add_argument(f"--{entry.name.replace('_', '-')}", default=None, help=help, **how)


if __name__ == "__main__":
    sys.exit(main())
