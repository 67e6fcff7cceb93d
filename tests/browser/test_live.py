"""The live answer: the camera on the Try page, with a model that runs in the browser."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.benchmarks.browser_parity import ADD_FIELD, CLASSIFY, SPY
from tests.browser.test_story import press, see
from tests.helpers import COLOURS, ROOT, draw_photo, wait_for
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.evaluation.unsure import RULE_OF_THUMB
from transfer_core.services import inference

SHARES = ".live .share"
PLACES = """root => [...root.querySelectorAll('.picture, .bars, .bars li, .tools, .told, .pause')]
  .filter(one => one.offsetParent).map(one => one.getBoundingClientRect()).map(({ x, y }) => [x, y].map(Math.round))"""


def shares(tab) -> list[str]:
    """What stands behind the bars, in the order in which they are drawn."""
    return tab.locator(SHARES).all_inner_texts()


def answer(tab) -> str | None:
    """The model's answer in large letters; None where there is none."""
    says = tab.locator(".live .says:not(.quiet)")
    return says.inner_text() if says.count() else None


def bars(tab) -> list[str]:
    return tab.locator(".live .fill").evaluate_all("all => all.map(one => one.style.transform)")


def says_what_the_bars_say(tab) -> bool:
    """Whether the answer is the leading class, or names two where the lead is small; both are read at one moment."""
    said, parts = tab.locator(".live").evaluate(
        """root => [root.querySelector(".says").textContent, [...root.querySelectorAll(".bars li")].map(
             row => [parseFloat(row.querySelector(".fill").style.transform.slice(7)), row.title])]"""
    )
    (lead, first), (next_best, second), *_ = sorted(parts, reverse=True)
    return said == (first if lead - next_best >= RULE_OF_THUMB else f"Not sure: {first} or {second}")


def stays(tab) -> bool:
    """Whether no bar moves for a second."""
    before = bars(tab)
    tab.wait_for_timeout(1000)
    return bars(tab) == before


@pytest.mark.full
def test_the_camera_is_answered_and_corrected_without_the_server(open_tab, finished_apart, blots):
    tab = open_tab(f"try_it?project={blots.id}&run={finished_apart.id}")
    see(tab, "What the camera sees stays here.")
    press(tab, "Start the camera")
    assert wait_for(lambda: answer(tab))
    places = tab.locator(".live").evaluate(PLACES)
    assert tab.locator(".bars li span").all_inner_texts() == ["blue", "green", "red"]  # whoever leads
    wait_for(lambda: not stays(tab))  # the false camera's picture moves
    assert all(says_what_the_bars_say(tab) for _ in range(5))
    assert "mirrored" in tab.locator("video").get_attribute("class")

    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.wait_for_timeout(2000)
    assert asked == []  # each answer is found here

    green = tab.get_by_role("checkbox", name="green")
    green.uncheck()
    wait_for(lambda: shares(tab)[1] == "" and answer(tab) not in ("green", None))
    tab.get_by_role("checkbox", name="blue").uncheck()
    wait_for(lambda: shares(tab) == ["", "", "100%"] and answer(tab) == "red")
    tab.get_by_role("checkbox", name="red").uncheck()
    see(tab, "All classes are left out.")
    for box in tab.locator(".bars input").all():
        box.check()
    wait_for(lambda: all(shares(tab)) and answer(tab))

    press(tab, "Pause")
    wait_for(lambda: stays(tab))
    press(tab, "Continue")
    wait_for(lambda: not stays(tab))

    before = count_classes(load_items(blots))
    press(tab, "That was wrong")
    tab.get_by_label("It is").select_option("red")
    press(tab, "Add this photo")
    pause = tab.get_by_role("button", name="Pause")  # beside which the keyboard is now: the buttons of before are gone
    focused = "button => ['pause', 'wrong'].includes(button.getRootNode().activeElement?.classList[0])"
    wait_for(lambda: pause.evaluate(focused))
    see(tab, "1 photo added to red.")
    assert count_classes(load_items(blots)) == before | {"red": before["red"] + 1}
    assert load_items(blots)[-1].path.startswith("camera/")
    assert tab.locator(".live").evaluate(PLACES) == places  # nothing has moved
    wait_for(lambda: answer(tab))  # and it goes on by itself
    press(tab, "Train again")
    tab.wait_for_url(lambda url: "/train" in url)

    tab.go_back()  # this project has photos of the camera, and the browser has allowed it: it starts by itself
    assert wait_for(lambda: answer(tab))


@pytest.mark.full
def test_beside_the_board_there_is_one_camera_with_one_switch(open_tab, finished_apart, blots):
    tab = open_tab(f"photos?project={blots.id}")
    tab.get_by_text("Live answer").first.click()
    see(tab, "Start the camera, and the model's answer appears here.")
    start = tab.get_by_role("button", name="Start the camera")  # more than one would fail here
    start.focus()
    tab.keyboard.press("Enter")
    assert wait_for(lambda: answer(tab))
    # The keyboard is where the eye is: on what comes next, not at the top of the page.
    expect(tab.get_by_role("button", name="Hold to record photos of blue")).to_be_focused()
    tab.keyboard.press("Space")  # to correct the answer, record the photo where it belongs
    wait_for(lambda: any(item.path.startswith("camera/") for item in load_items(blots)))
    wait_for(lambda: not stays(tab))  # recording has not turned it off
    press(tab, "Turn the camera off")
    see(tab, "Start the camera, and the model's answer appears here.")
    expect(start).to_be_focused()
    assert bars(tab) == ["scaleX(0)"] * 3


BARS = """source => {
  document.body.innerHTML = "<ul></ul><button></button>"
  const [list, more] = [document.querySelector("ul"), document.querySelector("button")]
  const classes = Array.from({ length: 30 }, (_, number) => ({ name: `kind ${number}` }))
  window.shown = () => [...list.children].filter(row => !row.hidden).map(row => row.title)
  window.bars = new Function(`${source}; return makeBars`)()(list, more, classes, () => {})
  window.say = (leads, times = 1) => {
    for (let time = 0; time < times; time++) bars.show(classes.map((_, number) => leads[number] ?? 0.001))
  }
}"""


@pytest.mark.full
def test_of_many_classes_the_leading_ones_are_in_sight_and_keep_their_places(open_tab):
    tab = open_tab()
    tab.evaluate(BARS, (ROOT / "assets" / "bars.js").read_text("utf-8"))
    shown, more = (lambda: tab.evaluate("shown()")), tab.locator("button")
    tab.evaluate("say({ 20: 0.5, 7: 0.2, 13: 0.1, 29: 0.05, 3: 0.04 })")
    assert shown() == ["kind 20", "kind 7", "kind 13", "kind 29", "kind 3"] and more.inner_text() == "25 more"
    tab.evaluate("say({ 7: 0.5, 20: 0.2, 13: 0.1, 29: 0.05, 3: 0.04 }, 20)")
    assert shown()[:2] == ["kind 20", "kind 7"]  # who leads among them moves no row
    tab.evaluate("say({ 11: 0.9, 7: 0.05, 20: 0.02, 13: 0.01, 29: 0.01 }, 20)")
    assert shown() == ["kind 20", "kind 7", "kind 13", "kind 29", "kind 11"]  # in the place of the weakest
    tab.evaluate("say({ 7: 0.9, 25: 0.005 }, 3)")
    assert "kind 25" not in shown()  # a hair's breadth is no lead
    more.click()
    listed = shown()
    assert len(listed) == 30 and listed[5:8] == ["kind 0", "kind 1", "kind 2"]  # the rest in its own order
    tab.evaluate("say({ 0: 0.9 }, 20)")
    assert shown() == listed  # nothing moves while somebody looks for a class
    more.click()
    tab.evaluate("say({ 0: 0.9 }, 2)")
    assert "kind 0" in shown() and len(shown()) == 5


@pytest.mark.full
def test_the_browser_answers_what_python_answers(open_tab, finished, tmp_path):
    """From a JPEG as a camera writes it, one that lies on its side, and a PNG."""
    photos = [draw_photo(tmp_path / f"{name}.jpg", colour, 7, (613, 470)) for name, colour in COLOURS.items()]
    with Image.open(photos[0]) as image:
        turned = image.getexif()
        turned[0x0112] = 6  # orientation
        image.save(tmp_path / "turned.jpg", exif=turned)
        image.save(tmp_path / "plain.png")
    photos += [tmp_path / "turned.jpg", tmp_path / "plain.png"]
    tab = open_tab(
        f"try_it?project={finished.project_id}&run={finished.id}", prepare=lambda tab: tab.add_init_script(SPY)
    )
    press(tab, "Start the camera")
    wait_for(lambda: answer(tab))
    tab.evaluate(ADD_FIELD)
    tab.set_input_files("#photos", photos)
    found = dict(tab.evaluate(CLASSIFY))
    for photo, expected in zip(photos, inference.predict(finished, photos), strict=True):
        assert np.abs(np.array(found[photo.name]) - expected.confidences).max() < 1e-5, photo.name


@pytest.mark.full
def test_why_there_is_no_camera_and_what_to_do(open_tab, finished):
    """Over plain http; then with a browser that refuses it in one way or another."""
    address = f"try_it?project={finished.project_id}&run={finished.id}"
    hide = "Object.defineProperty(Navigator.prototype, 'mediaDevices', { value: undefined })"
    tab = open_tab(address, prepare=lambda tab: tab.add_init_script(hide))
    see(tab, "Browsers show the camera only over https")
    assert not tab.get_by_role("button", name="Start the camera").is_visible()

    refuse = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', window.reason))"
    tab = open_tab(address, width=390, height=844, prepare=lambda tab: tab.add_init_script(refuse))
    for reason, said in {
        "NotAllowedError": "The browser blocks the camera. Allow it next to the address",
        "NotFoundError": "No camera was found.",
        "NotReadableError": "Another program is using the camera.",
        "OddError": "The camera cannot be started (OddError).",
    }.items():
        tab.evaluate("reason => (window.reason = reason)", reason)
        press(tab, "Start the camera")
        see(tab, said)


@pytest.mark.full
def test_a_model_that_is_gone_is_said_in_place_of_the_picture(open_tab, server, finished_apart, blots):
    tab = open_tab(f"try_it?project={blots.id}&run={finished_apart.id}")
    tab.route("**/graft/model/**", lambda route: route.fulfill(status=409, body="This run has no model yet."))
    tab.get_by_role("button", name="Start the camera").wait_for()
    press(tab, "Start the camera")
    see(tab, "The model could not be loaded (This run has no model yet.)")
    tab.unroute_all()
    press(tab, "Start the camera")
    assert wait_for(lambda: answer(tab))
