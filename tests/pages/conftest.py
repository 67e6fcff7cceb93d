"""What the page tests share: a visitor who opens pages through app.py, and runs in every state, written as events."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import cache

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT
from transfer_core import runs
from transfer_core.jobs.launch import runner_lock
from transfer_core.runs import Run, events

GONE = "This project no longer exists. It may have been deleted, here or in another window."
PAGES = ("photos", "sort", "train", "understand", "try_it", "export", "compare", "backbones")
# All of them in the full tier; two, one of photos and one of runs, stand for them in the others.
EVERY_PAGE = [pytest.param(page, marks=() if page in ("photos", "understand") else pytest.mark.full) for page in PAGES]
_SAID = ("title", "header", "subheader", "markdown", "caption", "error", "warning", "info", "success", "code")
_LABELLED = ("button", "download_button", "expander", "tabs", "radio", "metric")


@pytest.fixture(scope="session", autouse=True)
def _components_sought_once() -> Iterator[None]:
    """Each visit would ask every installed package whether it brings parts for pages; the packages stay the same."""
    patch = pytest.MonkeyPatch()
    patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def no_runner(workspace) -> Iterator[None]:
    """Holds the runner's lock, so that no page starts a process: what a run does is what the test writes."""
    with runner_lock(workspace):
        yield


@pytest.fixture
def visit(workspace) -> Callable[..., AppTest]:
    """Opens a page as a browser would: `visit("train", project=..., run=...)`."""

    def visit(page: str = "home", **query: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=20)
        app.switch_page(f"pages/{page}.py")
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return visit


class Board:
    """Stands for the browser's part of the board of classes.

    Args:
        sent: What it was sent, the newest last.
        shots, act: What it says from now on; a real one says the same until it was received, too.
    """

    def __init__(self) -> None:
        self.sent: list[dict] = []
        self.shots: dict | None = None
        self.act: dict | None = None

    def __call__(self, *, data: dict, **_) -> "Board":
        self.sent.append(data)
        return self

    @property
    def counts(self) -> dict[str, int]:
        """Photos by class, as the columns show them."""
        return {column["name"]: column["count"] for column in self.sent[-1]["classes"]}

    @property
    def told(self) -> str:
        """What it is to say of the last message."""
        return self.sent[-1]["received"].get("text", "")


@pytest.fixture
def board(monkeypatch) -> Board:
    found, component = Board(), st.components.v2.component
    monkeypatch.setattr(
        st.components.v2, "component", lambda name, **source: found if name == "board" else component(name, **source)
    )
    return found


@pytest.fixture
def training(queue_run) -> Iterator[Run]:
    """A run at work after two of ten epochs; the test holds its lock in the worker's place."""
    run = write(queue_run(strategy="full", epochs=10), events.RunStarted(), *after_epochs(2))
    with run.lock():
        yield run


def write(run: Run, *happened: events.Event) -> Run:
    """Appends events to a run as its worker would."""
    log = events.EventLog(run.events_path)
    for event in happened:
        log.append(event)
    return run


def after_epochs(count: int, of: int = 10) -> list[events.Event]:
    """A phase that has done so many epochs, on six photos of three classes kept aside, getting better."""
    found: list[events.Event] = [events.PhaseStarted(name="everything", title="Fine-tuning all layers", epochs=of)]
    for epoch in range(1, count + 1):
        hits = min(2, epoch)
        found.append(
            events.EpochFinished(
                phase="everything",
                epoch=epoch,
                epochs=of,
                step=epoch,
                train_loss=1 / epoch,
                train_accuracy=0.5,
                val_loss=1.2 / epoch,
                val_accuracy=hits / 2,
                confusion_matrix=[[hits, 2 - hits, 0], [0, hits, 2 - hits], [2 - hits, 0, hits]],
            )
        )
    return found


def forget_export(run: Run) -> Run:
    """Takes back what the run's events say of its export, and the model file."""
    lines = run.events_path.read_text("utf-8").splitlines(keepends=True)
    run.events_path.write_text("".join(line for line in lines if json.loads(line).get("name") != "export"))
    (run.model_dir / "model.onnx.parts").unlink()
    assert runs.read_state(run).is_pending("export")
    return run


def said(app: AppTest) -> str:
    """Everything the page says, a line per element. Fails if the page raised."""
    assert not app.exception, [entry.value for entry in app.exception]
    lines = [element.value for kind in _SAID for element in getattr(app, kind)]
    lines += [element.label for kind in _LABELLED for element in getattr(app, kind)]
    lines += [element.value for element in app.metric] + [element.text for element in app.progress]
    return "\n".join(map(str, lines))


def chip(app: AppTest) -> str:
    """What the chip beside the title of Photos says of them."""
    [found] = [block for block in app.get("popover") if "photo" in block.proto.popover.label]
    return found.proto.popover.label


def errors(app: AppTest) -> list[str]:
    """The messages of the page. Fails if it raised."""
    assert not app.exception, [entry.value for entry in app.exception]
    return [entry.value for entry in app.error]


def button(app: AppTest, label: str):
    """The one button of that label."""
    found = [entry for entry in app.button if entry.label == label]
    assert len(found) == 1, f"{len(found)} buttons '{label}' among {[entry.label for entry in app.button]}"
    return found[0]


def run_chooser(app: AppTest):
    """The box that chooses among runs."""
    return next(box for box in app.selectbox if box.label == "Run")


def press(app: AppTest, *labels: str) -> AppTest:
    """Presses a button; of a button in a dialog, name first the one that opens it: the dialog stays open so."""
    for label in labels:
        button(app, label).click()
    return app.run()


def hand_in(app: AppTest, content: bytes, name: str = "photos.zip") -> AppTest:
    """Hands in a file as a person does who takes the reading that is suggested."""
    return add(app.file_uploader(key="zip-0").set_value([(name, content, "application/zip")]).run())


def add(app: AppTest) -> AppTest:
    """Presses "Add ... photos", where there is something to be added."""
    ready = [entry for entry in app.button if entry.key == "add-photos" and not entry.disabled]
    return ready[0].click().run() if ready else app


def charts(app: AppTest) -> dict[str, dict]:
    """The page's Plotly figures by key."""
    return {element.proto.id.rsplit("-", 1)[-1]: json.loads(element.proto.spec) for element in app.get("plotly_chart")}


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip with that content by name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()
