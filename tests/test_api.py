"""The public Python interface: light to import, complete, and clear about mistakes."""

import json

import pytest

import transfer_core as graft
from tests.helpers import RESNET, run_python, wait_for
from transfer_core import runs
from transfer_core.errors import ConfigError, DataError, RunError

pytestmark = pytest.mark.training

HEAVY = ("torch", "timm", "numpy", "PIL", "onnx", "onnxruntime", "streamlit", "plotly", "filelock", "safetensors")


def test_importing_the_package_takes_no_time_and_imports_nothing_heavy():
    code = """
import json, sys, time
before = set(sys.modules)
began = time.perf_counter()
import transfer_core
seconds = time.perf_counter() - began
print(json.dumps([seconds, sorted(set(sys.modules) - before)]))
"""
    answers = [json.loads(run_python("-c", code).stdout) for _ in range(3)]
    assert min(seconds for seconds, _ in answers) < 0.1
    names = answers[0][1]
    assert not {name.split(".")[0] for name in names} & set(HEAVY)
    assert [name for name in names if name.startswith("transfer_core")] == [
        "transfer_core",
        *("transfer_core.support", "transfer_core.support.telemetry"),  # which has to come before everything else
    ]


def test_every_public_name_is_there_and_documented():
    for name in graft.__all__:
        value = getattr(graft, name)
        assert name in dir(graft) and (name == "__version__" or value.__doc__), name
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        graft.trian  # noqa: B018


@pytest.fixture
def tiny(tiny_workspace):
    """Settings of a run that is soon over."""
    return {"backbone": RESNET, "val_fraction": 0.25, "epochs": 5}


def test_a_run_is_trained_asked_and_found_again(tiny, dataset, tmp_path):
    told = []
    run = graft.train(dataset, progress=lambda what, done, total: told.append(what), **tiny)
    assert run.status == "finished" and run.result.val_count == 6 and "Reading photos" in told
    assert graft.open_run(run.id) == graft.open_run(run.folder) == run
    photos = sorted(dataset.rglob("*.jpg"))
    answers = graft.predict(run, photos[:3])
    assert answers[0].by_class() == run.predict(photos[0])[0].by_class() and len(answers) == 3
    found = graft.evaluate(run.id, dataset)
    assert (found.count, found.learned) == (24, 18)
    written = run.export(tmp_path / "model.zip")
    assert (tmp_path / "model.zip").is_file() and written.check.checked == 6


def test_the_photos_of_a_project_are_trained_on(tiny, project, finished):
    run = graft.train(graft.open_project(project.name), **tiny, seed=3)
    assert run.record.project_id == project.id and run.config.seed == 3
    with pytest.raises(RunError, match="Leave out val, labels, class_from and name"):
        graft.train(project, name="Other")


def test_all_mistakes_are_said_at_once_and_nothing_is_started(tiny, workspace, dataset):
    with pytest.raises(ConfigError) as caught:
        graft.train(dataset, epoch=3, backbone="resnet_of_dreams", batch_size=0)
    said = str(caught.value)
    assert "no setting 'epoch'. Did you mean 'epochs'?" in said and "resnet_of_dreams" in said and "Batch size" in said
    assert workspace.projects() == []


def test_a_mistake_with_a_project_says_nothing_of_missing_photos(tiny, project):
    with pytest.raises(ConfigError) as caught:
        graft.train(project, batch_size=0)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda run: graft.open_run("no-such-run"), RunError, "There is no run"),
        (lambda run: graft.open_project("Nowhere"), RunError, "There is no project 'Nowhere'"),
        (lambda run: graft.evaluate(run), RunError, "one of the two"),
        (lambda run: graft.evaluate(run, "somewhere", test=True), RunError, "one of the two"),
        (lambda run: graft.evaluate(run, test=True), RunError, "has no test photos"),
        (lambda run: graft.compare(run, run), RunError, "at least two different runs"),
        (lambda run: graft.predict(run, "nowhere.jpg"), DataError, "does not exist"),
        (lambda run: graft.export_model(run, run.folder), RunError, "is a folder"),
    ],
)
def test_what_cannot_be_done_is_said(finished, ask, error, said):
    with pytest.raises(error, match=said):
        ask(graft.open_run(finished.id))


def test_a_run_without_a_result_says_so(queue_run):
    run = graft.open_run(queue_run().id)
    assert run.status == "queued"
    with pytest.raises(RunError, match=r"has no result \(it is queued\)"):
        _ = run.result


def test_a_stopped_run_goes_on_to_its_end(stopped):
    run = graft.open_run(stopped.id)
    assert run.status == "stopped"
    assert run.resume().status == "finished" and run.result.val_count == 6
    wait_for(lambda: not runs.is_alive(run.record))
