"""What tests use beside fixtures: drawn photos, tiny backbones, processes, and their end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

from transfer_core import runs
from transfer_core.advice.machine_speed import LearningSpeed, Speed, save_speed
from transfer_core.backbones import catalog
from transfer_core.backbones.catalog import Backbone, Preparation
from transfer_core.backbones.preprocess import IR_VERSION, OPSET
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.sources import open_source
from transfer_core.evaluation.result import ValAnswers, evaluate, save_evaluation
from transfer_core.inference.model_file import read_model
from transfer_core.runs import Run
from transfer_core.runs.events import EventLog, StepFailed
from transfer_core.support.checked_json import copy_path
from transfer_core.workspace import Project, Workspace

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 180  # with what takes seconds on a quiet machine; a busy one with two cores is not to fail a test
RESNET, VIT = "test_resnet.r160_in1k", "test_vit.r160_in1k"
STAGES = {RESNET: (7_472, 18_560, 36_384, 42_432, 267_840), VIT: (50_368, *[41_728] * 5, 41_856)}
BLOCKS = {RESNET: (96, 192, 384, 96), VIT: (64, 128, 128, 128)}
COLOURS = {"blue": (40, 60, 200), "green": (40, 170, 60), "red": (200, 40, 40)}


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pretend_speed(workspace: Workspace, row: Backbone) -> None:
    """Keeps runners from trying how fast this machine is, which takes seconds and is not what most tests are about."""
    learning = LearningSpeed(2.0, 0.05, 0.01, 6e8, 5e7, "cpu", 0.05)
    save_speed(workspace, row, Speed(0.002, 0.02, 0.005, 1e-6, 1e-7, 2e8, learning))


def kill_all(workspace: Workspace) -> None:
    """Ends the runner and the workers of a home; only such whose lock proves that the pid is still theirs."""
    kill_runner(workspace)
    for run in runs.list_runs(workspace, kind=None):
        _kill(run.folder / "worker.lock", run.folder / "worker.json")


def kill_runner(workspace: Workspace) -> None:
    """Ends the runner of a home, and with it the spare worker; one that is at a run goes on."""
    _kill(workspace.home / "runner.lock", workspace.home / "runner.json")


def kill_worker(run: Run) -> None:
    """Ends the worker of a run, which nobody then takes up: its export is said to have failed."""
    EventLog(run.events_path).append(StepFailed(name="export", message="The test is over."))
    _kill(run.folder / "worker.lock", run.folder / "worker.json")


def _kill(lock_path: Path, pid_path: Path) -> None:
    lock = FileLock(lock_path)
    deadline = time.monotonic() + 10
    while lock_path.exists() and time.monotonic() < deadline:
        try:
            lock.acquire(timeout=0.05)
            lock.release()
            return
        except Timeout:
            if pid_path.exists():
                os.kill(json.loads(pid_path.read_text())["pid"], signal.SIGKILL)


def tiny_row(name: str) -> Backbone:
    """The catalogue row of one of timm's own test networks; the first at 64 px, which is quicker still."""
    side, args = (64, ()) if name == RESNET else (64, (("img_size", 64),))
    preparation = Preparation(side, 0.875, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return Backbone(
        name,
        f"Tiny {name}",
        "For tests.",
        1,
        "Apache-2.0",
        preparation,
        model_args=args,
        stages=STAGES.get(name, ()),
        feature_blocks=BLOCKS.get(name, ()),
    )


def save_random_weights(row: Backbone, weights_dir: Path) -> Path:
    """Weights of fixed randomness where downloaded ones would lie, in the same form."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = timm.create_model(row.name, pretrained=False, **dict(row.model_args))
    catalog.save_row(row, weights_dir)
    path = weights_dir / row.name / "model.safetensors"
    save_file(network.state_dict(), path)
    return path


def draw_photo(path: Path, colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (61, 47)) -> Path:
    """A JPEG of a blot in roughly that colour on noise."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(60, 190, (size[1], size[0], 3), np.uint8))
    left, top = rng.integers(0, size[0] // 3), rng.integers(0, size[1] // 3)
    shade = tuple(int(value) for value in np.clip(np.array(colour) + rng.integers(-60, 60, 3), 0, 255))
    ImageDraw.Draw(image).ellipse((left, top, left + size[0] // 2, top + size[1] // 2), shade)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG", quality=90)
    return path


def draw_dataset(folder: Path, per_class: int = 8, names: tuple[str, ...] = tuple(COLOURS)) -> Path:
    """Class folders with that many photos each."""
    colours = list(COLOURS.values())
    for class_id, name in enumerate(names):
        for i in range(per_class):
            draw_photo(folder / name / f"{name[:20]}{i}.jpg", colours[class_id % 3], 100 * class_id + i)
    return folder


def fill_project(workspace: Workspace, folder: Path, name: str = "Blots") -> Project:
    project = workspace.create_project(name)
    take_in(workspace, project, open_source(folder), lambda done, total: None)
    return project


def exported(run: Run) -> bytes:
    """The `model.onnx` of a run whose export was checked."""
    return read_model(run, runs.read_state(run).steps["export"].result["sha256"])


def answering(confidences: np.ndarray) -> bytes:
    """A `model.onnx` that says the same of every photo; float32 (classes,)."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["said"], ["confidences"])],
        "parrot",
        [helper.make_tensor_value_info("photo", TensorProto.UINT8, [1, "height", "width", 3])],
        [helper.make_tensor_value_info("confidences", TensorProto.FLOAT, [1, len(confidences)])],
        [numpy_helper.from_array(confidences[np.newaxis], "said")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return model.SerializeToString()


def rewrite_labels(project: Project, change: Callable[[list[dict]], list[dict]]) -> None:
    """Puts other lines into a project's log of labels, as an earlier version would have written them."""
    lines = [json.loads(line) for line in project.labels_path.read_text("utf-8").splitlines()]
    for line in lines:
        line.pop("crc", None)
    copy_path(project.labels_path).unlink(missing_ok=True)
    project.labels_path.write_text("".join(json.dumps(line) + "\n" for line in change(lines)), "utf-8")


def right(*parts: tuple[int, bool]) -> np.ndarray:
    """Right answers by length: right((3, True), (2, False)) is three right, then two wrong."""
    counts, values = zip(*parts, strict=True)
    return np.repeat(np.array(values), counts)


def answered(run: Run, hits: np.ndarray) -> Run:
    """Gives a run an evaluation that is right on its validation photos where `hits`, bool (n,), says so."""
    split = runs.load_split(run)
    place = {name: class_id for class_id, name in enumerate(split.class_names)}
    true_ids = np.array([place[item.class_name] for item in split.val])
    said = np.where(hits, true_ids, (true_ids + 1) % len(place))
    answers = ValAnswers(np.eye(len(place))[said], true_ids)
    save_evaluation(run.evaluation_dir, evaluate(split, answers, 1, {"total": 2.0}), answers)
    return run


def wait_for(is_true: Callable[[], object], seconds: float = PATIENCE_S, every: float = 0.02):
    """What the function returns once that is true; fails the test after a while."""
    deadline = time.monotonic() + seconds
    while not (value := is_true()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(every)
    return value


def start_python(*arguments: str, **environment: str) -> subprocess.Popen:
    """A Python process in the repository; the caller waits for it or kills it."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_python(*arguments: str, seconds: float = 60, **environment: str) -> subprocess.CompletedProcess:
    """A Python process in the repository, to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
