"""The commands `evaluate`, `predict` and `export`: what is done with a trained model."""

import hashlib
import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from transfer_core import runs
from transfer_core.cli.terminal import wait
from transfer_core.data.ingest.folder_layout import read_layout
from transfer_core.data.ingest.sources import Entry, is_junk, open_source
from transfer_core.errors import DataError, RunError
from transfer_core.evaluation.test_set import count_looks, load_opening
from transfer_core.export.bundle import write_bundle
from transfer_core.inference.predictor import Prediction, Predictor, predictions_csv
from transfer_core.jobs.launch import ensure_runner
from transfer_core.metrics.classification import confusion_matrix
from transfer_core.metrics.wilson import wilson
from transfer_core.runs import Run, events
from transfer_core.support import text
from transfer_core.workspace import Workspace


def evaluate(workspace: Workspace, options: Namespace) -> dict:
    run = runs.open_run(workspace, options.run)
    if options.test == bool(options.data):
        raise RunError(
            "Name the folder of photos to test the model on, or use --test for the run's own test photos. "
            "Choose one of the two."
        )
    return _evaluate_test_part(run) if options.test else _evaluate_photos(run, options.data)


def show_evaluate(answer: dict) -> None:
    low, high = answer["interval"]
    print(
        f"{answer['accuracy']:.1%} of {answer['count']} photos right, probably between {low:.0%} and {high:.0%} "
        "on new photos like these."
    )


def predict(workspace: Workspace, options: Namespace) -> dict:
    predictor = Predictor.of_run(runs.open_run(workspace, options.run))
    answers = []
    for photo in options.photos:
        if not photo.is_file():
            problem = "is not a plain file" if photo.exists() else "does not exist"
            raise DataError(f"'{photo}' {problem}. Leave it out or name another file.")
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


def show_predict(answer: dict) -> None:
    for entry in answer["predictions"]:
        print(f"{entry['photo']}: {entry['class_name']} ({entry['confidence']:.1%})")


def export(workspace: Workspace, options: Namespace) -> dict:
    run = runs.open_run(workspace, options.run)
    history = runs.read_state(run)
    if isinstance(history.export, events.ExportFailed):
        runs.request_export(run)
        history = runs.read_state(run)
    if history.needs_export:
        ensure_runner(run.workspace)
        history = wait(run, lambda history: not history.needs_export)
    if isinstance(history.export, events.ExportFailed):
        raise RunError(f"The model of run '{run.id}' could not be exported to ONNX. {history.export.message}")
    if not isinstance(history.export, events.ExportFinished):
        raise RunError(
            f"Run '{run.id}' has no model to export (it is {history.status}). Resume it or train again first."
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


def show_export(answer: dict) -> None:
    same = answer["checked"] - answer["changed_labels"]
    print(f"{answer['file']}: same answers as in Graft on {same} of {answer['checked']} validation photos.")


def _evaluate_test_part(run: Run) -> dict:
    runs.request_opening(run)
    ensure_runner(run.workspace)
    history = wait(run, lambda history: not history.needs_opening)
    if isinstance(history.opening, events.OpeningFailed):
        raise RunError(f"The final test of run '{run.id}' failed. {history.opening.message}")
    found = load_opening(run)
    print(f"Final test of {text.format_time(found.opened)}.", file=sys.stderr)
    if found.left_out:
        print(f"{found.left_out} photos left out, because the model does not know their classes.", file=sys.stderr)
    _mention_learned(found.learned)
    if looks := count_looks(run):
        print(text.reuse_warning(looks), file=sys.stderr)
    return {key: value for key, value in asdict(found).items() if key not in ("opened", "left_out", "learned")}


def _mention_learned(count: int) -> None:
    if count:
        print(
            f"{count} of these photos were training photos, so the accuracy looks too good. Leave them out.",
            file=sys.stderr,
        )


def _evaluate_photos(run: Run, data: Path) -> dict:
    predictor = Predictor.of_run(run, threads=1)
    names = predictor.class_names
    labelled = _labelled_photos(data, names)
    learned = runs.learned_photos(run)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        answers = list(pool.map(lambda photo: _predict_entry(predictor, photo[0]), labelled))
    found = [answer for answer, _ in answers]
    _mention_learned(sum(photo in learned for _, photo in answers))
    known = [
        (names.index(label), answer.class_id) for (_, label), answer in zip(labelled, found, strict=True) if answer
    ]
    if not known:
        raise DataError(f"There are no readable photos in '{data}'. Put photos into its class folders.")
    true_ids, predicted_ids = np.array(known).T
    hits, count = int((true_ids == predicted_ids).sum()), len(known)
    return {
        "accuracy": hits / count,
        "interval": wilson(hits, count),
        "count": count,
        "class_names": names,
        "confusion_matrix": confusion_matrix(true_ids, predicted_ids, len(names)).tolist(),
    }


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
