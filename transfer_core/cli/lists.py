"""The commands `runs`, `backbones`, `strategies` and `bench`: what there is, and how fast it is."""

from argparse import Namespace

from transfer_core.bench import measure
from transfer_core.cli.terminal import say
from transfer_core.services import catalog, runs
from transfer_core.workspace import Workspace


def list_runs(workspace: Workspace, options: Namespace) -> dict:
    return {"runs": [entry.to_json() for entry in runs.list_entries(workspace)]}


def show_runs(answer: dict) -> None:
    for entry in answer["runs"]:
        accuracy = "" if entry["val_accuracy"] is None else f"{entry['val_accuracy']:.1%}"
        kind, strategy, backbone = (entry[name] or "" for name in ("kind", "strategy", "backbone"))
        what = f"{kind:10} {entry['status']:12} {strategy:20} {backbone:36}"
        print(f"{entry['run_id']:24} {what} {accuracy}")


def backbones(workspace: Workspace, options: Namespace) -> dict:
    for problem in catalog.find_problems(workspace):
        say(problem)
    return {"backbones": [entry.to_json() for entry in catalog.list_backbones(workspace)]}


def show_backbones(answer: dict) -> None:
    for row in answer["backbones"]:
        size = f"{row['parameters'] / 1e6:.1f} M"
        print(f"{row['name']:36} {size:>9} {row['input_size']:4} px  {row['licence']:14} {row['state']}")


def strategies(workspace: Workspace, options: Namespace) -> dict:
    rows = catalog.STRATEGIES.values()
    return {"strategies": [{"name": row.name, "title": row.title, "summary": row.summary} for row in rows]}


def show_strategies(answer: dict) -> None:
    for row in answer["strategies"]:
        print(f"{row['name']:20} {row['summary']}")


def bench(workspace: Workspace, options: Namespace) -> dict:
    figures = measure(options.data, options.rounds, lambda what: say(f"{what} ..."))
    return {"figures": [figure.to_json() for figure in figures]}


def show_bench(answer: dict) -> None:
    for figure in answer["figures"]:
        limit = "" if figure["limit"] is None else f"(limit {figure['limit']:g}) {'ok' if figure['ok'] else 'MISSED'}"
        print(f"{figure['name']:52} {figure['value']:9.3f} {figure['unit']:18} {limit}")
