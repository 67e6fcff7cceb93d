"""What it costs the server that many people watch one live run: `python -m tests.benchmarks.watching`.

Starts the app, lets a stand-in for a worker write an epoch a second into a run, opens many sessions over websockets as
browsers do (each asks again as often as the page tells it to), and prints the server's processor time per second.

    python -m tests.benchmarks.watching [--sessions 30] [--seconds 60] [--epoch-s 1]

With `--train` a real worker trains the bundled backbone instead, and it is measured what lasts:
how the server's memory and open files grow, and how soon it answers. The limit of its processor time then does not
count, for the server shares the processor with the training.

    python -m tests.benchmarks.watching --train --sessions 20 --seconds 600
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.helpers import ROOT, closed_port, draw_dataset, fill_project, pretend_speed, wait_for
from transfer_core import runs
from transfer_core.backbones import catalog
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.runs import Run
from transfer_core.workspace import Workspace

_LIMIT = 0.3  # of a core
_WARM_UP_S = 10.0
_SAMPLE_EVERY_S = 5.0
_GROWTH_MB, _MORE_FILES, _SOON_MS = 60, 10, 1000
_WORKER = """
import sys, time
from pathlib import Path
from transfer_core.runs import events, open_run
from transfer_core.workspace import Workspace
run = open_run(Workspace(Path(sys.argv[1])), sys.argv[2])
with run.lock().acquire():
    log = events.EventLog(run.events_path)
    log.append(events.RunStarted())
    log.append(events.PhaseStarted(name="tune", title="Fine-tuning", epochs=1000))
    for epoch in range(1, 1001):
        log.append(events.EpochFinished(
            phase="tune", epoch=epoch, epochs=1000, step=epoch, train_loss=1 / epoch, train_accuracy=0.9,
            val_loss=1.2 / epoch, val_accuracy=0.8, confusion_matrix=[[3, 1, 0], [0, 4, 0], [1, 0, 3]]))
        time.sleep(float(sys.argv[3]))
"""


@contextmanager
def _started(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _make_run(workspace: Workspace, data: Path) -> Run:
    project = fill_project(workspace, draw_dataset(data, 20))
    pretend_speed(workspace, catalog.BUILT_IN[catalog.BUNDLED])  # measuring the machine's would disturb
    config = TrainConfig(strategy="full", epochs=1000)
    return runs.create(project, runs.TrainSpec(config), make_split(load_items(project), 0.2, 0))


async def _watch(port: int, query: str, until: float) -> tuple[int, int]:
    """One session: opens the Train page, then asks for its live parts as often as those say.

    Returns:
        (how often it asked, how many charts came).
    """
    asked = charts = 0
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as socket:
        opening = BackMsg()
        opening.rerun_script.query_string, opening.rerun_script.page_name = query, "train"
        await socket.send(opening.SerializeToString())
        page = ""
        parts: dict[str, tuple[float, float]] = {}  # id: seconds between looks, when the next is due
        while (now := time.monotonic()) < until:
            for part, (every, due) in parts.items():
                if now >= due:
                    ask = BackMsg()
                    ask.rerun_script.query_string, ask.rerun_script.fragment_id = query, part
                    ask.rerun_script.page_script_hash, ask.rerun_script.is_auto_rerun = page, True
                    await socket.send(ask.SerializeToString())
                    asked, parts[part] = asked + 1, (every, max(due + every, now))
            next_due = min([until, *(due for _, due in parts.values())])
            with suppress(asyncio.TimeoutError):
                content = await asyncio.wait_for(socket.recv(), max(0.001, next_due - time.monotonic()))
                message = ForwardMsg.FromString(content)
                if message.HasField("new_session"):
                    page = message.new_session.page_script_hash
                if message.HasField("auto_rerun"):
                    every = message.auto_rerun.interval
                    parts[message.auto_rerun.fragment_id] = (every, time.monotonic() + every)
                charts += message.HasField("delta") and message.delta.new_element.HasField("plotly_chart")
    return asked, charts


@dataclass(frozen=True)
class Sample:
    """The server at one moment."""

    memory_mb: float
    files: int
    answer_ms: float


def _sample(server: psutil.Process, port: int) -> Sample:
    began = time.monotonic()
    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=60).close()
    took = time.monotonic() - began
    files = server.num_handles() if sys.platform == "win32" else server.num_fds()
    return Sample(server.memory_info().rss / 1e6, files, 1000 * took)


async def _sample_until(server: psutil.Process, port: int, until: float) -> list[Sample]:
    """One every five seconds."""
    samples = []
    while time.monotonic() < until:
        samples.append(await asyncio.to_thread(_sample, server, port))
        await asyncio.sleep(_SAMPLE_EVERY_S)
    return samples


async def _measure(
    server: psutil.Process, port: int, query: str, sessions: int, seconds: float
) -> tuple[float, float, float, list[Sample]]:
    """(cores used by the server, looks and charts per second of all sessions, samples after the warming up)."""
    began = time.monotonic()
    until = began + _WARM_UP_S + seconds
    watching = [asyncio.create_task(_watch(port, query, until)) for _ in range(sessions)]
    await asyncio.sleep(_WARM_UP_S)
    before = sum(server.cpu_times()[:2])
    samples = await _sample_until(server, port, until)
    used = sum(server.cpu_times()[:2]) - before
    asked, charts = (sum(counts) for counts in zip(*await asyncio.gather(*watching), strict=True))
    return used / seconds, asked / (_WARM_UP_S + seconds), charts / (_WARM_UP_S + seconds), samples


def _show_samples(samples: Sequence[Sample]) -> bool:
    """Prints what they come to; whether nothing grows without end, and every answer came soon."""
    fifth = max(1, len(samples) // 5)
    first, last = samples[:fifth], samples[-fifth:]
    memory = [sum(sample.memory_mb for sample in part) / fifth for part in (first, last)]
    files = [max(sample.files for sample in part) for part in (first, last)]
    answers = sorted(sample.answer_ms for sample in samples)
    slow = answers[int(0.95 * (len(answers) - 1))]
    print(f"memory: {memory[0]:.0f} MB at first, {memory[1]:.0f} MB at last (limit: {_GROWTH_MB} MB more)")
    print(f"open files: {files[0]} at first, {files[1]} at last (limit: {_MORE_FILES} more)")
    print(f"answers: {answers[len(answers) // 2]:.0f} ms, 95% within {slow:.0f} ms (limit {_SOON_MS} ms)")
    return memory[1] - memory[0] <= _GROWTH_MB and files[1] - files[0] <= _MORE_FILES and slow <= _SOON_MS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", action="store_true", help="watch a real training, and measure what lasts")
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--epoch-s", type=float, default=1.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace, port = Workspace(Path(folder, "home")), closed_port()
        run = _make_run(workspace, Path(folder, "data"))
        environment = os.environ | {"GRAFT_HOME": str(workspace.home), "GRAFT_IDLE_S": "1"}
        worker = [sys.executable, "-c", _WORKER, str(workspace.home), run.id, str(options.epoch_s)]
        if options.train:
            worker = [sys.executable, "-m", "transfer_core.jobs.worker", str(run.folder)]
        app = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        app += ["--server.headless", "true"]
        with _started(worker, environment), _started(app, environment) as server:
            for _ in range(100):
                with suppress(OSError):
                    if urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).status == 200:
                        break
                time.sleep(0.1)
            if options.train:
                wait_for(lambda: runs.read_state(run).epochs, seconds=600, every=0.5)
            query = f"project={run.project_id}&run={run.id}"
            process = psutil.Process(server.pid)
            cores, looks, charts, samples = asyncio.run(
                _measure(process, port, query, options.sessions, options.seconds)
            )
            state = runs.read_state(run)
    verdict = "ok" if cores <= _LIMIT else "MISSED"
    print(f"{options.sessions} sessions, {looks:.1f} looks and {charts:.1f} charts a second in all")
    print(f"{1000 * cores / looks:.1f} ms of a core a look")
    if options.train:
        print(f"server: {cores:.2f} cores, {len(state.epochs)} epochs meanwhile")
        verdict = "ok" if _show_samples(samples) and state.status == "running" else "MISSED"
        print(f"what lasts: {verdict}")
    else:
        print(f"server: {cores:.2f} cores (limit {_LIMIT}) {verdict}")
    sys.exit(verdict != "ok")


if __name__ == "__main__":
    main()
