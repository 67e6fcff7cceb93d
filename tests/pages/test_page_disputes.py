"""Pictures that came in with two classes: asked about on Photos, left out until then, and decided there."""

import pytest

from tests.helpers import draw_photo
from tests.pages.conftest import add, errors, press, said, zipped
from transfer_core.data.labels.dataset import count_classes, load_items

ASKED = "in more than one class.** Which is right?"


@pytest.fixture
def project(workspace):
    return workspace.create_project("Blots")


@pytest.fixture
def asked(visit, project, tmp_path):
    """The page after a zip in which two pictures lie in two classes each."""
    photo = [draw_photo(tmp_path / f"{n}.jpg", (40 * n, 60, 200), n).read_bytes() for n in range(4)]
    files = {"elm/0.jpg": photo[0], "oak/1.jpg": photo[1]}
    files |= {f"{name}/{n}.jpg": photo[n] for n in (2, 3) for name in ("elm", "oak")}
    app = visit("photos", project=project.id)
    return add(app.file_uploader(key="zip-0").set_value([("set.zip", zipped(files), "")]).run())


def test_they_are_left_out_listed_and_asked_about(asked, project):
    assert f"**2 pictures are {ASKED}" in said(asked) and count_classes(load_items(project)) == {"elm": 1, "oak": 1}
    assert "4 files were left out" in said(asked) and errors(asked) == []


def test_each_is_decided_and_can_be_changed_back(asked, project, visit):
    press(asked, "oak")
    assert f"**1 picture is {ASKED}" in said(asked) and count_classes(load_items(project)) == {"elm": 1, "oak": 2}
    press(asked, "Leave it out")
    assert ASKED not in said(asked) and count_classes(load_items(project)) == {"elm": 1, "oak": 2}
    assert ASKED not in said(visit("photos", project=project.id))


def test_all_are_left_out_at_once(asked, project):
    press(asked, "Leave all 2 out")
    assert ASKED not in said(asked) and count_classes(load_items(project)) == {"elm": 1, "oak": 1}
