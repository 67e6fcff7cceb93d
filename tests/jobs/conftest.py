"""What the runner's tests share: GPUs that are only pretended, and runs that stay at work."""

import itertools
import os
from collections.abc import Callable

import pytest

from tests.helpers import COLOURS, RESNET, draw_dataset, draw_photo, fill_project
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.jobs import gpus
from transfer_core.runs import Run


@pytest.fixture(autouse=True)
def no_gpus(monkeypatch) -> None:
    """Hides those that this machine may have: how many runs are done at once depends on them."""
    monkeypatch.setenv(gpus.VISIBLE, "")


@pytest.fixture
def driver_tool(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Puts an `nvidia-smi` that does as told first on PATH, and lets it be asked."""

    def driver_tool(script: str) -> None:
        monkeypatch.delenv(gpus.VISIBLE, raising=False)
        tool = tmp_path / "bin" / "nvidia-smi"
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)

    return driver_tool


@pytest.fixture
def queue_stuck_run(tiny_workspace, tmp_path) -> Callable[[], Run]:
    """Creates a queued run whose worker stands still until it is killed: one of the photos is a pipe without end."""
    numbers = itertools.count()

    def queue() -> Run:
        number = next(numbers)
        folder = draw_dataset(tmp_path / f"stuck-{number}", per_class=2)
        unique = draw_photo(folder / "blue" / "unique.jpg", COLOURS["blue"], 9000 + number)  # in no cache
        project = fill_project(tiny_workspace, folder)
        [item] = [item for item in load_items(project) if item.path.endswith(unique.name)]
        (project.photos_dir / item.file).unlink()
        os.mkfifo(project.photos_dir / item.file)
        return runs.create(
            project, runs.TrainSpec(TrainConfig(backbone=RESNET)), make_split(load_items(project), 0.2, 0)
        )

    return queue
