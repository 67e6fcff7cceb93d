"""The benchmark's own parts; what it measures is not for a test that must be quick."""

import json

import pytest

from tests.helpers import draw_dataset
from transfer_core import bench
from transfer_core.__main__ import main
from transfer_core.bench import Figure

pytestmark = pytest.mark.training


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "ok"),
    [(1.0, 1.15, False, True), (1.2, 1.15, False, False), (0.95, 0.9, True, True), (0.8, 0.9, True, False)],
)
def test_a_figure_is_held_to_its_limit(value, limit, at_least, ok):
    figure = Figure("ratio of something", value, "ratio", limit, at_least)
    assert figure.to_json() == {"name": figure.name, "value": value, "unit": "ratio", "limit": limit, "ok": ok}


def test_a_figure_without_a_limit_only_informs():
    assert Figure("speed", 1e9, "photos per second").ok


def test_a_first_run_is_measured_against_a_bare_pass(tmp_path):
    figure = bench.first_run(draw_dataset(tmp_path / "blots", per_class=4), rounds=1)
    assert figure.unit == "ratio" and 0.2 < figure.value < 200


def test_what_is_no_folder_is_said_in_one_line(tmp_path, capsys):
    assert main(["bench", str(tmp_path / "nothing"), "--json"]) == 2
    said = capsys.readouterr().err.strip()
    assert "is not a folder" in said and "\n" not in said


def test_the_command_answers_with_figures(monkeypatch, capsys):
    monkeypatch.setattr(bench, "first_run", lambda *_: Figure("first", 1.1, "ratio", 1.15))
    monkeypatch.setattr(bench, "warm_run", lambda *_: [])
    monkeypatch.setattr(bench, "fine_tuning", lambda *_: [])
    monkeypatch.setattr(bench, "_SAMPLE_PER_CLASS", 2)  # drawing takes seconds, and nobody looks at these photos
    assert main(["bench", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer == {"figures": [{"name": "first", "value": 1.1, "unit": "ratio", "limit": 1.15, "ok": True}]}


def test_no_round_is_refused(capsys):
    assert main(["bench", "--rounds", "0", "--json"]) == 2
    assert "0 rounds measure nothing" in capsys.readouterr().err
