"""Looking through a home for damaged files, and mending what can be mended."""

import json
import shutil

import pytest

from tests.data.drawn import photo
from transfer_core import runs
from transfer_core.__main__ import main
from transfer_core.data.images.rendering import Rendering
from transfer_core.data.labels.dataset import load_items
from transfer_core.runs.notes import RunNotes, load_notes, save_notes
from transfer_core.services import check
from transfer_core.support.checked_json import copy_path


@pytest.fixture
def project(workspace, finished):
    return workspace.open_project(finished.project_id)


def flip(path, place=0.5):
    """Changes one bit."""
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 4
    path.write_bytes(content)


def names(report):
    return sorted(finding.file.rsplit("/", 1)[-1] for finding in report.findings)


def test_a_whole_home_has_no_findings(workspace, finished, capsys):
    assert main(["check", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["findings"] == [] and answer["checked"] > 30


@pytest.mark.parametrize("name", ["project.json", "project.json.bak", "labels.jsonl", "labels.jsonl.bak"])
@pytest.mark.parametrize("how", [flip, lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_what_is_kept_twice_is_mended_without_loss(workspace, project, name, how):
    before = {path: (project.folder / path).read_bytes() for path in ("project.json", "labels.jsonl")}
    how(project.folder / name)
    first = check.check(workspace)
    assert names(first) == [name] and not first.is_sound
    again = check.check(workspace, repair=True)
    assert names(again) == [name] and again.is_sound
    assert check.check(workspace).findings == ()
    assert {path: (project.folder / path).read_bytes() for path in before} == before


@pytest.mark.parametrize("name", ["config.json", "config.json.bak", "about.json", "about.json.bak"])
def test_settings_and_notes_of_a_run_are_mended(workspace, finished, name):
    save_notes(finished, RunNotes(True, "The first"))
    (finished.folder / name).write_text("{")
    assert names(check.check(workspace)) == [name]
    assert check.check(workspace, repair=True).is_sound and check.check(workspace).findings == ()
    assert load_notes(finished).note == "The first" and runs.open_run(workspace, finished.id) == finished


@pytest.mark.parametrize("name", ["rendering.json", "rendering.json.bak"])
@pytest.mark.parametrize("of_run", [True, False])
def test_how_pictures_are_read_is_mended(workspace, project, finished, name, of_run):
    folder, owner = (finished.folder, finished.id) if of_run else (project.folder, "")
    rendering = Rendering({"tif-grey-u16": (0.0, 4095.0)})
    rendering.save(folder, owner)
    assert check.check(workspace).findings == ()
    (folder / name).write_text("{")
    assert names(check.check(workspace)) == [name]
    assert check.check(workspace, repair=True).is_sound and check.check(workspace).findings == ()
    assert Rendering.load(folder, owner) == rendering


@pytest.mark.parametrize("name", ["split.json", "events.jsonl", "plan.json", "evaluation/val.safetensors"])
def test_what_is_there_once_is_told_and_left_as_it_is(workspace, finished, name, capsys):
    flip(finished.folder / name)
    damaged = (finished.folder / name).read_bytes()
    assert main(["check", "--repair", "--json"]) == 2
    captured = capsys.readouterr()
    [*_, finding] = json.loads(captured.out)["findings"]
    assert finding["file"].endswith(name.rsplit("/")[-1]) and not finding["repaired"] and finding["remedy"]
    assert captured.err.startswith("1 damaged file") and (finished.folder / name).read_bytes() == damaged


def test_a_damaged_photo_is_moved_aside_so_that_it_can_come_in_again(workspace, project):
    path = project.photos_dir / load_items(project)[0].file
    content = path.read_bytes()
    path.write_bytes(photo(1))
    [finding] = check.check(workspace, repair=True).findings
    assert finding.file == str(path) and (project.folder / "damaged" / path.name).read_bytes() == photo(1)
    [finding] = check.check(workspace).findings
    assert "missing" in finding.problem
    path.write_bytes(content)
    assert check.check(workspace).findings == ()


def test_lines_lost_in_both_are_told_once_and_kept_aside(workspace, project):
    damaged = project.labels_path.read_bytes()[:300].replace(b"blue", b"glue") + project.labels_path.read_bytes()[300:]
    for path in (project.labels_path, copy_path(project.labels_path)):
        path.write_bytes(damaged)
    count = len(load_items(project))
    [finding] = check.check(workspace, repair=True).findings
    assert "1 line cannot be read" in finding.problem and finding.repaired
    assert check.check(workspace).findings == () and len(load_items(project)) == count == 23
    assert (project.folder / "labels.jsonl.damaged-1").read_bytes() == damaged


def test_an_unreadable_cache_of_features_is_dropped(workspace, finished):
    [folder] = workspace.features_dir.glob("*/")
    (folder / "shape.json").write_text("{")
    assert check.check(workspace, repair=True).is_sound and check.check(workspace).findings == ()


def test_a_run_that_cannot_be_read_at_all_is_named(workspace, finished, capsys):
    for name in ("config.json", "config.json.bak"):
        (finished.folder / name).write_text("{")
    assert main(["check"]) == 2
    assert finished.id in capsys.readouterr().out


def test_a_model_that_is_gone_is_named(workspace, finished):
    shutil.rmtree(finished.model_dir)
    assert names(check.check(workspace)) == ["model"]
