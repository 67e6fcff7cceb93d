"""One run = one folder: created once, written by its worker alone, read by everybody. Imports nothing heavy."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from transfer_core.config import TrainConfig
from transfer_core.data.images.rendering import Rendering
from transfer_core.data.labels.dataset import version
from transfer_core.data.splits.split import Split
from transfer_core.errors import ConfigError, RunError
from transfer_core.runs import events
from transfer_core.runs.spec import LrFinderSpec, PreviewSpec, Spec, TrainSpec, spec_from_json, spec_to_json
from transfer_core.runs.split_file import read_split, write_split
from transfer_core.runs.state import RunState, reduce_events
from transfer_core.support.checked_json import (
    copy_path,
    in_words,
    read_with_copy,
    write_with_copy,
)
from transfer_core.support.files import delete_folder
from transfer_core.support.locks import is_locked
from transfer_core.workspace import Project, Workspace, check_id, new_id

_CONFIG = "config.json"
_MAKING_S = 60.0  # after which a folder without settings is not one that is just being made
ENDED = ("stopped", "failed", "finished")
_NO_HISTORY = "This run's events.jsonl is missing or cannot be read, so what came of the run is not known."
_RESUME = "Press Resume to continue from its last checkpoint, or delete the run and train again."
# Room kept free for the last words of a run whose disk is full.
_RESERVE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Run:
    """A run's folder and what it was asked to do; what happened in it is read with `read_state`.

    Args:
        labels_version: Of the project's labels when the run was made.
        order: Runs that were made later have more, whatever the clock said.
        number: Which of its project's runs of its strategy it is, from 1; 0 where an earlier version has made it.
        problem: What is wrong with its `config.json`, a sentence or two; None where that is whole.
    """

    id: str
    project_id: str
    folder: Path
    created: float
    labels_version: int
    spec: Spec
    order: float = 0.0
    number: int = 0
    problem: str | None = field(default=None, compare=False)

    @property
    def kind(self) -> str:
        return self.spec.kind

    @property
    def config(self) -> TrainConfig:
        """The training settings.

        Raises:
            RunError: The run is of a kind that has none.
        """
        if isinstance(self.spec, (TrainSpec, PreviewSpec, LrFinderSpec)):
            return self.spec.config
        raise RunError(f"Run '{self.id}' is of the kind '{self.kind}', which has no training settings.")

    @property
    def events_path(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def model_dir(self) -> Path:
        return self.folder / "model"

    @property
    def whole_model_path(self) -> Path:
        """Where earlier versions kept the exported model as one file; `inference.model_file` reads either."""
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
    def rendering(self) -> Rendering:
        """How its pictures are read: as its project read them when it was made.

        Raises:
            DataError: Its note of that is damaged.
        """
        return Rendering.load(self.folder, self.id)

    @property
    def workspace(self) -> Workspace:
        """The one that the run's folder lies in."""
        return Workspace(self.folder.parents[3])

    def lock(self) -> FileLock:
        """Held by the worker as long as it lives: the proof of life."""
        return FileLock(self.folder / "worker.lock")


@dataclass(frozen=True)
class UnreadableRun:
    """A run's folder that cannot be read: it is listed, can be deleted, and harms nothing else.

    Args:
        reason: Why, in a sentence.
    """

    id: str
    project_id: str
    folder: Path
    reason: str


def create(project: Project, spec: Spec, split: Split | None = None, *, labels_version: int | None = None) -> Run:
    """A new run, queued: `jobs.launch.ensure_runner` sees to it that somebody takes it.

    Args:
        split: The photos that it is about; None for kinds of work that are not about a split.
        labels_version: Of the labels that the split was made of; None for those of now.
    """
    run_id = f"{time.strftime('%Y%m%d-%H%M%S')}-{new_id()[:6]}"
    folder = project.runs_dir / run_id
    folder.mkdir(parents=True)
    project.ensure_copy()
    labels_version = version(project) if labels_version is None else labels_version
    order = Workspace(project.folder.parents[1]).next_moment()
    number = _next_number(project, spec)
    run = Run(run_id, project.id, folder, time.time(), labels_version, spec, order, number)
    if split is not None:
        write_split(folder, run_id, split)
        Rendering.of_project(project).save(folder, run_id)
    events.EventLog(run.events_path).append(events.RunQueued(order=order))
    # Last, for this file makes the folder a run.
    about = {"project": project.id, "created": run.created, "order": order, "number": number}
    about |= {"labels_version": labels_version}
    write_with_copy(folder / _CONFIG, about | spec_to_json(spec), run_id)
    return run


def open_run(workspace: Workspace, name: str) -> Run:
    """A run by id or by folder.

    Raises:
        RunError: There is none, or it cannot be read.
    """
    if os.path.isfile(os.path.join(name, _CONFIG)):  # asks without an error, however odd the name
        return _load(Path(name).resolve())
    for folder in workspace.projects_dir.glob(f"[!.]*/runs/{check_id(name)}"):
        if _is_made(folder):
            return _load(folder)
    raise RunError(f"There is no run '{name}' here. `runs` lists those there are.")


def list_runs(workspace: Workspace, project: Project | None = None, *, kind: str | None = "train") -> list[Run]:
    """Runs of one project or of all, the newest first; `list_unreadable` has those that cannot be read.

    Args:
        kind: Of the runs that are meant; None for every kind.
    """
    found = [run for run in _list_all(workspace, project) if isinstance(run, Run) and kind in (None, run.kind)]
    return sorted(found, key=lambda run: (run.order, run.id), reverse=True)


def list_unreadable(workspace: Workspace, project: Project | None = None) -> list[UnreadableRun]:
    """Folders of runs that somebody changed, damaged, or made with another version of Graft; the newest first."""
    found = [run for run in _list_all(workspace, project) if isinstance(run, UnreadableRun)]
    return sorted(found, key=lambda run: run.id, reverse=True)


def _list_all(workspace: Workspace, project: Project | None) -> Iterator[Run | UnreadableRun]:
    for folder in workspace.projects_dir.glob(f"{project.id if project else '[!.]*'}/runs/[!.]*/"):
        if not _is_made(folder):
            continue
        try:
            yield _load(folder)
        except RunError as error:
            yield UnreadableRun(folder.name, folder.parents[1].name, folder, str(error))


def _is_made(folder: Path) -> bool:
    """Whether the folder is a run's, be it damaged; its settings come last when a run is made."""
    if any((folder / name).is_file() for name in (_CONFIG, copy_path(Path(_CONFIG)).name)):
        return True
    try:
        return time.time() - (folder / "events.jsonl").stat().st_mtime > _MAKING_S
    except OSError:
        return False


def find_under_way(workspace: Workspace, project: Project, spec: Spec, split: Split | None = None) -> Run | None:
    """A run asked the very same that has not ended and was not told to: a second click needs no second run."""
    for run in list_runs(workspace, project, kind=spec.kind):
        under_way = _asks_the_same(run.spec, spec) and read_state(run).status in ("queued", "running")
        if under_way and not stop_requested(run):
            with suppress(RunError):  # one whose photos cannot be read is not the same
                if split is None or (load_split(run) == split and run.rendering == Rendering.of_project(project)):
                    return run
    return None


def _asks_the_same(first: Spec, second: Spec) -> bool:
    """Whether both come to the same; how long the photos took to be read is no difference."""
    if isinstance(first, TrainSpec) and isinstance(second, TrainSpec):
        return first.config == second.config
    return first == second


def delete(run: Run) -> None:
    """Deletes the run's folder.

    Raises:
        RunError: It is being worked on; stop it first.
    """
    if is_alive(run):
        raise RunError("This run is still training. Stop it first, then delete it.")
    delete_folder(run.folder)


def _next_number(project: Project, spec: Spec) -> int:
    """The number of a new run among those of its strategy: it keeps it when others are deleted."""
    if not isinstance(spec, TrainSpec):
        return 0
    workspace, strategy = Workspace(project.folder.parents[1]), spec.config.strategy
    alike = [run.number for run in list_runs(workspace, project) if run.config.strategy == strategy]
    return max([len(alike), *alike]) + 1


def load_split(run: Run) -> Split:
    """The parts as they were when the run was made.

    Raises:
        RunError: The run is about no photos, or the file is damaged, or another run's.
    """
    return read_split(run.folder, run.id)


def learned_photos(run: Run) -> set[str]:
    """Digests of a run's training photos, those of the runs that it continues included.

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


def stop_requested(run: Run) -> bool:
    return (run.folder / "stop").exists()


def keep_reserve(run: Run) -> None:
    """Takes a little disk space now, so that the run can still report when the disk is full."""
    (run.folder / "reserve").write_bytes(b"\0" * _RESERVE_BYTES)


def free_reserve(run: Run) -> None:
    (run.folder / "reserve").unlink(missing_ok=True)


def read_state(run: Run, earlier: RunState | None = None) -> RunState:
    """The run's state now; an `earlier` one is carried on from where it ended instead of reading everything again."""
    state = earlier or RunState()
    # Asked before the events are read: a worker that ends in between leaves its last event, which then decides.
    state.alive = is_alive(run)
    new, state.offset = events.read_events(run.events_path, state.offset)
    reduce_events(state, new)
    if state.status == "interrupted":
        # Perhaps the worker began between the two looks. If it is still not there, it has ended and has said so.
        state.alive = is_alive(run)
        new, state.offset = events.read_events(run.events_path, state.offset)
        reduce_events(state, new)
    if state.lifecycle is None:  # the first event is written before the folder becomes a run
        state.lifecycle = state.failure = events.RunFailed(time=run.created, message=_NO_HISTORY, hint=_RESUME)
    return state


def _load(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        RunError: Its `config.json` cannot be read, or asks for what this version does not allow.
    """
    path = folder / _CONFIG
    try:
        looks = [(path.stat().st_mtime_ns, path.stat().st_size) for path in (path, copy_path(path)) if path.is_file()]
        return _load_once(folder, tuple(looks))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError) as error:
        reason = f"{path.name}: {in_words(error)}"
        raise RunError(f"The run in {folder} cannot be read ({reason}). Delete it if you do not need it.") from error


@lru_cache(maxsize=4096)  # a run's config.json is written once, and each look at a page asks for many
def _load_once(folder: Path, looks: tuple) -> Run:
    """The run in a folder whose settings, and their copy, have these times and sizes."""
    kept = read_with_copy(folder / _CONFIG, folder.name)
    content, problem = kept.content, kept.problem
    if problem:
        problem = (
            f"{folder / _CONFIG} is damaged ({problem}): it was taken from its copy, so nothing is missing. `graft "
            "check --repair` writes the file anew."
        )
    created, labels_version = float(content["created"]), int(content["labels_version"])
    order, number = float(content.get("order", created)), int(content.get("number", 0))
    spec = spec_from_json(content)
    return Run(folder.name, str(content["project"]), folder, created, labels_version, spec, order, number, problem)
