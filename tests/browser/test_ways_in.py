"""Photos from where they are: a folder of a messy layout, and the camera, held and on a page that may not see it."""

import shutil

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PER_CLASS
from tests.browser.test_story import press, see
from tests.helpers import wait_for
from transfer_core.data.labels.dataset import count_classes, load_items

# Whether the browser would let a person go without asking.
MAY_LEAVE = "dispatchEvent(new Event('beforeunload', { cancelable: true }))"


@pytest.fixture
def empty(server):
    return server.workspace.create_project("Ways in")


@pytest.mark.full
def test_a_messy_folder_is_read_as_it_was_meant(open_tab, empty, leaves, tmp_path):
    """Classes at different depths, junk, a note, and the other reading looked at on the way."""
    for place, names in (("garden/2024", ("beech", "birch")), ("street", ("maple", "oak"))):
        for name in names:
            shutil.copytree(leaves / name, tmp_path / "mine" / place / name)
    (tmp_path / "mine" / "garden" / "notes.txt").write_text("no photo")
    (tmp_path / "mine" / ".DS_Store").write_bytes(b"x")
    tab = open_tab(f"photos?project={empty.id}")
    tab.get_by_role("tab", name="A folder").click()
    tab.locator(".st-key-drop-photos [role=tabpanel]:not([hidden]) input[type=file]").nth(0).set_input_files(
        tmp_path / "mine"
    )
    see(tab, "How should Graft sort these photos?")
    tab.get_by_text("The top folder").click()
    see(tab, "2 classes: garden, street")
    tab.reload()  # nothing has to be handed in again
    press(tab, f"Add {4 * PER_CLASS} photos")
    see(tab, f"{4 * PER_CLASS} new photos added.")
    assert count_classes(load_items(empty)) == dict.fromkeys(("beech", "birch", "maple", "oak"), PER_CLASS)


PLACES = """root => [...root.querySelectorAll('.column, .stage, .record, .name, .thumbnails')]
  .map(one => one.getBoundingClientRect()).map(({ x, y }) => [x, y].map(Math.round))"""


def photos(count: int) -> str:
    return f"{count} {'photo' if count == 1 else 'photos'}"


@pytest.mark.full
def test_the_camera_takes_photos_while_a_button_is_held_and_nothing_moves(open_tab, empty):
    tab = open_tab(f"photos?project={empty.id}")
    board, status = tab.locator(".board"), tab.locator(".board .status")
    first = tab.get_by_label("Name of the class Class 1")
    first.click()
    first.press("ControlOrMeta+a")
    first.press_sequentially("crate")  # letters that Streamlit would take for commands outside of a field
    first.press("Enter")
    press(tab, "Start the camera")
    record = tab.get_by_role("button", name="Hold to record photos of crate")
    wait_for(lambda: tab.locator(".board video").evaluate("video => video.videoWidth") > 0)
    assert "mirrored" in tab.locator(".board video").get_attribute("class")
    count = tab.get_by_label("Class crate").locator(".count")
    record.hover()
    places = board.evaluate(PLACES)
    tab.mouse.down()
    wait_for(lambda: len(load_items(empty)) >= 10)  # they come in while it is still held, and the camera stays on
    wait_for(lambda: tab.evaluate(MAY_LEAVE) is False)
    assert board.evaluate(PLACES) == places
    tab.mouse.up()
    wait_for(lambda: tab.evaluate(MAY_LEAVE))
    held = len(load_items(empty))
    assert count.inner_text() == photos(held) and board.evaluate(PLACES) == places
    tab.wait_for_timeout(600)
    assert count.inner_text() == photos(held) and len(load_items(empty)) == held  # and no longer

    record.focus()
    tab.keyboard.press("Space")  # a short press takes one
    wait_for(lambda: len(load_items(empty)) == held + 1)
    assert count_classes(load_items(empty)) == {"crate": held + 1}
    assert {item.path.split("/")[0] for item in load_items(empty)} == {"camera"}

    crosses = tab.get_by_label("Class crate").locator(".cross")
    expect(tab.get_by_label("Class crate").locator(".cross[tabindex='0']")).to_have_count(1)  # one tab stop for all
    crosses.first.focus()
    tab.keyboard.press("ArrowRight")
    expect(crosses.nth(1)).to_be_focused()

    # As a screen reader presses it; the class has the name that its column came with.
    tab.get_by_role("button", name="Hold to record photos of Class 2").dispatch_event("click")
    wait_for(lambda: count_classes(load_items(empty)) == {"Class 2": 1, "crate": held + 1})
    see(tab, "2 classes are ready.")

    tab.get_by_label("Class Class 2").get_by_role("button", name="Remove").click()
    wait_for(lambda: status.inner_text() == "Photo removed.")
    assert count_classes(load_items(empty)) == {"crate": held + 1}
    tab.locator(".board .undo").click()
    wait_for(lambda: count_classes(load_items(empty)) == {"Class 2": 1, "crate": held + 1})

    press(tab, "+ Add a class")
    tab.keyboard.insert_text("crate")  # a name that is taken: nothing is merged without a word
    tab.keyboard.press("Enter")
    see(tab, "There is a class 'crate' already.")
    assert count_classes(load_items(empty)) == {"Class 2": 1, "crate": held + 1}


@pytest.mark.full
def test_a_refused_camera_can_be_started_again(open_tab, empty):
    refuse = """navigator.mediaDevices.getUserMedia = new Proxy(navigator.mediaDevices.getUserMedia, {
      apply: (ask, devices, given) => {
        window.asked = (window.asked ?? 0) + 1
        return window.asked > 1 ? ask.apply(devices, given) : Promise.reject(new DOMException("", "NotAllowedError"))
      },
    })"""
    tab = open_tab(f"photos?project={empty.id}", prepare=lambda tab: tab.add_init_script(refuse))
    press(tab, "Start the camera")
    see(tab, "The browser blocks the camera.")
    assert tab.get_by_label("Add photos of Class 1 from files").count() == 1  # what can be done meanwhile
    tab.get_by_role("button", name="Start the camera").evaluate("start => { start.click(); start.click() }")
    see(tab, "The camera is on.")
    assert tab.evaluate("window.asked") == 2  # once refused, and once for the two presses


@pytest.mark.full
def test_where_the_browser_refuses_the_camera_photos_are_chosen(open_tab, empty, leaves):
    """A file that cannot be read is said, and costs no other; more than a message holds come in several."""
    hide = """Object.defineProperty(Navigator.prototype, 'mediaDevices', { value: undefined })  // as over plain http
    const read = FileReader.prototype.readAsDataURL
    FileReader.prototype.readAsDataURL = function (file) {
      if (file.name.startsWith("lost")) setTimeout(() => this.onerror())
      else read.call(this, file)
    }"""
    tab = open_tab(f"photos?project={empty.id}", width=390, height=844, prepare=lambda tab: tab.add_init_script(hide))
    see(tab, "This address is not encrypted, so the browser blocks the camera.")
    assert not tab.get_by_role("button", name="Hold to record").is_visible()
    field = tab.get_by_label("Name of the class Class 1")
    field.fill("oak")
    field.press("Enter")
    contents = [path.read_bytes() for path in sorted((leaves / "oak").iterdir())[:3]]
    large = [content + bytes(2_000_000) for content in contents]  # what follows a photo in its file is no part of it
    names = ["lost.jpg", "1.jpg", "2.jpg", "3.jpg"]
    tab.get_by_label("Add photos of oak from files").set_input_files(
        [
            {"name": name, "mimeType": "image/jpeg", "buffer": content}
            for name, content in zip(names, [b"", *large], strict=True)
        ]
    )
    wait_for(lambda: len(load_items(empty)) == 3)
    assert count_classes(load_items(empty)) == {"oak": 3}
    see(tab, "1 file could not be read.")
    wait_for(lambda: tab.get_by_label("Class oak").locator(".count").inner_text() == "3 photos")
    assert len({item.path.rsplit("-", 1)[0] for item in load_items(empty)}) == 3  # messages
