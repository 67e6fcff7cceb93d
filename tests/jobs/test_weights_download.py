"""The kind of work `weights`: a download from a stand-in for the hub, by a worker, and by the command."""

import hashlib
import json

import pytest

from tests.hub import Hub, stand_in
from transfer_core import runs
from transfer_core.__main__ import main
from transfer_core.backbones import catalog
from transfer_core.backbones import weights as files
from transfer_core.jobs import worker
from transfer_core.runs import WeightsSpec
from transfer_core.services import weights

ROW = catalog.BUILT_IN["resnet18.a1_in1k"]
CONTENT = bytes(range(256)) * 48_000  # 12 MB: more than the piece of 10 MB in which it comes


@pytest.fixture
def hub(monkeypatch):
    with stand_in(Hub(ROW.hub, CONTENT)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub


@pytest.fixture
def project(workspace):
    return workspace.create_project("Any")


def fetch(project) -> int:
    """Exit code of a worker that downloads in this process."""
    return worker.main(str(runs.create(project, WeightsSpec(ROW.name)).folder))


def test_a_download_ends_with_weights_that_are_here(hub, workspace, project):
    assert fetch(project) == 0
    assert files.verify(ROW, workspace.weights_dir).read_bytes() == CONTENT
    assert weights.find_downloads(workspace, project) == {}


def test_one_that_breaks_off_goes_on_where_it_was(hub, workspace, project):
    hub.break_off_at = 11_000_000
    assert fetch(project) == 0
    assert files.verify(ROW, workspace.weights_dir).read_bytes() == CONTENT
    ranges = [asked for method, _, asked in hub.asked if method == "GET"]
    assert ranges[0] is None and int(ranges[1].removeprefix("bytes=").rstrip("-")) > 0


def test_one_of_another_digest_is_refused_and_said(hub, workspace, project):
    hub.promised = hashlib.sha256(b"something else").hexdigest()
    assert fetch(project) == 1
    assert "arrived damaged" in weights.find_downloads(workspace, project)[ROW.name].error
    assert files.state(ROW, workspace.weights_dir) == "download"


def test_asked_twice_it_comes_once_and_a_failure_is_forgotten(hub, workspace, project, monkeypatch):
    monkeypatch.setattr(weights, "ensure_runner", lambda workspace: None)
    hub.promised = hashlib.sha256(b"something else").hexdigest()
    fetch(project)
    for _ in range(2):
        weights.begin(workspace, project, ROW)
    [run] = runs.list_runs(workspace, project, kind="weights")
    assert runs.read_state(run).status == "queued"


def test_a_download_that_was_stopped_says_so(workspace, project):
    runs.create(project, WeightsSpec(ROW.name))
    weights.stop(workspace, project, ROW.name)
    assert "interrupted" in weights.find_downloads(workspace, project)[ROW.name].error


def test_a_pack_is_fetched_here_and_taken_in_there(hub, tmp_path, capsys):
    pack = tmp_path / "pack"
    assert main(["weights", "resnet18", "--pack", str(pack), "--home", str(tmp_path / "here")]) == 0
    assert "1 backbone in" in capsys.readouterr().out
    hub.status = 500  # no internet there
    assert main(["weights", "--take", str(pack), "--json", "--home", str(tmp_path / "there")]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer == {"backbones": [ROW.name], "refused": []}
    assert files.verify(ROW, tmp_path / "there" / "weights").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Say one of these: backbones to download"),
        (["resnet18", "--take", "somewhere"], "Say one of these: backbones to download"),
        (["--pack", "somewhere"], "Say one of these: backbones to download"),
        (["tf_efficientnet_lite0"], "There is nothing to download for EfficientNet-Lite0"),
        (["--take", "nowhere"], "is no pack of weights"),
        (["resnet9000"], "There is no backbone called 'resnet9000'"),
    ],
)
def test_what_the_command_cannot_do_is_said(workspace, capsys, arguments, said):
    assert main(["weights", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.training
def test_a_network_is_added_by_name_with_a_title(workspace, capsys):
    assert main(["weights", "--add", "resnet34.a1_in1k", "--title", "Thirty-four"]) == 0
    assert "Added resnet34.a1_in1k, not checked by us" in capsys.readouterr().out
    assert catalog.find("resnet34.a1_in1k", workspace.weights_dir).title == "Thirty-four"
    assert main(["weights", "--add", "resnet9000"]) == 2
    assert "has no network called 'resnet9000'" in capsys.readouterr().err
