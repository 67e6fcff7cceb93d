"""What each command does: one function that returns the answer, one that shows it to a person."""

import argparse
import hashlib
import io
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from transfer_core import events, fetching, pipeline, runs, text
from transfer_core import strategies as strategy_table
from transfer_core.backbones import catalog, weights
from transfer_core.bench import measure
from transfer_core.config import TrainConfig, problems_of
from transfer_core.data import public_sets
from transfer_core.data.intake import IntakeReport
from transfer_core.data.items import count_classes, load_items
from transfer_core.data.layout import read_layout
from transfer_core.data.sources import Entry, is_junk, open_source
from transfer_core.errors import ConfigError, DataError, RunError, TransferError
from transfer_core.export.bundle import write_bundle
from transfer_core.history import History
from transfer_core.measure.interval import wilson
from transfer_core.measure.metrics import confusion_matrix
from transfer_core.opening import count_looks, load_opening
from transfer_core.predict import Prediction, Predictor, predictions_csv
from transfer_core.runner.launch import ensure_runner
from transfer_core.runs import Run
from transfer_core.strategies import Facts
from transfer_core.workspace import Project, Workspace

Options = argparse.Namespace
_LOOK_EVERY_S = 0.1
_ENSURE_EVERY_S = 5  # a runner that was just started needs a second or two before it can be seen


def fit(workspace: Workspace, options: Options) -> dict:
    config = _config(workspace, options)
    began = time.monotonic()
    project, report = pipeline.take_in_path(
        workspace, options.data, options.name, _bar("Reading photos"), options.val, config.backbone, options.labels
    )
    _mention_rejected(report.rejected)
    _mention_alike(report.alike)
    run = pipeline.start(workspace, project, config, report.items, time.monotonic() - began)
    return _follow(run)


def _config(workspace: Workspace, options: Options) -> TrainConfig:
    """The settings asked for; a mistake in them is said before a long intake, not after.

    Raises:
        ConfigError: With everything that is wrong, the list of files included.
    """
    asked = {entry.name: getattr(options, entry.name) for entry in fields(TrainConfig)}
    asked = {name: value for name, value in asked.items() if value is not None}
    problems = problems_of(asked)
    good = {name: value for name, value in asked.items() if name not in problems}
    backbone = catalog.find(TrainConfig(**good).backbone, workspace.weights_dir)
    good |= {"backbone": backbone.name}  # a short name is replaced by the full one
    strategy_table.find(TrainConfig(**good).strategy)
    if problems or strategy_table.check(TrainConfig(**good), Facts((), backbone)):
        data = [source.expanduser().resolve() for source in (options.data, options.val) if source]
        raise ConfigError([*problems.values(), *pipeline.foresee(data, good, backbone, options.labels)])
    return TrainConfig(**good)


def resume(workspace: Workspace, options: Options) -> dict:
    run = runs.open_run(workspace, options.run)
    if run.kind != "train":
        raise RunError(f"Run '{run.id}' has trained nothing that could go on. `runs` lists those of kind train.")
    history = _wait(run, lambda history: history.status in ("queued", "running") or not history.alive)
    if history.status != "finished":
        runs.request_resume(run)
    if history.status != "finished" or history.needs_export:
        ensure_runner(run.workspace)
    return _follow(run)


def import_(workspace: Workspace, options: Options) -> dict:
    bar = _bar("Reading photos")
    return _intake_answer(*pipeline.take_in_named(workspace, options.data, options.name, bar, options.labels))


def fetch(workspace: Workspace, options: Options) -> dict:
    public_sets.find(options.set)  # before a project is made for it
    with pipeline.new_or_known(workspace, lambda: workspace.project_named(options.name)) as project:
        bar = _bar("Reading photos")
        return _intake_answer(project, fetching.fetch(workspace, project, options.set, options.per_class, bar))


def _intake_answer(project: Project, report: IntakeReport) -> dict:
    _mention_alike(report.alike)
    return {
        "project": project.id,
        "photos": report.photos,
        "added": report.added,
        "rejected": [{"file": entry.file, "reason": entry.reason} for entry in report.rejected],
        "classes": count_classes(load_items(project)),
    }


def evaluate(workspace: Workspace, options: Options) -> dict:
    run = runs.open_run(workspace, options.run)
    if options.test == bool(options.data):
        raise RunError("Name the photos to test the model on, or ask for the test part with --test; one of the two.")
    return _evaluate_test_part(run) if options.test else _evaluate_photos(run, options.data)


def _evaluate_test_part(run: Run) -> dict:
    runs.request_opening(run)
    ensure_runner(run.workspace)
    history = _wait(run, lambda history: not history.needs_opening)
    if isinstance(history.opening, events.OpeningFailed):
        raise RunError(f"The test part of run '{run.id}' could not be opened. {history.opening.message}")
    found = load_opening(run)
    print(f"Opened {text.moment(found.opened)}.", file=sys.stderr)
    if found.left_out:
        print(f"{found.left_out} photos left out, of classes that the model does not know.", file=sys.stderr)
    if looks := count_looks(run):
        print(text.looked_at(looks), file=sys.stderr)
    return {key: value for key, value in asdict(found).items() if key not in ("opened", "left_out")}


def _evaluate_photos(run: Run, data: Path) -> dict:
    predictor = Predictor.of_run(run, threads=1)
    names = predictor.class_names
    labelled = _labelled_photos(data, names)
    learned = runs.learned_photos(run)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        answers = list(pool.map(lambda photo: _predict_entry(predictor, photo[0]), labelled))
    found = [answer for answer, _ in answers]
    if seen := sum(photo in learned for _, photo in answers):
        print(f"{seen} of these photos were learned from, so the figure is too good. Leave them out.", file=sys.stderr)
    known = [
        (names.index(label), answer.class_id) for (_, label), answer in zip(labelled, found, strict=True) if answer
    ]
    if not known:
        raise DataError(f"There is no photo in '{data}' that can be read. Put photos into its class folders.")
    true_ids, predicted_ids = np.array(known).T
    hits, count = int((true_ids == predicted_ids).sum()), len(known)
    return {
        "accuracy": hits / count,
        "interval": wilson(hits, count),
        "count": count,
        "class_names": names,
        "confusion_matrix": confusion_matrix(true_ids, predicted_ids, len(names)).tolist(),
    }


def predict(workspace: Workspace, options: Options) -> dict:
    predictor = Predictor.of_run(runs.open_run(workspace, options.run))
    answers = []
    for photo in options.photos:
        if not photo.is_file():
            raise DataError(f"'{photo}' does not exist. Leave it out or name another file.")
        try:
            answers.append((str(photo), predictor.predict(photo)))
        except (DataError, OSError) as error:
            raise DataError(f"'{photo}' cannot be used: {error}. Leave it out or name another file.") from error
    if options.csv:
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        options.csv.write_bytes(predictions_csv(answers))
    return {
        "predictions": [
            {
                "photo": photo,
                "class_name": answer.class_name,
                "confidence": answer.confidence,
                "confidences": answer.by_class(),
            }
            for photo, answer in answers
        ]
    }


def export(workspace: Workspace, options: Options) -> dict:
    run = runs.open_run(workspace, options.run)
    history = runs.read_history(run)
    if isinstance(history.export, events.ExportFailed):
        runs.request_export(run)
        history = runs.read_history(run)
    if history.needs_export:
        ensure_runner(run.workspace)
        history = _wait(run, lambda history: not history.needs_export)
    if isinstance(history.export, events.ExportFailed):
        raise RunError(f"The model of run '{run.id}' could not be written as ONNX. {history.export.message}")
    if not isinstance(history.export, events.ExportFinished):
        raise RunError(
            f"Run '{run.id}' has no model to export (it is {history.status}). Resume it, or train again, first."
        )
    if options.out.is_dir():
        raise RunError(f"'{options.out}' is a folder. Name the zip to write, for example {options.out / 'model.zip'}.")
    write_bundle(run, history, options.out)
    return {
        "file": str(options.out),
        "changed_labels": history.export.changed_labels,
        "max_difference": history.export.max_difference,
        "checked": history.export.checked,
    }


def list_runs(workspace: Workspace, options: Options) -> dict:
    listed = []
    for run in runs.list_runs(workspace, kind=None):
        history = runs.read_history(run)
        listed.append(
            {
                "run_id": run.id,
                "project": run.project_id,
                "kind": run.kind,
                "status": history.status,
                "backbone": run.config.backbone,
                "strategy": run.config.strategy,
                "val_accuracy": history.result.get("val_accuracy") if history.result else None,
            }
        )
    return {"runs": listed}


def backbones(workspace: Workspace, options: Options) -> dict:
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


def strategies(workspace: Workspace, options: Options) -> dict:
    rows = strategy_table.STRATEGIES.values()
    return {"strategies": [{"name": row.name, "title": row.title, "summary": row.summary} for row in rows]}


def bench(workspace: Workspace, options: Options) -> dict:
    figures = measure(options.data, options.rounds, lambda what: print(what, "...", file=sys.stderr))
    return {"figures": [figure.to_json() for figure in figures]}


def _labelled_photos(data: Path, names: Sequence[str]) -> list[tuple]:
    """(entry, class name) of every file in a class folder."""
    entries = [entry for entry in open_source(data.expanduser().resolve()) if not entry.refusal]
    entries = [entry for entry in entries if not is_junk(entry.path)]
    layout = read_layout([entry.path for entry in entries])
    placed = [(entry, place.class_name) for entry in entries if (place := layout.place(entry.path))]
    unknown = sorted({label for _, label in placed} - set(names))
    if unknown:
        raise DataError(
            f"The model does not know these classes: {', '.join(unknown[:5])}. It knows: {', '.join(names[:20])}. "
            "Rename the folders or leave them out."
        )
    return placed


def _predict_entry(predictor: Predictor, entry: Entry) -> tuple[Prediction | None, str]:
    """The answer and the photo's digest; None (said on stderr) where the file is no photo."""
    try:
        content = entry.read()
        return predictor.predict(io.BytesIO(content)), hashlib.sha256(content).hexdigest()
    except DataError as error:
        print(f"left out: {text.plain(entry.path)}: {error}", file=sys.stderr)
        return None, ""


def _follow(run: Run) -> dict:
    """Shows progress until the run has ended and its export is checked; Ctrl-C asks it to stop and keep."""
    print(f"Run {run.id}", file=sys.stderr)
    try:
        history = _wait(run, _is_over)
    except KeyboardInterrupt:
        runs.request_stop(run)
        print("\nStopping; what it has learned is kept ...", file=sys.stderr)
        history = _wait(run, _is_over)
    for notice in history.notices:
        print(text.plain(notice), file=sys.stderr)
    return _fit_answer(run, history)


def _is_over(history: History) -> bool:
    return history.status in (*runs.ENDED, "interrupted") and (not history.needs_export or not history.alive)


def _wait(run: Run, is_done: Callable[[History], bool]) -> History:
    show = _bar("")
    history, ensured = runs.read_history(run), time.monotonic()
    while not is_done(history):
        time.sleep(_LOOK_EVERY_S)
        history = runs.read_history(run, history)
        asked = history.needs_export or history.needs_opening
        idle = history.status == "queued" or (asked and not history.alive)
        if idle and time.monotonic() - ensured > _ENSURE_EVERY_S:
            ensure_runner(run.workspace)  # it may have died, and a queued run waits for nobody else
            ensured = time.monotonic()
        if history.progress:
            title = history.phases[-1].title if history.phases else ""
            show(history.progress.done, history.progress.total, title)
    return history


def _fit_answer(run: Run, history: History) -> dict:
    if history.status == "failed":
        raise TransferError(f"{history.failure.message} {history.failure.hint}")
    if history.status == "interrupted":
        raise RunError(f"The run was interrupted. `resume {run.id}` goes on from its last checkpoint.")
    if history.result is None:
        raise RunError("The run was stopped before it had learned anything. `resume` goes on with it.")
    seconds = dict(history.result["seconds"])
    if isinstance(history.export, events.ExportFinished):
        seconds["export"] = round(history.export.seconds, 3)
    return {
        "run_id": run.id,
        "run_dir": str(run.folder),
        "backbone": run.config.backbone,
        "strategy": run.config.strategy,
        **{key: value for key, value in history.result.items() if key != "seconds"},
        "seconds": seconds,
    }


def _mention_rejected(rejected: Sequence) -> None:
    for entry in rejected[:10]:
        print(f"left out: {text.plain(entry.file)}: {entry.reason}", file=sys.stderr)
    if len(rejected) > 10:
        print(f"... and {len(rejected) - 10} more", file=sys.stderr)


def _mention_alike(groups: Sequence[Sequence[str]]) -> None:
    for names in groups:
        print(f"classes that differ in capitals only: {', '.join(names)}", file=sys.stderr)


def _bar(title: str) -> Callable[..., None]:
    """A progress bar on stderr where that is a terminal, else silence."""
    if not sys.stderr.isatty():
        return lambda *_: None

    def show(done: int, total: int, label: str = title) -> None:
        filled = 30 * done // max(1, total)
        end = "\n" if done >= total else ""
        print(f"\r{label[:40]:40} {'#' * filled:30} {done} of {total}", end=end, file=sys.stderr, flush=True)

    return show


def show_fit(answer: dict) -> None:
    print(f"{text.answer(answer)} ({text.duration(answer['seconds']['total'])})\nrun {answer['run_id']}")


def show_import(answer: dict) -> None:
    print(f"{answer['added']} new photos, {answer['photos']} in all. Project {answer['project']}")
    for name, count in answer["classes"].items():
        print(f"{count:7} {name}")
    for entry in answer["rejected"]:
        print(f"left out: {text.plain(entry['file'])}: {entry['reason']}")


def show_evaluate(answer: dict) -> None:
    low, high = answer["interval"]
    print(f"{answer['accuracy']:.1%} of {answer['count']} photos, very likely between {low:.0%} and {high:.0%}.")


def show_predict(answer: dict) -> None:
    for entry in answer["predictions"]:
        print(f"{entry['photo']}: {entry['class_name']} ({entry['confidence']:.1%})")


def show_export(answer: dict) -> None:
    same = answer["checked"] - answer["changed_labels"]
    print(f"{answer['file']}: gives the same answers as here on {same} of {answer['checked']} photos.")


def show_runs(answer: dict) -> None:
    for entry in answer["runs"]:
        accuracy = "" if entry["val_accuracy"] is None else f"{entry['val_accuracy']:.1%}"
        what = f"{entry['kind']:10} {entry['status']:12} {entry['strategy']:20} {entry['backbone']:36}"
        print(f"{entry['run_id']:24} {what} {accuracy}")


def show_bench(answer: dict) -> None:
    for figure in answer["figures"]:
        limit = "" if figure["limit"] is None else f"(limit {figure['limit']:g}) {'ok' if figure['ok'] else 'MISSED'}"
        print(f"{figure['name']:52} {figure['value']:9.3f} {figure['unit']:18} {limit}")


def show_backbones(answer: dict) -> None:
    for row in answer["backbones"]:
        size = f"{row['parameters'] / 1e6:.1f} M"
        print(f"{row['name']:36} {size:>9} {row['input_size']:4} px  {row['licence']:14} {row['state']}")


def show_strategies(answer: dict) -> None:
    for row in answer["strategies"]:
        print(f"{row['name']:20} {row['summary']}")
