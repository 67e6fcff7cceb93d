"""The model that is handed out: the one that was checked, made anew where it was damaged, and waited for."""

import io
import json
import zipfile

import numpy as np
import pytest

from tests.helpers import answering, draw_dataset, exported, kill_all
from transfer_core import runs
from transfer_core.__main__ import main
from transfer_core.errors import DataError, RunError
from transfer_core.evaluation.result import load_answers
from transfer_core.export.parity import check_parity
from transfer_core.inference import predictor
from transfer_core.inference.predictor import Predictor
from transfer_core.jobs import worker
from transfer_core.runs import Run, events
from transfer_core.runs.events import EventLog
from transfer_core.services import evaluation, export, inference, training
from transfer_core.training.context import Trained
from transfer_core.training.linear_probe.head import Head
from transfer_core.training.trained_model import load_head, save_trained


@pytest.fixture
def at_once(monkeypatch):
    """Whoever wakes the runner has the run's steps done in this process, which takes no seconds to start."""

    def work(workspace) -> None:
        for run in runs.list_runs(workspace):
            if runs.read_state(run).next_step:
                worker.main(str(run.folder))

    monkeypatch.setattr(export, "ensure_runner", work)


def model_in(path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read("model.onnx")


def damage(run: Run, kind: str) -> None:
    path = run.model_dir / "model.onnx.parts"
    content = path.read_bytes()
    half = len(content) // 2
    match kind:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(content[:half])
        case "zeros":
            path.write_bytes(bytes(len(content)))
        case "bit":
            path.write_bytes(content[:half] + bytes([content[half] ^ 16]) + content[half + 1 :])


@pytest.mark.parametrize("kind", ["missing", "empty", "cut", "zeros", "bit"])
def test_a_damaged_model_is_made_anew_and_checked_before_it_is_handed_out(finished, at_once, tmp_path, caplog, kind):
    whole = exported(finished)
    damage(finished, kind)
    found = export.export(finished, tmp_path / "model.zip")
    assert model_in(found.file) == whole == exported(finished)
    assert (found.check.changed_labels, found.check.checked) == (0, 6)
    [notice] = runs.read_state(finished).notices
    assert notice == (
        "The exported model was damaged. Graft makes it again from what the run has learned, and checks it."
    )
    assert "is damaged. Graft makes it again" in caplog.text
    export.export(finished, tmp_path / "model.zip")
    assert len(runs.read_state(finished).notices) == 1


@pytest.mark.parametrize(
    "use",
    [
        lambda run, data: inference.predict(run, sorted(data.glob("*/*.jpg"))[:2]),
        lambda run, data: evaluation.evaluate(run, data),
        lambda run, data: inference.load_predictor(run),
    ],
)
def test_every_use_of_a_damaged_model_has_it_made_anew(finished, at_once, tmp_path, use):
    damage(finished, "cut")
    assert use(finished, draw_dataset(tmp_path / "new", 2))
    assert export.is_intact(finished, runs.read_state(finished))


def test_the_final_test_is_never_taken_with_a_damaged_model(finished):
    split = finished.folder / "split.json"
    content = json.loads(split.read_text("utf-8"))
    split.write_text(json.dumps(content | {"test": content["val"]}), "utf-8")
    damage(finished, "bit")
    with pytest.raises(RunError, match="Wait until it has finished"):
        evaluation.open_test_set(finished)
    assert runs.read_state(finished).is_pending("export")


def test_with_the_head_damaged_too_there_is_one_sentence(finished, at_once, tmp_path):
    damage(finished, "bit")
    (finished.model_dir / "head.safetensors").write_bytes(b"")
    with pytest.raises(RunError) as caught:
        export.export(finished, tmp_path / "model.zip")
    assert str(caught.value) == (
        f"The model of run '{finished.id}' could not be written as ONNX. What run '{finished.id}' has learned cannot "
        "be read: its file head.safetensors is damaged. Train again."
    )
    assert list(tmp_path.glob("*.zip")) == [] and runs.read_state(finished).status == "finished"


def test_another_runs_model_is_never_handed_out(finished, at_once, tmp_path):
    """All of its files may come from there, and fit together: then the validation photos tell."""
    head = load_head(finished)
    turned = Head(np.roll(head.weight, 1, 0), np.roll(head.bias, 1))
    save_trained(finished, Trained(turned, np.zeros((0, 3)), 1))
    damage(finished, "missing")
    with pytest.raises(
        RunError, match=r"does not answer as the trained model did: confidences differ by up to [01]\.\d"
    ):
        export.export(finished, tmp_path / "model.zip")
    with pytest.raises(RunError, match="could not be written as ONNX"):
        inference.load_predictor(finished)


def test_a_model_made_anew_is_checked_on_the_photos_that_are_still_here(finished, at_once, tmp_path):
    items = runs.load_split(finished).val
    damage(finished, "empty")
    for item in items[:4]:
        (finished.photos_dir / item.file).unlink()
    assert export.export(finished, tmp_path / "model.zip").check.checked == 2
    damage(finished, "empty")
    for item in items[4:]:
        (finished.photos_dir / item.file).unlink()
    with pytest.raises(RunError, match="None of its validation photos is here any more"):
        export.export(finished, tmp_path / "model.zip")


# --- NaN -----------------------------------------------------------------------------------------------------------


def test_a_check_does_not_pass_over_what_is_no_number(finished):
    photos = [finished.photos_dir / item.file for item in runs.load_split(finished).val]
    answers, said = load_answers(finished.evaluation_dir), ("a", "b", "c")
    broken = answering(np.array([0.1, np.nan, 0.9], np.float32))
    with pytest.raises(RunError, match=r"The exported model's confidences are not numbers \(NaN\) for 6 of 6"):
        check_parity(broken, said, photos, answers)


def test_a_check_that_passed_over_nan_is_made_anew(finished, at_once, tmp_path):
    """As earlier versions did: their log has nothing in place of the largest difference."""
    result = runs.read_state(finished).steps["export"].result
    for damaged in (result | {"max_difference": float("nan")}, {"sha256": result["sha256"]}):
        EventLog(finished.events_path).append(events.StepFinished(name="export", result=damaged))
        assert 0 <= export.export(finished, tmp_path / "model.zip").check.max_difference < 1e-4


def test_a_photo_without_a_number_for_an_answer_is_named(finished, monkeypatch, tmp_path):
    broken = answering(np.array([0.1, np.nan, 0.9], np.float32))
    monkeypatch.setattr(predictor, "read_model", lambda *_: broken)
    data = draw_dataset(tmp_path / "new", 1)
    with pytest.raises(DataError, match=r"its confidences are not numbers \(NaN\)"):
        Predictor.of_run(finished).predict(data / "red" / "red0.jpg")
    with pytest.raises(DataError, match=r"red0.jpg' cannot be used: the model has no answer to it"):
        inference.predict(finished, [data / "red" / "red0.jpg"])


# --- resume --------------------------------------------------------------------------------------------------------


@pytest.fixture
def cut_off(finished) -> Run:
    """Finished, but its worker died in the midst of the export."""
    (finished.model_dir / "model.onnx.parts").unlink()
    lines = finished.events_path.read_text("utf-8").splitlines(keepends=True)
    finished.events_path.write_text("".join(line for line in lines if json.loads(line).get("name") != "export"))
    EventLog(finished.events_path).append(events.StepStarted(name="export"))
    assert runs.read_state(finished).is_pending("export")
    return finished


def test_resume_of_a_run_whose_export_was_cut_off_waits_for_it(cut_off, capsys):
    before = runs.read_state(cut_off).result
    assert main(["resume", cut_off.id, "--json"]) == 0
    out, err = capsys.readouterr()
    assert runs.read_state(cut_off).has_finished("export") and exported(cut_off)
    answer = json.loads(out.splitlines()[-1])
    assert (answer["run_id"], answer["val_accuracy"]) == (cut_off.id, before["val_accuracy"])
    assert "its export was cut off. The model is written and checked now." in err
    kill_all(cut_off.workspace)


def test_resume_says_that_the_export_is_missing_where_there_can_be_none(cut_off, capsys):
    (cut_off.model_dir / "head.safetensors").unlink()
    assert main(["resume", cut_off.id, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["val_count"] == 6
    assert "The result stands, but there is no model to export: " in err
    assert "its file head.safetensors is missing. Train again." in err
    kill_all(cut_off.workspace)


def test_resume_of_a_finished_run_has_a_damaged_model_made_anew(finished, at_once):
    said = []
    damage(finished, "zeros")
    training.take_up(finished, tell=said.append)
    assert said == [] and exported(finished)
    EventLog(finished.events_path).append(events.StepFailed(name="export", message="The disk is full."))
    training.take_up(finished, tell=said.append)
    assert said == ["The model could not be exported before. That is tried once more."]
    assert export.is_ready(runs.read_state(finished))


# --- disk ----------------------------------------------------------------------------------------------------------


def test_the_zip_is_made_when_it_is_asked_for(finished):
    content = export.build_bundle(finished, runs.read_state(finished))
    assert model_in(io.BytesIO(content)) == exported(finished)
    assert "bundle.zip" not in {path.name for path in finished.folder.rglob("*")}
