"""What the browser tests share: one server with its own home, one Chromium, and tabs that notice errors."""

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import (
    PATIENCE_S,
    RESNET,
    ROOT,
    VIT,
    closed_port,
    fill_project,
    kill_all,
    kill_worker,
    pretend_speed,
    tiny_row,
    wait_for,
)
from transfer_core import runs
from transfer_core.backbones import catalog
from transfer_core.config import TrainConfig
from transfer_core.data import sample_set
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.jobs import worker
from transfer_core.jobs.launch import ensure_runner
from transfer_core.runs import Run
from transfer_core.workspace import Project, Workspace

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",  # a camera that shows a moving picture, and may be used
    "--use-fake-ui-for-media-stream",
]
_HARMLESS = ("/_stcore/health", "/_stcore/host-config")  # Streamlit asks for them below the page's address, too
PER_CLASS = 8
IDLE_S = "60"  # one runner for all: starting another, with its spare worker, takes seconds


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or outcome.get_result().failed


_FAILED = pytest.StashKey[bool]()


def _cannot(reason: str) -> None:
    """Skips, or fails where the browser tests are demanded (GRAFT_DEMAND_BROWSER=1, as .ci/run does)."""
    (pytest.fail if os.environ.get("GRAFT_DEMAND_BROWSER") == "1" else pytest.skip)(reason)


# --- server and browser --------------------------------------------------------------------------------------------


class Server:
    """A Streamlit server on this machine, always on the same port, with a home of its own."""

    def __init__(self, home: Path):
        self.workspace = Workspace(home)
        self.port = closed_port()
        self.url = f"http://localhost:{self.port}"
        self._process: subprocess.Popen | None = None
        self.log = home / "server.log"

    def start(self) -> None:
        self.launch()
        self.wait()

    def launch(self, *options: str, **environment: str) -> None:
        """Starts it without waiting until it answers; takes Streamlit's options and environment variables."""
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        environment = os.environ | {"GRAFT_HOME": str(self.workspace.home), "GRAFT_IDLE_S": IDLE_S} | environment
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--server.port", str(self.port), "--server.headless", "true", *options],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        wait_for(self._answers)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5) as answer:
                return answer.read() == b"ok"
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


@pytest.fixture(scope="session")
def server(tiny_weights, tmp_path_factory) -> Iterator[Server]:
    """The one server; whatever it started is ended by its own pid."""
    home = tmp_path_factory.mktemp("browser") / "home"
    shutil.copytree(tiny_weights, home / "weights")
    for row in (catalog.BUILT_IN[catalog.BUNDLED], tiny_row(RESNET), tiny_row(VIT)):
        pretend_speed(Workspace(home), row)
    server = Server(home)
    server.launch()  # `open_tab` waits for it: meanwhile Chromium starts, too
    yield server
    server.kill()
    kill_all(server.workspace)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def chromium():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _cannot("The browser tests need Playwright: pip install -r requirements-dev.txt")
    if not os.access(CHROMIUM, os.X_OK):
        _cannot("The browser tests need Chromium: apt-get install chromium, or name one in CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_tab(server, chromium, request, tmp_path) -> Iterator[Callable]:
    """Opens tabs; after the test none may have logged an error or called another machine."""
    from playwright.sync_api import expect

    expect.set_options(timeout=1000 * PATIENCE_S)
    server.wait()
    contexts, troubles = [], []
    lament = request.node.get_closest_marker("server_dies") is not None

    def note_console(message) -> None:
        known = any(part in message.location.get("url", "") for part in _HARMLESS)
        if message.type == "error" and not known and not lament:
            troubles.append(f"console: {message.text} ({message.location.get('url')})")

    def note_request(sent) -> None:
        if not sent.url.startswith((f"{server.url}/", f"ws://localhost:{server.port}/", "data:", "blob:")):
            troubles.append(f"request to {sent.url}")

    def open_tab(address: str = "", *, width: int = 1280, height: int = 720, dark: bool = False, prepare=None):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        context.set_default_timeout(1000 * PATIENCE_S)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", note_console)
        tab.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
        tab.on("request", note_request)
        tab.on("websocket", lambda socket: note_request(socket))
        if prepare:
            prepare(tab)
        tab.goto(f"{server.url}/{address}")
        return tab

    yield open_tab
    if request.node.stash.get(_FAILED, False):
        for number, context in enumerate(contexts):
            for tab in context.pages:
                tab.screenshot(path=tmp_path / f"failed-{number}.png")
                print(f"--- what tab {number} showed, {tab.url} ---", tab.inner_text("body"), sep="\n")
    for context in contexts:
        context.close()
    assert troubles == []


# --- projects and runs on the server's disk ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def leaves(tmp_path_factory) -> Path:
    """A folder of drawn leaves, eight of each of four kinds."""
    folder = tmp_path_factory.mktemp("leaves")
    for path, content in sample_set.draw_sample_set(PER_CLASS, 5):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.fixture
def blots(server, dataset) -> Iterator[Project]:
    """A project of small photos, of which an epoch takes a tenth of a second; no work on it outlasts the test."""
    project = fill_project(server.workspace, dataset)
    yield project
    for run in runs.list_runs(server.workspace, project):
        kill_worker(run)


@pytest.fixture
def start_run(server, blots, monkeypatch) -> Callable[..., Run]:
    """Starts a run of `blots` that trains all of a tiny backbone."""
    monkeypatch.setenv("GRAFT_IDLE_S", IDLE_S)

    def start_run(**settings) -> Run:
        config = TrainConfig(**{"backbone": RESNET, "strategy": "full"} | settings)
        run = runs.create(
            blots, runs.TrainSpec(config), make_split(load_items(blots), config.val_fraction, config.seed)
        )
        ensure_runner(server.workspace)
        return run

    return start_run


@pytest.fixture
def finished_apart(blots) -> Run:
    """A finished run, with its export, of `blots`; trained, for a copy's files are bound to the first one's id."""
    config = TrainConfig(backbone=RESNET, val_fraction=0.25, epochs=30)
    run = runs.create(blots, runs.TrainSpec(config), make_split(load_items(blots), 0.25, 0))
    assert worker.main(str(run.folder)) == 0, runs.read_state(run)
    return run


@pytest.fixture
def finished(server, _finished_home) -> Run:
    """A finished run with its export, of a project of its own, on the server's disk."""
    [folder] = (_finished_home / "projects").iterdir()
    copy = server.workspace.projects_dir / folder.name
    if not copy.exists():
        shutil.copytree(folder, copy)
    return runs.list_runs(server.workspace, server.workspace.open_project(folder.name))[0]
