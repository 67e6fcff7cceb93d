"""What a person does with Graft from the first photo to the exported model, for `test_nothing_leaves.py` to watch.

    python -m tests.browser.quiet_story FOLDER

A program of its own, since it is played where nothing can be reached; so is each part of Graft in it. FOLDER takes
what the story needs, and is no part of Graft's own files.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, Server
from tests.browser.test_story import RIGHT, go_to_train, hand_in, is_still, press, see
from tests.helpers import PATIENCE_S, RESNET, ROOT, draw_dataset, save_random_weights, tiny_row, wait_for
from transfer_core.support import telemetry
from transfer_core.workspace import Workspace

# What Chromium asks its maker by itself, whatever the flags; what a page of ours asks is not let pass by this.
_OF_CHROMIUM = ("update.googleapis.com", "accounts.google.com", "content-autofill.googleapis.com")
_QUIET = f"--host-resolver-rules={','.join(f'MAP {name} ~NOTFOUND' for name in _OF_CHROMIUM)}"
_LINGER_S = 3.0  # what is sent in the background is sent some time after it was queued


def play(folder: Path) -> None:
    """All of it; raises where a step does not do what it should."""
    workspace = Workspace(Path.home() / ".graft")
    save_random_weights(tiny_row(RESNET), workspace.weights_dir)
    for name in telemetry.SETTINGS:  # which importing Graft has set here, too: its processes are to do that themselves
        del os.environ[name]
    photos = draw_dataset(folder / "blots")
    server = Server(workspace.home)
    server.start()
    with sync_playwright() as playwright:
        profile = {**os.environ, "HOME": str(folder)}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, _QUIET], env=profile)
        tab = browser.new_page()
        asked: set[str] = set()
        tab.on("request", lambda request: asked.add(request.url))
        tab.on("websocket", lambda socket: asked.add(socket.url))
        tab.set_default_timeout(1000 * PATIENCE_S)
        archive = _train_in_browser(tab, server.url, photos, folder)
        _predict(archive, photos, folder / "frozen")
        fitted = _graft("fit", photos, "--backbone", RESNET, "--strategy", "full", "--epochs", 2)
        _graft("export", fitted["run_id"], "--out", folder / "tuned.zip")
        _predict(folder / "tuned.zip", photos, folder / "tuned")
        for page in ("", "photos", "sort", "train", "understand", "try_it", "export", "compare"):
            tab.goto(f"{server.url}/{page}")
            is_still(tab)
            # The picture in the tab's label, for which a browser without a window never asks.
            icon = tab.locator("link[rel~=icon]").first.get_attribute("href")
            assert re.match(r"data:|\.?/", icon), icon
        wait_for(lambda: list((workspace.home / "speeds").rglob("*.json")))  # the runner has tried the machine's speed
        time.sleep(_LINGER_S)
        browser.close()
    server.kill()
    ours = (f"{server.url}/", server.url.replace("http", "ws") + "/", "data:", "blob:")
    assert not [url for url in asked if not url.startswith(ours)]


def _train_in_browser(tab, url: str, photos: Path, folder: Path) -> Path:
    """Photos in, a frozen backbone trained, a photo tried, the zip out."""
    tab.goto(url)
    press(tab, "New project")
    see(tab, "Add at least two classes")
    is_still(tab)
    hand_in(tab, shutil.make_archive(folder / "blots", "zip", photos))
    press(tab, "Add 24 photos")
    see(tab, "24 new photos added.")
    go_to_train(tab)
    press(tab, "Train")
    see(tab, RIGHT)
    press(tab, "See the results")
    see(tab, "Rows: the true class.")
    press(tab, "Try it")
    tab.get_by_role("tab", name="Photos").click()
    tab.locator(".st-key-try-files-0 input[type=file]").set_input_files(photos / "red" / "red0.jpg")
    see(tab, re.compile(r"^Confidence: >?\d+%"))
    press(tab, "Export")
    see(tab, re.compile("Same answers as in Graft on"))
    with tab.expect_download() as download:
        tab.locator(".st-key-download-zip button").click()
    download.value.save_as(folder / "frozen.zip")
    return folder / "frozen.zip"


def _predict(archive: Path, photos: Path, folder: Path) -> None:
    """The exported script, as whoever is given the zip runs it: without anything of ours around it."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    done = _run(str(folder / "predict.py"), photos, cwd=folder)
    assert len(done.splitlines()) == 24, done


def _graft(*arguments: object) -> dict:
    return json.loads(_run("-m", "transfer_core", *arguments, "--json", cwd=ROOT).splitlines()[-1])


def _run(*arguments: object, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


if __name__ == "__main__":
    play(Path(sys.argv[1]))
