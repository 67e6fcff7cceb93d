import shutil
import threading
import time
from dataclasses import replace
from unittest.mock import Mock

import pytest
from PIL import Image

from pages._shared import session
from pages._train import live
from tests.helpers import RESNET, VIT, fill_project, rewrite_labels, tiny_row
from tests.pages.conftest import after_epochs, button, charts, errors, press, run_chooser, said, write
from transfer_core import runs, strategies
from transfer_core.advice.machine_speed import Speed, next_request, save_speed
from transfer_core.backbones import catalog
from transfer_core.data.labels.dataset import load_items
from transfer_core.evaluation import test_set
from transfer_core.jobs import launch
from transfer_core.jobs.launch import card_path
from transfer_core.runs import events
from transfer_core.runs.state import RunState
from transfer_core.services import previews
from transfer_core.support.files import read_json, write_json
from transfer_core.training.plan import Plan, save_plan
from transfer_core.training.short_run_results import PreviewPicture, PreviewRow, save_preview

MATRIX = [[2, 0, 0], [0, 1, 1], [0, 0, 2]]
RESULT = {
    "class_names": ["blue", "green", "red"],
    "train_count": 18,
    "val_count": 6,
    "val_accuracy": 5 / 6,
    "val_interval": (0.44, 0.97),
    "confusion_matrix": MATRIX,
    "epochs": 10,
    "seconds": {"total": 1.0, "features": 0.5, "train": 0.5},
}


def use(app, name: str):
    """Takes a network in the catalogue, which leads back to Train."""
    app = app.switch_page("pages/backbones.py").run()  # AppTest itself does not follow to where a page leads
    app = app.button(key=f"use-{name}").click().run()
    assert app.title[0].value == "Train"
    return app.switch_page("pages/train.py").run()


def points(app, key: str) -> int:
    """How many epochs the solid curve of a chart has."""
    return max(len(trace["x"]) for trace in charts(app)[key]["data"])


def test_too_few_classes_lead_to_photos(visit, workspace):
    empty = workspace.create_project("Empty")
    app = visit("train", project=empty.id)
    assert "at least two classes" in said(app)
    assert press(app, "Add photos").title[0].value == "Photos"


def test_before_the_first_run_it_says_what_will_happen(visit, project):
    text = said(visit("train", project=project.id)).replace("\\", "")
    assert "EfficientNet-Lite0 sees your 24 photos once; then a small new layer learns your 3 classes." in text


def test_it_says_how_long_and_how_much_memory(visit, project, workspace):
    text = said(visit("train", project=project.id)).replace("\\", "")
    assert "**About\u00a01\u00a0s.**" in text and "Training needs about 0.2 GB of memory" in text
    huge = Speed(0, 0, 1, 0, 0, 1e15)
    save_speed(workspace, catalog.BUILT_IN[catalog.BUNDLED], huge)
    app = visit("train", project=project.id)
    assert "**About\u00a024\u00a0s.**" in said(app).replace("\\", "")
    assert any("Close other programs" in warning.value for warning in app.warning)


def test_a_machine_whose_speed_is_not_known_is_tried(visit, project, workspace, monkeypatch):
    shutil.rmtree(workspace.home / "speeds")
    monkeypatch.setattr(launch, "start_detached", lambda *_, **__: None)  # nobody is to grant the wish
    app = visit("train", project=project.id)
    assert "measuring this computer's speed" in said(app) and "About" not in said(app)
    assert next_request(workspace)[1] == catalog.BUNDLED


def test_train_makes_one_run_with_the_suggested_settings(visit, project, workspace):
    app = press(visit("train", project=project.id), "Train")
    [run] = runs.list_runs(workspace, project)
    assert run.config == type(run.config)()
    assert errors(app) == [] and app.query_params["run"] in (run.id, [run.id])
    assert not button(app, "Leave the queue").disabled


def test_advanced_settings_reach_the_run(visit, project, workspace):
    app = press(visit("train", project=project.id), "All layers at once")
    for key, value in (("epochs", 7), ("batch_size", 4), ("learning_rate", 0.002), ("seed", 3)):
        app.number_input(key=f"setting-{key}").set_value(value)
    app.slider(key="setting-val_fraction").set_value(0.5)
    app.selectbox(key="setting-augmentation").set_value("none")
    app.toggle(key="setting-mirror").set_value(False)
    app.selectbox(key="setting-class_weights").set_value("yes")
    app.run()
    press(app, "Train")
    [run] = runs.list_runs(workspace, project)
    written = read_json(run.folder / "config.json")["spec"]["config"]
    asked = {
        "strategy": "full",
        "epochs": 7,
        "batch_size": 4,
        "learning_rate": 0.002,
        "augmentation": "none",
        "mirror": False,
        "class_weights": True,
        "val_fraction": 0.5,
        "seed": 3,
    }
    assert {key: written[key] for key in asked} == asked
    assert len(runs.load_split(run).val) == 12


def test_the_rules_say_what_they_come_to_and_why(visit, project):
    app = press(visit("train", project=project.id), "All layers at once")
    epochs, weights = app.number_input(key="setting-epochs"), app.selectbox(key="setting-class_weights")
    assert epochs.value is None and epochs.placeholder == "automatic: 12"
    assert "**Automatic: 12.** 18 photos: about" in epochs.help
    assert "**Automatic: no.**" in weights.help and "similar size" in weights.help


def test_only_settings_that_matter_are_asked(visit, project):
    def keys(app) -> set[str]:
        found = [*app.number_input, *app.selectbox, *app.toggle, *app.slider, *app.text_input]
        return {widget.key.removeprefix("setting-") for widget in found if (widget.key or "").startswith("setting-")}

    app = visit("train", project=project.id)
    assert keys(app) == {"epochs", "class_weights", "val_fraction", "test_fraction", "group_pattern", "seed"}
    app = press(app, "Thorough: fine-tune all layers")
    assert {"learning_rate", "mirror", "early_stopping"} <= keys(app) and "views" not in keys(app)
    assert "views" in keys(press(app, "In between: fine-tune later layers"))


def test_a_setting_counts_in_the_moment_it_is_changed(visit, project, workspace):
    """Typed and clicked at once: no click before it told the page what had been typed."""
    app = press(visit("train", project=project.id), "All layers at once")
    app.number_input(key="setting-batch_size").set_value(8)
    app = press(app, "Find a learning rate")
    assert previews.newest(workspace, project, "lr_finder").config.batch_size == 8
    app.number_input(key="setting-epochs").set_value(200)
    average = app.run().selectbox(key="setting-average_weights")
    assert "**Automatic: yes.**" in average.help and "With 400 steps" in average.help
    app.selectbox(key="setting-augmentation").set_value("strong")
    app = press(app, "Show examples with my photos")
    preview = previews.newest(workspace, project, "preview")
    assert preview.config.augmentation == "strong"
    preview.evaluation_dir.mkdir()
    Image.new("RGB", (8, 8)).save(preview.evaluation_dir / "0.png")
    save_preview(preview.evaluation_dir, [PreviewRow("a.png", (PreviewPicture("0.png", {}),))])
    write(preview, events.RunStarted(), events.RunFinished(result={}))
    assert "as training may use it" in said(app.run())
    app.selectbox(key="setting-augmentation").set_value("light")
    assert button(app.run(), "Show examples with my photos")  # those of before are no longer what one would get


def test_what_is_left_to_the_rule_stays_so(visit, project, workspace):
    app = press(visit("train", project=project.id), "All layers at once")
    weights = app.selectbox(key="setting-class_weights")
    assert weights.value == "automatic" and weights.options == ["Automatic", "Yes", "No"]
    weights.set_value("no")
    app.run()
    app.selectbox(key="setting-class_weights").set_value("automatic")
    press(app.run(), "Train")
    assert runs.list_runs(workspace, project)[0].config.class_weights is None


def test_runs_that_look_alike_can_be_told_apart(visit, queue_run, project):
    alike = [write(queue_run(), events.RunStopped(result=None)) for _ in range(3)]
    app = visit("train", project=project.id)
    box = run_chooser(app)
    assert len(set(box.options)) == 3
    for run in alike:
        app = visit("train", project=project.id, run=run.id)
        assert run_chooser(app).value.id == run.id


def test_how_many_stages_stay_is_chosen_by_name(visit, project, workspace):
    app = press(visit("train", project=project.id), "In between: fine-tune later layers")
    slider = app.select_slider(key=f"frozen-stages-{catalog.BUNDLED}")
    assert slider.value == "stage 3"  # of stem and seven stages, half
    slider.set_value("stage 5")
    app.run()
    assert any("2 of 8 stages and the new layer learn" in entry.proto.body for entry in app.get("html"))
    [drawn] = [chart for key, chart in charts(app).items() if key == "layers"]
    assert len(drawn["data"][0]["x"]) == 9
    press(app, "Train")
    [run] = runs.list_runs(workspace, project)
    assert (run.config.strategy, run.config.frozen_stages) == ("partial", 6)


def test_looking_at_the_stages_leaves_them_to_the_rule(visit, project, workspace):
    press(press(visit("train", project=project.id), "In between: fine-tune later layers"), "Train")
    assert runs.list_runs(workspace, project)[0].config.frozen_stages is None


def test_another_backbone_forgets_what_was_chosen_for_the_one_before(visit, project, workspace):
    app = press(visit("train", project=project.id), "In between: fine-tune later layers")
    app.select_slider(key=f"frozen-stages-{catalog.BUNDLED}").set_value("stage 5")
    app.number_input(key="setting-learning_rate").set_value(0.5)
    app = use(press(app.run(), "Change"), RESNET)
    assert app.number_input(key="setting-learning_rate").value is None
    assert app.select_slider(key=f"frozen-stages-{RESNET}").value == "stage 1"
    press(app, "Train")
    config = runs.list_runs(workspace, project)[0].config
    assert (config.backbone, config.frozen_stages, config.learning_rate) == (RESNET, None, None)


def test_what_needs_stages_is_closed_where_they_are_not_known(visit, project, monkeypatch):
    row = replace(catalog.BUILT_IN[catalog.BUNDLED], stages=())
    monkeypatch.setitem(catalog.BUILT_IN, catalog.BUNDLED, row)
    app = visit("train", project=project.id)
    assert button(app, "In between: fine-tune later layers").disabled and not button(app, "All layers at once").disabled
    assert "its description does not list its stages" in said(app)


def test_another_strategy_forgets_the_stages(visit, project, workspace):
    app = press(visit("train", project=project.id), "In between: fine-tune later layers")
    press(press(app, "Quick: new layer only"), "Train")
    [run] = runs.list_runs(workspace, project)
    assert run.config.frozen_stages is None


def test_a_class_without_photos_to_check_with_is_offered_some(visit, workspace, dataset):
    for name in ("red", "green", "blue"):
        (dataset / "train").mkdir(exist_ok=True)
        (dataset / name).rename(dataset / "train" / name)
    for name in ("red", "green"):
        (dataset / "val" / name).mkdir(parents=True)
        first = sorted((dataset / "train" / name).iterdir())[0]
        first.rename(dataset / "val" / name / first.name)
    project = fill_project(workspace, dataset)
    app = visit("train", project=project.id)
    assert "no validation photos of 'blue'" in app.warning[0].value
    refused = press(app, "Train")
    assert "Class 'blue' has no validation photos" in errors(refused)[0].replace("\\", "")
    refused.toggle(key="setting-fill_val").set_value(True)
    press(refused.run(), "Train")
    [run] = runs.list_runs(workspace, project)
    assert {item.class_name for item in runs.load_split(run).val} == {"red", "green", "blue"}


def test_an_earlier_run_can_be_gone_on_from(visit, finished, workspace):
    app = press(visit("train", project=finished.project_id), "Train again")
    app = press(use(press(app, "Change"), RESNET), "All layers at once")
    app.selectbox(key="begin-with").set_value(finished.id)
    app.slider(key="setting-val_fraction").set_value(0.25)
    app.run()
    assert "as the earlier run left it, sees your 24 photos again and again, and all its layers" in said(app)
    press(app, "Train again")
    newest = runs.list_runs(workspace)[0]
    assert newest.config.continue_from == finished.id


def test_chosen_backbone_reaches_the_run(visit, project, workspace):
    app = use(press(visit("train", project=project.id), "Change"), RESNET)
    assert f"Tiny {RESNET}" in said(app).replace("\\", "")
    press(app, "Train")
    [run] = runs.list_runs(workspace, project)
    assert run.config.backbone == RESNET


def test_backbone_that_needs_a_download_says_so_within_ten_seconds_offline(visit, project, workspace):
    app = use(press(visit("train", project=project.id), "Change"), "resnet50.a1_in1k")
    assert "Graft first downloads" in said(app)
    began = time.monotonic()
    app = press(app, "Train")
    assert time.monotonic() - began < 10
    [message] = errors(app)
    assert "EfficientNet-Lite0" in message.replace("\\", "")  # what can be done
    assert runs.list_runs(workspace, project) == []


def test_class_of_one_photo_is_refused_with_the_remedy(visit, workspace, project):
    [*_, last] = [item.id for item in load_items(project) if item.class_name == "red"]
    rewrite_labels(project, lambda lines: [line for line in lines if line["class_name"] != "red" or line["id"] == last])
    app = press(visit("train", project=project.id), "Train")
    [message] = errors(app)
    assert "Class 'red' has 1 photo" in message.replace("\\", "")
    assert runs.list_runs(workspace, project) == []


def test_queued_run(visit, project, queue_run):
    queue_run()
    app = visit("train", project=project.id)
    assert "Starting" in said(app) and button(app, "Leave the queue")
    assert "Train again" not in [entry.label for entry in app.button]


def test_queued_run_behind_another_says_how_many_are_before_it(visit, project, queue_run):
    queue_run()
    last = queue_run()
    assert "Waiting for 1 other run" in said(visit("train", project=project.id, run=last.id))


def test_queued_run_beside_another_on_a_second_gpu_starts(visit, project, training, queue_run, workspace):
    last = queue_run()
    assert "Waiting for 'All at once'" in said(visit("train", project=project.id, run=last.id)).replace("\\", "")
    write_json(card_path(workspace), {"slots": 2})
    assert "Starting" in said(visit("train", project=project.id, run=last.id))


def test_queued_run_that_is_stopped_leaves_the_queue(visit, project, queue_run):
    run = queue_run()
    app = press(visit("train", project=project.id), "Leave the queue")
    assert runs.read_state(run).status == "stopped"
    assert "stopped before the model learned anything" in said(app)


def test_running_run_looking_at_photos(visit, project, queue_run):
    looking = [events.PhaseStarted(name="features", title="Looking at photos"), events.Progress(done=9, total=24)]
    run = write(queue_run(), events.RunStarted(), *looking)
    with run.lock():
        app = visit("train", project=project.id)
    assert "Looking at photos: 9 of 24 photos" in said(app)
    assert app.progress[0].value == 37
    assert charts(app) == {}


def test_running_run_shows_curves_and_matrix_and_grows(visit, project, training):
    app = visit("train", project=project.id)
    text = said(app)
    assert r"Fine\-tuning all layers: epoch 2 of 10" in text
    assert "You can close this page" in text
    assert points(app, "loss") == points(app, "accuracy") == 2 and "matrix" in charts(app)
    write(training, after_epochs(3)[-1])
    assert "epoch 3 of 10" in said(app.run()) and points(app, "loss") == 3


def test_a_spoilt_plan_hides_the_steps_and_nothing_else(visit, project, training):
    training.plan_path.write_text("{")
    assert r"Fine\-tuning all layers: epoch 2 of 10" in said(visit("train", project=project.id))


def test_stop_asks_the_worker_once(visit, project, training):
    app = press(visit("train", project=project.id), "Stop and keep the model")
    assert errors(app) == [] and runs.stop_requested(training)
    assert button(app, "Stopping").disabled


def test_interrupted_run_can_be_resumed(visit, project, queue_run):
    run = write(queue_run(strategy="full", epochs=10), events.RunStarted(), *after_epochs(4))
    app = visit("train", project=project.id)
    assert "This run was interrupted." in said(app) and points(app, "loss") == 4
    assert button(app, "Train again")
    app = press(app, "Resume")
    assert runs.read_state(run).status == "queued"
    assert errors(app) == [] and button(app, "Leave the queue")


def test_resumed_run_forgets_the_epochs_after_its_checkpoint(visit, project, queue_run):
    run = write(queue_run(strategy="full", epochs=10), events.RunStarted(), *after_epochs(4))
    write(run, events.RunQueued(), events.RunResumed(from_step=3))
    with run.lock():
        app = visit("train", project=project.id)
        assert "Starting" in said(app) and points(app, "loss") == 3
        write(run, events.PhaseStarted(name="imports", title="Starting PyTorch"))
        assert "Starting PyTorch" in said(app.run()) and "Starting PyTorch: epoch" not in said(app)
        write(run, after_epochs(1)[0])
        assert r"Fine\-tuning all layers: epoch 3 of 10" in said(app.run())


def steps(app) -> list[str]:
    """What is done, at work and to come."""
    icons = {live.DONE: "done", live.NOW: "now", live.TO_COME: "to come"}
    [line] = [entry.value for entry in app.caption if " → " in entry.value]
    return [icons[step.split(" ")[0]] for step in line.split(" → ")]


def test_the_phase_that_has_just_begun_has_no_epoch_yet(visit, project, queue_run):
    head = replace(after_epochs(1)[1], phase="head", epoch=100, epochs=100)
    everything, first = after_epochs(1)
    run = write(
        queue_run(strategy="lp_ft"),
        events.RunStarted(),
        events.PhaseStarted(name="features", title="Looking at photos"),
        events.PhaseStarted(name="head", title="Training the new layer", epochs=100),
        head,
        everything,
        events.Progress(done=3, total=12, unit="photos"),
    )
    phases, resolved = strategies.plan(run.config, strategies.Facts((6, 6, 6), tiny_row(RESNET)))
    save_plan(run.plan_path, Plan(phases, resolved.config, 8))
    with run.lock():
        app = visit("train", project=project.id)
        assert r"Fine\-tuning all layers: 3 of 12 photos" in said(app) and app.progress[0].value == 25
        assert steps(app) == ["done", "now"]
        write(run, replace(first, step=101))
        app.run()
        assert r"Fine\-tuning all layers: epoch 1 of 10" in said(app)
        write(run, events.RunQueued(), events.RunResumed(from_step=101))
        write(run, events.PhaseStarted(name="imports", title="Starting PyTorch"))
        assert steps(app.run()) == ["done", "now"]


def test_stopped_run_with_a_result(visit, project, queue_run):
    stopped = [events.RunStarted(), *after_epochs(3), events.RunStopped(result=RESULT)]
    write(queue_run(strategy="full", epochs=10), *stopped)
    text = said(visit("train", project=project.id))
    assert "Stopped early." in text and "5 of 6 validation photos right" in text
    assert "Resume" in text and "See the results" in text


def test_stopped_run_without_a_result(visit, project, queue_run):
    write(queue_run(), events.RunStarted(), events.RunStopped(result=None))
    app = visit("train", project=project.id)
    assert "stopped before the model learned anything" in said(app) and button(app, "Resume")


def test_failed_run_says_what_to_do_and_keeps_the_log_at_hand(visit, project, queue_run):
    run = write(queue_run(), events.RunStarted(), events.RunFailed(message="The *disk* is full.", hint="Free some."))
    run.log_path.write_text("\n".join(f"line {i}" for i in range(200)))
    app = visit("train", project=project.id)
    assert errors(app) == [r"The \*disk\* is full\. Free some\."]
    assert "Details for a bug report" in [entry.label for entry in app.expander]
    assert app.code[0].value.splitlines()[-1] == "line 199" and "line 100" not in app.code[0].value
    assert button(app, "Resume")


def test_failed_run_without_a_log(visit, project, queue_run):
    write(queue_run(), events.RunStarted(), events.RunFailed(message="No.", hint="Again."))
    app = visit("train", project=project.id)
    assert len(errors(app)) == 1 and "Details for a bug report" not in [entry.label for entry in app.expander]


def test_finished_run_gives_the_answer_with_its_interval(visit, finished):
    app = visit("train", project=finished.project_id)
    text = said(app)
    assert "6 of 6 validation photos right" in text and "probably between" in text
    assert points(app, "loss") == 30
    assert "Resume" not in text and "Stop and keep the model" not in text
    assert press(app, "See the results").title[0].value == "Understand"


def test_notice_is_shown(visit, project, queue_run):
    write(queue_run(), events.RunStarted(), events.Notice(message="One photo was removed."))
    assert r"One photo was removed\." in said(visit("train", project=project.id))


def test_epochs_of_a_quick_run_are_replayed(visit, project, queue_run, workspace):
    """A head learns in milliseconds: the page that started the run shows its epochs one after the other."""
    app = press(visit("train", project=project.id), "Train")
    [run] = runs.list_runs(workspace, project)
    write(run, events.RunStarted(), *after_epochs(60, of=60), events.RunFinished(result=RESULT))
    shown = []
    while len(shown) < 20 and "Right on 5 of 6" not in said(app):
        app.run()
        shown.append(points(app, "loss"))
    assert shown[0] < 20 and shown[-1] == 60 and shown == sorted(shown) and len(set(shown)) >= 5


def test_each_of_several_runs_can_be_looked_at(visit, finished, workspace):
    project = workspace.open_project(finished.project_id)
    newer = runs.create(project, runs.TrainSpec(finished.config), runs.load_split(finished))
    write(newer, events.RunStarted(), events.RunFailed(message="No.", hint="Again."))
    assert len(errors(visit("train", project=project.id, run=newer.id))) == 1
    assert "6 of 6 validation photos right" in said(visit("train", project=project.id))  # what has a result comes first
    assert "6 of 6 validation photos right" in said(visit("train", project=project.id, run=finished.id))


@pytest.mark.parametrize("backbone", [VIT, "gone.by_hand"])
def test_run_of_a_backbone_that_is_not_in_the_list_is_shown(visit, project, queue_run, backbone):
    write(queue_run(backbone=backbone), events.RunStarted(), *after_epochs(2))
    assert "This run was interrupted." in said(visit("train", project=project.id))


@pytest.mark.parametrize(
    ("phase", "epochs", "now", "expected"),
    [
        (0, [], 1, "fast"),  # photos are looked at, and will be for a moment
        (0, [], 9, "slow"),  # the first epoch takes its time
        (0, [8], 9, "slow"),
        (0, [8, 17], 18, "slow"),
        (0, [1, 2, 3], 4, "fast"),
        (10, [8, 9], 11, "fast"),  # a new phase
        (0, [50, 51], 52, "fast"),  # that the phase began long ago is no standstill
    ],
)
def test_a_page_on_which_little_moves_is_drawn_less_often(monkeypatch, phase, epochs, now, expected):
    """To draw it takes half a core of the machine that trains, if the browser runs on it, too."""
    monkeypatch.setattr(live.st, "session_state", {})
    finished = [replace(after_epochs(1)[-1], time=1000.0 + at) for at in epochs]
    started = events.PhaseStarted(name="everything", title="Learning", time=1000.0 + phase)
    history = RunState(events.RunStarted(time=1000.0), alive=True, phases=[started], epochs=finished)
    paces = {"fast": live.LIVE_TICK_S, "slow": live.SLOW_TICK_S}
    assert live.pace_of(Mock(id="one"), history, 1000.0 + now) == paces[expected]


def test_each_of_many_windows_looks_less_often(monkeypatch):
    """Thirty pupils who watch one run must leave the processor to it."""
    live.last_looks().clear()
    started = events.PhaseStarted(name="everything", title="Learning", time=1000.0)
    history = RunState(events.RunStarted(time=1000.0), alive=True, phases=[started])
    windows = [{} for _ in range(live.MANY + 1)]

    def look(window, now):
        monkeypatch.setattr(live.st, "session_state", window)
        return live.pace_of(Mock(id="one"), history, now)

    assert {look(window, 1001.0) for window in windows[:-1]} == {live.LIVE_TICK_S}
    assert look(windows[-1], 1001.5) == live.SLOW_TICK_S
    assert look(windows[0], 1002.0) == live.SLOW_TICK_S
    history.phases = [replace(started, time=1059.0)]
    assert look(windows[0], 1060.0) == live.LIVE_TICK_S  # the others have gone
    live.last_looks().clear()


def test_two_scripts_of_a_session_do_not_read_a_run_at_once(queue_run, monkeypatch):
    """The one that was told to end would put what it read before over what the other has read since."""
    run = queue_run()
    read, has_read, overtaken = events.read_events, threading.Event(), threading.Event()

    def read_slowly(*where):
        found = read(*where)
        if not has_read.is_set():
            has_read.set()
            overtaken.wait(0.3)
        return found

    monkeypatch.setattr(session.st, "session_state", {})
    session.history(run)
    monkeypatch.setattr(events, "read_events", read_slowly)
    write(run, events.RunStarted(), *after_epochs(2))
    with run.lock():
        ending = threading.Thread(target=session.history, args=(run,))
        ending.start()
        assert has_read.wait(10)
        write(run, events.RunFinished(result=RESULT))
        session.history(run)
        overtaken.set()
        ending.join()
    found = session.history(run)
    assert (found.status, len(found.epochs), len(found.phases)) == ("finished", 2, 1)


# --- what a person is told of time and of the final test ---


def test_after_the_final_test_its_figure_leads(visit, finished, workspace):
    project, split = workspace.open_project(finished.project_id), runs.load_split(finished)
    later = runs.create(project, runs.TrainSpec(replace(finished.config, strategy="full")), split)
    write(later, events.RunStarted(), events.RunFinished(result=RESULT))
    content = read_json(finished.folder / "split.json")
    write_json(finished.folder / "split.json", content | {"test": content["val"]})
    test_set.open_test_part(finished, lambda done, total: None)
    write(finished, events.StepFinished(name="test_set"))
    app = visit("train", project=finished.project_id, run=finished.id)
    assert "**Final test:** 6 of 6 test photos right" in said(app).replace("\\", "")
    assert "Frozen: final test 100%" in run_chooser(app).options


def test_a_wrong_estimate_is_said_in_place_of_the_time_left(visit, training, monkeypatch):
    late = "This takes longer than expected: about 4 min more."
    monkeypatch.setattr("transfer_core.services.waiting.lateness", lambda run, history, now: late)
    [line] = [bar.text for bar in visit("train", project=training.project_id).progress]
    assert line.endswith(f"epoch 2 of 10. {late}")


def test_who_waits_for_another_folder_is_told_for_which(visit, queue_run, monkeypatch):
    run = write(queue_run(), events.RunStarted(), events.PhaseStarted(name="wait", title="Waiting for another"))
    told = "Waiting for a training of 'Moths' in another Graft folder (/home/ann/.graft), about 5 min left"
    monkeypatch.setattr("transfer_core.services.waiting.find_other_home", lambda run: told)
    with run.lock():
        [line] = [bar.text for bar in visit("train", project=run.project_id).progress]
    assert line.replace("\\", "") == told
