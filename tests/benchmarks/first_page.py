"""From the start command to the first page in a browser that is open already, and where the time goes.

    python -m tests.benchmarks.first_page [--rounds 7] [--command "streamlit run app.py"] [--root OTHER_CHECKOUT]

Each round starts a server on an empty home. Commands and checkouts are measured in turn, so that they share what else
the machine does; the first round only warms the file cache and the bytecode, and is left out. Each part is in seconds
from the start command on: the server answers, the browser has run Streamlit's scripts, the websocket is open, the
page's content has arrived, "New project" is in sight. "CPU" is the processor time of the server until then. The browser
has never seen the page; with --again it has, and Streamlit's scripts are in its cache.
"""

import argparse
import os
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.helpers import ROOT, closed_port

_COMMANDS = ["streamlit run app.py", "graft app"]
_PROGRAMS = {"streamlit": ["-m", "streamlit"], "graft": ["-m", "transfer_core"]}
_PORT_OPTION = {"streamlit": "--server.port", "graft": "--port"}
_PARTS = ("answers", "scripts", "websocket", "content", "in sight")
_EVERY_S = 0.005
_PATIENCE_S = 120


def measure(context: BrowserContext, command: str, root: Path, port: int) -> list[float]:
    """Seconds from the start of one server to each of `_PARTS`, and its processor time."""
    program, *rest = shlex.split(command)
    line = [sys.executable, *_PROGRAMS[program], *rest, _PORT_OPTION[program], str(port)]
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"GRAFT_HOME": home, "STREAMLIT_SERVER_HEADLESS": "true"}
        page = context.new_page()
        start = time.monotonic()
        server = subprocess.Popen(line, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return [*_follow(page, port, start), _processor_time(server.pid)]
        finally:
            page.close()
            server.terminate()
            server.wait()


def _follow(page: Page, port: int, start: float) -> list[float]:
    """Opens the page as soon as the server answers, and waits until its button is in sight."""
    seen: dict[str, float] = {}

    def note(part: str) -> None:
        seen.setdefault(part, time.monotonic() - start)

    def note_frame(payload: str | bytes) -> None:
        if b"New project" in (payload if isinstance(payload, bytes) else payload.encode()):
            note("content")

    def note_websocket(websocket) -> None:
        note("websocket")
        websocket.on("framereceived", note_frame)

    page.on("domcontentloaded", lambda _: note("scripts"))
    page.on("websocket", note_websocket)
    while not _answers(port):
        assert time.monotonic() < start + _PATIENCE_S, "the server does not answer"
        time.sleep(_EVERY_S)
    note("answers")
    page.goto(f"http://localhost:{port}/", wait_until="commit")
    page.get_by_role("button", name="New project").wait_for(timeout=1000 * _PATIENCE_S)
    note("in sight")
    return [seen[part] for part in _PARTS]


def _answers(port: int) -> bool:
    """Whether the server answers; it listens before it is ready, hence more than a connection."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as connection:
            connection.sendall(b"GET /_stcore/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def _processor_time(pid: int) -> float:
    """Of a process and its children, in seconds."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--command", action="append", help=f"default: {' and '.join(_COMMANDS)}")
    parser.add_argument("--root", action="append", type=Path, help="a checkout to start it in (default: this one)")
    parser.add_argument("--again", action="store_true", help="the browser has opened the page before")
    options = parser.parse_args()
    cases = [(root, command) for command in options.command or _COMMANDS for root in options.root or [ROOT]]
    found: dict[tuple[Path, str], list[list[float]]] = {case: [] for case in cases}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        known = {case: (browser.new_context(), closed_port()) for case in cases}
        for number in range(options.rounds + 1):
            for case in cases:
                context, port = known[case] if options.again else (browser.new_context(), closed_port())
                times = measure(context, case[1], case[0], port)
                if not options.again:
                    context.close()
                if number:
                    found[case].append(times)
        browser.close()
    print(f"{'seconds, median':40}" + "".join(f"{part:>11}" for part in (*_PARTS, "CPU", "best", "worst")))
    for (root, command), rounds in found.items():
        medians = [statistics.median(times) for times in zip(*rounds, strict=True)]
        sight = [times[-2] for times in rounds]
        values = "".join(f"{value:11.2f}" for value in (*medians, min(sight), max(sight)))
        print(f"{f'{root.name}: {command}':40}{values}")


if __name__ == "__main__":
    main()
