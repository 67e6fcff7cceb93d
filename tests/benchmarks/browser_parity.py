"""Whether a model answers in the browser as it does in Python, how fast, and what that costs the server.

    python -m tests.benchmarks.browser_parity PHOTOS [--seconds 20]

Trains on a folder of photos by the command line and starts the app. Its Try page watches Chromium's false camera for a
while; then the very same worker classifies the file of each validation photo. Exit code 1 where a label differs, a
confidence by more than 1e-4, or the server works more than a hundredth of the time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil

from tests.browser.conftest import CHROMIUM, FLAGS, Server
from tests.helpers import ROOT, kill_all, wait_for
from transfer_core import runs
from transfer_core.runs import Run
from transfer_core.services import inference
from transfer_core.workspace import Workspace

_MAX_DIFFERENCE = 1e-4
_MAX_SERVER = 0.01  # of a core; Streamlit's own connection takes a little
# Counts the page's answers, and notes what it made its worker of.
SPY = """
window.answers = 0
window.Worker = class extends Worker {
  constructor(address, options) {
    super(address, options)
    window.workerAddress = address
    this.addEventListener("message", ({ data }) => { if (data.confidences) window.answers += 1 })
  }
  postMessage(data, ...rest) {
    if (data.load) window.modelAddress = data.load
    super.postMessage(data, ...rest)
  }
}
"""
ADD_FIELD = "document.body.insertAdjacentHTML('beforeend', '<input id=photos type=file multiple>')"
# [[file name, confidences or why there are none]] of the files in that field, by another worker like the page's.
CLASSIFY = """
async () => {
  const worker = new Worker(workerAddress, { type: "module" })
  worker.postMessage({ load: modelAddress })
  const answers = [...document.querySelector("#photos").files].map((picture, id) => new Promise((done) => {
    worker.addEventListener("message", ({ data }) => {
      if (data.id === id) done([picture.name, data.failed ?? [...data.confidences]])
    })
    worker.postMessage({ id, picture })
  }))
  return Promise.all(answers)
}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seconds", type=float, default=20, help="to watch the camera for")
    options = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        workspace = Workspace(home)
        stack.callback(kill_all, workspace)
        run = train(workspace, options.photos)
        server = Server(home)
        stack.callback(server.kill)
        server.start()
        figures = measure(server, run, options.seconds)
    print(json.dumps(figures, indent=1))
    return not (
        figures["changed_labels"] == 0
        and figures["max_difference"] <= _MAX_DIFFERENCE
        and figures["server_share"] <= _MAX_SERVER
    )


def train(workspace: Workspace, photos: Path) -> Run:
    """A run of these photos, whose model is ready."""
    command = [sys.executable, "-m", "transfer_core", "fit", str(photos), "--home", str(workspace.home), "--json"]
    answer = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return runs.open_run(workspace, answer["run_id"])


def measure(server: Server, run: Run, seconds: float) -> dict[str, float]:
    """Differences between browser and Python, answers per second, and the share of a core that the server took."""
    from playwright.sync_api import sync_playwright

    paths = [run.photos_dir / item.file for item in runs.load_split(run).val]
    expected = {
        path.name: answer.confidences for path, answer in zip(paths, inference.predict(run, paths), strict=True)
    }
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 720})
        tab.add_init_script(SPY)
        tab.goto(f"{server.url}/try_it?project={run.project_id}&run={run.id}")
        began = time.monotonic()
        tab.get_by_role("button", name="Start the camera").click()
        wait_for(lambda: tab.evaluate("answers > 0"))  # the page lets nobody but us evaluate words
        first = time.monotonic() - began
        tab.wait_for_timeout(3000)  # whatever the page itself still asks of the server
        watched = watch(tab, server, seconds)
        tab.get_by_role("button", name="Pause").click()
        tab.evaluate(ADD_FIELD)
        tab.set_input_files("#photos", paths)
        began = time.monotonic()
        answers = dict(tab.evaluate(CLASSIFY))
        each = (time.monotonic() - began) / len(paths)
    found = {name: np.array(answers[name], np.float32) for name in expected}
    return {
        "photos": len(expected),
        "changed_labels": sum(int(found[name].argmax() != expected[name].argmax()) for name in expected),
        "max_difference": float(max(np.abs(found[name] - expected[name]).max() for name in expected)),
        "s_per_photo": round(each, 3),
        "s_to_first_answer": round(first, 2),
        **watched,
    }


def watch(tab, server: Server, seconds: float) -> dict[str, float]:
    """What happens while the page watches the camera."""
    process = psutil.Process(server.pid)
    before, answered, began = sum(process.cpu_times()[:2]), tab.evaluate("answers"), time.monotonic()
    tab.wait_for_timeout(1000 * seconds)
    took = time.monotonic() - began
    share = (sum(process.cpu_times()[:2]) - before) / took
    return {
        "answers_per_s": round((tab.evaluate("answers") - answered) / took, 2),
        "server_share": round(share, 4),
        "load": round(psutil.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
