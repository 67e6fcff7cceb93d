"""The command `check`: what of a home is damaged, and what can be mended."""

import argparse

from transfer_core.cli.terminal import say, watch
from transfer_core.services import check as service
from transfer_core.support import text
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Workspace


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repair",
        action="store_true",
        help="restore files from their copies and drop damaged caches; nothing that cannot be made again is deleted",
    )


def check(workspace: Workspace, options: argparse.Namespace) -> dict:
    report = service.check(workspace, repair=options.repair, watch=watch())
    if left := sum(not finding.repaired for finding in report.findings):
        hint = "" if options.repair else " `graft check --repair` mends what can be mended."
        say(f"{pluralize(left, 'damaged file')} in {workspace.home}.{hint}")
    return report.to_json()


def show_check(answer: dict) -> None:
    for finding in answer["findings"]:
        state = "repaired" if finding["repaired"] else "damaged"
        print(f"{state}: {text.plain(finding['file'])}")
        for name in ("problem", "cost", "remedy"):
            print(f"  {name}: {text.plain(finding[name])}")
    print(f"{answer['checked']:,} files checked, {len(answer['findings'])} with a finding.")


def exit_code(answer: dict) -> int:
    """0 where nothing is damaged, or all of it was repaired; else 2: a person has something to do."""
    return 0 if all(finding["repaired"] for finding in answer["findings"]) else 2
