"""The command `app`: the web app starts from any folder with our settings, and ends when it is told to."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.helpers import ROOT, closed_port, run_python, wait_for
from transfer_core.__main__ import main
from transfer_core.cli.app import app_folder
from transfer_core.errors import TransferError

# As the command `graft` begins it; `-m` would look for modules in the current folder first.
_GRAFT = "import sys; from transfer_core.__main__ import main; sys.exit(main(sys.argv[1:]))"


def fetch(address: str) -> bytes | None:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.read()
    except (urllib.error.URLError, ConnectionError):
        return None


@pytest.fixture
def server(tmp_path):
    """`graft app` in a folder that has modules and Streamlit settings of its own, which must not reach the app."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".streamlit").mkdir(parents=True)
    (elsewhere / ".streamlit" / "config.toml").write_text(
        "[server]\nenableStaticServing = false\naddress = '0.0.0.0'\n"
    )
    (elsewhere / "streamlit.py").write_text("raise SystemExit('the wrong Streamlit')")
    port = closed_port()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _GRAFT, "app", "--port", str(port), "--home", str(tmp_path / "home")],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(ROOT), "STREAMLIT_SERVER_HEADLESS": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    process.url = f"http://localhost:{port}"
    yield process
    if process.poll() is None:
        process.terminate()
    process.communicate()


@pytest.mark.full
def test_it_starts_from_any_folder_with_our_settings_and_ends_when_told(server):
    wait_for(lambda: server.poll() is not None or fetch(f"{server.url}/_stcore/health"))
    assert server.poll() is None, server.communicate()[0]
    font = fetch(f"{server.url}/app/static/inter-latin-wght-normal.woff2")
    assert font == (ROOT / "static" / "inter-latin-wght-normal.woff2").read_bytes()
    with socket.socket() as probe:  # another address of this machine: only localhost listens
        probe.settimeout(5)
        assert probe.connect_ex(("127.0.0.2", int(server.url.rsplit(":", 1)[1]))) != 0
    server.send_signal(signal.SIGTERM)
    said, _ = server.communicate(timeout=30)
    assert server.returncode == 0, said
    assert "Traceback" not in said
    assert fetch(f"{server.url}/_stcore/health") is None


def test_a_port_in_use_is_said_in_one_line(workspace, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["app", "--port", str(port), "--address", "127.0.0.1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Nothing can listen on port {port} of '127.0.0.1': ") and said.count("\n") == 1


@pytest.mark.parametrize("port", ["0", "70000"])
def test_a_port_that_is_none_is_said(workspace, capsys, port):
    assert main(["app", "--port", port]) == 2
    assert capsys.readouterr().err == f"The port must be a number from 1 to 65535, got {port}.\n"


def test_the_app_is_found_inside_an_installed_package_and_beside_it_in_a_checkout(tmp_path):
    assert app_folder(ROOT / "transfer_core") == ROOT
    installed = tmp_path / "site-packages" / "transfer_core"
    with pytest.raises(TransferError, match="missing"):
        app_folder(installed)
    (installed / "_app" / ".streamlit").mkdir(parents=True)
    for name in ("app.py", ".streamlit/config.toml"):
        Path(installed / "_app" / name).touch()
    assert app_folder(installed) == installed / "_app"


def test_a_host_name_that_is_none_is_said(workspace, capsys):
    assert main(["app", "--host-name", "graft.example", "--host-name", "http://graft.example"]) == 2
    assert capsys.readouterr().err.startswith("'http://graft.example' is not a host name. Give names ")


def test_the_app_starts_without_the_libraries_of_the_other_commands(tmp_path):
    code = """
import sys
from transfer_core.__main__ import main
assert main(["app", "--port", "0"]) == 2
print(sorted({name.split(".")[0] for name in sys.modules} & {"numpy", "onnx", "onnxruntime", "PIL"}))
"""
    answer = run_python("-c", code, GRAFT_HOME=str(tmp_path))
    assert answer.stdout == "[]\n", answer.stderr
