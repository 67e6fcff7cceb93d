"""The page that sorts photos, in a real browser, with many photos.

    python -m tests.benchmarks.gallery [--photos 50000] [--drawn 600]

So many labelled photos are made of fewer drawn ones, each under many names: thumbnails are real, and what is slow with
many labels is as slow as it would be. Needs Chromium and Playwright, as the browser tests do.
"""

import argparse
import hashlib
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, Server
from tests.helpers import wait_for
from transfer_core.data.labels.dataset import append_items, new_item
from transfer_core.workspace import Project, Workspace

_CLASSES = 10
_RELABELLED = 1000


def fill(workspace: Workspace, count: int, drawn: int) -> Project:
    """A project of that many labelled photos; a thousand of them have "pick" in their name."""
    project, rng, files = workspace.create_project("Many"), np.random.default_rng(0), []
    for _ in range(drawn):
        buffer = io.BytesIO()
        coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8))
        coarse.resize((640, 480), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        (project.photos_dir / f"{digest}.jpg").write_bytes(buffer.getvalue())
        files.append(digest)
    every = max(1, count // _RELABELLED)
    items = []
    for number in range(count):
        name, photo = f"class {number % _CLASSES}", files[number % drawn]
        path = f"{name}/{'pick' if number % every == 0 else 'photo'}-{number}.jpg"
        items.append(new_item(photo, f"{photo}.jpg", path, name, None, (640, 480)))
    append_items(project, items)
    return project


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=50_000)
    parser.add_argument("--drawn", type=int, default=600)
    options = parser.parse_args()

    def note(name: str, act: Callable[[], object], see: Callable[[], object]) -> None:
        began = time.perf_counter()
        act()
        see()
        print(f"{name:44} {time.perf_counter() - began:6.2f} s", flush=True)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as playwright:
        workspace = Workspace(Path(folder))
        project, none = fill(workspace, options.photos, options.drawn), workspace.create_project("None")
        server, browser = Server(Path(folder)), playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        server.start()
        address, empty = (f"{server.url}/sort?project={one.id}" for one in (project, none))

        def drawn() -> None:
            wait_for(lambda: tab.evaluate(_DRAWN))

        try:
            tab = browser.new_page()
            note("first page, the server's first visit", lambda: tab.goto(address), drawn)
            note("first page, thumbnails made", lambda: tab.goto(address), drawn)
            note(
                "the same of no photos, Streamlit's own share",
                lambda: tab.goto(empty),
                tab.get_by_text("no photos").wait_for,
            )
            tab.goto(address)
            drawn()
            before = tab.locator(".tile .file").first.inner_text()
            note(
                "next page",
                lambda: tab.locator("[class*=st-key-sort-page]").get_by_text("2", exact=True).click(),
                lambda: (tab.locator(".tile .file").first.filter(has_not_text=before).wait_for(), drawn()),
            )
            note(
                "filter by name",
                lambda: (tab.get_by_role("textbox", name="File name").fill("pick"), tab.keyboard.press("Enter")),
                tab.get_by_role("button", name=f"All {_RELABELLED:,}", exact=True).wait_for,
            )
            tab.get_by_role("button", name=f"All {_RELABELLED:,}", exact=True).click()
            tab.get_by_text(f"{_RELABELLED:,} photos chosen").wait_for()
            tab.get_by_role("combobox", name="Move to class").fill("picked")
            tab.keyboard.press("Enter")
            put = tab.get_by_role("button", name="Move", exact=True)
            tab.wait_for_timeout(1000)
            note(
                f"relabel {_RELABELLED:,}",
                put.click,
                tab.get_by_text(f"{_RELABELLED:,} photos moved to 'picked'").first.wait_for,
            )
            undo = tab.get_by_role("button", name="Undo")
            note("undo", undo.click, tab.get_by_text("Taken back").first.wait_for)
        finally:
            browser.close()
            server.kill()


_DRAWN = """() => { const hosts = [...document.querySelectorAll('*')].filter(one => one.shadowRoot);
  const all = hosts.flatMap(host => [...host.shadowRoot.querySelectorAll('.tile img')]);
  return all.length > 0 && all.every(one => one.complete && one.naturalWidth > 0) }"""

if __name__ == "__main__":
    main()
