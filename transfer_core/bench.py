"""How fast Graft is, held against the bare work: what any program would have to do for the same, and nothing else.

Both sides take turns in one process, since seconds say more about a machine and what else it does than about us.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from transfer_core import runs
from transfer_core.backbones import catalog, features
from transfer_core.backbones.onnx_backbone import ensure_trunk
from transfer_core.backbones.preprocess import Preparer
from transfer_core.config import TrainConfig
from transfer_core.data.images import decode
from transfer_core.data.ingest.sources import is_junk, open_source
from transfer_core.data.sample_set import draw_sample_set
from transfer_core.errors import DataError, RunError
from transfer_core.runs.events import Progress, RunFinished, read_events
from transfer_core.services import ingest, training
from transfer_core.strategies import Facts
from transfer_core.support.files import read_json
from transfer_core.support.parallel import map_ahead
from transfer_core.training import engine
from transfer_core.training.context import TrainContext
from transfer_core.training.run_context import context_of_run
from transfer_core.workspace import Workspace

BACKBONE = catalog.BUILT_IN[catalog.BUNDLED]
_SAMPLE_PER_CLASS = 40
_BATCH = 32
_PAUSE_S = 3.0  # between two commands: time for the runner to have the next worker ready
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Figure:
    """One measured value and the limit that it is held to.

    Args:
        unit: "ratio", "seconds", "count" or "photos per second".
        limit: The most it may be, or with `at_least` the least; None where the value only informs.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False

    @property
    def ok(self) -> bool:
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def to_json(self) -> dict:
        value = round(self.value, 4)
        return {"name": self.name, "value": value, "unit": self.unit, "limit": self.limit, "ok": self.ok}


def measure(data: Path | None, rounds: int, say: Callable[[str], None]) -> list[Figure]:
    """All figures; takes some minutes.

    Args:
        data: Folder of labelled photos; None draws the sample set.
        rounds: How often both sides take their turn; the median counts.
        say: Told what is being done.

    Raises:
        DataError: It is no folder, or there would be no round.
    """
    if rounds < 1:
        raise DataError(f"{rounds} rounds measure nothing. Use 1 or more, for example `--rounds 5`.")
    with _photos(data) as folder:
        say("looking at photos for the first time")
        found = [first_run(folder, rounds)]
        say("the same again, when everything is known")
        found += warm_run(folder, rounds)
        say("fine-tuning all layers")
        return found + fine_tuning(folder, rounds)


def first_run(data: Path, rounds: int) -> Figure:
    """A frozen run in an empty workspace, from the first file to the trained head, over one bare pass."""
    with _workspace() as workspace:
        _graft_run(workspace, data)  # builds the trunk, which is not measured here, and warms up both sides
        _bare_pass(workspace, data)
        ratios = []
        for _ in range(rounds):
            bare_s = _bare_pass(workspace, data)
            with _workspace() as empty:
                shutil.copytree(workspace.weights_dir, empty.weights_dir)
                ratios.append(_graft_run(empty, data) / bare_s)
    return Figure("first run of a frozen backbone, over a bare pass", statistics.median(ratios), "ratio", 1.15)


def warm_run(data: Path, rounds: int) -> list[Figure]:
    """`fit` again on photos whose features are known, with a runner at hand: from the command to its result."""
    with _workspace() as workspace:
        _fit(workspace, data)
        answers = [_fit(workspace, data) for _ in range(rounds)]
    seconds, looked, torch_imported = zip(*answers, strict=True)
    return [
        Figure("warm run, from `fit` to its result", statistics.median(seconds), "seconds", 1.0),
        Figure("photos that the backbone saw in warm runs", sum(looked), "count", 0),
        Figure("warm runs that imported torch", sum(torch_imported), "count", 0),
    ]


def fine_tuning(data: Path, rounds: int) -> list[Figure]:
    """Training steps of all layers with augmentation, over bare steps on photos in memory; per device."""
    import torch

    from transfer_core.training.finetune import device

    with _workspace() as workspace:
        context = make_context(workspace, data, TrainConfig(strategy="full", epochs=10, batch_size=_BATCH))
        limits = {"cpu": 0.90, "cuda": 0.85}
        found = []
        for name in filter(device.is_available, limits):
            precision = device.choose_precision(name)
            ours, bare = _training_speeds(
                replace(context, plan=replace(context.plan, device=name, precision=precision)), rounds
            )
            ratio = statistics.median(o / b for o, b in zip(ours, bare, strict=True))
            found.append(Figure(f"fine-tuning on {name}, over bare steps", ratio, "ratio", limits[name], at_least=True))
            found.append(Figure(f"fine-tuning on {name}", statistics.median(ours), "photos per second"))
        if torch.cuda.is_available():
            began = time.perf_counter()
            engine.fit(context)
            found.append(Figure("10 epochs of fine-tuning on cuda", time.perf_counter() - began, "seconds"))
    return found


@contextmanager
def _photos(data: Path | None) -> Iterator[Path]:
    """The folder, or one with the sample set drawn into it."""
    if data:
        if not data.is_dir():
            raise DataError(
                f"'{data}' is not a folder. Name a folder with one folder of photos per class, or name none."
            )
        yield data.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        for path, content in draw_sample_set(_SAMPLE_PER_CLASS, 0):
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        yield Path(folder)


@contextmanager
def _workspace() -> Iterator[Workspace]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Workspace(Path(folder))


def _bare_pass(workspace: Workspace, data: Path) -> float:
    """Seconds to decode and prepare all photos, then to forward them all, each on every core."""
    paths = [data / entry.path for entry in open_source(data) if not is_junk(entry.path)]
    prepare = Preparer(BACKBONE.preparation)
    session = features.open_session(ensure_trunk(BACKBONE, workspace.weights_dir))

    def load(path: Path) -> np.ndarray | None:
        try:
            return prepare(decode.load_rgb(path))
        except DataError:  # a README beside the photos
            return None

    began = time.perf_counter()
    for pixels in list(map_ahead(load, paths, len(paths))):
        if pixels is not None:
            session.run(None, {"pixels": pixels[np.newaxis]})
    return time.perf_counter() - began


def _graft_run(workspace: Workspace, data: Path) -> float:
    """Seconds for intake, features and head."""
    began = time.perf_counter()
    engine.fit(make_context(workspace, data, TrainConfig()))
    return time.perf_counter() - began


def make_context(workspace: Workspace, data: Path, config: TrainConfig) -> TrainContext:
    """What a worker would make of these photos and settings."""
    keeps = training.learns_backbone(workspace, config)
    project, _ = ingest.take_in_path(workspace, data, None, lambda done, total: None, keeps_pictures=keeps)
    split, _ = training.check(workspace, project, config)
    run = runs.create(project, runs.TrainSpec(config), split)
    plan = engine.make_plan(config, Facts(split.train_sizes, BACKBONE))
    return context_of_run(run, split, BACKBONE, plan, lambda event: None, lambda: False)


def _fit(workspace: Workspace, data: Path) -> tuple[float, int, bool]:
    """The command as a person gives it: seconds to its result, photos that the backbone saw, whether torch came in."""
    began = time.time()
    command = [sys.executable, "-m", "transfer_core", "fit", str(data), "--home", str(workspace.home), "--json"]
    environment = os.environ | {"GRAFT_IDLE_S": "20"}  # the runner outlives each command, and ends soon after the last
    answer = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True)
    if answer.returncode:
        raise RunError(f"`fit` failed: {answer.stderr.strip()[-500:]}")
    run = runs.open_run(workspace, json.loads(answer.stdout.splitlines()[-1])["run_id"])
    said = read_events(run.events_path)[0]
    finished = next(event for event in said if isinstance(event, RunFinished))
    looking = next(event for event in said if isinstance(event, Progress))
    time.sleep(_PAUSE_S)
    return finished.time - began, looking.total - looking.done, read_json(run.folder / "worker.json")["torch"]


def _training_speeds(context: TrainContext, rounds: int) -> tuple[list[float], list[float]]:
    """Photos per second, per round, of an epoch as runs have it and of bare steps on batches of the same sizes."""
    import torch

    from transfer_core.training.augment import loader
    from transfer_core.training.finetune import learner, phase

    ours, bare = phase.FineTuning(context, 0), learner.build_learner(context, 0, None)
    sizes = [len(rows) for rows in loader.split_into_batches(len(context.train), _BATCH, 0, 0)]
    side, place = context.backbone.preparation.size_px, torch.device(context.plan.device)
    pixels = torch.randint(0, 256, (max(sizes), 3, side, side), dtype=torch.uint8, device=place)
    class_ids = torch.arange(max(sizes), device=place) % context.class_count

    def bare_epoch() -> None:
        bare.body.train()
        for size in sizes:
            bare.optimizer.zero_grad(set_to_none=True)
            with torch.autocast(place.type, torch.bfloat16, enabled=context.plan.precision == "bfloat16"):
                logits = bare.head(bare.body(pixels[:size]))
            torch.nn.functional.cross_entropy(logits.float(), class_ids[:size]).backward()
            bare.optimizer.step()

    def photos_per_s(epoch: Callable[[], object]) -> float:
        began = time.perf_counter()
        epoch()
        if place.type == "cuda":
            torch.cuda.synchronize()
        return len(context.train) / (time.perf_counter() - began)

    bare_epoch()  # warms up
    found: tuple[list[float], list[float]] = [], []
    for number in range(rounds):
        ours.position = phase.Position(number % context.plan.phases[0].epochs)
        found[0].append(photos_per_s(ours.run_epoch))
        found[1].append(photos_per_s(bare_epoch))
    return found
