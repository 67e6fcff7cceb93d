"""The command `compare`: which of several runs is better, or that it cannot be told."""

import argparse
from dataclasses import asdict
from itertools import combinations

from transfer_core import runs
from transfer_core.errors import RunError
from transfer_core.evaluation.compare_runs import compare_right, load_right
from transfer_core.metrics.paired_test import corrected
from transfer_core.workspace import Workspace

_PAIR = ("difference", "interval", "p")


def compare(workspace: Workspace, options: argparse.Namespace) -> dict:
    """Every run with its result, and every two of them photo by photo, the first against the second.

    Of three runs or more, p is corrected for the number of pairs.
    """
    compared = list({run.id: run for run in (runs.open_run(workspace, name) for name in options.runs)}.values())
    if len(compared) < 2:
        raise RunError("Name at least two different runs. `runs` lists all runs.")
    results = [runs.read_state(run).result for run in compared]
    for run, result in zip(compared, results, strict=True):
        if result is None:
            raise RunError(f"Run '{run.id}' has no result to compare. Resume it, or leave it out.")
    rights = {run.id: load_right(run) for run in compared}
    pairs = [
        (one, other, corrected(compare_right(rights[one], rights[other]), len(rights)))
        for one, other in combinations(rights, 2)
    ]
    return {
        "runs": [
            {
                "run_id": run.id,
                "accuracy": result["val_accuracy"],
                "interval": result["val_interval"],
                "count": result["val_count"],
                "strategy": run.config.strategy,
                "backbone": run.config.backbone,
                "seconds": result["seconds"],
            }
            for run, result in zip(compared, results, strict=True)
        ],
        "pairs": [
            {"first": one, "second": other}
            | {name: asdict(paired)[name] for name in _PAIR}
            | {"verdict": paired.verdict, "count": paired.count}
            for one, other, paired in pairs
        ],
    }


def show_compare(answer: dict) -> None:
    for entry in answer["runs"]:
        low, high = entry["interval"]
        figures = (
            f"{entry['accuracy']:6.1%} of {entry['count']} validation photos, probably {low:.0%} to {high:.0%} "
            "on new ones"
        )
        print(f"{entry['run_id']:24} {figures}   {entry['strategy']}, {entry['backbone']}")
    for pair in answer["pairs"]:
        low, high = (100 * end for end in pair["interval"])
        reach = f"{100 * pair['difference']:+.1f} points, probably {low:+.0f} to {high:+.0f}, p = {pair['p']:.2g}"
        verdict = pair["verdict"].replace("cannot be told apart", "no clear difference")
        print(f"{pair['first']} against {pair['second']}: {verdict} ({reach})")
    if len(answer["pairs"]) > 1:
        print(f"Each p is corrected for all {len(answer['pairs'])} pairs (Bonferroni's correction).")
