"""Black and white of photos with more than 8 bits: shown on Photos, tried, and changed."""

import numpy as np
import pytest
from PIL import Image

from tests.data.deep import write_tiff
from tests.data.images.test_levels import draw
from tests.pages.conftest import errors, press, said
from transfer_core.data.images.rendering import Rendering
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.sources import open_source

KIND = "tif-grey-u16"


@pytest.fixture
def cells(workspace, tmp_path):
    project = workspace.create_project("Cells")
    for name in ("disc", "ring"):
        (tmp_path / "cells" / name).mkdir(parents=True)
        for seed in range(4):
            values = (draw(seed + 9 * (name == "ring")) * 700 + 100).astype(np.uint16)
            write_tiff(tmp_path / "cells" / name / f"{seed}.tif", values)
    take_in(workspace, project, open_source(tmp_path / "cells"), lambda done, total: None)
    return project


def fields(app) -> list:
    """Of black and of white."""
    return [one for one in app.number_input if one.label in ("Black", "White")]


def test_black_and_white_are_shown_and_can_be_changed(visit, cells):
    black, white = Rendering.of_project(cells).scales[KIND]
    app = visit("photos", project=cells.id)
    assert errors(app) == []
    [panel] = [one for one in app.expander if "more than 8 bits" in one.label]
    assert panel.label == f"8 photos with more than 8 bits (grey TIFF, 16 bits): black {black:.0f}, white {white:.0f}"
    first, second = fields(app)
    assert (first.value, second.value) == (black, white)
    second.set_value(2000.0).run()
    press(app, "Use this black and white")
    assert Rendering.of_project(cells).scales == {KIND: (black, 2000.0)}


def test_white_below_black_is_refused_in_a_sentence(visit, cells):
    before = Rendering.of_project(cells)
    app = visit("photos", project=cells.id)
    fields(app)[1].set_value(1.0).run()
    assert "White has to be the greater number." in said(app) or "White has to be" in str(errors(app))
    assert Rendering.of_project(cells) == before


def test_another_page_of_files_with_several_can_be_chosen(visit, workspace, tmp_path):
    (tmp_path / "stack").mkdir()
    pages = [Image.new("RGB", (20, 20), (shade, 0, 0)) for shade in (10, 20, 30)]
    pages[0].save(tmp_path / "stack" / "a.tif", save_all=True, append_images=pages[1:])
    project = workspace.create_project("Stacks")
    take_in(workspace, project, open_source(tmp_path), lambda done, total: None)
    app = visit("photos", project=project.id)
    [box] = [one for one in app.selectbox if one.label == "Page of each file"]
    box.select(2).run()
    press(app, "Use this page")
    assert errors(app) == [] and Rendering.of_project(project).page == 2
    [box] = [one for one in app.selectbox if one.label == "Page of each file"]
    box.select(-1).run()
    press(app, "Use this page")
    assert Rendering.of_project(project) == Rendering()
