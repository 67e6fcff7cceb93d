"""The catalogue in a browser, with a stand-in for the model hub: search, filter, download, and what can go wrong."""

import hashlib
from collections.abc import Iterator

import pytest

from tests.browser.conftest import Server
from tests.helpers import fill_project, kill_all, pretend_speed, wait_for
from tests.hub import Hub, stand_in
from transfer_core.backbones import catalog, weights

ROW = catalog.BUILT_IN["resnet18.a1_in1k"]
CONTENT = bytes(range(256)) * 48_000


@pytest.fixture
def hub() -> Iterator[Hub]:
    with stand_in(Hub(ROW.hub, CONTENT)) as hub:
        yield hub


@pytest.fixture
def server(hub, tmp_path) -> Iterator[Server]:
    """A server of its own, for which the stand-in is the hub."""
    server = Server(tmp_path / "home")
    for name in ("tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2"):
        pretend_speed(server.workspace, catalog.BUILT_IN[name])
    server.launch(HF_ENDPOINT=hub.address)
    yield server
    server.kill()
    kill_all(server.workspace)


@pytest.mark.full
def test_networks_are_found_and_fetched_and_what_is_wrong_is_refused(open_tab, server, hub, dataset):
    project = fill_project(server.workspace, dataset)
    tab = open_tab(f"backbones?project={project.id}")
    tab.get_by_text("31 networks of 31").wait_for()
    field = tab.get_by_role("textbox", name="Search")
    field.fill("resnet")
    field.press("Enter")
    tab.get_by_text("3 networks of 31").wait_for()
    tab.get_by_role("button", name="Filter").click()
    tab.get_by_text("On this computer", exact=True).click()
    tab.get_by_text("0 networks of 31").wait_for()
    tab.get_by_text("On this computer", exact=True).click()
    tab.get_by_text("3 networks of 31").wait_for()
    tab.keyboard.press("Escape")

    fetch = tab.locator(".st-key-get-resnet18-a1_in1k button").first
    hub.promised = hashlib.sha256(b"something else").hexdigest()
    fetch.click()
    tab.get_by_text("arrived damaged").wait_for()
    assert weights.state(ROW, server.workspace.weights_dir) == "download"

    hub.status = 500
    fetch.click()
    tab.get_by_text("the model hub cannot be reached").wait_for()

    hub.status, hub.promised, hub.break_off_at = 200, hashlib.sha256(CONTENT).hexdigest(), 11_000_000
    fetch.click()
    wait_for(lambda: weights.state(ROW, server.workspace.weights_dir) == "local")
    row = tab.locator(".st-key-row-resnet18-a1_in1k")
    row.get_by_text("on this computer", exact=True).wait_for()
    assert weights.verify(ROW, server.workspace.weights_dir).read_bytes() == CONTENT

    row.locator(".st-key-use-resnet18-a1_in1k button").first.click()
    tab.locator(".st-key-backbone-line").get_by_text("ResNet-18").wait_for()
