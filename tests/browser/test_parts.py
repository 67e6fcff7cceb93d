"""What a person does who has several photos of the same patients: groups by pattern, and a test part opened once."""

import re

import pytest

from tests.browser.test_story import RIGHT, is_still, press, see
from tests.helpers import COLOURS, draw_photo, fill_project, kill_worker, wait_for
from transfer_core import runs


@pytest.fixture
def patients(server, tmp_path):
    """Three classes, of each two photos of ten patients."""
    for class_id, (name, colour) in enumerate(COLOURS.items()):
        for n in range(20):
            draw_photo(tmp_path / name / f"p{n // 2:02}_{n}.jpg", colour, 100 * class_id + n)
    project = fill_project(server.workspace, tmp_path, "Patients")
    yield project
    for run in runs.list_runs(server.workspace, project):
        kill_worker(run)


def bars(tab) -> list[list[int]]:
    """Photos per class in each part, as drawn."""
    return tab.evaluate(
        """() => { const plot = document.querySelector('.st-key-parts .js-plotly-plot');
                   return plot && plot.data ? plot.data.map(bar => Array.from(bar.x)) : [] }"""
    )


@pytest.mark.full
def test_patients_stay_together_and_the_test_part_is_opened_once(open_tab, server, patients):
    tab = open_tab(f"train?project={patients.id}")
    tab.get_by_text("Advanced", exact=True).click()
    wait_for(lambda: bars(tab) == [[16] * 3, [4] * 3])
    thumb = tab.get_by_role("slider", name="Share of test photos")
    thumb.focus()
    for _ in range(4):
        thumb.press("ArrowRight")
    wait_for(lambda: bars(tab) == [[12] * 3, [4] * 3, [4] * 3])

    field = tab.get_by_role("textbox", name="Groups")
    field.fill("(p")
    field.press("Enter")
    see(tab, "cannot be read (missing ))")
    field.fill(r"(p\d+)_")
    field.press("Enter")
    see(tab, "Found 10 groups, for example")
    is_still(tab)
    press(tab, "Train")
    see(tab, RIGHT)
    [run] = runs.list_runs(server.workspace, patients)
    split = runs.load_split(run)
    sides = [{item.group for item in part} for part in (split.train, split.val, split.test)]
    assert [len(side) for side in sides] == [6, 2, 2] and not sides[0] & sides[1] | sides[2] & (sides[0] | sides[1])

    press(tab, "See the results")
    tab.get_by_role("tab", name="Final test").click()
    see(tab, "12 test photos are kept for this.")
    press(tab, "Run the final test (once)")
    press(tab, "Run it")
    figure = see(tab, re.compile(r"\d+ of 12 test photos right")).inner_text()
    tab.reload()
    assert see(tab, re.compile(r"\d+ of 12 test photos right")).inner_text() == figure
    assert tab.get_by_role("button", name="Run the final test (once)").count() == 0
