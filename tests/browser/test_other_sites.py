"""What other websites try with a server of ours, and who must still come in: real servers, real Chromium."""

import http.server
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import CHROMIUM, FLAGS, Server
from tests.helpers import PATIENCE_S, wait_for
from transfer_core.workspace import Workspace

pytestmark = pytest.mark.full

# Writes down every look-up and every connection of the server's process; Python finds it under this name by itself.
_RECORDER = """
import os, sys
def note(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.connect"):
        with open(os.environ["CALLS_LOG"], "a") as log:
            log.write(f"{event} {arguments[-1] if event == 'socket.connect' else arguments[0]!r}\\n")
sys.addaudithook(note)
"""
_HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: streamlit\r\n"
)
_TRIES = 10  # the quickest counts: the machine may be busy with something else
_AT_ONCE_S = 0.05


class Recorded(Server):
    """A server whose look-ups and connections are recorded."""

    def launch(self, *options: str, **environment: str) -> None:
        recorder = self.workspace.home / "recorder"
        recorder.mkdir(exist_ok=True)
        (recorder / "sitecustomize.py").write_text(_RECORDER)
        self.calls = self.workspace.home / "calls.log"
        self.calls.touch()
        super().launch(*options, PYTHONPATH=str(recorder), CALLS_LOG=str(self.calls), **environment)


@pytest.fixture
def start(tmp_path) -> Iterator:
    """Starts servers that end with the test."""
    started: list[Recorded] = []

    def start(*options: str, ask: str = "localhost", **environment: str) -> Recorded:
        home = Workspace(tmp_path / f"home{len(started)}").home
        home.mkdir()
        server = Recorded(home)
        started.append(server)
        server.url = f"http://{ask}:{server.port}"
        server.launch(*options, **environment)
        server.wait()
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def browser(chromium) -> Iterator:
    """A Chromium for which evil.example lies on this machine, as an attacker's name server may say."""
    expect.set_options(timeout=1000 * PATIENCE_S)
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP graft.example 127.0.0.1"
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=[*FLAGS, rules])
    yield browser
    browser.close()


@pytest.fixture
def evil_site(tmp_path) -> Iterator:
    """Serves one page at an address of its own."""
    (tmp_path / "foreign").mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path / "foreign"))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(page: str) -> str:
        (tmp_path / "foreign" / "index.html").write_text(f"<!doctype html><title>evil</title>{page}")
        return f"http://evil.example:{server.server_port}/"

    yield serve
    server.shutdown()


def send(port: int, request: bytes) -> tuple[int, float]:
    """The status of the answer, 0 for none, and the seconds until it came."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(request)
        answer = connection.recv(4096)
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0, time.monotonic() - start


def request(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", *headers, "", ""]).encode("latin-1")


def see_home(tab) -> None:
    expect(tab.get_by_role("button", name="New project")).to_be_visible()


def refusals(port: int) -> dict[str, tuple[bytes, tuple[int, ...]]]:
    """What is sent, and the answers that are right; 400 is the web server's own to what is no HTTP."""
    here = f"Host: localhost:{port}"
    evil = "Origin: http://evil.example"
    upload = [here, evil, "Content-Length: 1000000"]
    return {
        "foreign host": (request("GET /", "Host: evil.example"), (421,)),
        "foreign host, its own origin": (request("GET /", "Host: evil.example", evil), (421,)),
        "forwarded host": (request("GET /", "Host: evil.example", f"X-Forwarded-Host: localhost:{port}"), (421,)),
        "foreign host, websocket": (
            request("GET /_stcore/stream", "Host: evil.example", evil)[:-2] + _HANDSHAKE.encode() + b"\r\n",
            (421,),
        ),
        "foreign origin": (request("GET /", here, evil), (403,)),
        "foreign origin, websocket": (
            request("GET /_stcore/stream", here, evil)[:-2] + _HANDSHAKE.encode() + b"\r\n",
            (403,),
        ),
        "origin of another port, websocket": (
            request("GET /_stcore/stream", here, "Origin: http://localhost:3000")[:-2] + _HANDSHAKE.encode() + b"\r\n",
            (403,),
        ),
        "foreign origin, upload": (request("PUT /_stcore/upload_file/a/b", *upload), (403,)),
        "null origin": (request("POST /", here, "Origin: null", "Content-Length: 0"), (403,)),
        "absolute target, foreign host": (request("GET http://localhost/", "Host: evil.example"), (421,)),
        "no host": (request("GET /"), (400, 421)),
        "two hosts": (request("GET /", here, "Host: evil.example"), (400, 421)),
        "weird bytes": (request("GET /", "Host: \xff\xfe\x80"), (400, 421)),
    }


def test_what_others_send_is_refused_at_once_while_a_session_goes_on(start, browser):
    server = start()
    tab = browser.new_page()
    tab.goto(server.url)
    see_home(tab)
    slowest = {}
    for name, (sent, right) in refusals(server.port).items():
        answers = [send(server.port, sent) for _ in range(_TRIES)]
        assert {status for status, _ in answers} <= {*right}, name
        slowest[name] = min(seconds for _, seconds in answers)
    assert max(slowest.values()) < _AT_ONCE_S, slowest
    tab.get_by_role("button", name="New project").click()
    expect(tab.get_by_role("heading", name="Photos", exact=True)).to_be_visible()
    assert server.calls.read_text() == ""
    assert "Traceback" not in server.log.read_text()


def test_another_site_can_neither_frame_nor_call_nor_rebind_us(start, browser, evil_site):
    server = start()
    ours = browser.new_page()
    ours.goto(server.url)
    see_home(ours)

    # Whose messages our pages take as commands: by default, those of any app on streamlit.app.
    assert ours.request.get(f"{server.url}/_stcore/host-config").json()["allowedOrigins"] == []

    said, tab = [], browser.new_page()
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(evil_site(f'<iframe src="{server.url}/" width="900" height="600"></iframe>'))
    tab.wait_for_function("document.readyState === 'complete'")
    expect(tab.frame_locator("iframe").get_by_role("button", name="New project")).to_have_count(0)
    assert any("frame-ancestors" in text for text in said), said

    call = """async ([address, method]) => {
        try { return (await fetch(address, { method, body: method === 'GET' ? undefined : 'x' })).status }
        catch (error) { return `${error}` }
    }"""
    for method in ("GET", "POST", "PUT"):
        assert "Failed to fetch" in str(tab.evaluate(call, [f"{server.url}/_stcore/upload_file/a/b", method]))
    connect = """address => new Promise(resolve => {
        const socket = new WebSocket(address, ['streamlit'])
        socket.onopen = () => resolve('open')
        socket.onerror = () => resolve('refused')
    })"""
    assert tab.evaluate(connect, f"ws://localhost:{server.port}/_stcore/stream") == "refused"

    rebound = tab.goto(f"http://evil.example:{server.port}/")  # evil.example itself now lies at our address
    assert rebound.status == 421 and "Open it as localhost" in rebound.text()

    ours.get_by_role("button", name="New project").click()
    expect(ours.get_by_role("heading", name="Photos", exact=True)).to_be_visible()
    assert server.calls.read_text() == ""


def lookups(calls: Path) -> list[str]:
    return [line for line in calls.read_text().splitlines() if not line.startswith("socket.connect")]


def network_address() -> str:
    for entries in psutil.net_if_addrs().values():
        for entry in entries:
            if entry.family == socket.AF_INET and not entry.address.startswith(("127.", "169.254.")):
                return entry.address
    pytest.skip("this machine is in no network")


@pytest.mark.parametrize(
    ("options", "ask", "addresses"),
    [
        ((), "localhost", ("localhost", "127.0.0.1")),
        (("--server.address", "::1"), "[::1]", ("[::1]",)),
        (("--server.address", "0.0.0.0"), "localhost", ("localhost", "127.0.0.1", "NETWORK")),
        (("--server.address", "::"), "localhost", ("[::1]", "127.0.0.1", "NETWORK")),
    ],
)
def test_we_come_in_by_every_address_of_a_start(start, browser, options, ask, addresses):
    server = start(*options, ask=ask)
    for address in addresses:
        tab = browser.new_page()
        tab.goto(f"http://{address.replace('NETWORK', network_address())}:{server.port}/")
        see_home(tab)
    assert lookups(server.calls) == []
    assert "Graft is running. Open http://" in server.log.read_text()
    if "0.0.0.0" in options:
        name = request("GET /", f"Host: {socket.gethostname()}:{server.port}")
        assert send(server.port, name)[0] == 200


def test_the_page_opens_by_itself(start, tmp_path):
    """In the browser that the person uses, here one that writes down what it was given."""
    opened = tmp_path / "opened"
    browser = f'{sys.executable} -c \'import sys; open("{opened}", "w").write(sys.argv[1])\' %s'
    server = start("--server.headless", "false", BROWSER=browser)
    wait_for(lambda: opened.exists() and opened.read_text())
    assert opened.read_text() == f"{server.url}/"


def test_a_name_that_a_person_allows_comes_in(start, browser):
    server = start(GRAFT_ALLOWED_HOSTS="graft.example")
    tab = browser.new_page()
    tab.goto(f"http://graft.example:{server.port}/")
    see_home(tab)
