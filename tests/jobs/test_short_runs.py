"""Runs that leave no model: from the button to the files, stopped, killed and resumed; who takes them for what."""

import os
import signal

import pytest

from tests.helpers import RESNET, start_python, wait_for
from transfer_core import runs, storage
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.errors import RunError
from transfer_core.jobs import worker
from transfer_core.jobs.launch import ensure_runner
from transfer_core.jobs.queue import _Queue
from transfer_core.runs import Run, events
from transfer_core.runs.events import EventLog, read_events
from transfer_core.services import previews
from transfer_core.services.projects import summarize
from transfer_core.support.files import read_json, write_json
from transfer_core.training import lr_finder


@pytest.fixture
def begin(tiny_workspace, project, monkeypatch):
    """Creates a run of a kind without starting a runner; in this process a test of rates takes few steps."""
    monkeypatch.setattr(previews, "ensure_runner", lambda workspace: None)
    monkeypatch.setattr(lr_finder, "STEPS", 12)
    starts = {"preview": previews.start_preview, "lr_finder": previews.start_lr_finder}

    def begin(kind: str, **settings) -> Run:
        config = TrainConfig(**{"backbone": RESNET, "batch_size": 8, "strategy": "full"} | settings)
        return starts[kind](tiny_workspace, project, config)

    return begin


def work(run: Run) -> int:
    return worker.main(str(run.folder))


def kinds(run: Run) -> list[str]:
    return [type(event).__name__ for event in read_events(run.events_path)[0]]


@pytest.mark.parametrize("kind", ["preview", "lr_finder"])
def test_a_short_run_ends_with_its_files_and_asks_for_no_export(begin, tiny_workspace, kind):
    run = begin(kind)
    assert work(run) == 0
    history = runs.read_state(run)
    assert (history.status, history.failure, history.is_pending("export")) == ("finished", None, False)
    assert "StepStarted" not in kinds(run) and not run.model_dir.exists()
    assert _Queue(tiny_workspace).look().waiting == []
    if kind == "preview":
        assert len(previews.load_preview(run)) == history.result["rows"] == 4
    else:
        found = previews.load_rates(run)
        assert found.suggestion == history.result["suggestion"]
    assert work(run) == 0 and kinds(run).count("RunFinished") == 1  # nothing is done twice


@pytest.mark.parametrize("kind", ["preview", "lr_finder"])
def test_stopped_while_it_waited(begin, kind):
    run = begin(kind)
    runs.request_stop(run)
    assert work(run) == 0
    assert runs.read_state(run).status == "stopped" and "PhaseStarted" not in kinds(run)


@pytest.mark.parametrize(
    ("kind", "name"), [("preview", "preview"), pytest.param("lr_finder", "rates", marks=pytest.mark.full)]
)
def test_stopped_at_work_it_leaves_no_half_of_a_result_and_can_begin_again(begin, monkeypatch, kind, name):
    run, append = begin(kind, strategy="lp_ft"), EventLog.append

    def append_and_stop(self, event):
        append(self, event)
        if isinstance(event, events.PhaseStarted) and event.name == name and "RunResumed" not in kinds(run):
            runs.request_stop(run)

    monkeypatch.setattr(EventLog, "append", append_and_stop)
    assert work(run) == 0
    history = runs.read_state(run)
    assert (history.status, history.result) == ("stopped", None)
    assert previews.load_preview(run) is None and previews.load_rates(run) is None
    assert "reserve" not in os.listdir(run.folder) and "features.bin" not in os.listdir(run.folder)
    runs.request_resume(run)
    assert work(run) == 0
    assert runs.read_state(run).status == "finished"


@pytest.mark.full
def test_killed_at_work_it_is_interrupted_and_goes_on_to_the_same(begin, project):
    whole = begin("lr_finder")
    killed = runs.create(project, whole.spec, runs.load_split(whole))
    process = start_python("-m", "transfer_core.jobs.worker", str(killed.folder))
    try:
        wait_for(lambda: "Progress" in kinds(killed))
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert runs.read_state(killed).status == "interrupted"
    runs.request_resume(killed)
    assert work(killed) == 0 and work(whole) == 0
    assert previews.load_rates(killed) == previews.load_rates(whole)


def test_a_failure_is_said_as_in_training(begin):
    run = begin("preview")
    item = runs.load_split(run).train[0]
    (run.photos_dir / item.file).unlink()
    assert work(run) == 1
    assert item.file in runs.read_state(run).failure.message


def test_a_kind_of_a_newer_version_is_refused_by_name(project, queue_run):
    run = queue_run()
    write_json(run.folder / "config.json", read_json(run.folder / "config.json") | {"kind": "dream"})
    [found] = runs.list_unreadable(run.workspace)
    assert (found.id, found.project_id) == (run.id, project.id) and "'dream'" in found.reason
    assert runs.list_runs(run.workspace) == []


@pytest.mark.full
def test_the_runner_does_them_too(tiny_workspace, project):
    run = previews.start_preview(tiny_workspace, project, TrainConfig(backbone=RESNET))
    wait_for(lambda: runs.read_state(run).status in runs.ENDED)
    assert runs.read_state(run).status == "finished", run.log_path.read_text()
    ensure_runner(tiny_workspace)  # and it does not try to export what is no model
    wait_for(lambda: not runs.is_alive(run))
    assert kinds(run)[-1] == "RunFinished"


def test_whoever_asks_for_trainings_does_not_meet_them(begin, tiny_workspace, project, queue_run):
    short, train = begin("preview"), queue_run()
    assert runs.list_runs(tiny_workspace, project) == [train]
    assert runs.list_runs(tiny_workspace, project, kind="preview") == [short]
    assert {run.id for run in runs.list_runs(tiny_workspace, kind=None)} == {short.id, train.id}
    assert summarize(tiny_workspace, project).runs == 1
    assert runs.count_ahead(tiny_workspace, train) == 1  # but they have their turn
    assert {run.id for run in _Queue(tiny_workspace).look().waiting} == {short.id, train.id}


def test_caches_and_projects_are_not_cleared_under_their_feet(begin, tiny_workspace, project):
    run = begin("lr_finder")
    with pytest.raises(RunError, match="training or waiting"):
        storage.clear_caches(tiny_workspace)
    EventLog(run.events_path).append(events.RunStarted())
    with run.lock(), pytest.raises(RunError, match="is still training"):
        storage.delete_project(tiny_workspace, project)
    assert load_items(project)
