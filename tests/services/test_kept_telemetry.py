"""What onnxruntime had kept for its maker: found where it lies, and deleted, with nothing beside it."""

import json
import tempfile
from pathlib import Path

import pytest

from transfer_core.__main__ import main
from transfer_core.services import telemetry

pytestmark = pytest.mark.unit
SESSION = "1795874308706\nfe1d1c2c-a637-c0c7-1ae0-6111da98f830\n"  # as onnxruntime 1.32 writes it


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """A cache folder and a temporary folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / "cache"


def plant(cache: Path) -> Path:
    """As onnxruntime 1.32 leaves it; beside it what another program of the same maker has."""
    folder = cache / "Microsoft" / "DeveloperTools" / ".onnxruntime"
    folder.mkdir(parents=True)
    (folder / "deviceid").write_bytes(bytes(36))
    (folder / "onnxruntime.db").write_bytes(bytes(24_576))
    (folder.parent / "deviceid").write_bytes(bytes(36))
    return folder


def test_where_nothing_was_kept_there_is_nothing_to_delete(cache):
    assert telemetry.kept() == {}
    telemetry.delete_kept()


@pytest.mark.parametrize("xdg", [True, False])
def test_what_was_kept_is_found_and_deleted(cache, tmp_path, monkeypatch, xdg):
    if not xdg:
        monkeypatch.setenv("XDG_CACHE_HOME", "relative, and so without meaning")
    folder = plant(cache if xdg else tmp_path / ".cache")
    (tmp_path / ".ses").write_text(SESSION)
    assert telemetry.kept() == {folder: 24_612, tmp_path / ".ses": len(SESSION)}
    telemetry.delete_kept()
    assert telemetry.kept() == {} and not folder.exists() and not (tmp_path / ".ses").exists()
    assert (folder.parent / "deviceid").exists()


def test_another_file_of_that_name_is_left_alone(cache, tmp_path):
    (tmp_path / ".ses").write_text("mine")
    telemetry.delete_kept()
    assert (tmp_path / ".ses").read_text() == "mine"


def test_the_command_says_it_and_deletes_it_when_asked(cache, workspace, capsys):
    folder = plant(cache)
    for options, left in (([], True), (["--delete"], False)):
        assert main(["telemetry", "--json", *options]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer == {"kept": [{"path": str(folder), "bytes": 24_612}], "deleted": bool(options)}
        assert folder.exists() == left
    assert main(["telemetry"]) == 0
    assert capsys.readouterr().out == "onnxruntime keeps nothing for its maker on this computer.\n"
