"""What a person does with Graft, from a zip of photos to an exported model, and what may befall a run meanwhile."""

import json
import os
import re
import shutil
import signal
import zipfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.conftest import PER_CLASS
from tests.helpers import COLOURS, RESNET, draw_photo, fill_project, kill_runner, run_python, wait_for
from transfer_core import deletion, runs
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.jobs.launch import runner_lock
from transfer_core.runs import Run, events
from transfer_core.support.wording import percent

RIGHT = re.compile(r"\d+ of \d+ validation photos right")
MENU = ["Home", "Photos", "Train", "Understand", "Try", "Export"]
STREAM = re.compile(r"/_stcore/stream")  # the socket on which the server says what to draw
PAGES = ("photos", "sort", "train", "understand", "try_it", "export")


def menu(tab) -> list[str]:
    """The entries of the navigation."""
    return [text.split()[-1] for text in tab.get_by_test_id("stTopNavLink").all_inner_texts()]


def curve(tab) -> int:
    """Epochs on the loss chart."""
    return tab.evaluate(
        """() => { const plot = document.querySelector('.st-key-curve-loss .js-plotly-plot');
                   return plot && plot.data ? Math.max(...plot.data.map(trace => trace.x.length)) : 0 }"""
    )


def figures(tab) -> list[int]:
    """What is written in the cells of the live matrix, in no order; cells without photos stay empty."""
    written = tab.locator(".st-key-live-matrix .heatmap-label").all_text_contents()
    return sorted(int(figure) for figure in written if figure)


def matrix(tab) -> list[list[int]]:
    """The live matrix, row by row; it has a heat map per colour of figures, each with the cells of that colour."""
    return tab.evaluate(
        """() => { const plot = document.querySelector('.st-key-live-matrix .js-plotly-plot');
                   const maps = (plot && plot.data || []).filter(trace => trace.type === 'heatmap');
                   const count = (i, j) => Math.max(...maps.map(map => Number(map.text[i][j])));
                   return maps.length ? maps[0].text.map((row, i) => row.map((_, j) => count(i, j))) : [] }"""
    )


def shows_newest_matrix(tab, run: Run) -> bool:
    newest = runs.read_state(run).epochs[-1].confusion_matrix
    return matrix(tab) == newest and figures(tab) == sorted(count for row in newest for count in row if count)


def epochs_of(run: Run) -> int:
    return len(runs.read_state(run).epochs)


def worker_pid(run: Run) -> int:
    return json.loads((run.folder / "worker.json").read_text())["pid"]


def address(tab) -> str:
    """What stands in the address bar now: `tab.url` learns of it only while the tab is talked to."""
    return tab.evaluate("() => location.href")


def too_wide(tab) -> list[int]:
    """By how many pixels document and page are wider than the window."""
    return tab.evaluate(
        "() => [document.documentElement, document.querySelector('[data-testid=stMain]')]"
        ".map(part => part.scrollWidth - part.clientWidth)"
    )


def brightness(tab) -> int:
    """Red, green and blue of the page's ground, added up: from 0 to 765."""
    ground = tab.evaluate("() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    return sum(map(int, re.findall(r"\d+", ground)[:3]))


CALM = """() => new Promise(done => {
    let since = performance.now()
    const look = () => {
        const app = document.querySelector("[data-testid=stApp][data-test-connection-state=CONNECTED]")
        if (app?.dataset.testScriptState !== "notRunning") since = performance.now()
        performance.now() - since > 250 ? done() : setTimeout(look, 20)
    }
    look()
})"""


def is_still(tab) -> None:
    """Waits until the page has been drawn to its end; a moment longer, for what was just done has yet to begin it."""
    tab.evaluate(CALM)


def is_at_rest(tab, place) -> None:
    """Waits until it no longer moves: a chart takes a moment to fit its place, and a click would miss."""
    wait_for(lambda: place.bounding_box() == (tab.wait_for_timeout(100) or place.bounding_box()))


def see(tab, text: str | re.Pattern):
    found = tab.get_by_text(text).first
    found.wait_for()
    return found


ACTIVE = (
    "img[src*='evil.example'], a[href*='evil.example'], .katex"  # what would come of a hostile name that is acted on
)


def plain_text(place) -> str:
    """What a person reads there: without the invisible joiners that keep addresses from becoming links."""
    return place.inner_text().replace("\u2060", "")


def press(tab, label: str) -> None:
    """Presses a button of a page that is drawn: Streamlit forgets a click that comes as the script before it ends."""
    tab.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    tab.get_by_role("button", name=label, exact=True).click()


def go_to_train(tab) -> None:
    """Leaves Photos by the button of its foot, which also says how long training takes."""
    tab.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    tab.locator(".st-key-to-train button").click()
    tab.get_by_role("heading", name="Train", exact=True).wait_for()


def hand_in(tab, *files: Path) -> None:
    """Drops files where a zip or photos of all classes go."""
    tab.locator(".st-key-drop-photos input[type=file]").first.set_input_files(files)


def choose_tiny_backbone(tab) -> None:
    press(tab, "Change")
    tab.locator(f".st-key-use-{RESNET.replace('.', '-')} button").first.click()
    tab.locator(".st-key-backbone-line").get_by_text(f"Tiny {RESNET}").wait_for()


# --- from a zip to a result ----------------------------------------------------------------------------------------


def test_a_messy_zip_of_photos_becomes_a_model(open_tab, server, leaves, tmp_path):
    archive = shutil.make_archive(tmp_path / "leaves", "zip", leaves.parent, leaves.name)
    with zipfile.ZipFile(archive, "a") as messy:
        messy.writestr("__MACOSX/._oak.jpg", "of a Mac")
        messy.writestr(f"{leaves.name}/notes.txt", "no photo")
        messy.writestr(f"{leaves.name}/oak/deeper/broken.jpg", b"\xff\xd8\xff no photo either")
    tab = open_tab()
    press(tab, "New project")
    see(tab, "Add at least two classes")
    is_still(tab)
    hand_in(tab, archive)
    press(tab, f"Add {4 * PER_CLASS + 1} photos")
    see(tab, f"{4 * PER_CLASS} new photos added.")
    see(tab, "2 files were left out")
    for name in ("beech", "birch", "maple", "oak"):
        tab.get_by_label(f"Name of the class {name}").wait_for()
    project = next(entry for entry in server.workspace.projects() if f"project={entry.id}" in address(tab))
    assert project.name.startswith("My project")

    go_to_train(tab)
    press(tab, "Train")
    tab.get_by_test_id("stProgress").wait_for()
    wait_for(lambda: 2 <= curve(tab) < 100)  # it is seen to grow
    answer = see(tab, RIGHT).inner_text()
    wait_for(lambda: curve(tab) == 100)  # the sentence comes before the chart

    [run] = runs.list_runs(server.workspace, project)
    history = runs.read_state(run)
    hits, count = map(int, re.search(r"(\d+) of (\d+) validation", answer).groups())
    assert (hits / count, count) == (history.result["val_accuracy"], history.result["val_count"])
    wait_for(lambda: sum(figures(tab)) == count)
    press(tab, "See the results")
    see(tab, "Rows: the true class.")


@pytest.fixture
def hold_back(open_tab) -> Callable:
    """Opens a tab and returns it with a context in which it does not hear what the server says, only afterwards."""
    deaf, unheard = [], []

    def relay(tab):
        tab.connect_to_server().on_message(lambda said: unheard.append((tab, said)) if deaf else tab.send(said))

    @contextmanager
    def held_back():
        deaf.append(True)
        yield
        deaf.clear()
        for tab, said in unheard:
            tab.send(said)

    def open_and_hold(address: str):
        return open_tab(address, prepare=lambda tab: tab.route_web_socket(STREAM, relay)), held_back

    return open_and_hold


@pytest.mark.full
def test_double_click_on_train_makes_one_run(hold_back, server, blots):
    """Also where the first click's run has ended before the second click, which the old button still takes."""
    kill_runner(server.workspace)
    with runner_lock(server.workspace).acquire(timeout=30):  # nobody takes the run: the test alone says when it ends
        tab, held_back = hold_back(f"train?project={blots.id}")
        see(tab, "sees your 24 photos")
        is_still(tab)
        with held_back():
            press(tab, "Train")
            # The tab's messages pass through this process, which must not sleep while it waits for what comes of them.
            [run] = wait_for(lambda: tab.wait_for_timeout(20) or runs.list_runs(server.workspace, blots))
            runs.request_stop(run)
            press(tab, "Train")
        see(tab, "stopped before the model learned anything")
        is_still(tab)
    assert runs.list_runs(server.workspace, blots) == [run]


# --- a run cannot be lost ------------------------------------------------------------------------------------------


@pytest.mark.server_dies
@pytest.mark.full
def test_run_goes_on_whatever_happens_to_page_and_server(open_tab, server, blots):
    tab = open_tab(f"train?project={blots.id}")
    choose_tiny_backbone(tab)
    tab.get_by_text("Advanced", exact=True).click()
    press(tab, "All layers at once")
    see(tab, "training photos changed a little each time")  # it matters now, and comes with what follows it
    is_still(tab)
    tab.get_by_role("spinbutton", name="Epochs").fill("1000")
    tab.keyboard.press("Enter")
    see(tab, "again and again")
    is_still(tab)
    press(tab, "Train")
    wait_for(lambda: curve(tab) >= 2)
    [run] = runs.list_runs(server.workspace, blots)
    wait_for(lambda: shows_newest_matrix(tab, run))  # in the first dozen epochs it changes

    tab.reload()
    wait_for(lambda: address(tab).endswith(f"run={run.id}") and address(tab).count("run=") == 1)
    second = open_tab(address(tab).removeprefix(f"{server.url}/"))
    wait_for(lambda: min(curve(tab), curve(second)) >= 3)
    assert runs.list_runs(server.workspace, blots) == [run]
    assert address(tab).endswith(f"run={run.id}")

    server.kill()
    there = epochs_of(run)
    wait_for(lambda: epochs_of(run) > there)
    server.start()
    there = epochs_of(run)
    wait_for(lambda: min(curve(tab), curve(second)) > there)  # both pages find the new server, and the run
    wait_for(lambda: menu(second) == MENU)

    press(tab, "Stop and keep the model")
    for page in (tab, second):
        see(page, re.compile(r"Stopped early\. \d+ of 6 validation photos right"))
        page.get_by_role("button", name="Resume", exact=True).wait_for()


@pytest.mark.full
def test_killed_worker_is_seen_and_resumed_to_the_end(open_tab, start_run):
    run = start_run(epochs=20)
    tab = open_tab(f"train?project={run.project_id}")
    wait_for(lambda: epochs_of(run) >= 3)
    os.kill(worker_pid(run), signal.SIGKILL)
    see(tab, "This run was interrupted.")
    there = epochs_of(run)
    assert 3 <= there < 20
    wait_for(lambda: curve(tab) == there)  # the sentence comes before the chart
    press(tab, "Resume")
    see(tab, RIGHT)
    resumed = [event for event in events.read_events(run.events_path)[0] if isinstance(event, events.RunResumed)]
    assert [event.from_step in (there, there - 1) for event in resumed] == [True]  # killed between epoch and checkpoint
    assert [epoch.step for epoch in runs.read_state(run).epochs] == list(range(1, 21))
    wait_for(lambda: curve(tab) == 20)


# --- strategies ------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_stages_are_frozen_variations_looked_at_and_two_runs_compared(open_tab, server, finished_apart):
    first, blots = finished_apart, server.workspace.open_project(finished_apart.project_id)
    tab = open_tab(f"train?project={blots.id}")
    press(tab, "Train again")
    choose_tiny_backbone(tab)
    press(tab, "In between: fine-tune later layers")
    advanced = tab.get_by_text("Advanced", exact=True)
    advanced.click()
    tab.get_by_role("slider", name="Frozen up to").press("ArrowRight")
    see(tab, "stage 2")

    tab.get_by_text("A mirror image is still the same class").click()
    is_still(tab)
    press(tab, "Show examples with my photos")
    see(tab, "as training may use it")
    wall = tab.locator(".st-key-gallery-preview-0 img")
    wait_for(lambda: wall.count() == 8)
    assert wall.nth(1).get_attribute("alt").endswith("augmented copy 1")

    is_still(tab)
    tab.get_by_role("spinbutton", name="Epochs").fill("3")
    tab.keyboard.press("Enter")
    is_still(tab)
    press(tab, "Train again")
    [second] = wait_for(lambda: [run for run in runs.list_runs(server.workspace, blots) if run != first])
    config = second.config
    assert (config.strategy, config.frozen_stages, config.mirror, config.epochs) == ("partial", 3, False, 3)
    advanced.wait_for(state="hidden")  # the settings have made room for what comes
    wait_for(lambda: runs.read_state(second).status == "finished")  # the page still shows the first one's result
    see(tab, RIGHT)

    tab = open_tab(f"compare?project={blots.id}")
    see(tab, "Photos where they disagree")
    tab.get_by_text("Strategy").first.wait_for(state="attached")  # a table's cells are drawn, not written
    assert tab.get_by_text(re.compile("No clear difference|Better|Worse")).count() >= 1


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_photos_are_chosen_relabelled_and_put_back(open_tab, blots):
    """By click, range, drag and keyboard; one is looked at; a new class, then undo and redo by their keys."""

    def chosen(count: int) -> None:
        see(tab, re.compile(rf"^{count} photos? selected"))

    def counts() -> dict[str, int]:
        return count_classes(load_items(blots))

    def in_foot(text: str) -> None:
        tab.locator(".st-key-foot").get_by_text(text).wait_for()
        is_still(tab)  # a key pressed before the page is drawn to its end is forgotten

    tab = open_tab(f"photos?project={blots.id}")
    press(tab, "Fix labels")
    tiles = tab.get_by_role("option")
    tiles.first.wait_for()
    assert tiles.count() == 24
    wait_for(lambda: tab.locator(".tile img").evaluate_all("all => all.every(one => one.naturalWidth > 0)"))
    tiles.nth(0).click()
    tiles.nth(2).click(modifiers=["Shift"])
    chosen(3)
    tiles.nth(4).hover()
    tab.mouse.down()
    tiles.nth(5).hover()
    tab.mouse.up()
    chosen(5)
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Shift+ArrowRight")
    chosen(6)
    tab.keyboard.press("End")
    tab.keyboard.press("Space")
    chosen(7)
    top = tiles.first.bounding_box()["y"]
    for show in (lambda: tab.keyboard.press("Enter"), lambda: tiles.nth(8).dblclick()):
        show()
        dialog = tab.get_by_test_id("stDialog")
        dialog.locator("img").wait_for()
        tab.keyboard.press("Escape")
        dialog.wait_for(state="detached")
        chosen(7)
    assert tiles.first.bounding_box()["y"] == top  # what a finger is about to press has not moved
    box = tab.get_by_role("combobox", name="Move to class")
    box.fill("azure")
    tab.keyboard.press("Enter")
    press(tab, "Move")
    in_foot("7 photos moved to 'azure'")
    assert counts() == {"azure": 7, "blue": 2, "green": 8, "red": 7}
    wait_for(lambda: tab.locator(".tile .class", has_text="azure").count() == 7)
    wait_for(lambda: tab.get_by_text(re.compile("^[0-9]+ photos? selected")).count() == 0)
    tab.get_by_role("heading", name="Fix labels").click()
    tab.keyboard.press("Control+z")
    in_foot("Undone")
    assert counts() == {"blue": 8, "green": 8, "red": 8}
    tab.keyboard.press("Control+y")
    in_foot("Redone")
    assert counts() == {"azure": 7, "blue": 2, "green": 8, "red": 7}


# --- what a result offers ------------------------------------------------------------------------------------------


@pytest.mark.full
def test_click_on_a_cell_of_the_matrix_shows_its_photos(open_tab, finished):
    tab = open_tab(f"understand?project={finished.project_id}")
    see(tab, "6 of 6 validation photos right")
    cell = tab.locator("[class*=st-key-matrix-] .scatterlayer .point").last  # the first is shown before any click
    cell.wait_for()
    is_at_rest(tab, cell)
    cell.click(force=True)
    wait_for(lambda: tab.locator("[class*=st-key-cell-] input").input_value() == "red: 2 photos right")
    photos = tab.locator("[class*=st-key-card-cell] img")
    assert wait_for(lambda: photos.count() == 2)
    wait_for(lambda: photos.evaluate_all("all => all.every(one => one.naturalWidth > 0)"))


@pytest.mark.full
def test_after_a_correction_by_keyboard_the_focus_is_on_its_card(open_tab, finished_apart, blots):
    tab = open_tab(f"understand?project={blots.id}&run={finished_apart.id}")
    wrong = tab.get_by_role("button", name="My label was wrong").first
    wrong.wait_for()
    is_at_rest(tab, wrong)
    wrong.press("Enter")
    tab.get_by_role("menuitem", name="It is green").press("Enter")
    see(tab, "1 correction since this run.")
    held = "document.activeElement.className.includes('st-key-card-cell') && document.activeElement.innerText"
    wait_for(lambda: "Now labelled" in (tab.evaluate(held) or ""))
    tab.keyboard.press("Tab")  # and on from there: the next card, not the top of the page
    assert tab.evaluate("document.activeElement.closest('[class*=st-key-card-cell]') !== null")


@pytest.mark.full
def test_what_try_says_is_what_the_zip_says_without_torch(open_tab, finished, tmp_path):
    photos = [draw_photo(tmp_path / f"{name}.jpg", colour, 999) for name, colour in COLOURS.items()]
    tab = open_tab(f"try_it?project={finished.project_id}")
    tab.get_by_role("tab", name="Photos").click()
    drop = tab.locator(".st-key-try-files-0 input[type=file]")
    drop.set_input_files(photos[0])
    tab.get_by_role("heading", name="blue", exact=True).wait_for()
    sure = see(tab, re.compile(r"^Confidence: >?\d+%")).inner_text()
    tab.locator(".st-key-bars .js-plotly-plot").wait_for()
    drop.set_input_files(photos[1:])
    see(tab, "3 photos")
    wait_for(lambda: tab.locator(".st-key-gallery-answers img").count() == 3)

    press(tab, "Export")
    see(tab, "Same answers as in Graft on 6 of 6 validation photos")
    with tab.expect_download() as download:
        tab.locator(".st-key-download-zip button").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(tmp_path / "taken")
    (tmp_path / "stub" / "torch").mkdir(parents=True)
    (tmp_path / "stub" / "torch" / "__init__.py").write_text("raise ImportError('no torch here')")
    blocked = run_python("-c", "import torch", PYTHONPATH=str(tmp_path / "stub"))
    assert "no torch here" in blocked.stderr
    done = run_python(
        str(tmp_path / "taken" / "predict.py"),
        *map(str, photos),
        PYTHONPATH=str(tmp_path / "stub"),
        GRAFT_HOME="/nowhere",
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[1] for line in lines] == ["blue", "green", "red"]
    assert f"Confidence: {percent(float(lines[0][2]))}".split() == sure.split()


# --- home ----------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_rename_and_delete(open_tab, server, tmp_path):
    for i in range(6):
        draw_photo(tmp_path / "own" / "ab"[i % 2] / f"{i}.jpg", (90, 90, 90), 5000 + i)  # of no other project
    blots = fill_project(server.workspace, tmp_path / "own")
    photos = [blots.photos_dir / item.file for item in load_items(blots)]
    assert all(path.is_file() for path in photos)
    tab = open_tab()
    card = tab.locator(f".st-key-card-{blots.id}")
    card.get_by_role("button", name="More").click()
    tab.get_by_role("menuitem", name="Rename").click()
    dialog = tab.get_by_test_id("stDialog")
    field = dialog.get_by_role("textbox", name="Name")
    wait_for(lambda: field.evaluate("field => field.matches(':focus') && field.selectionEnd > 0"))
    tab.keyboard.insert_text("<b>Blots</b> of *ours*" + 80 * "!")  # pasted over the old name
    tab.keyboard.press("Enter")
    see(tab, "The name was cut to 80 characters.")
    card.get_by_role("button", name="More").click()
    tab.get_by_role("menuitem", name="Rename").click()
    field.fill("<b>Blots</b> of *ours*")
    tab.keyboard.press("Enter")
    card.get_by_text("<b>Blots</b> of *ours*", exact=True).wait_for()

    is_still(tab)
    card.get_by_role("button", name="More").click()
    tab.get_by_role("menuitem", name="Delete").click()
    dialog = tab.get_by_test_id("stDialog")
    dialog.get_by_text("6 photos and 0 runs").wait_for()
    dialog.get_by_role("button", name="Delete").click()
    card.wait_for(state="detached")
    wait_for(lambda: not blots.folder.exists())
    assert not any(path.exists() for path in photos)
    wait_for(lambda: not list(server.workspace.prepared_dir.rglob(f"{photos[0].stem}*")))


# --- looks ---------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_bookmark_opens_right_after_the_server_started(open_tab, server, finished):
    """Until its first page was drawn, Streamlit knows pages by the names of their files alone."""
    server.kill()
    server.start()
    tab = open_tab(f"try_it?project={finished.project_id}&run={finished.id}")
    tab.get_by_role("tab", name="Photos").click()
    tab.get_by_role("button", name="Show me one").wait_for()
    is_still(tab)
    wait_for(lambda: menu(tab) == MENU)
    assert tab.get_by_test_id("stDialog").count() == 0


@pytest.mark.full
def test_every_page_loads_in_the_dark(open_tab, server, finished):
    tab = open_tab(width=390, height=844, dark=True)
    for page in ("", *PAGES):
        tab.goto(f"{server.url}/{page}?project={finished.project_id}")
        tab.get_by_test_id("stHeading").first.wait_for()
        is_still(tab)
        assert tab.get_by_test_id("stException").count() == 0
        wait_for(lambda: brightness(tab) < 150)


@pytest.mark.full
def test_hostile_names_stay_words_in_the_browser(open_tab, server, leaves):
    name = "<img src=//evil.example/x onerror=alert(1)> :red[a] $x^2$ **b** www.evil.example"
    project = server.workspace.create_project(name)
    tab = open_tab(f"photos?project={project.id}")
    see(tab, "Add at least two classes")
    wait_for(lambda: plain_text(tab.locator(".st-key-rename-project")).count(name) == 1)
    tab.get_by_role("tab", name="Photos of one class").click()
    tab.get_by_role("textbox", name="Class", exact=True).fill(f"{name} class")
    tab.keyboard.press("Enter")
    drop = tab.locator("[class*=st-key-files-] input[type=file]")
    wait_for(drop.is_enabled)
    drop.set_input_files(sorted(Path(leaves).rglob("*.jpg"))[:3])
    see(tab, "3 new photos added.")
    wait_for(lambda: tab.locator(".board .name").first.input_value() == f"{name} class")
    assert tab.locator(ACTIVE).count() == 0
    tab.goto(f"{server.url}/sort?project={project.id}")
    tile = tab.locator(".tile").first
    wait_for(lambda: f"{name} class" in plain_text(tile))
    assert tab.locator(ACTIVE).count() == 0
    tab.goto(server.url)
    card = tab.locator(f".st-key-card-{project.id}")
    card.wait_for()
    wait_for(lambda: name in plain_text(card))
    assert tab.locator(ACTIVE).count() == 0
    deletion.delete_project(server.workspace, project)
