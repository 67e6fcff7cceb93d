"""How long the pages take to react: page to page, and from a click to the first visible change, in Chromium.

    python -m tests.benchmarks.reactions [--rounds 10]

A server is started on a home of its own with the sample set and one frozen run. Each round walks through all pages and
presses what is pressed most. "first change" is the first frame after the click in which anything has changed, "done"
the frame in which the new page has its title, or the page stands still again. The limits: a first change within 0.3 s,
a page within 1 s. The first round fills caches and is left out.
"""

import argparse
import os
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, Server
from tests.helpers import kill_all
from transfer_core.config import TrainConfig
from transfer_core.services import projects, runs, training
from transfer_core.workspace import Workspace

CHANGE_S, PAGE_S = 0.3, 1.0
_PAGES = ("Photos", "Train", "Understand", "Try", "Export", "Home")
_TITLES = {"Home": "Teach an image model your own classes"}
_PATIENCE_MS = 120_000
# Presses an element and resolves to [ms to the first change, ms until it is done].
_PRESS = """(element, title) => new Promise(resolve => {
  const began = performance.now()
  const app = document.querySelector('[data-testid="stApp"]')
  const isDone = () => title
    ? [...document.querySelectorAll('[data-testid="stMain"] h1')].some(one => one.innerText.trim() === title)
    : app.dataset.testScriptState === "notRunning" && performance.now() - last > 250
  let first = null, last = began
  const seen = new MutationObserver(() => {
    last = performance.now()
    if (first === null) requestAnimationFrame(() => (first ??= performance.now() - began))
  })
  // Of a component, what is in its shadow tree, too.
  for (const root of new Set([document.body, element.getRootNode()]))
    seen.observe(root, { subtree: true, childList: true, attributes: true, characterData: true })
  const look = () => {
    const waited = performance.now() - began
    if ((first === null || !isDone()) && waited < 30000) return requestAnimationFrame(look)
    seen.disconnect()
    resolve([first ?? waited, title ? waited : last - began])
  }
  element.click()
  requestAnimationFrame(look)
})"""


def fill(workspace: Workspace) -> str:
    """The sample set with a frozen run and its model; returns the project's id."""
    project = projects.create_sample(workspace, lambda done, total: None)
    run = training.start(workspace, project, TrainConfig())
    training.follow(run)
    runs.wait_for_model(run)
    return project.id


def press(element: Locator, title: str | None = None) -> tuple[float, float]:
    """Seconds to the first change, and until it is done."""
    element.wait_for(timeout=_PATIENCE_MS)
    first, done = element.evaluate(_PRESS, title, timeout=_PATIENCE_MS)
    return first / 1000, done / 1000


def be_still(tab: Page) -> None:
    tab.wait_for_function(
        """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning"
                 && !document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]')""",
        timeout=_PATIENCE_MS,
    )
    tab.wait_for_timeout(300)


def walk(tab: Page, address: str) -> dict[str, tuple[float, float]]:
    """Through all pages once, and on each what is pressed there."""
    found = {}
    tab.goto(address)
    be_still(tab)
    for page in _PAGES:
        link = tab.locator('[data-testid^="st"][data-testid$="NavLink"]', has_text=page).first
        found[f"to {page}"] = press(link, _TITLES.get(page, page))
        be_still(tab)
        for words, element in _pressed_on(tab, page).items():
            found[f"{page}: {words}"] = press(element)
            be_still(tab)
    return found


def _pressed_on(tab: Page, page: str) -> dict[str, Locator]:
    def button(name: str) -> Locator:
        return tab.get_by_role("button", name=name).first

    return {
        "Photos": {
            "add a class": button("Add a class"),
            "live answer": tab.get_by_test_id("stCheckbox").locator("input"),
        },
        "Train": {"train again": button("Train again"), "another strategy": button("In between")},
        "Understand": {"another tab": tab.get_by_role("tab", name="Class by class")},
        "Try": {"another tab": tab.get_by_role("tab", name="Photos"), "show me one": button("Show me one")},
        "Export": {},
        "Home": {"more": button("More")},
    }[page]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ |= {"GRAFT_MACHINE_DIR": folder}  # other workspaces' trainings are not waited for
        home = Path(folder) / "home"
        home.mkdir()
        server = Server(home)
        try:
            project = fill(server.workspace)
            server.start()
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            tab = browser.new_page(viewport={"width": 1280, "height": 720})
            for number in range(options.rounds + 1):
                for step, times in walk(tab, f"{server.url}/?project={project}").items():
                    if number:
                        found[step].append(times)
            browser.close()
        finally:
            server.kill()
            kill_all(server.workspace)
    show(found)


def show(found: dict[str, list[tuple[float, float]]]) -> None:
    """The table: medians and 95th percentiles, with a mark where the 95th is over its limit."""
    print(f"{'seconds':32}{'first change p50':>18}{'p95':>8}{'done p50':>12}{'p95':>8}")
    for step, times in found.items():
        first, done = zip(*times, strict=True)
        late = high(first) > CHANGE_S or (step.startswith("to ") and high(done) > PAGE_S)
        figures = f"{statistics.median(first):18.2f}{high(first):8.2f}{statistics.median(done):12.2f}{high(done):8.2f}"
        print(f"{step:32}{figures}{'  over' if late else ''}")


def high(values: tuple[float, ...]) -> float:
    """The 95th percentile; of few values the highest."""
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


if __name__ == "__main__":
    main()
