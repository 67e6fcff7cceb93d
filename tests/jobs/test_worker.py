"""One run in its own process: finished, stopped, failed, killed, resumed, out of disk."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from tests.helpers import RESNET, draw_dataset, exported, start_python, wait_for
from transfer_core import runs
from transfer_core.backbones.feature_store import RowStore
from transfer_core.data.images.thumbnails import thumbnails
from transfer_core.data.labels.dataset import load_items
from transfer_core.errors import RunError
from transfer_core.evaluation.result import load_answers
from transfer_core.export.parity import check_parity
from transfer_core.jobs import machine, worker
from transfer_core.jobs.job import Job
from transfer_core.jobs.kinds import baselines, export
from transfer_core.runs import Run, events
from transfer_core.runs.events import EpochFinished, EventLog, read_events
from transfer_core.services import training
from transfer_core.support.arrays import read_arrays
from transfer_core.training import checkpoints
from transfer_core.training.linear_probe import phase


def work(run: Run) -> int:
    return worker.main(str(run.folder))


@pytest.fixture
def no_export(monkeypatch):
    """Leaves out the export in this process, for tests of what was learned: a tuned network's takes seconds."""
    monkeypatch.setattr(worker, "_do_steps", lambda *_: True)


def start_worker(run: Run) -> subprocess.Popen:
    return start_python("-m", "transfer_core.jobs.worker", str(run.folder))


def kinds(run: Run) -> list[str]:
    return [type(event).__name__ for event in read_events(run.events_path)[0]]


def kept_epochs(run: Run) -> list[dict]:
    return [
        {key: value for key, value in vars(epoch).items() if key != "time"} for epoch in runs.read_state(run).epochs
    ]


def learned(run: Run) -> dict[str, np.ndarray]:
    """Every number of the model that the run left."""
    arrays = {}
    for path in sorted(run.model_dir.glob("*.safetensors")):
        arrays |= {f"{path.stem}.{name}": value for name, value in read_arrays(path)[0].items()}
    return arrays | {"answers": load_answers(run.evaluation_dir).confidences}


def assert_same(run: Run, other: Run) -> None:
    assert kept_epochs(run) == kept_epochs(other) != []
    ours, theirs = learned(run), learned(other)
    assert ours.keys() == theirs.keys()
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_a_finished_run_has_said_everything_in_order(queue_run):
    run = queue_run(epochs=3)
    assert work(run) == 0
    said = kinds(run)
    milestones = ["RunQueued", "RunStarted", "PhaseStarted", "EpochFinished", "RunFinished", "StepStarted"]
    places = [said.index(kind) for kind in milestones] + [said.index("StepFinished")]
    assert places == sorted(places) and said.count("EpochFinished") == 3
    history = runs.read_state(run)
    assert (
        history.status,
        history.steps["export"].result["changed_labels"],
        history.steps["export"].result["checked"],
    ) == ("finished", 0, 6)
    result = history.result
    assert result["val_accuracy"] == pytest.approx(np.trace(result["confusion_matrix"]) / 6)
    assert (result["train_count"], result["val_count"], result["epochs"]) == (18, 6, 3)
    seconds = result["seconds"]
    assert seconds["features"] + seconds["train"] == pytest.approx(seconds["total"], abs=0.01)
    assert not runs.is_alive(run)
    assert "reserve" not in os.listdir(run.folder) and exported(run)


def test_a_fine_tuned_run_exports_its_own_network(tiny_workspace, queue_run):
    run = queue_run(strategy="full", epochs=2)
    assert work(run) == 0
    history, split = runs.read_state(run), runs.load_split(run)
    assert (
        history.steps["export"].result["changed_labels"] == 0
        and history.steps["export"].result["max_difference"] < 1e-4
    )
    assert not run.checkpoint_path.exists()  # three times as large as the network, and nobody resumes a finished run
    photos = [run.photos_dir / item.file for item in split.val]
    frozen = queue_run(epochs=2)
    assert work(frozen) == 0
    other = check_parity(exported(frozen), split.class_names, photos, load_answers(run.evaluation_dir))
    assert other.max_difference > 1e-3  # another model would have been noticed


_NO_TORCH = """
import sys
from transfer_core.errors import RunError
from transfer_core.jobs import machine, worker
from transfer_core.jobs.job import Job
from transfer_core.jobs.kinds import baselines, export
code = worker.main(sys.argv[1])
print(code, sorted({name.split(".")[0] for name in sys.modules} & {"torch", "timm", "torchvision", "streamlit"}))
"""


def test_a_frozen_run_never_imports_torch(queue_run):
    run = queue_run(epochs=2)
    answer = start_python("-c", _NO_TORCH, str(run.folder))
    said, errors = answer.communicate(timeout=60)
    assert said.splitlines()[-1] == "0 []", errors
    assert runs.read_state(run).status == "finished"


_STANDS_STILL = """
import sys, threading
from transfer_core.runs.events import EpochFinished, EventLog
from transfer_core.errors import RunError
from transfer_core.jobs import machine, worker
from transfer_core.jobs.job import Job
from transfer_core.jobs.kinds import baselines, export
append, last = EventLog.append, int(sys.argv[2])
def append_and_wait(self, event):
    append(self, event)
    if isinstance(event, EpochFinished) and event.step == last:
        threading.Event().wait()
EventLog.append = append_and_wait
worker.main(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("strategy", "epochs", "kill_after"),
    [
        pytest.param("full", 4, 2, marks=pytest.mark.full),  # goes on from a checkpoint
        ("feature_extraction", 100, 60),  # is too quick for one and starts again
    ],
)
def test_a_killed_run_goes_on_to_the_very_same_result(queue_run, no_export, strategy, epochs, kill_after):
    """Killed while it stands still after an epoch, which it would not do by itself: else it might have ended before."""
    whole, killed = (queue_run(strategy=strategy, epochs=epochs) for _ in range(2))
    process = start_python("-c", _STANDS_STILL, str(killed.folder), str(kill_after))
    try:
        wait_for(lambda: kinds(killed).count("EpochFinished") == kill_after)
        assert runs.read_state(killed).status == "running"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert "RunFinished" not in kinds(killed)
    assert runs.read_state(killed).status == "interrupted"
    runs.request_resume(killed)
    assert work(killed) == 0 and work(whole) == 0
    resumed = next(event for event in read_events(killed.events_path)[0] if isinstance(event, events.RunResumed))
    assert (resumed.from_step > 0) is (strategy == "full")
    assert runs.read_state(killed).status == "finished"
    assert_same(killed, whole)


def test_a_stopped_run_keeps_what_it_learned_and_goes_on(queue_run, monkeypatch):
    whole, stopped = queue_run(epochs=40), queue_run(epochs=40)
    stop_at_epoch(stopped, 7, monkeypatch)
    assert work(stopped) == 0
    history = runs.read_state(stopped)
    assert history.status == "stopped" and history.result["epochs"] == 7
    assert history.steps["export"].result["changed_labels"] == 0  # what was learned can be tried and exported
    runs.request_resume(stopped)
    assert work(stopped) == 0 and work(whole) == 0
    assert runs.read_state(stopped).result["epochs"] == 40
    assert_same(stopped, whole)


def stop_at_epoch(run: Run, epoch: int, monkeypatch) -> None:
    """Presses Stop while that epoch is reported, once."""
    append, pressed = EventLog.append, []

    def append_and_stop(self, event):
        append(self, event)
        if self.path == run.events_path and isinstance(event, EpochFinished) and event.step == epoch and not pressed:
            pressed.append(True)
            runs.request_stop(run)

    monkeypatch.setattr(EventLog, "append", append_and_stop)


def test_a_run_stopped_while_it_waited_never_starts_to_learn(queue_run):
    run = queue_run()
    runs.request_stop(run)
    assert runs.read_state(run).status == "stopped"
    assert work(run) == 0  # a worker may have been on its way
    assert runs.read_state(run).status == "stopped"
    assert "PhaseStarted" not in kinds(run)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:900]), "its bytes were changed"),
        (lambda path: path.unlink(), "the file is gone"),
    ],
    ids=["cut", "gone"],
)
def test_a_photo_that_broke_fails_the_run_and_is_named(queue_run, spoil, said):
    run = queue_run()
    photo = sorted(run.photos_dir.iterdir())[3]
    spoil(photo)
    process = start_worker(run)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    failure = runs.read_state(run).failure
    assert said in failure.message and str(photo) in failure.message
    # The runner sends it to worker.log, with its time.
    assert "Traceback" in errors and re.search(r"^\d{4}-\d\d-\d\d .* ERROR transfer_core\.jobs\.worker: ", errors, re.M)
    assert runs.read_state(run).status == "failed"


def test_a_bug_of_ours_is_an_event_too(queue_run, monkeypatch, caplog):
    monkeypatch.setattr(worker.engine, "fit", lambda context: 1 / 0)
    run = queue_run()
    assert work(run) == 1
    failure = runs.read_state(run).failure
    assert failure.message == "Something went wrong inside Graft (ZeroDivisionError: division by zero)."
    assert "Traceback" in caplog.text


def test_a_system_call_that_is_interrupted_is_no_wish_to_stop(queue_run, monkeypatch):
    """As an `InterruptedError` a request to stop looked like this, and the run said that it was stopped."""

    def fail(*_):
        raise InterruptedError(errno.EINTR, "Interrupted system call")

    monkeypatch.setattr(RowStore, "append", fail)
    run = queue_run()
    assert work(run) == 1
    assert runs.read_state(run).status == "failed"


@pytest.mark.parametrize("error", [RuntimeError("onnx"), OSError(errno.EIO, "broken disk"), MemoryError()])
def test_a_failed_export_leaves_the_result_standing(queue_run, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(export.onnx, "export_model", fail)
    run = queue_run(epochs=2)
    assert work(run) == 0
    history = runs.read_state(run)
    assert history.status == "finished" and history.result["epochs"] == 2
    assert history.has_failed("export")


def test_a_cut_off_export_is_made_up_for_without_training_again(queue_run, monkeypatch):
    run = queue_run(epochs=2)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "_do_steps", lambda *_: True)  # the power fails right after the result
        assert work(run) == 0
    before = learned(run)
    assert runs.read_state(run).is_pending("export")
    monkeypatch.setattr(worker, "_carry_out", lambda *_, **__: pytest.fail("trained again"))
    assert work(run) == 0
    assert runs.read_state(run).has_finished("export")
    assert learned(run).keys() == before.keys()


def test_two_workers_never_share_a_run(queue_run):
    run = queue_run()
    with run.lock().acquire():
        process = start_python(
            "-c",
            "import sys; from transfer_core import runs; from transfer_core.jobs import worker\n"
            "lock = runs.Run.lock\n"
            "class Impatient:\n"
            "    def __init__(self, run): self.lock = lock(run)\n"
            "    def acquire(self, **_): return self.lock.acquire(timeout=0.1)\n"
            "runs.Run.lock = Impatient\n"
            "worker.main(sys.argv[1])",
            str(run.folder),
        )
        process.communicate(timeout=60)
    assert process.returncode == 1 and kinds(run) == ["RunQueued"]


def test_a_full_disk_is_said_the_checkpoint_intact_and_the_run_resumable(queue_run, no_export, monkeypatch):
    """Here from the third checkpoint on; `test_a_disk_that_is_really_full` does it by a small file system."""
    whole, run = queue_run(strategy="full", epochs=4), queue_run(strategy="full", epochs=4)
    write, calls = checkpoints.write_arrays, []

    def full_from_the_third(path, *arguments):
        calls.append(path)
        if len(calls) >= 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_arrays", full_from_the_third)
        assert work(run) == 1
    failure = runs.read_state(run).failure
    assert failure.message.startswith("The disk is full") and "Resume" in failure.hint
    assert checkpoints.load_checkpoint(run.checkpoint_path).step == 2
    runs.request_resume(run)
    assert work(run) == 0 and work(whole) == 0
    assert_same(run, whole)


@pytest.fixture
def small_disk(tmp_path):
    """Moves a folder onto a file system of so many bytes; needs the right to mount one."""
    mounted = []

    def move(folder, size: int) -> None:
        content = folder.with_name(folder.name + "-content")
        folder.rename(content)
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "graft-test", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("may not mount a small file system here")
        mounted.append(folder)
        shutil.copytree(content, folder, dirs_exist_ok=True)

    yield move
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small file system")
@pytest.mark.full
def test_a_disk_that_is_really_full(queue_run, small_disk, no_export):
    """The room runs out at the first checkpoint; what is left in it must do for the last words."""
    run = queue_run(strategy="full", epochs=3)
    size = sum(path.stat().st_size for path in run.folder.rglob("*"))
    small_disk(run.folder, size + 1_000_000)  # a checkpoint of the tiny network has 4 MB
    assert work(run) == 1
    assert runs.read_state(run).failure.message.startswith("The disk is full")
    assert not list(run.folder.rglob("*.part"))
    subprocess.run(["mount", "-o", "remount,size=50m", str(run.folder)], check=True)
    runs.request_resume(run)
    assert work(run) == 0
    assert runs.read_state(run).status == "finished"


def test_a_checkpoint_in_the_middle_of_the_head_is_used(queue_run, monkeypatch):
    monkeypatch.setattr(phase, "_CHECKPOINT_EVERY_S", 0)
    whole, run = queue_run(epochs=30), queue_run(epochs=30)
    stop_at_epoch(run, 11, monkeypatch)
    assert work(run) == 0
    runs.request_resume(run)
    assert work(run) == 0 and work(whole) == 0
    resumed = next(event for event in read_events(run.events_path)[0] if isinstance(event, events.RunResumed))
    assert resumed.from_step == 11
    assert_same(run, whole)


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"torn"), lambda path: path.unlink()])
def test_a_checkpoint_that_is_lost_means_from_the_start_and_is_told(queue_run, no_export, monkeypatch, spoil):
    whole, run = queue_run(strategy="full", epochs=2), queue_run(strategy="full", epochs=2)
    stop_at_epoch(run, 1, monkeypatch)
    assert work(run) == 0
    spoil(run.checkpoint_path)
    runs.request_resume(run)
    assert work(run) == 0 and work(whole) == 0
    assert runs.read_state(run).notices == [
        "The last checkpoint of this run could not be read, so training starts again from the beginning."
    ]
    assert runs.read_state(whole).notices == []
    assert_same(run, whole)


# --- what goes wrong after the result ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError("bug"), OSError(errno.ENOSPC, "No space left on device")])
def test_a_finished_run_stays_finished_whatever_follows(queue_run, monkeypatch, error):
    """The disk may be full, or something of ours may break, once the result stands."""
    run = queue_run(epochs=2)
    write, calls = worker.write_json, []

    def break_at_the_end(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise error
        write(*arguments)

    monkeypatch.setattr(worker, "write_json", break_at_the_end)
    monkeypatch.setattr(baselines, "measure_baselines", lambda run: 1 / 0)
    if isinstance(error, OSError):
        assert work(run) == 0
    else:
        with pytest.raises(RuntimeError, match="bug"):
            work(run)
    state = runs.read_state(run)
    assert state.status == "finished" and state.failure is None and state.has_finished("export")
    assert state.steps["baselines"].message.startswith("Something went wrong inside Graft (ZeroDivisionError")
    with pytest.raises(RunError, match="there is nothing to resume"):
        runs.request_resume(run)


def test_a_step_that_this_version_does_not_know_harms_nothing(queue_run):
    run = queue_run(epochs=2)
    assert work(run) == 0
    EventLog(run.events_path).append(events.StepQueued(name="dream"))
    assert work(run) == 0
    state = runs.read_state(run)
    assert "does not know the step 'dream'" in state.steps["dream"].message and state.status == "finished"


@pytest.mark.full
def test_two_workspaces_take_turns_at_the_processor(queue_run):
    """Another workspace's worker holds the machine; ours waits, says so, and can be stopped meanwhile."""
    first, second = queue_run(epochs=2), queue_run(epochs=2)
    done = threading.Event()

    def hold():
        with machine.take_turn(Job(first, lambda event: None)):
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    waiting = threading.Thread(target=work, args=(second,))
    waiting.start()
    wait_for(lambda: [phase.name for phase in runs.read_state(second).phases] == ["wait"])
    runs.request_stop(second)
    waiting.join(30)
    assert runs.read_state(second).status == "stopped"
    done.set()
    holder.join()
    runs.request_resume(second)
    assert work(second) == 0 and runs.read_state(second).status == "finished"
    assert runs.read_state(second).result["seconds"]["total"] < 30  # waiting is not its own work


def test_thumbnails_that_the_intake_left_are_made_after_the_answer(tiny_workspace, tmp_path):
    begun = training.begin(tiny_workspace, draw_dataset(tmp_path / "blots"), {"backbone": RESNET, "epochs": 2})
    cache = thumbnails(tiny_workspace.prepared_dir)
    photos = [item.photo for item in load_items(begun.project)]
    outcome = training.follow(begun.run)
    assert outcome.result.val_count == 6  # the answer is there; nobody has waited for a thumbnail
    wait_for(lambda: runs.read_state(begun.run).has_finished("pictures"))
    assert all(cache.holds(photo) for photo in photos)
    assert runs.read_state(begun.run).steps["pictures"].result == {"made": len(photos)}


def test_a_worker_never_waits_for_the_lock_that_it_holds(queue_run, monkeypatch):
    """To ask whether it lives took a tenth of a second, which `seconds` counted as training."""
    monkeypatch.setattr(runs.run, "is_alive", lambda run: pytest.fail("the worker asked whether it lives"))
    assert work(queue_run(epochs=2)) == 0


def test_without_a_common_folder_a_run_is_done_all_the_same(queue_run, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRAFT_MACHINE_DIR", str(tmp_path / "file" / "machine"))
    assert work(queue_run(epochs=2)) == 0
