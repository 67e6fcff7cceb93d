"""The catalogue of pretrained networks, through app.py."""

from dataclasses import replace

import pytest

from tests.helpers import PATIENCE_S, RESNET, VIT, pretend_speed, tiny_row
from tests.pages.conftest import button, charts, errors, press, said, write
from tests.pages.test_page_train import RESULT, use
from transfer_core import runs
from transfer_core.advice.machine_speed import next_request
from transfer_core.backbones import catalog
from transfer_core.runs import WeightsSpec, events
from transfer_core.services import weights


@pytest.fixture
def online(monkeypatch):
    """As if the model hub answered."""
    monkeypatch.setattr(weights.weights, "check_reachable", lambda row: None)


def shown(app) -> list[str]:
    """Names of the networks on the page, in order."""
    return [entry.key.removeprefix("use-") for entry in app.button if (entry.key or "").startswith("use-")]


def test_every_network_says_where_it_is_what_it_suits_and_what_its_licence_allows(visit, project):
    app = visit("backbones", project=project.id)
    assert shown(app) == [*catalog.BUILT_IN, RESNET, VIT]
    text = said(app).replace("\\", "")
    assert "**EfficientNet-Lite0** :green-badge[:material/check: chosen] :green-badge[on this computer]" in text
    assert "**ResNet-18** :gray-badge[download of 47 MB]" in text
    assert "**Good for:** Lessons, and quick fine-tuning. **Less good for:**" in text
    assert (
        "**ConvNeXt V2 Atto** :gray-badge[download of 15 MB] :red-badge[:material/gavel: not for commercial use]"
        in text
    )
    assert "CC-BY-NC-4.0: Not for commercial use: private, school and research projects only." in text
    assert f"**Tiny {RESNET}** :green-badge[on this computer] :orange-badge[not checked by us]" in text
    assert "33 networks of 33. Chosen: **EfficientNet-Lite0**" in text


def test_search_filters_and_order(visit, project):
    app = visit("backbones", project=project.id)
    app.text_input(key="find-backbone").set_value("  DINO registers ")
    assert shown(app.run()) == ["vit_small_patch14_reg4_dinov2.lvd142m", "vit_base_patch14_reg4_dinov2.lvd142m"]
    app.selectbox(key="most-mb").set_value(100)
    assert shown(app.run()) == ["vit_small_patch14_reg4_dinov2.lvd142m"]
    app.text_input(key="find-backbone").set_value("convnext")
    app.selectbox(key="most-mb").set_value(None)
    app.toggle(key="is-free").set_value(True)
    assert shown(app.run()) == ["convnext_tiny.fb_in22k_ft_in1k", "convnext_base.fb_in22k_ft_in1k"]
    app.text_input(key="find-backbone").set_value("")
    app.toggle(key="is-here").set_value(True)
    app.selectbox(key="sort-backbones").set_value("Name")
    assert shown(app.run())[:3] == [f"tf_efficientnet_lite{number}" for number in range(3)]
    app.selectbox(key="family").set_value("transformer")
    assert shown(app.run()) == []
    assert "No network fits all of this" in said(app)


def test_what_was_chosen_for_others_can_be_asked_for(visit, project):
    app = visit("backbones", project=project.id)
    app.pills(key="group").set_value("course")
    assert shown(app.run()) == ["vgg16.tv_in1k", "inception_v3.tv_in1k", "resnet18.a1_in1k", "resnet50.a1_in1k"]


def test_a_network_is_taken_for_the_next_run(visit, project, workspace):
    app = use(visit("backbones", project=project.id), RESNET)
    assert app.title[0].value == "Train" and f"Tiny {RESNET}" in said(app).replace("\\", "")
    press(app, "Train")
    assert runs.list_runs(workspace, project)[0].config.backbone == RESNET


def test_offline_a_download_says_what_can_be_done_and_starts_nothing(visit, project, workspace):
    app = visit("backbones", project=project.id).button(key="get-resnet18.a1_in1k").click().run()
    [message] = errors(app)
    assert "needs a download of 47 MB, and the model hub cannot be reached" in message
    assert runs.list_runs(workspace, project, kind="weights") == []


def test_a_download_is_shown_and_can_be_stopped(visit, project, workspace, online):
    app = visit("backbones", project=project.id).button(key="get-resnet18.a1_in1k").click().run()
    [run] = runs.list_runs(workspace, project, kind="weights")
    assert run.spec == WeightsSpec("resnet18.a1_in1k")
    with run.lock():
        write(run, events.RunStarted(), events.Progress(done=12_000_000, total=48_000_000))
        app.run()
        assert "Downloading: 12 of 48 MB" in said(app)
        assert not [entry for entry in app.button if entry.key == "get-resnet18.a1_in1k"]
        press(app, "Stop")
        assert runs.stop_requested(run)


def test_a_download_that_failed_says_why_and_can_be_tried_again(visit, project, workspace, online):
    run = runs.create(project, WeightsSpec("resnet18.a1_in1k"))
    write(run, events.RunStarted(), events.RunFailed(message="It arrived damaged.", hint="Try again."))
    app = visit("backbones", project=project.id)
    assert "It arrived damaged. Try again." in errors(app)[0].replace("\\", "")
    assert errors(app.button(key="get-resnet18.a1_in1k").click().run()) == []
    assert len(runs.list_runs(workspace, project, kind="weights")) == 1


def test_a_download_that_is_done_is_no_longer_shown(visit, project):
    run = runs.create(project, WeightsSpec("resnet18.a1_in1k"))
    write(run, events.RunStarted(), events.RunFinished(result={"backbone": "resnet18.a1_in1k"}))
    assert not visit("backbones", project=project.id).get("progress")


def test_speeds_are_measured_once_and_shown(visit, project, workspace):
    app = visit("backbones", project=project.id)
    app = press(app, "Measure the speed of 2 networks")  # the others' are known
    assert "Graft is measuring how fast 2 networks are on this computer." in said(app)
    assert next_request(workspace)
    for number in (1, 2):
        pretend_speed(workspace, catalog.BUILT_IN[f"tf_efficientnet_lite{number}"])
    app.run()
    assert "200 photos per second here" in said(app)
    assert not [entry for entry in app.button if entry.label.startswith("Measure")]


def test_results_stand_in_a_picture_of_accuracy_and_speed(visit, project, workspace, queue_run):
    assert not charts(visit("backbones", project=project.id))
    write(queue_run(backbone=catalog.BUNDLED), events.RunStarted(), events.RunFinished(result=RESULT))
    write(
        queue_run(backbone=catalog.BUNDLED, strategy="scratch"), events.RunStarted(), events.RunFinished(result=RESULT)
    )
    [figure] = charts(visit("backbones", project=project.id)).values()
    [dots] = figure["data"]
    assert len(dots["x"]) == 1 and dots["text"][0].startswith("EfficientNet-Lite0, Fr")


def test_the_row_of_somebody_else_is_shown_literally(visit, project, workspace):
    row = replace(tiny_row(RESNET), name="other", title="<b>$x$ [a](b)", licence="**mine**")
    catalog.save_row(row, workspace.weights_dir)
    app = visit("backbones", project=project.id)
    assert r"**\<b\>\$x\$ \[a\]\(b\)**" in said(app) and r"Licence \*\*mine\*\*" in said(app)
    assert ":material/gavel: licence unknown" in said(app)
    assert button(app, "Back to Train")


@pytest.mark.full
@pytest.mark.training
def test_another_network_of_timm_is_added_by_its_name(visit, project):
    app = visit("backbones", project=project.id)
    assert button(app, "Add this network").disabled
    app.text_input(key="timm-name").set_value("resnet9000").run()
    app = button(app, "Add this network").click().run(timeout=PATIENCE_S)
    assert "has no network called 'resnet9000'" in errors(app)[0].replace("\\", "")
    app.text_input(key="timm-name").set_value("resnet34.a1_in1k").run()
    app = button(app, "Add this network").click().run(timeout=PATIENCE_S)
    assert "resnet34.a1_in1k is in the list now." in said(app).replace("\\", "")
    assert "resnet34.a1_in1k" in shown(app) and "download of 85 MB" in said(app)
