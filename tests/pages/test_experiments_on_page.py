"""Variations to look at and the learning rate that is looked for, on a page that has nothing else."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import RESNET, rewrite_labels
from tests.pages.conftest import button, charts, errors, press, said, write
from transfer_core import runs
from transfer_core.jobs import worker
from transfer_core.runs import events
from transfer_core.services import previews
from transfer_core.training.short_run_results import LrSweep, save_sweep
from transfer_core.workspace import Workspace

_PAGE = f"""
import streamlit as st
from pages._shared import session
from pages._train import previews
from pages._shared.widgets import setting_widget
from transfer_core import strategies
from transfer_core.backbones import catalog
from transfer_core.config import TrainConfig

project = session.workspace().open_project(st.query_params["project"])
draft = session.settings_draft(project)
resolved = strategies.plan(TrainConfig(strategy="full"), strategies.Facts((9, 9), catalog.BUILT_IN[catalog.BUNDLED]))[1]
rate = setting_widget("learning_rate", draft, resolved)
chosen = {{"strategy": "full", "mixup": 0.0}} | st.session_state.get("chosen", {{}})
config = TrainConfig(backbone="{RESNET}", batch_size=8, val_fraction=0.25, learning_rate=rate, **chosen)
previews.show_preview(project, config)
previews.show_rate_finder(project, config, draft)
"""
PREVIEW, FIND = "Show examples with my photos", "Find a learning rate"
RATES = LrSweep((1e-6, 1e-4, 1e-2), (1.0, 0.5, 0.9), (0.9, 0.6, 0.9), 0.0012)


@pytest.fixture
def page(project) -> AppTest:
    app = AppTest.from_string(_PAGE, default_timeout=20)
    app.query_params["project"] = project.id
    return app.run()


def run_of(project, kind: str) -> runs.Run:
    return previews.newest(Workspace(project.folder.parents[1]), project, kind)


def found(project, rates: LrSweep = RATES) -> None:
    """Ends the finder's run as its worker would."""
    run = run_of(project, "lr_finder")
    save_sweep(run.evaluation_dir, rates)
    write(run, events.RunStarted(), events.RunFinished(result={"suggestion": rates.suggestion}))


def test_nothing_is_started_before_somebody_asks(page, project):
    assert button(page, PREVIEW) and button(page, FIND)
    assert errors(page) == [] and run_of(project, "preview") is None


def test_the_pictures_come_with_their_words(page, project):
    page.session_state["chosen"] = {"mixup": 0.5}
    press(page.run(), PREVIEW)
    assert "Starting" in said(page)
    run = run_of(project, "preview")
    assert worker.main(str(run.folder)) == 0
    page.run()
    assert PREVIEW not in said(page) and "as training may use it" in said(page)
    words = [picture.proto.imgs[0].alt for picture in page.image]
    assert len(words) == 5 * 8 and len(set(words[:32])) == 32
    assert words[0].endswith("as it is") and words[1].endswith("augmented copy 1")
    captions = [caption for picture in page.image for caption in picture.captions if caption]
    assert len(captions) == 8 and all("% " in caption for caption in captions)
    assert "mixed photos" in said(page)


def test_pictures_of_other_settings_are_not_shown(page, project):
    press(page, PREVIEW)
    assert worker.main(str(run_of(project, "preview").folder)) == 0
    assert page.run().image
    page.session_state["chosen"] = {"augmentation": "strong"}
    assert button(page.run(), PREVIEW) and not page.image


def test_progress_of_a_run_at_work_and_stop(page, project):
    press(page, FIND)
    run = write(
        run_of(project, "lr_finder"),
        events.RunStarted(),
        events.PhaseStarted(name="rates", title="Trying learning rates"),
        events.Progress(done=12, total=60, unit="steps"),
    )
    with run.lock():
        assert "Trying learning rates: 12 of 60 steps" in said(page.run())
        press(page, "Stop")
        assert runs.stop_requested(run) and button(page, "Stopping").disabled
    write(run, events.RunStopped(result=None))
    assert button(page.run(), FIND)


def test_a_queued_one_that_is_stopped_leaves_the_queue(page, project):
    press(press(page, PREVIEW), "Stop")
    assert runs.read_state(run_of(project, "preview")).status == "stopped"
    assert button(page.run(), PREVIEW)


def test_the_rate_is_taken_over_into_settings_and_widget(page, project):
    press(page, FIND)
    found(project)
    page.run()
    assert "rates" in charts(page) and not button(page, "Use 0.0012").disabled
    press(page, "Use 0.0012")
    assert page.number_input(key="setting-learning_rate").value == 0.0012
    assert button(page, "Using 0.0012").disabled and "rates" in charts(page)  # the curve still holds
    page.number_input(key="setting-learning_rate").set_value(0.01)
    assert not button(page.run(), "Use 0.0012").disabled


def test_a_rate_of_other_settings_is_not_shown(page, project):
    press(page, FIND)
    found(project)
    page.session_state["chosen"] = {"strategy": "lp_ft"}
    assert "rates" not in charts(page.run()) and button(page, FIND)


def test_a_failure_is_said_and_it_can_begin_again(page, project):
    press(page, FIND)
    write(run_of(project, "lr_finder"), events.RunStarted(), events.RunFailed(message="The *disk* is full.", hint="!"))
    assert errors(page.run()) == [r"The \*disk\* is full\. \!"]
    assert errors(press(page, FIND)) == []


def test_an_interrupted_one_says_so(page, project):
    press(page, PREVIEW)
    write(run_of(project, "preview"), events.RunStarted())
    assert "This was interrupted." in said(page.run()) and button(page, PREVIEW)


def test_where_the_backbone_does_not_learn_there_is_nothing_to_try(page):
    page.session_state["chosen"] = {"strategy": "feature_extraction"}
    page.run()
    assert not page.button and "only when the backbone is fine-tuned" in said(page)


def test_without_photos_it_says_what_to_do(workspace, tiny_workspace, project):
    rewrite_labels(project, lambda lines: [])
    app = AppTest.from_string(_PAGE, default_timeout=20)
    app.query_params["project"] = project.id
    assert "Add photos first" in errors(press(app.run(), PREVIEW))[0]
