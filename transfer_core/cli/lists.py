"""The commands `runs`, `backbones`, `strategies` and `bench`: what there is, and how fast it is."""

import sys
from argparse import Namespace

from transfer_core import runs
from transfer_core.backbones import catalog, weights
from transfer_core.bench import measure
from transfer_core.strategies import STRATEGIES
from transfer_core.workspace import Workspace


def list_runs(workspace: Workspace, options: Namespace) -> dict:
    listed = []
    for run in runs.list_runs(workspace, kind=None):
        history = runs.read_state(run)
        listed.append(
            {
                "run_id": run.id,
                "project": run.project_id,
                "kind": run.kind,
                "status": history.status,
                "backbone": getattr(run.spec, "config", None) and run.config.backbone,
                "strategy": getattr(run.spec, "config", None) and run.config.strategy,
                "val_accuracy": history.result.get("val_accuracy") if history.result else None,
            }
        )
    empty = dict.fromkeys(("backbone", "strategy", "val_accuracy"))
    for broken in runs.list_unreadable(workspace):
        about = {"run_id": broken.id, "project": broken.project_id, "kind": None, "status": "unreadable"}
        listed.append(about | empty | {"reason": broken.reason})
    return {"runs": listed}


def show_runs(answer: dict) -> None:
    for entry in answer["runs"]:
        accuracy = "" if entry["val_accuracy"] is None else f"{entry['val_accuracy']:.1%}"
        kind, strategy, backbone = (entry[name] or "" for name in ("kind", "strategy", "backbone"))
        what = f"{kind:10} {entry['status']:12} {strategy:20} {backbone:36}"
        print(f"{entry['run_id']:24} {what} {accuracy}")


def backbones(workspace: Workspace, options: Namespace) -> dict:
    return {
        "backbones": [
            {
                "name": row.name,
                "parameters": row.parameters,
                "input_size": row.preparation.size_px,
                "licence": row.licence,
                "state": weights.state(row, workspace.weights_dir),
            }
            for row in catalog.rows(workspace.weights_dir)
        ]
    }


def show_backbones(answer: dict) -> None:
    for row in answer["backbones"]:
        size = f"{row['parameters'] / 1e6:.1f} M"
        print(f"{row['name']:36} {size:>9} {row['input_size']:4} px  {row['licence']:14} {row['state']}")


def strategies(workspace: Workspace, options: Namespace) -> dict:
    rows = STRATEGIES.values()
    return {"strategies": [{"name": row.name, "title": row.title, "summary": row.summary} for row in rows]}


def show_strategies(answer: dict) -> None:
    for row in answer["strategies"]:
        print(f"{row['name']:20} {row['summary']}")


def bench(workspace: Workspace, options: Namespace) -> dict:
    figures = measure(options.data, options.rounds, lambda what: print(what, "...", file=sys.stderr))
    return {"figures": [figure.to_json() for figure in figures]}


def show_bench(answer: dict) -> None:
    for figure in answer["figures"]:
        limit = "" if figure["limit"] is None else f"(limit {figure['limit']:g}) {'ok' if figure['ok'] else 'MISSED'}"
        print(f"{figure['name']:52} {figure['value']:9.3f} {figure['unit']:18} {limit}")
