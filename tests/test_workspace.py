"""Where things are."""

import json
import os
import shutil
from dataclasses import replace

import pytest

from transfer_core import deletion
from transfer_core.errors import RunError
from transfer_core.workspace import Workspace, check_id, new_id


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "../x",  # out of the folder
        "a/b",
        "a\\b",
        "C:",
        "",
        None,
        "a b",
        "A",  # some file systems do not tell case
        "a.json",
        "a\n",  # fullmatch, not match
        "ä",
        "١",  # a digit to \d, not to us
        "a\0",
        "x" * 100 + "/",
    ],
)
def test_an_id_is_a_plain_folder_name_or_refused(text):
    with pytest.raises(RunError, match="is not an id"):
        check_id(text)


def test_good_ids_pass():
    assert check_id("20261121-093000-a1b2c3") == "20261121-093000-a1b2c3"


@pytest.mark.parametrize("name", ["Leaves in our street", "../../etc", "", "🦋", "x" * 500, "-", "CON", "Ärger"])
def test_new_ids_are_ids_whatever_the_name(name):
    found = new_id(name)
    assert check_id(found) == found and len(found) <= 40
    assert new_id(name) != found


def test_a_project_is_made_found_renamed_and_gone(workspace):
    project = workspace.create_project("  Leaves \n of 1 street ")
    assert project.name == "Leaves of 1 street"
    assert workspace.open_project(project.id) == project
    renamed = workspace.rename_project(project, "Trees")
    assert (renamed.id, workspace.projects()) == (project.id, [renamed])
    deletion.delete_project(workspace, renamed)
    assert workspace.projects() == [] and os.listdir(workspace.projects_dir) == []
    with pytest.raises(RunError, match="There is no project"):
        workspace.open_project(project.id)


@pytest.mark.parametrize(("name", "said"), [("", "needs a name"), (" \n ", "needs a name"), ("x" * 81, "has 81 char")])
def test_project_names_have_limits(workspace, name, said):
    with pytest.raises(RunError, match=said):
        workspace.create_project(name)
    assert workspace.projects() == []


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"name": "x"}', "null", b"\xff\xfe".decode("latin-1")])
def test_a_project_whose_file_cannot_be_read_is_shown_by_its_id(workspace, content):
    good = workspace.create_project("Good")
    (workspace.projects_dir / "broken").mkdir()
    (workspace.projects_dir / "broken" / "project.json").write_text(content, "latin-1")
    broken = next(project for project in workspace.projects() if project != good)
    assert (broken.id, broken.name) == ("broken", "broken")
    assert "project.json is damaged" in broken.problem and "name is not known" in broken.problem
    assert workspace.rename_project(broken, "Whole").problem is None
    assert {project.name for project in workspace.projects()} == {"Good", "Whole"}
    deletion.delete_project(workspace, broken)
    assert workspace.projects() == [good]


def test_folders_that_are_no_projects_are_passed_over(workspace):
    good = workspace.create_project("Good")
    (workspace.projects_dir / "empty").mkdir()
    (workspace.projects_dir / ".deleted-x").mkdir()
    (workspace.projects_dir / ".deleted-x" / "project.json").write_text(json.dumps({"name": "x", "created": 1}))
    assert workspace.projects() == [good]


def spoil(path, way, other):
    """Damages a file in one of the ways in which files are damaged."""
    whole = path.read_bytes()
    if way == "missing":
        path.unlink()
    else:
        changed = bytes([whole[40] ^ 4])
        ways = {"bit": whole[:40] + changed + whole[41:], "cut": whole[:40], "empty": b"", "zeros": bytes(len(whole))}
        path.write_bytes({**ways, "another's": other.read_bytes()}[way])


@pytest.mark.parametrize("way", ["bit", "cut", "empty", "zeros", "missing", "another's"])
def test_a_damaged_project_file_is_taken_from_its_copy_and_said(workspace, way):
    first, other = workspace.create_project("First"), workspace.create_project("Other")
    spoil(first.folder / "project.json", way, other.folder / "project.json")
    found = workspace.open_project(first.id)
    assert found == first and "taken from its copy" in found.problem
    assert len(workspace.projects()) == 2
    assert workspace.rename_project(found, "Again").problem is None
    assert workspace.open_project(first.id) == replace(first, name="Again")


def test_a_project_folder_that_a_person_copied_is_a_project_of_its_own(workspace):
    first = workspace.create_project("First")
    shutil.copytree(first.folder, workspace.projects_dir / "second")
    found = workspace.open_project("second")
    assert (found.id, found.name, found.mark, found.problem) == ("second", "First", first.id, None)


def test_the_same_source_is_the_same_project(workspace, tmp_path):
    first = workspace.project_for([tmp_path / "leaves.zip"])
    assert first.name == "leaves"
    assert workspace.project_for([tmp_path / "leaves.zip"]) == first
    assert workspace.project_for([tmp_path / "leaves.zip"], "leaves") == first
    assert workspace.project_for([tmp_path / "leaves.zip"], "Other").id != first.id
    assert workspace.project_for([tmp_path / "other.zip"]).id != first.id


@pytest.mark.parametrize("folder", ["x" * 120, " ", "\udcff"])
def test_a_folder_may_have_a_name_that_no_project_may_have(workspace, tmp_path, folder):
    project = workspace.project_for([tmp_path / folder])
    assert workspace.open_project(project.id).name


def test_home_by_argument_then_environment_then_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "by-environment"))
    assert Workspace.default(str(tmp_path / "named")).home == tmp_path / "named"
    assert Workspace.default().home == tmp_path / "by-environment"
    monkeypatch.delenv("GRAFT_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Workspace.default().home == tmp_path / ".graft"


def test_what_belongs_together_is_kept_with_the_project(workspace):
    project = workspace.create_project("Leaves")
    assert project.group_pattern is None
    for answer in (r"(p\d+)_", ""):
        workspace.keep_groups(project, answer)
        workspace.rename_project(project, "Trees")
        assert workspace.open_project(project.id).group_pattern == answer
    deletion.delete_project(workspace, project)
    with pytest.raises(RunError, match="There is no project"):
        workspace.keep_groups(project, "")
    assert not project.folder.exists()
