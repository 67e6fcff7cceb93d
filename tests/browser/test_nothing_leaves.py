"""Nothing is sent, nobody is called, and no file is left beside Graft's own: seen from outside, by the whole story."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.browser import closed_network
from tests.helpers import ROOT

pytestmark = pytest.mark.full
SURROUNDINGS = ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CHROMIUM")  # and no CI, which hides some of it
TALKATIVE = """
import os, pathlib, socket
for address in (("telemetry.example", 443), ("203.0.113.1", 80), ("2001:db8:1::1", 80), ("127.0.0.1", 9)):
    try:
        socket.create_connection(address, 0.5)
    except OSError:
        pass
assert "CI" not in os.environ
pathlib.Path.home().joinpath(".cache").mkdir()
pathlib.Path.home().joinpath(".cache", "deviceid").touch()
"""
# Started for everybody in the network, as for a class, on a machine without a screen.
FOR_A_CLASS = """
import os, pathlib, time
os.environ["STREAMLIT_SERVER_ADDRESS"] = "0.0.0.0"
from tests.browser.conftest import Server
server = Server(pathlib.Path.home() / ".graft")
server.workspace.home.mkdir()
server.start()
time.sleep(2)
server.kill()
"""


@pytest.fixture
def temporary():
    """A folder with a short name: Chromium opens a socket in it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.fixture
def play(tmp_path, temporary):
    """Runs a program in the closed network: (what it looked up and whom it called, files it left in the home)."""
    if reason := closed_network.missing():
        pytest.skip(reason)
    home, record = tmp_path / "home", tmp_path / "record"
    home.mkdir()
    surroundings = {name: os.environ[name] for name in SURROUNDINGS if name in os.environ}
    surroundings |= {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}

    def play(*program: str) -> tuple[list[str], list[str]]:
        done = closed_network.run([sys.executable, *program], record, surroundings)
        assert done.returncode == 0, done.stdout + done.stderr
        left = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
        return record.read_text("utf-8").splitlines(), [path for path in left if not path.startswith(".graft/")]

    return play


def test_the_closed_network_sees_who_calls_and_the_home_what_is_left(play):
    """Else the next test could not fail."""
    calls, left = play("-c", TALKATIVE)
    expected = {"look-up telemetry.example", "call 203.0.113.99 443", "call 203.0.113.1 80"}
    if os.path.exists("/proc/net/if_inet6"):
        expected.add("call 2001:db8:1::1 80")
    assert set(calls) == expected
    assert left == [".cache/deviceid"]


def test_the_whole_story_calls_nobody_and_leaves_nothing(play, chromium, tmp_path):
    """Started, photos in, trained frozen and fine-tuned, tried, exported, and asked by the exported script."""
    before = files_of_the_checkout()
    (tmp_path / "work").mkdir()
    calls, left = play("-m", "tests.browser.quiet_story", str(tmp_path / "work"))
    assert calls == [] and left == []
    assert files_of_the_checkout() == before


def test_a_server_for_a_class_does_not_ask_for_its_own_address(play):
    """As Streamlit does to print it, unless it is told what to print."""
    assert play("-c", FOR_A_CLASS) == ([], [])


def files_of_the_checkout() -> set[Path]:
    """Without what git and the tools of development keep there."""
    hidden = {path for path in ROOT.iterdir() if path.name.startswith(".") and path.name != ".streamlit"}
    found = (path for folder in ROOT.iterdir() if folder not in hidden for path in [folder, *folder.rglob("*")])
    return {path for path in found if "__pycache__" not in path.parts}
