"""`graft doctor`: what it answers to people and to programs."""

import json
import shutil

import pytest

from tests.helpers import draw_dataset
from transfer_core.__main__ import main


@pytest.fixture
def examine(workspace, capsys):
    def examine(data) -> dict:
        assert main(["doctor", str(data), "--json"]) == 0
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return examine


@pytest.mark.training
def test_a_set_is_examined_and_a_project_too(examine, capsys, tmp_path):
    data = draw_dataset(tmp_path / "blots", 12)
    clean = examine(data)
    assert (clean["photos"], clean["findings"], clean["classes"]) == (36, [], {"blue": 12, "green": 12, "red": 12})

    shutil.copyfile(data / "red" / "red3.jpg", data / "blue" / "red3 again.jpg")
    (data / "green" / "cut.jpg").write_bytes((data / "green" / "green0.jpg").read_bytes()[:400])
    found = examine(data)
    kinds = {finding["kind"]: finding for finding in found["findings"]}
    assert sorted(kinds["duplicate_across_classes"]["files"]) == ["blue/red3 again.jpg", "red/red3.jpg"]
    assert kinds["broken"]["files"] == ["green/cut.jpg"]
    assert {"green/cut.jpg", "blue/red3 again.jpg"} <= {entry["file"] for entry in found["rejected"]}
    assert found["findings"][0]["severity"] == "high"

    again = examine(found["project"])  # which knows no files that could not be used
    assert [finding["kind"] for finding in again["findings"]] == ["duplicate_across_classes"]
    assert main(["doctor", found["project"]]) == 0
    assert "are labelled 'blue' and 'red'. Only one of these labels can be right." in capsys.readouterr().out


def test_what_is_neither_is_said(workspace, capsys):
    assert main(["doctor", "nothing here"]) == 2
    assert "nothing here" in capsys.readouterr().err
