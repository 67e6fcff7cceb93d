"""Where things are, and how files are written."""

import json
import os
import threading

import pytest

from transfer_core import workspace as ws
from transfer_core.errors import RunError
from transfer_core.workspace import Workspace, check_id, folder_size, new_id, read_json, write_json, write_whole


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


def test_writing_whole_replaces_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write_whole(path, "one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["b.txt"]


def test_a_failed_write_leaves_the_old_content_and_nothing_beside(tmp_path, monkeypatch):
    path = tmp_path / "b.txt"
    write_whole(path, "old")

    def no_room(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["b.txt"]


def test_a_file_that_is_being_read_is_replaced_a_little_later(tmp_path, monkeypatch):
    """As on Windows, where replacing is refused while somebody reads."""
    refusals, replace = [1, 2, 3], os.replace

    def busy(part, path):
        if refusals:
            refusals.pop()
            raise PermissionError
        replace(part, path)

    monkeypatch.setattr(ws.os, "replace", busy)
    write_whole(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "new" and not refusals


def test_readers_see_the_old_or_the_new_never_a_part(tmp_path):
    path, contents = tmp_path / "x.json", [{"n": [n] * 20_000} for n in range(2)]
    write_json(path, contents[0])
    done, seen = threading.Event(), []

    def read():
        while not done.is_set():
            seen.append(read_json(path))

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(20):
        write_json(path, contents[n % 2])
    done.set()
    reader.join()
    assert seen and all(content in contents for content in seen)


def test_names_that_are_no_unicode_survive_json(tmp_path):
    """A file name on Linux is bytes; Python gives us lone surrogates for those that are not UTF-8."""
    write_json(tmp_path / "x.json", {"path": "caf\udce9.jpg", "good": "é🦋"})
    assert read_json(tmp_path / "x.json") == {"path": "caf\udce9.jpg", "good": "é🦋"}


def test_folder_size_counts_bytes_and_follows_no_links(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"12345")
    (tmp_path / "outside").write_bytes(b"x" * 1000)
    os.symlink(tmp_path / "outside", tmp_path / "a" / "link")
    assert 5 <= folder_size(tmp_path / "a") < 1000
    assert folder_size(tmp_path / "nowhere") == 0


def test_a_project_is_made_found_renamed_and_gone(workspace):
    project = workspace.create_project("  Leaves \n of 1 street ")
    assert project.name == "Leaves of 1 street"
    assert workspace.open_project(project.id) == project
    renamed = workspace.rename_project(project, "Trees")
    assert (renamed.id, workspace.projects()) == (project.id, [renamed])
    workspace.delete_project(renamed)
    assert workspace.projects() == [] and os.listdir(workspace.projects_dir) == []
    with pytest.raises(RunError, match="There is no project"):
        workspace.open_project(project.id)


@pytest.mark.parametrize(("name", "said"), [("", "needs a name"), (" \n ", "needs a name"), ("x" * 81, "has 81 char")])
def test_project_names_have_limits(workspace, name, said):
    with pytest.raises(RunError, match=said):
        workspace.create_project(name)
    assert workspace.projects() == []


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"name": "x"}', "null", b"\xff\xfe".decode("latin-1")])
def test_folders_that_are_no_projects_are_passed_over(workspace, content):
    good = workspace.create_project("Good")
    (workspace.projects_dir / "broken").mkdir()
    (workspace.projects_dir / "broken" / "project.json").write_text(content, "latin-1")
    (workspace.projects_dir / ".deleted-x").mkdir()
    (workspace.projects_dir / ".deleted-x" / "project.json").write_text(json.dumps({"name": "x", "created": 1}))
    assert workspace.projects() == [good]


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
