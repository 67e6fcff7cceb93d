"""The command `compare`: which of several runs is better, or that it cannot be told."""

from argparse import Namespace

from transfer_core.cli.terminal import open_run
from transfer_core.services import comparison
from transfer_core.support import wording
from transfer_core.workspace import Workspace


def compare(workspace: Workspace, options: Namespace) -> dict:
    return comparison.compare([open_run(workspace, name) for name in options.runs]).to_json()


def show_compare(answer: dict) -> None:
    for entry in answer["runs"]:
        photos = wording.pluralize(entry["count"], "validation photo")
        figures = f"{entry['accuracy']:6.1%} of {photos}, {_reach(entry)}"
        print(f"{entry['run_id']:24} {figures}   {entry['strategy']}, {entry['backbone']}")
    for pair in answer["pairs"]:
        if not pair["count"]:
            print(f"{pair['first']} against {pair['second']}: all validation photos were training photos, too")
            continue
        low, high = (100 * end for end in pair["interval"])
        reach = f"{100 * pair['difference']:+.1f} points, probably {low:+.0f} to {high:+.0f}, p = {pair['p']:.2g}"
        verdict = pair["verdict"].replace("cannot be told apart", "no clear difference")
        print(f"{pair['first']} against {pair['second']}: {verdict} ({reach})")
    if len(answer["pairs"]) > 1:
        print(f"Each p is corrected for all {len(answer['pairs'])} pairs (Bonferroni's correction).")


def _reach(entry: dict) -> str:
    """How far a run's accuracy can be trusted."""
    if entry["interval"] is None:
        return "of which some were training photos, too"
    low, high = entry["interval"]
    independent = "" if entry["units"] >= entry["count"] else f" ({entry['units']} of the photos are independent)"
    return f"probably {low:.0%} to {high:.0%} on new ones{independent}"
