"""The program that does one run: `python -m transfer_core.jobs.worker RUN_FOLDER`.

With `--standby HOME` in place of the folder it does its imports and then waits for the folder's name on its input.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from transfer_core import runs, strategies
from transfer_core.backbones import catalog, onnx_backbone, weights
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.evaluation import test_set
from transfer_core.evaluation.baselines import load_baselines, measure_baselines, save_baselines
from transfer_core.evaluation.result import ValAnswers, evaluate, load_answers, save_evaluation
from transfer_core.export import onnx as onnx_export
from transfer_core.export.parity import check_parity
from transfer_core.jobs.gpus import VISIBLE
from transfer_core.jobs.heartbeat import beating
from transfer_core.jobs.messages import describe_error, notices
from transfer_core.runs import Run, events
from transfer_core.runs.state import RunState, reduce_events
from transfer_core.strategies import Facts
from transfer_core.support.arrays import read_arrays, write_arrays
from transfer_core.training import engine
from transfer_core.training.checkpoints import load_checkpoint
from transfer_core.training.context import Emit, TrainContext, Trained
from transfer_core.training.linear_probe.head import Head
from transfer_core.training.plan import Plan, load_plan, save_plan
from transfer_core.training.short_run_results import save_preview, save_sweep
from transfer_core.workspace import Workspace, write_json

_LOOKING = ("features", "prepare")
_ONCE_PER_MACHINE = ("download", "export_trunk", "imports")  # not this run's own work


def main(run_folder: str) -> int:
    """Does the run and returns the exit code; whatever goes wrong becomes an event with advice."""
    workspace = Workspace(Path(run_folder).resolve().parents[3])
    run = runs.open_run(workspace, run_folder)
    # Whoever looks at the run holds its lock for less than a millisecond; the usual 50 between two tries would be felt.
    with run.lock().acquire(timeout=10, poll_interval=0.005), beating(run.folder / "heartbeat"):
        started = time.time()
        _write_worker_info(run, started)
        log = events.EventLog(run.events_path)
        try:
            runs.keep_reserve(run)
            _work(workspace, run, log)
            _write_worker_info(run, started)
            return 0
        # The one place where everything is caught: the traceback goes to worker.log, the advice to the person.
        except BaseException as error:
            runs.free_reserve(run)  # first, for what follows writes, perhaps on a full disk
            traceback.print_exc()
            message, hint = describe_error(error)
            log.append(events.RunFailed(message=message, hint=hint))
            return 1
        finally:
            runs.free_reserve(run)


def _write_worker_info(run: Run, started: float) -> None:
    """Says who works on the run, on which GPU, and whether it has needed torch until now."""
    who = {"pid": os.getpid(), "started": started, "gpu": os.environ.get(VISIBLE), "torch": "torch" in sys.modules}
    write_json(run.folder / "worker.json", who)


def _work(workspace: Workspace, run: Run, log: events.EventLog) -> None:
    history = _own_history(run)
    # "running" is one that was cut off and is ours now; one that was stopped before we came stays stopped.
    if history.status in ("queued", "running"):
        _carry_out(workspace, run, log, resumed=history.started is not None)
    if _own_history(run).needs_export:
        _export(workspace, run, log)
    if _own_history(run).needs_opening:
        _open_test_part(run, log)
    _add_baselines(run)


def _own_history(run: Run) -> RunState:
    """As `runs.read_history`, but without the 50 ms for which that tries to take the lock that we hold."""
    return reduce_events(RunState(run.kind, alive=True), events.read_events(run.events_path)[0])


def _carry_out(workspace: Workspace, run: Run, log: events.EventLog, resumed: bool) -> None:
    """Does what the run's kind asks for, from its first event to its last."""
    if resumed:
        checkpoint = load_checkpoint(run.checkpoint_path)
        log.append(events.RunResumed(from_step=checkpoint.step if checkpoint else 0))
    else:
        log.append(events.RunStarted())
    if runs.stop_requested(run):  # while it was waiting; `request_resume` takes earlier requests back
        log.append(events.RunStopped(result=None))
        return
    if run.kind not in _KINDS:
        raise RunError(f"This is a run of the kind '{run.kind}', which this version of Graft does not know. Delete it.")
    split = runs.load_split(run)
    if run.kind == "train" and not resumed:
        for message in notices(run.config, split):
            log.append(events.Notice(message=message))
    try:
        end = _KINDS[run.kind](run, split, _throttled(log))
    except InterruptedError:
        end = events.RunStopped(result=None)
    log.append(end)


def _train(run: Run, split: Split, emit: Emit) -> events.Event:
    context = _build_context(run, split, emit)
    trained = engine.fit(context)
    if trained is None:
        return events.RunStopped(result=None)
    answers = ValAnswers(trained.val_confidences, context.val_ids)
    result = evaluate(split, answers, trained.epochs, _seconds(run))
    save_evaluation(run.evaluation_dir, result, answers)
    _save_model(run, trained)
    end = events.RunStopped if trained.stopped else events.RunFinished
    return end(result=result.to_json())


def _find_rate(run: Run, split: Split, emit: Emit) -> events.Event:
    context = _build_context(run, split, emit)
    from transfer_core.training import lr_finder

    found = lr_finder.find_lr(context)
    save_sweep(run.evaluation_dir, found)
    return events.RunFinished(result={"suggestion": found.suggestion, "steps": len(found.rates)})


def _preview(run: Run, split: Split, emit: Emit) -> events.Event:
    backbone = catalog.find(run.config.backbone, run.workspace.weights_dir)
    _start_torch(run, emit)
    from transfer_core.training import augmentation_preview

    rows = augmentation_preview.draw_preview(run, split, backbone.preparation, emit, lambda: runs.stop_requested(run))
    save_preview(run.evaluation_dir, rows)
    return events.RunFinished(result={"rows": len(rows)})


# What a run of each kind does, and how it ends; InterruptedError where a person stopped it with nothing to keep.
_KINDS: dict[str, Callable[[Run, Split, Emit], events.Event]] = {
    "train": _train,
    "preview": _preview,
    "find_rate": _find_rate,
}


def _build_context(run: Run, split: Split, emit: Emit) -> TrainContext:
    workspace = run.workspace
    backbone = catalog.find(run.config.backbone, workspace.weights_dir)
    plan = _get_ready(run, Facts(split.train_sizes, backbone), emit)
    return TrainContext(workspace, run, split, backbone, plan, emit, lambda: runs.stop_requested(run))


def _get_ready(run: Run, facts: Facts, emit: Emit) -> Plan:
    """What is done once per machine (weights, trunk), the slow imports, and the plan; InterruptedError when stopped."""
    weights_dir, backbone = run.workspace.weights_dir, facts.backbone

    def report(done: int, total: int) -> None:
        emit(events.Progress(done=done >> 20, total=total >> 20, unit="MB"))
        if runs.stop_requested(run):
            raise InterruptedError

    if weights.state(backbone, weights_dir) == "download":
        emit(events.PhaseStarted(name="download", title=f"Downloading {backbone.title}"))
        weights.download(backbone, weights_dir, report)
    if not onnx_backbone.trunk_path(backbone, weights_dir).is_file():
        emit(events.PhaseStarted(name="export_trunk", title="Preparing the backbone (only once on this machine)"))
        onnx_backbone.ensure_trunk(backbone, weights_dir)
    planned = load_plan(run.plan_path)
    phases = planned.phases if planned else strategies.plan(run.config, facts)[0]
    if engine.needs_torch(phases):
        _start_torch(run, emit)
    plan = engine.fit_to_machine(planned) if planned else engine.make_plan(run.config, facts)
    if planned and plan != planned:
        emit(
            events.Notice(
                message="The graphics card that this run began on is gone. Training continues on the processor."
            )
        )
    if plan != planned:
        save_plan(run.plan_path, plan)
    return plan


def _start_torch(run: Run, emit: Emit) -> None:
    emit(events.PhaseStarted(name="imports", title="Starting PyTorch"))
    _torch_marker(run.workspace).touch()
    engine.import_torch()


def _save_model(run: Run, trained: Trained) -> None:
    if trained.network is not None:
        state = {name: value.numpy() for name, value in trained.network.state_dict().items()}
        write_arrays(run.model_dir / "network.safetensors", state, {"order": list(state)})
    write_arrays(run.model_dir / "head.safetensors", {"weight": trained.head.weight, "bias": trained.head.bias})


def _export(workspace: Workspace, run: Run, log: events.EventLog) -> None:
    """Writes the ONNX model and holds it against the trained one; the run's result stands whatever comes of it."""
    log.append(events.ExportStarted())
    began = time.monotonic()
    try:
        backbone = catalog.find(run.config.backbone, workspace.weights_dir)
        split = runs.load_split(run)
        trunk = onnx_export.load_trunk(backbone, workspace.weights_dir, run.model_dir / "network.safetensors")
        head = Head(**read_arrays(run.model_dir / "head.safetensors")[0])
        onnx_export.export_model(backbone, trunk, head, split.class_names, run.model_path)
        paths = [run.photos_dir / item.file for item in split.val]
        parity = check_parity(run.model_path, split.class_names, paths, load_answers(run.evaluation_dir))
    except Exception as error:  # whatever it is, the training has succeeded and must not be called failed
        traceback.print_exc()
        log.append(events.ExportFailed(message=describe_error(error)[0]))
        return
    log.append(
        events.ExportFinished(
            changed_labels=parity.changed_labels,
            max_difference=parity.max_difference,
            checked=parity.checked,
            seconds=time.monotonic() - began,
        )
    )


def _open_test_part(run: Run, log: events.EventLog) -> None:
    """Lets the exported model answer the photos that were held back; one that was cut off comes to the same answer."""
    emit = _throttled(log)
    emit(events.OpeningStarted())
    try:
        test_set.open_test_part(run, lambda done, total: emit(events.Progress(done=done, total=total)))
    except Exception as error:  # as with the export, the training has succeeded
        traceback.print_exc()
        log.append(events.OpeningFailed(message=" ".join(describe_error(error)).strip()))
        return
    log.append(events.OpeningFinished())


def _add_baselines(run: Run) -> None:
    """Writes down what goes without a network; last, for nobody waits for it and nothing depends on it."""
    if run.kind != "train" or _own_history(run).result is None or load_baselines(run.evaluation_dir):
        return
    try:
        save_baselines(run.evaluation_dir, measure_baselines(run))
    except Exception:  # the result stands, and the page says that these figures are missing
        traceback.print_exc()


def _throttled(log: events.EventLog) -> Emit:
    """Passes events on to the log, progress at most twice a second."""
    last = 0.0

    def emit(event: events.Event) -> None:
        nonlocal last
        if isinstance(event, events.PhaseStarted):
            last = 0.0
        elif isinstance(event, events.Progress):
            if event.time - last < 0.5 and event.done < event.total:
                return
            last = event.time
        log.append(event)

    return emit


def _seconds(run: Run) -> dict[str, float]:
    """total, features (intake and looking at photos) and train (the rest), interruptions left out."""
    history = runs.read_state(run)
    looking = run.intake_s + sum(history.spent_s.get(name, 0) for name in _LOOKING)
    own = sum(seconds for name, seconds in history.spent_s.items() if name not in (*_LOOKING, *_ONCE_PER_MACHINE))
    train = own + time.time() - history.last_time
    return {"total": round(looking + train, 3), "features": round(looking, 3), "train": round(train, 3)}


def _wait_for_run(workspace: Workspace) -> str | None:
    """The folder of the run that the runner gives us, our output then going to its log; None when it wants none."""
    if _torch_marker(workspace).exists():
        engine.import_torch()
    folder = os.fsdecode(sys.stdin.buffer.readline().rstrip(b"\n"))
    if not folder:
        return None
    with (Path(folder) / "worker.log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    return folder


def _torch_marker(workspace: Workspace) -> Path:
    """Says that runs of this workspace have needed torch, so that standby workers import it ahead."""
    return workspace.home / "needs-torch"


if __name__ == "__main__":
    standby = sys.argv[1] == "--standby"
    folder = _wait_for_run(Workspace(Path(sys.argv[2]))) if standby else sys.argv[1]
    sys.exit(main(folder) if folder else 0)
