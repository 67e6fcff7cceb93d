"""Photos from where they are: a folder of a messy layout, and the camera, held and on a page that may not see it."""

import shutil

import pytest

from tests.browser.conftest import PER_CLASS
from tests.browser.test_story import press, see
from tests.helpers import wait_for
from transfer_core.data.items import count_classes, load_items


@pytest.fixture
def empty(server):
    return server.workspace.create_project("Ways in")


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
    see(tab, "How these files are read")
    tab.get_by_text("The top folder").click()
    see(tab, "2 classes: garden, street")
    tab.reload()  # nothing has to be handed in again
    press(tab, f"Add {4 * PER_CLASS} photos")
    see(tab, f"{4 * PER_CLASS} new photos added.")
    assert count_classes(load_items(empty)) == dict.fromkeys(("beech", "birch", "maple", "oak"), PER_CLASS)


def test_the_camera_takes_photos_while_the_button_is_held(open_tab, empty):
    tab = open_tab(f"photos?project={empty.id}")
    tab.get_by_role("tab", name="Camera").click()
    see(tab, "Type a class first.")
    tab.get_by_label("Class", exact=True).last.fill("desk")
    tab.get_by_label("Class", exact=True).last.press("Enter")
    press(tab, "Start the camera")
    record = tab.get_by_role("button", name="Hold to record")
    wait_for(lambda: tab.locator("video").evaluate("video => video.videoWidth") > 0)
    wait_for(record.is_enabled)
    record.hover()
    tab.mouse.down()
    wait_for(lambda: len(load_items(empty)) >= 10)  # they come in while it is still held, and the camera stays on
    tab.mouse.up()
    see(tab, "photos taken.")
    held = int(tab.locator(".status").inner_text().split()[0])
    wait_for(lambda: len(load_items(empty)) == held)
    tab.wait_for_timeout(600)
    assert int(tab.locator(".status").inner_text().split()[0]) == held  # and no longer

    record.focus()
    tab.keyboard.press("Space")  # a short press takes one
    wait_for(lambda: len(load_items(empty)) == held + 1)
    assert count_classes(load_items(empty)) == {"desk": held + 1}
    assert {item.path.split("/")[0] for item in load_items(empty)} == {"camera"}


def test_where_the_browser_refuses_the_camera_photos_are_chosen(open_tab, empty, leaves):
    hide = "Object.defineProperty(Navigator.prototype, 'mediaDevices', { value: undefined })"  # as over plain http
    tab = open_tab(f"photos?project={empty.id}", width=390, height=844, prepare=lambda tab: tab.add_init_script(hide))
    tab.get_by_role("tab", name="Camera").click()
    tab.get_by_label("Class", exact=True).last.fill("oak")
    tab.get_by_label("Class", exact=True).last.press("Enter")
    chooser = tab.get_by_label("Take a photo, or choose some")
    wait_for(chooser.is_enabled)
    assert chooser.get_attribute("capture") == "environment"
    chooser.set_input_files(sorted((leaves / "oak").iterdir())[:2])
    wait_for(lambda: len(load_items(empty)) == 2)
    assert count_classes(load_items(empty)) == {"oak": 2}
