"""The next step is in sight on every page, in every state and at every size, and nothing is wider than the window."""

import json
from contextlib import ExitStack, suppress

import pytest

from tests.browser.conftest import Server
from tests.browser.test_story import PAGES, is_still, too_wide
from tests.helpers import RESNET, answered, draw_dataset, fill_project, right, wait_for
from tests.pages.conftest import after_epochs, write
from transfer_core import deletion, runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.runs import Run, events
from transfer_core.support.files import read_json

SIZES = ((1280, 720), (1440, 900), (390, 844))  # a projector, a laptop, a phone
MANY = tuple(f"class {number:02} of thirty" for number in range(30))

# Where the primary buttons stand: [top, bottom, left, right, text]; one that something covers has no text. Those of
# dialogs are their own.
PRIMARY = """() => [...document.querySelectorAll('[data-testid^="stBaseButton-primary"]')]
    .filter(one => one.offsetParent && !one.closest('[role="dialog"]'))
    .map(one => { const box = one.getBoundingClientRect()
                  const seen = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
                  return [box, one.contains(seen) ? one.innerText.split("\\n").at(-1) : ""] })
    .map(([box, text]) => [box.top, box.bottom, box.left, box.right, text])"""


def queue(project, **settings) -> Run:
    config = TrainConfig(**{"backbone": RESNET, "val_fraction": 0.25} | settings)
    return runs.create(project, runs.TrainSpec(config), make_split(load_items(project), 0.25, 0))


@pytest.fixture
def states(server: Server, finished, tmp_path):
    """{state: address of a project in it}; the runs are written as a worker would write them."""
    workspace, few = server.workspace, draw_dataset(tmp_path / "few")
    found = {
        "empty": workspace.create_project("Empty"),
        "2 classes": fill_project(workspace, draw_dataset(tmp_path / "two", 8, ("blue", "green")), "Two"),
        "30 classes": fill_project(workspace, draw_dataset(tmp_path / "many", 4, MANY), "Thirty"),
        "running": fill_project(workspace, few, "Running"),
        "done": workspace.open_project(finished.project_id),
        "failed": fill_project(workspace, few, "Failed"),
    }
    wide = queue(found["30 classes"])
    answered(wide, right((20, True), (10, False)))
    result = read_json(wide.evaluation_dir / "result.json")
    no_export = events.StepFailed(name="export", message="The test wants none.")
    write(wide, events.RunStarted(), events.RunFinished(result=result), no_export)
    write(queue(found["failed"]), events.RunStarted(), events.RunFailed(message="There was no memory.", hint="Wait."))
    with ExitStack() as held:
        running = write(queue(found["running"], strategy="full", epochs=10), events.RunStarted(), *after_epochs(3))
        held.enter_context(running.lock().acquire(timeout=30))
        yield {state: f"?project={project.id}" for state, project in found.items()}
    for state, project in found.items():
        if state != "done":
            deletion.delete_project(workspace, project)


@pytest.mark.full
def test_the_next_step_is_in_sight_everywhere(open_tab, server, states):
    tab = open_tab()
    table, faults = [], []
    for state, query in states.items():
        for page in (*PAGES, "compare") if table else ("", *PAGES, "compare"):  # Home shows them all at once
            tab.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})
            tab.goto(f"{server.url}/{page}{query}")
            tab.get_by_test_id("stHeading").first.wait_for()
            is_still(tab)
            with suppress(AssertionError):  # the table below says it where none ever comes
                wait_for(lambda: tab.evaluate(PRIMARY), 10)
            tops = []
            for width, height in SIZES:
                tab.set_viewport_size({"width": width, "height": height})
                tab.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))")
                found = tab.evaluate(PRIMARY)
                fits = [
                    bool(text) and top >= 0 and bottom <= height and left >= 0 and right <= width
                    for top, bottom, left, right, text in found
                ]
                tops.append(f"{found[0][0]:4.0f}" if found else "none")
                place = f"{state}, {page or 'home'}, {width} x {height}"
                if fits != [True]:
                    faults.append(f"{place}: primary buttons {json.dumps(found)}")
                try:
                    wait_for(lambda: too_wide(tab) == [0, 0], 3)  # a chart takes a moment to fit its place
                except AssertionError:
                    faults.append(f"{place}: wider than the window by {too_wide(tab)} px")
            table.append((state, page or "home", found[0][4] if found else "", *tops))
    head = ("state", "page", "next step", *(f"y at {width} x {height}" for width, height in SIZES))
    for row in (head, *table):
        print(f"{row[0]:11}{row[1]:12}{row[2]:34.33}" + "".join(f"{cell:>18}" for cell in row[3:]))
    assert faults == []
