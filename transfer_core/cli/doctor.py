"""The command `doctor`: what is wrong with the photos, and what to do."""

from argparse import Namespace

from transfer_core.cli.terminal import bar, mention_damage
from transfer_core.services import doctor as services
from transfer_core.support import text
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Workspace

_SHOWN = 5


def doctor(workspace: Workspace, options: Namespace) -> dict:
    found = services.examine_data(workspace, options.data, bar("Reading photos"), bar("Looking at photos"))
    mention_damage(found.project)
    return found.to_json()


def show_findings(answer: dict) -> None:
    findings = answer["findings"]
    if not findings:
        print(f"{pluralize(answer['photos'], 'photo')}: nothing to look at was found.")
    for number, finding in enumerate(findings, 1):
        print(f"{number}. {text.plain(finding['says'])} {text.plain(finding['remedy'])}")
        for file in finding["files"][:_SHOWN]:
            to = finding.get("suggested", {}).get(file)
            print(f"     {text.plain(file)}" + (f"  ->  {text.plain(to)}?" if to else ""))
        if len(finding["files"]) > _SHOWN:
            print(f"     and {len(finding['files']) - _SHOWN} more")
