"""The public Python interface, which `import transfer_core` hands on: a few functions on top of the services.

`export_model` is not called `export`, for that is the name of a package inside this one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from transfer_core.config import TrainConfig
from transfer_core.errors import RunError
from transfer_core.evaluation.result import Result
from transfer_core.services import comparison, evaluation, export, inference, ingest, projects, runs, training
from transfer_core.services.comparison import Comparison
from transfer_core.services.evaluation import Evaluation
from transfer_core.services.export import Exported
from transfer_core.services.inference import Prediction
from transfer_core.services.ingest import Imported
from transfer_core.services.runs import Watch, silent
from transfer_core.workspace import Project, Workspace

StrPath = str | PathLike[str]


@dataclass(frozen=True)
class Run:
    """A training run, whoever started it: a script, a command or a page.

    Args:
        record: The run's folder and settings.
    """

    record: runs.Run

    @property
    def id(self) -> str:
        """The name by which `open_run` finds it."""
        return self.record.id

    @property
    def folder(self) -> Path:
        """Where its events, evaluation and model lie."""
        return self.record.folder

    @property
    def config(self) -> TrainConfig:
        """The settings as they were asked for."""
        return self.record.config

    @property
    def status(self) -> str:
        """queued, running, interrupted, stopped, failed or finished; read anew each time."""
        return runs.read_state(self.record).status

    @property
    def result(self) -> Result:
        """What it has come to on the validation photos; read anew each time.

        Raises:
            RunError: There is no result yet.
        """
        state = runs.read_state(self.record)
        if state.result is None:
            raise RunError(f"Run '{self.id}' has no result (it is {state.status}). Wait for it, or resume it.")
        return Result.from_json(state.result)

    def stop(self) -> None:
        """Asks it to stop and keep what it has learned."""
        training.stop(self.record)

    def resume(self, progress: Watch = silent) -> "Run":
        """Goes on with it where it was interrupted or stopped, and waits for its end; errors as those of `train`."""
        training.take_up(self.record, progress)
        training.follow(self.record, progress)
        return self

    def predict(self, photos: StrPath | Iterable[StrPath]) -> list[Prediction]:
        """As the function `predict`."""
        return predict(self, photos)

    def evaluate(self, data: StrPath | None = None, *, test: bool = False) -> Evaluation:
        """As the function `evaluate`."""
        return evaluate(self, data, test=test)

    def export(self, out: StrPath) -> Exported:
        """As the function `export_model`."""
        return export_model(self, out)


def train(
    data: StrPath | Project,
    *,
    val: StrPath | None = None,
    labels: StrPath | None = None,
    class_from: str | None = None,
    encoding: str = "",
    name: str | None = None,
    workspace: Workspace | None = None,
    progress: Watch = silent,
    **settings: object,
) -> Run:
    """Trains on labelled photos and waits for the result.

    The work is done by a process of its own. Ctrl-C asks it to stop and keep what it has learned; where the script is
    killed, the run goes on, and `open_run` finds it.

    Args:
        data: A folder or zip with a folder per class; or a project, of which all photos are used.
        val: A second folder or zip, whose photos are used to validate with; None sets some of `data` aside.
        labels: A CSV that says the class of each photo, where the folders do not.
        class_from: What says the class: "folder", "top", "name", "table" or "one"; None finds it.
        encoding: That of the table and of names in zips, where they are not Unicode; else it is found.
        name: Of the project that the photos come into; None finds or makes one that belongs to this data.
        workspace: Where everything is kept; None for GRAFT_HOME, else ~/.graft.
        progress: Called now and then with (what is done, so many, of so many).
        settings: Fields of `TrainConfig`; what is left out is decided by rules.

    Returns:
        The run, finished or stopped, with its `result`. Its model is written and checked meanwhile; `predict`,
        `evaluate` and `export_model` wait for that.

    Raises:
        ConfigError: With everything that is wrong with the settings.
        DataError: There are no photos in it that could be trained on.
        TransferError: The run has failed, with the reason and what to do.
    """
    if isinstance(data, Project):
        if val or labels or class_from or name:
            raise RunError("A project has its photos and labels already. Leave out val, labels, class_from and name.")
        workspace = _workspace_of(data)
        run = training.start(workspace, data, training.make_config(workspace, settings))
    else:
        run = training.begin(
            workspace or Workspace.default(),
            Path(data),
            settings,
            name=name,
            val=Path(val) if val else None,
            labels=str(labels) if labels else None,
            class_from=class_from,
            encoding=encoding,
            watch=progress,
        ).run
    training.follow(run, progress)
    return Run(run)


def predict(run: Run | StrPath, photos: StrPath | Iterable[StrPath]) -> list[Prediction]:
    """What a run's exported model says of photos, in their order.

    Args:
        run: As `open_run` returns or takes it.
        photos: A photo's path, or several.

    Raises:
        RunError: There is no such run, or it has no model.
        DataError: One of them is no photo that can be read.
    """
    paths = [photos] if isinstance(photos, (str, PathLike)) else photos
    return inference.predict(_record(run), [Path(path) for path in paths])


def evaluate(run: Run | StrPath, data: StrPath | None = None, *, test: bool = False) -> Evaluation:
    """How good a run's exported model is on labelled photos.

    Args:
        run: As `open_run` returns or takes it.
        data: A folder or zip with a folder per class.
        test: The run's own test photos in place of `data`. Meant to be asked once, of the model that will be used.

    Raises:
        RunError: There is no such run, no model, or no test photos; or neither of both was asked for, or both.
        DataError: There is no photo, or a class that the model does not know.
    """
    if test == (data is not None):
        raise RunError("Name the photos to test the model on, or ask for the run's own with test=True; one of the two.")
    return evaluation.evaluate(_record(run), Path(data)) if data else evaluation.evaluate_test_set(_record(run))


def compare(*compared: Run | StrPath) -> Comparison:
    """Runs that were checked with the same photos: each with its result, and every two of them photo by photo.

    Raises:
        RunError: They are fewer than two, one has no result, or they were checked with different photos.
    """
    return comparison.compare([_record(run) for run in compared])


def export_model(run: Run | StrPath, out: StrPath) -> Exported:
    """Writes a run's model as a zip: the ONNX file, its class names, a description, and a script that predicts.

    Args:
        run: As `open_run` returns or takes it.
        out: The zip.

    Raises:
        RunError: There is no model, it could not be written, or `out` is a folder.
    """
    return export.export(_record(run), Path(out))


def open_run(name: StrPath, workspace: Workspace | None = None) -> Run:
    """A run by its id or its folder.

    Raises:
        RunError: There is none.
    """
    return Run(runs.open_run(workspace or Workspace.default(), str(name)))


def open_project(name: str, workspace: Workspace | None = None) -> Project:
    """A project by its id or its name.

    Raises:
        RunError: There is none, or there are several of that name.
    """
    return projects.find_project(workspace or Workspace.default(), name)


def import_photos(
    data: StrPath,
    name: str,
    *,
    labels: StrPath | None = None,
    class_from: str | None = None,
    encoding: str = "",
    unlabelled: bool = False,
    workspace: Workspace | None = None,
) -> Imported:
    """Takes photos into the project of that name, which is made if there is none; only new ones come in.

    Args:
        data, labels, class_from, encoding, workspace: As in `train`.
        unlabelled: Photos of which nothing says the class come in without one, instead of being rejected.

    Raises:
        DataError: There is no photo among them.
    """
    home, table = workspace or Workspace.default(), str(labels) if labels else None
    return ingest.import_photos(
        home,
        Path(data),
        name,
        lambda done, total: None,
        table,
        encoding,
        class_from=class_from,
        unlabelled=unlabelled,
    )


def _record(run: Run | StrPath) -> runs.Run:
    return run.record if isinstance(run, Run) else open_run(run).record


def _workspace_of(project: Project) -> Workspace:
    return Workspace(project.folder.parents[1])
