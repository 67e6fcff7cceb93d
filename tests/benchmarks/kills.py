"""Kills (SIGKILL) inside the work, of every kind of work; nothing that was acknowledged may be lost.

    python -m tests.benchmarks.kills [DATA] [--parts features lp_ft ...] [--kills 20] [--epochs N] [--seed 0]

Only those kills count that land inside the work; the moment is drawn from the length that the same work has when it is
left alone. After each kill the work is begun again, and must come to the same, bit for bit: every weight, every answer,
every epoch's figures, the exported model, the photos and labels. Of what was deleted nothing may be left. Without DATA
the photos are drawn.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from tests.helpers import ROOT, closed_port, draw_dataset, kill_all, start_python, wait_for
from tests.test_deletion import made_of, traces
from transfer_core import deletion, runs, storage
from transfer_core.config import TrainConfig
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import load_items, load_labels
from transfer_core.evaluation.result import load_answers
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run
from transfer_core.services import export, ingest, training
from transfer_core.support.arrays import read_arrays
from transfer_core.support.files import read_json
from transfer_core.workspace import Project, Workspace

_TRIES = 10  # for each kill that is to count


@dataclass
class Place:
    """Where all this happens.

    Args:
        expected: Outcome and length in seconds of a run that was left alone, by strategy.
    """

    workspace: Workspace
    project: Project
    data: Path
    epochs: int | None
    draw: random.Random
    expected: dict[str, tuple[dict, float]] = field(default_factory=dict)

    def config(self, strategy: str) -> TrainConfig:
        return TrainConfig(strategy=strategy, epochs=self.epochs)


# --- runs -------------------------------------------------------------------------------------------------------------


def outcome(run: Run) -> dict[str, np.ndarray]:
    """Every number of the finished run."""
    arrays = {"answers": load_answers(run.evaluation_dir).confidences}
    for path in sorted(run.model_dir.glob("*.safetensors")):
        arrays |= {f"{path.stem}.{name}": value for name, value in read_arrays(path)[0].items()}
    for epoch in runs.read_state(run).epochs:
        figures = [epoch.train_loss, epoch.train_accuracy, epoch.val_loss, epoch.val_accuracy]
        arrays[f"epoch {epoch.step}"] = np.array(figures)
    return arrays


def is_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def start(place: Place, strategy: str) -> Run:
    """A run that has every photo to look at anew; begins once the run before is done with its export."""
    wait_for(lambda: not any(runs.is_alive(run) for run in runs.list_runs(place.workspace)), every=0.05)
    shutil.rmtree(place.workspace.features_dir, ignore_errors=True)
    shutil.rmtree(place.workspace.prepared_dir, ignore_errors=True)
    run = training.start(place.workspace, place.project, place.config(strategy))
    wait_for(lambda: runs.read_state(run).status == "running", every=0.002)
    return run


def finish(run: Run, is_done: Callable[[], bool] | None = None) -> None:
    wait_for(is_done or (lambda: runs.read_state(run).status == "finished"), seconds=1800, every=0.05)


def model_digest(run: Run) -> str:
    """Of the model that a person would export."""
    with tempfile.TemporaryDirectory() as folder:
        export.export(run, Path(folder, "model.zip"))
        with zipfile.ZipFile(Path(folder, "model.zip")) as archive:
            return hashlib.sha256(archive.read("model.onnx")).hexdigest()


def left_alone(place: Place, strategy: str) -> tuple[dict, float]:
    """Outcome and length of a run of its own; the first one of all also has the trunk to build."""
    if strategy not in place.expected:
        for _ in range(1 if place.expected else 2):
            began = time.monotonic()
            run = start(place, strategy)
            finish(run)
            length = time.monotonic() - began
        place.expected[strategy] = outcome(run), length
    return place.expected[strategy]


def kill_worker(run: Run) -> None:
    with suppress(OSError, ValueError):
        os.kill(read_json(run.folder / "worker.json")["pid"], signal.SIGKILL)
        wait_for(lambda: not runs.is_alive(run))


def kill_training(place: Place, strategy: str, phase: str | None) -> bool | None:
    """Kills the worker while it learns, or in one phase; None where it landed outside, else whether all is well."""
    expected, length = left_alone(place, strategy)
    run = start(place, strategy)
    if phase:
        wait_for(lambda: any(entry.name == phase for entry in runs.read_state(run).phases), every=0.002)
    time.sleep(place.draw.uniform(0, length * (0.3 if phase else 1)))
    if place.draw.random() < 0.3:
        with suppress(OSError, ValueError):
            os.kill(read_json(place.workspace.home / "runner.json")["pid"], signal.SIGKILL)
    kill_worker(run)
    state = runs.read_state(run)
    landed = state.status == "interrupted" and (not phase or [entry.name for entry in state.phases][-1:] == [phase])
    if state.status == "interrupted":
        runs.request_resume(run)
    ensure_runner(place.workspace)
    finish(run)
    same = is_same(outcome(run), expected)
    return same if landed or not same else None


def kill_export(place: Place) -> bool | None:
    expected = left_alone(place, "feature_extraction")[0]
    run = start(place, "feature_extraction")
    wait_for(lambda: runs.read_state(run).steps.get("export"), every=0.002, seconds=600)
    time.sleep(place.draw.uniform(0, 1.0))
    kill_worker(run)
    landed = runs.read_state(run).is_pending("export")
    ensure_runner(place.workspace)
    finish(run, lambda: not runs.read_state(run).is_pending("export"))
    digests = place.expected.setdefault("model", ({"first": model_digest(run)}, 0.0))[0]
    good = is_same(outcome(run), expected) and model_digest(run) == digests["first"]
    return good if landed or not good else None


def kill_server(place: Place) -> bool | None:
    """Kills the web server in the middle of a training that it shows."""
    expected, length = left_alone(place, "lp_ft")
    server, address = _start_server(place.workspace)
    run = start(place, "lp_ft")
    time.sleep(place.draw.uniform(0, length))
    landed = runs.read_state(run).status == "running" and _answers(address)
    server.kill()
    server.wait()
    again, address = _start_server(place.workspace)
    finish(run)
    good = is_same(outcome(run), expected) and _answers(address)
    again.kill()
    again.wait()
    return good if landed or not good else None


def _start_server(workspace: Workspace) -> tuple[subprocess.Popen, str]:
    """The app, as a person starts it, on a port of its own; its address, once it answers."""
    port = str(closed_port())
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", port, "--server.headless", "true"]
    environment = os.environ | {"GRAFT_HOME": str(workspace.home)}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: _answers(f"http://127.0.0.1:{port}"))
    return server, f"http://127.0.0.1:{port}"


def _answers(address: str) -> bool:
    with suppress(OSError):
        return urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).status == 200
    return False


# --- work of one process on a copy of the home ------------------------------------------------------------------------

# Says "begin" when its imports are done, and then what is acknowledged, a line each.
_SCRIPT = """
import itertools, sys
from pathlib import Path
from transfer_core import deletion, storage
from transfer_core.backbones import preprocess
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import load_items, load_labels
from transfer_core.services import ingest
from transfer_core.workspace import Workspace
workspace = Workspace(Path(sys.argv[2]))
print("begin", flush=True)
match sys.argv[1]:
    case "intake":
        report = lambda done, total: None
        ingest.import_photos(workspace, Path(sys.argv[3]), "New", report)
    case "edits":
        [project] = workspace.projects()
        ids = [item.id for item in load_items(project)]
        for number in range(400):
            print(edits.move(project, ids[number % 7 :: 2], ("train", "val", None)[number % 3]), flush=True)
    case "clearing":
        storage.clear_caches(workspace)
    case "deleting a project":
        storage.delete_project(workspace, workspace.projects()[0])
    case "deleting photos":
        [project] = workspace.projects()
        storage.delete_photos(workspace, project, [item.id for item in load_labels(project).removed])
"""


def kill_process(place: Place, what: str, check: Callable[[Workspace, list[str]], bool], prepare=None) -> bool | None:
    """Kills one that works on a copy of the home.

    Args:
        check: Takes the copy and what was acknowledged; does the work once more and says whether all is well.
        prepare: Takes the copy.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = Workspace(Path(folder, "home"))
        shutil.copytree(place.workspace.home, copy.home)
        if prepare:
            prepare(copy)
        length = place.expected.setdefault(what, ({}, _length_of(place, copy, what, Path(folder))))[1]
        process = start_python("-c", _SCRIPT, what, str(copy.home), str(place.data))
        assert process.stdout.readline() == "begin\n", process.communicate()
        time.sleep(place.draw.uniform(0, length))
        landed = process.poll() is None
        process.kill()
        acknowledged = process.stdout.read().split()
        process.wait()
        good = check(copy, acknowledged)
        return good if landed or not good else None


def _length_of(place: Place, copy: Workspace, what: str, folder: Path) -> float:
    shutil.copytree(copy.home, folder / "alone")
    process = start_python("-c", _SCRIPT, what, str(folder / "alone"), str(place.data))
    process.stdout.readline()
    began = time.monotonic()
    assert process.wait() == 0 or process.communicate()
    return time.monotonic() - began


def _again(place: Place, what: str, copy: Workspace) -> None:
    process = start_python("-c", _SCRIPT, what, str(copy.home), str(place.data))
    out, error = process.communicate()
    assert process.returncode == 0, out + error


def came_in_whole(place: Place, copy: Workspace, acknowledged: list[str]) -> bool:
    _again(place, "intake", copy)
    [project] = [project for project in copy.projects() if project.name == "New"]
    photos = {path.name: path.read_bytes() for path in project.photos_dir.glob("[!.]*")}
    before = {path.name: path.read_bytes() for path in place.project.photos_dir.glob("[!.]*")}
    own = {(item.photo, item.class_name, item.part) for item in load_items(project)}
    return photos == before and own == {(item.photo, item.class_name, item.part) for item in load_items(place.project)}


def kept_its_edits(copy: Workspace, acknowledged: list[str]) -> bool:
    found = [action.id for action in load_labels(copy.projects()[0]).actions]
    return found[: len(acknowledged)] == acknowledged and len(found) <= len(acknowledged) + 1


def cleared(place: Place, copy: Workspace, acknowledged: list[str]) -> bool:
    """Nothing but caches is gone, and what is left of these is right: a run on it comes to the same."""
    project = copy.projects()[0]
    whole = len(list(project.photos_dir.iterdir())) == len(list(place.project.photos_dir.iterdir()))
    run = training.start(copy, project, place.config("feature_extraction"))
    finish(run)
    kill_all(copy)
    storage.clear_caches(copy)
    left = [path for path in copy.prepared_dir.rglob("*") if path.is_file()]
    return whole and not left and is_same(outcome(run), left_alone(place, "feature_extraction")[0])


def deleted(place: Place, copy: Workspace, acknowledged: list[str], made: dict, photos: set[str], all_: bool) -> bool:
    """Written down, it is finished at the next start and nothing is left; else nothing has happened."""
    was_begun = (
        list(copy.deletions_dir.glob("*.json")) or not copy.projects() or not load_labels(copy.projects()[0]).removed
    )
    deletion.finish(copy)
    if was_begun:
        return not traces(copy, made, photos, in_logs=all_)
    return len(load_items(copy.projects()[0])) == len(load_items(place.project)) - (0 if all_ else len(photos))


def kill_deletion(place: Place) -> bool | None:
    left_alone(place, "feature_extraction")  # for features and all
    wait_for(lambda: not any(runs.is_alive(run) for run in runs.list_runs(place.workspace)))
    all_ = place.draw.random() < 0.5
    items = [
        item for item in load_items(place.project) if all_ or item.class_name == load_items(place.project)[0].class_name
    ]
    made, photos = made_of(place.workspace, place.project, items), {item.photo for item in items}
    removed = [item.id for item in items[: len(items) // (2 if all_ else 1)]]
    check = partial(deleted, place, made=made, photos=photos, all_=all_)
    what = "deleting a project" if all_ else "deleting photos"
    return kill_process(place, what, check, lambda copy: edits.remove(copy.projects()[0], removed))


PARTS: dict[str, Callable[[Place], bool | None]] = {
    "features": lambda place: kill_training(place, "feature_extraction", "features"),
    "lp_ft": lambda place: kill_training(place, "lp_ft", None),
    "export": kill_export,
    "intake": lambda place: kill_process(place, "intake", partial(came_in_whole, place)),
    "edits": lambda place: kill_process(place, "edits", kept_its_edits),
    "clearing": lambda place: kill_process(place, "clearing", partial(cleared, place)),
    "deleting": kill_deletion,
    "server": kill_server,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--kills", type=int, default=20, help="that land, of each part")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = Workspace(Path(folder, "home"))
        data = options.data or draw_dataset(Path(folder, "data"), 30)
        project, _ = ingest.take_in_path(workspace, data, None, lambda done, total: None)
        place = Place(workspace, project, data, options.epochs, random.Random(options.seed))
        for part in options.parts:
            landed = good = tries = 0
            while landed < options.kills and tries < _TRIES * options.kills:
                tries += 1
                well = PARTS[part](place)
                landed, good = landed + (well is not None), good + bool(well)
                print(f"{part}, try {tries}: {'missed' if well is None else 'good' if well else 'BAD'}", flush=True)
            bad += landed - good + (landed < options.kills)
            print(f"{part}: {good} of {landed} kills inside the work ended well ({tries} tries)", flush=True)
        kill_all(workspace)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
