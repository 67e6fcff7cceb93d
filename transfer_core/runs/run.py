"""One run = one folder: created once, written by its worker alone, read by everybody. Imports nothing heavy."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import Item, version
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.runs import events
from transfer_core.runs.state import RunState, reduce_events
from transfer_core.workspace import Project, Workspace, check_id, is_locked, new_id, read_json, write_json

ENDED = ("stopped", "failed", "finished")
# "train" leaves a model; "preview" (pictures of variations) and "find_rate" are short, and leave what to choose by.
KINDS = ("train", "preview", "find_rate")
# Room kept free for the last words of a run whose disk is full.
_RESERVE_BYTES = 256 * 1024
_PATIENCE_S = 5.0  # with a worker that is just ending


@dataclass(frozen=True)
class Run:
    """A run's folder and settings; what happened in it is read with `read_state`."""

    id: str
    project_id: str
    kind: str
    folder: Path
    created: float
    labels_version: int
    intake_s: float
    config: TrainConfig

    @property
    def events_path(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def model_dir(self) -> Path:
        return self.folder / "model"

    @property
    def model_path(self) -> Path:
        return self.model_dir / "model.onnx"

    @property
    def evaluation_dir(self) -> Path:
        return self.folder / "evaluation"

    @property
    def checkpoint_path(self) -> Path:
        return self.folder / "checkpoints" / "last.safetensors"

    @property
    def plan_path(self) -> Path:
        return self.folder / "plan.json"

    @property
    def log_path(self) -> Path:
        return self.folder / "worker.log"

    @property
    def photos_dir(self) -> Path:
        return self.folder.parents[1] / "photos"

    @property
    def workspace(self) -> Workspace:
        """The one that the run's folder lies in."""
        return Workspace(self.folder.parents[3])

    def lock(self) -> FileLock:
        """Held by the worker as long as it lives: the proof of life."""
        return FileLock(self.folder / "worker.lock")


def create(
    project: Project,
    config: TrainConfig,
    split: Split,
    intake_s: float = 0.0,
    *,
    kind: str = "train",
    labels_version: int | None = None,
) -> Run:
    """A new run of one of the `KINDS`, queued: `runner.launch.ensure_runner` sees to it that somebody takes it.

    Args:
        labels_version: Of the labels that the split was made of; None for those of now.
    """
    run_id = f"{time.strftime('%Y%m%d-%H%M%S')}-{new_id()[:6]}"
    folder = project.runs_dir / run_id
    folder.mkdir(parents=True)
    labels_version = version(project) if labels_version is None else labels_version
    run = Run(run_id, project.id, kind, folder, time.time(), labels_version, intake_s, config)
    write_json(folder / "split.json", _split_to_json(split))
    events.EventLog(run.events_path).append(events.RunQueued())
    # Last, for this file makes the folder a run.
    write_json(
        folder / "config.json",
        {
            "kind": run.kind,
            "project": project.id,
            "created": run.created,
            "labels_version": run.labels_version,
            "intake_s": intake_s,
            "train": config.to_json(),
        },
    )
    return run


def open_run(workspace: Workspace, name: str) -> Run:
    """A run by id or by folder.

    Raises:
        RunError: There is none.
    """
    if os.path.isfile(os.path.join(name, "config.json")):  # asks without an error, however odd the name
        return _load(Path(name).resolve())
    for folder in workspace.projects_dir.glob(f"[!.]*/runs/{check_id(name)}"):
        if (folder / "config.json").is_file():
            return _load(folder)
    raise RunError(f"There is no run '{name}' here. `runs` lists those there are.")


def list_runs(workspace: Workspace, project: Project | None = None, *, kind: str | None = "train") -> list[Run]:
    """Runs of one project or of all, the newest first; folders that are no run are passed over.

    Args:
        kind: Of the runs that are meant; None for every kind.
    """
    pattern = f"{project.id if project else '[!.]*'}/runs/*/config.json"
    found = []
    for path in workspace.projects_dir.glob(pattern):
        try:
            found.append(_load(path.parent))
        except RunError:
            continue
    found = [run for run in found if kind in (None, run.kind)]
    return sorted(found, key=lambda run: (run.created, run.id), reverse=True)


def find_under_way(
    workspace: Workspace, project: Project, config: TrainConfig, split: Split, *, kind: str = "train"
) -> Run | None:
    """A run of these settings and photos that has not ended and was not asked to: a second click needs no second."""
    for run in list_runs(workspace, project, kind=kind):
        under_way = run.config == config and read_state(run).status in ("queued", "running")
        if under_way and not stop_requested(run) and load_split(run) == split:
            return run
    return None


def delete(run: Run) -> None:
    """Deletes the run's folder.

    Raises:
        RunError: It is being worked on; stop it first.
    """
    if is_alive(run):
        raise RunError("This run is still training. Stop it first, then delete it.")
    shutil.rmtree(run.folder)


def load_split(run: Run) -> Split:
    """The parts as they were when the run was made."""
    content = read_json(run.folder / "split.json")
    # A run that was made before there were test parts and groups has neither.
    parts = {part: tuple(Item(**item) for item in content.get(part, ())) for part in ("train", "val", "test")}
    crossing = tuple((first, second) for first, second in content["crossing"])
    groups = tuple(content.get("crossing_groups", ()))
    return Split(
        tuple(content["class_names"]), given=content["given"], crossing=crossing, crossing_groups=groups, **parts
    )


def learned_photos(run: Run) -> set[str]:
    """Digests of the photos that a run's model has learned from, those of the runs that it went on from included.

    Raises:
        RunError: One of these is not here any more, so that nobody can say.
    """
    learned: set[str] = set()
    while True:
        learned |= {item.photo for item in load_split(run).train}
        if not run.config.continue_from:
            return learned
        run = open_run(run.workspace, run.config.continue_from)


def is_alive(run: Run) -> bool:
    """Whether a worker holds the run's lock."""
    return is_locked(run.lock())


@contextmanager
def _own(run: Run) -> Iterator[None]:
    """Holds the run's lock, so that no worker writes its events meanwhile."""
    try:
        with run.lock().acquire(timeout=_PATIENCE_S):
            yield
    except Timeout as error:
        raise RunError("Its model is being exported and checked. Try again in a moment.") from error


def request_stop(run: Run) -> None:
    """Asks the worker to stop and keep what it learned; a run that still waits in the queue just leaves it."""
    try:
        with run.lock().acquire(blocking=False):
            if read_state(run).status == "queued":
                events.EventLog(run.events_path).append(events.RunStopped(result=None))
                return
    except Timeout:
        pass  # a worker is at it, and will see the file
    (run.folder / "stop").touch()


def stop_requested(run: Run) -> bool:
    return (run.folder / "stop").exists()


def request_resume(run: Run) -> None:
    """Queues an interrupted, stopped or failed run again; a live or queued one is left as it is.

    Raises:
        RunError: It is finished, or its test part was opened.
    """
    history = read_state(run)
    status = history.status
    if status == "finished":
        raise RunError("This run is finished; there is nothing to resume.")
    if history.is_opening or isinstance(history.opening, events.OpeningFinished):
        raise RunError(
            "This run has had its final test, and the result belongs to the model as it is. Train again instead."
        )
    if status in ("running", "queued"):
        return
    with _own(run):
        (run.folder / "stop").unlink(missing_ok=True)
        events.EventLog(run.events_path).append(events.RunQueued())


def request_export(run: Run) -> None:
    """Queues an export that failed once more."""
    if isinstance(read_state(run).export, events.ExportFailed):
        with _own(run):
            events.EventLog(run.events_path).append(events.ExportQueued())


def request_opening(run: Run) -> None:
    """Queues the opening of the test part; one that was asked for before is left as it is.

    Raises:
        RunError: There is no test part, or no model yet.
    """
    if not load_split(run).test:
        raise RunError(
            "This run has no test photos. Train with a share of test photos, or add photos in the folders "
            "train, val and test."
        )
    with _own(run):
        history = read_state(run)
        if history.is_opening or isinstance(history.opening, events.OpeningFinished):
            return
        if not isinstance(history.export, events.ExportFinished):
            raise RunError("This run has no model yet. Wait until it has finished, or resume it if it was interrupted.")
        events.EventLog(run.events_path).append(events.OpeningQueued())


def count_ahead(workspace: Workspace, run: Run, slots: int = 1, read: Callable[[Run], RunState] | None = None) -> int:
    """How many runs must end before this queued one begins, where so many are done at once.

    Args:
        read: What to read a history with, for whoever asks again and again and remembers; None for `read_state`.
    """
    read = read or read_state
    own, ahead = read(run).lifecycle, 0
    for other in list_runs(workspace, kind=None):
        if other.id != run.id:
            history = read(other)  # one whose model is being written has ended, but is still at work
            ahead += history.alive or (history.status == "queued" and history.lifecycle.time < own.time)
    return max(0, ahead + 1 - slots)


def keep_reserve(run: Run) -> None:
    """Takes a little disk space now, so that the run can still report when the disk is full."""
    (run.folder / "reserve").write_bytes(b"\0" * _RESERVE_BYTES)


def free_reserve(run: Run) -> None:
    (run.folder / "reserve").unlink(missing_ok=True)


def read_state(run: Run, earlier: RunState | None = None) -> RunState:
    """The run's state now; an `earlier` one is carried on from where it ended instead of reading everything again."""
    history = earlier or RunState(run.kind)
    # Asked before the events are read: a worker that ends in between leaves its last event, which then decides.
    history.alive = is_alive(run)
    new, history.offset = events.read_events(run.events_path, history.offset)
    reduce_events(history, new)
    if history.status == "interrupted":
        # Perhaps the worker began between the two looks. If it is still not there, it has ended and has said so.
        history.alive = is_alive(run)
        new, history.offset = events.read_events(run.events_path, history.offset)
        reduce_events(history, new)
    return history


def _load(folder: Path) -> Run:
    try:
        content = read_json(folder / "config.json")
        return Run(
            folder.name,
            content["project"],
            content["kind"],
            folder,
            content["created"],
            content["labels_version"],
            content["intake_s"],
            TrainConfig.from_json(content["train"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"The run in {folder} cannot be read ({error}). Delete the folder if you do not need it."
        ) from error


def _split_to_json(split: Split) -> dict:
    return {
        "class_names": list(split.class_names),
        "given": split.given,
        "crossing": list(split.crossing),
        "crossing_groups": list(split.crossing_groups),
        **{part: [asdict(item) for item in getattr(split, part)] for part in ("train", "val", "test")},
    }
