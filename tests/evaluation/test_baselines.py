"""What goes without pretrained knowledge, on photos of which the answer is known."""

import numpy as np
import pytest
from PIL import Image

from tests.helpers import COLOURS, draw_photo, fill_project
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.errors import DataError, RunError
from transfer_core.evaluation import baselines
from transfer_core.evaluation.baselines import (
    Baselines,
    colour_histogram,
    load_baselines,
    measure_baselines,
    nearest_rows,
    save_baselines,
)
from transfer_core.jobs import worker
from transfer_core.jobs.kinds import baselines as kind
from transfer_core.runs.events import EventLog, StepQueued


def test_histogram_by_hand():
    """Half of the photo black, a quarter pure red, a quarter white."""
    pixels = np.zeros((3, 2, 4), np.uint8)
    pixels[0, 1, :2] = 255
    pixels[:, 1, 2:] = 255
    found = colour_histogram(pixels)
    assert found.shape == (512,) and np.square(found).sum() == pytest.approx(1)
    shares = {int(place): float(np.square(found[place])) for place in np.flatnonzero(found)}
    assert shares == pytest.approx({0: 0.5, 7 * 64: 0.25, 511: 0.25})


def test_nearest_is_the_same_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    known, asked = (np.sqrt(rng.dirichlet(np.full(512, 0.05), n)).astype(np.float32) for n in (40, 23))
    distances = ((asked[:, None] - known[None]) ** 2).sum(2)  # twice the square of Hellinger's distance
    monkeypatch.setattr(baselines, "_BLOCK", 5)
    assert nearest_rows(known, asked).tolist() == distances.argmin(1).tolist()
    assert nearest_rows(known, asked[:0]).shape == (0,)


def test_walls_in_three_paints_can_be_told_by_their_colours(tiny_workspace, tmp_path):
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for i in range(6):
            wall = np.clip(rng.normal(colour, 12, (40, 40, 3)), 0, 255).astype(np.uint8)
            (tmp_path / "walls" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(wall).save(tmp_path / "walls" / name / f"{i}.png")
    project = fill_project(tiny_workspace, tmp_path / "walls")
    run = runs.create(project, runs.TrainSpec(TrainConfig()), make_split(load_items(project), 0.34, 0))
    split, found = runs.load_split(run), measure_baselines(run)
    assert [split.class_names[class_id] for class_id in found.colours] == [item.class_name for item in split.val]
    assert found.majority == (0,) * 6  # the first of equals


def test_majority_is_the_largest_class(tiny_workspace, tmp_path):
    for i in range(9):
        name = "rare" if i < 3 else "usual"
        draw_photo(tmp_path / "set" / name / f"{i}.jpg", COLOURS["red"], i)
    project = fill_project(tiny_workspace, tmp_path / "set")
    run = runs.create(project, runs.TrainSpec(TrainConfig()), make_split(load_items(project), 0.34, 0))
    assert set(measure_baselines(run).majority) == {1}


def test_baselines_come_back_and_damaged_ones_are_said(tmp_path):
    assert load_baselines(tmp_path) is None
    save_baselines(tmp_path, Baselines((0, 0), (1, 0)))
    assert load_baselines(tmp_path) == Baselines((0, 0), (1, 0))
    path = tmp_path / "baselines.json"
    whole = path.read_text()
    path.write_text(whole.replace("1", "0", 1))
    with pytest.raises(RunError, match="it was changed, or belongs elsewhere"):
        load_baselines(tmp_path)
    (tmp_path / "another-run").mkdir()
    (tmp_path / "another-run" / "baselines.json").write_text(whole)
    with pytest.raises(RunError, match="it was changed, or belongs elsewhere"):
        load_baselines(tmp_path / "another-run")
    for content in ("", "{", "[]", "{}", '{"majority": [0], "colours": "<b>"}', '{"majority": 3, "colours": [1]}'):
        (tmp_path / "baselines.json").write_text(content)
        with pytest.raises(RunError, match=r"cannot be read from .*baselines\.json"):
            load_baselines(tmp_path)


def test_a_run_brings_them_along(finished):
    found = load_baselines(finished.evaluation_dir)
    assert len(found.colours) == len(runs.load_split(finished).val)


def test_a_run_does_not_fail_for_them(finished, monkeypatch):
    def refuse(run):
        raise DataError("The photo 'a.jpg' is gone.")

    (finished.evaluation_dir / "baselines.json").unlink()
    monkeypatch.setattr(kind, "measure_baselines", refuse)
    EventLog(finished.events_path).append(StepQueued(name="baselines"))
    assert worker.main(str(finished.folder)) == 0
    state = runs.read_state(finished)
    assert state.status == "finished" and state.failure_of("baselines") == "The photo 'a.jpg' is gone."
