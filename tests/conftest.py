"""What all tests share: no network, fixed seeds, a home of their own, tiny backbones, and nothing left running."""

import os
import platform
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import (
    RESNET,
    VIT,
    closed_port,
    draw_dataset,
    fill_project,
    kill_all,
    pretend_speed,
    save_random_weights,
    tiny_row,
)
from transfer_core import runs
from transfer_core.backbones import catalog
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.jobs import worker
from transfer_core.runs import Run, events
from transfer_core.workspace import Project, Workspace

# As in real workers: threads that spin while they wait would slow each other down on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Python asks a process for it, once, and remembers; else the first unit test that needs it would be said to start one.
platform.processor()


# --- tiers -----------------------------------------------------------------------------------------------------------

# A test's folder, or what it is given, says its tier; all others are `unit`.
_FOLDERS = {
    "browser": ("browser",),
    "pages": ("pages",),
    "training": ("training", "jobs", "cli", "export", "inference", "services", "backbones"),
}
_TRAINED = "_finished_home"  # whoever is given a finished run has it trained first
_TIERS = ("full", "browser", "pages", "training", "unit")  # of two that are named, the first counts


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives each test its tier."""
    for item in items:
        item.add_marker(_tier_of(item))


def _tier_of(item: pytest.Item) -> str:
    """What the test itself names, else what its folder or what it is given says."""
    named = [name for name in _TIERS if item.get_closest_marker(name)]
    if named:
        return named[0]
    room = item.path.relative_to(Path(__file__).parent).parts[0]
    for tier, rooms in _FOLDERS.items():
        if room in rooms:
            return tier
    return "training" if _TRAINED in item.fixturenames else "unit"


@pytest.fixture(autouse=True)
def _unit_tests_start_no_process(request, monkeypatch) -> None:
    if request.node.get_closest_marker("unit"):

        def refuse(self, args, *rest, **options):
            pytest.fail(f"A unit test started {args}: mark it `training`.")

        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)


# --- no network, no luck -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _offline() -> Iterator[None]:
    """Lets this process talk to this machine only, and points child processes' downloads at a closed port."""
    patch = pytest.MonkeyPatch()
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def is_here(host) -> bool:
        return host in (None, "", b"") or str(host).startswith("127.") or host in ("localhost", "::1", "0.0.0.0")

    def guarded_connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_here(address[0]):
            raise ConnectionRefusedError(f"tests may not call {address}")
        return connect(self, address)

    def guarded_look_up(host, *args, **kwargs):
        if not is_here(host):
            raise socket.gaierror(f"tests may not look up {host}")
        return look_up(host, *args, **kwargs)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket, "getaddrinfo", guarded_look_up)
    patch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


# --- a home of its own ---------------------------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Iterator[Workspace]:
    """An empty home, also in GRAFT_HOME; whatever still runs in it at the end is killed by its own pid."""
    workspace = Workspace(tmp_path / "home")
    workspace.home.mkdir()
    monkeypatch.setenv("GRAFT_HOME", str(workspace.home))
    monkeypatch.setenv("GRAFT_IDLE_S", "0.5")
    monkeypatch.setenv("GRAFT_MACHINE_DIR", str(workspace.home / "machine"))
    pretend_speed(workspace, catalog.BUILT_IN[catalog.BUNDLED])
    yield workspace
    kill_all(workspace)


@pytest.fixture
def tiny_workspace(workspace, tiny_weights) -> Workspace:
    """A home with the tiny backbones and their exported trunks."""
    shutil.copytree(tiny_weights, workspace.weights_dir, dirs_exist_ok=True)
    for name in (RESNET, VIT):
        pretend_speed(workspace, tiny_row(name))
    return workspace


# --- tiny backbones ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory) -> Path:
    """A weights folder with both tiny backbones, the trunk of the first exported (which takes seconds, hence once)."""
    from transfer_core.backbones.onnx_backbone import ensure_trunk

    folder = tmp_path_factory.mktemp("weights")
    for name in (RESNET, VIT):
        save_random_weights(tiny_row(name), folder)
    ensure_trunk(tiny_row(RESNET), folder)
    return folder


# --- photos, projects, runs ----------------------------------------------------------------------------------------


@pytest.fixture
def dataset(tmp_path) -> Path:
    """Three classes of eight photos."""
    return draw_dataset(tmp_path / "blots")


@pytest.fixture(scope="session")
def _filled_home(tmp_path_factory) -> Path:
    workspace = Workspace(tmp_path_factory.mktemp("filled"))
    fill_project(workspace, draw_dataset(tmp_path_factory.mktemp("data") / "blots"))
    return workspace.home


@pytest.fixture
def project(tiny_workspace, _filled_home) -> Project:
    """A project with photos as in `dataset`: taken in once, and copied."""
    shutil.copytree(_filled_home, tiny_workspace.home, dirs_exist_ok=True)
    [project] = tiny_workspace.projects()
    return project


@pytest.fixture
def queue_run(project) -> Callable[..., Run]:
    """Creates a queued run of `project` on a tiny backbone; settings may be named."""

    def queue(**settings) -> Run:
        config = TrainConfig(**{"backbone": RESNET, "batch_size": 8, "val_fraction": 0.25} | settings)
        return runs.create(
            project, runs.TrainSpec(config), make_split(load_items(project), config.val_fraction, config.seed)
        )

    return queue


@pytest.fixture
def stopped(queue_run) -> Run:
    """A run that was stopped before it had learned anything."""
    run = queue_run()
    events.EventLog(run.events_path).append(events.RunStopped(result=None))
    return run


@pytest.fixture(scope="session")
def _finished_home(tiny_weights, _filled_home, tmp_path_factory) -> Path:
    workspace = Workspace(tmp_path_factory.mktemp("finished"))
    shutil.copytree(tiny_weights, workspace.weights_dir)
    shutil.copytree(_filled_home, workspace.home, dirs_exist_ok=True)
    [project] = workspace.projects()
    config = TrainConfig(backbone=RESNET, val_fraction=0.25, epochs=30)
    run = runs.create(project, runs.TrainSpec(config), make_split(load_items(project), 0.25, 0))
    assert worker.main(str(run.folder)) == 0, runs.read_state(run)
    return workspace.home


@pytest.fixture
def finished(workspace, _finished_home) -> Run:
    """A finished run with its export, in `workspace`: trained for real, once, and copied."""
    shutil.copytree(_finished_home, workspace.home, dirs_exist_ok=True)
    return runs.list_runs(workspace)[0]
