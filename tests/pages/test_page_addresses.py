"""Every page, whatever stands in its address."""

import pytest

from tests.pages.conftest import EVERY_PAGE, GONE, button, errors, press, said


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_page_without_project_leads_home(visit, page):
    app = visit(page)
    assert errors(app) == []
    assert "Choose a project first" in said(app)
    assert press(app, "Back to projects").title[0].value == "Teach an image model your own classes"


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_page_says_that_a_project_is_not_there(visit, page):
    app = visit(page, project="gone-123abc")
    assert errors(app) == [GONE]
    assert button(app, "Back to projects")


@pytest.mark.parametrize(
    "project_id",
    [
        "../../etc",
        *(
            pytest.param(odd, marks=pytest.mark.full)
            for odd in ("..", "a/b", "a\0b", "<b>", "ID", "\N{LEAF FLUTTERING IN WIND}", "x" * 5000)
        ),
    ],
)
def test_no_project_has_an_odd_id(visit, project_id):
    assert errors(visit("train", project=project_id)) == [GONE]


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_id_leads_to_no_folder_outside_the_projects(visit, workspace, page):
    outside = workspace.create_project("Not for you")
    outside.folder.rename(workspace.home / "outside")
    assert (workspace.projects_dir / "../outside/project.json").is_file()
    app = visit(page, project="../outside")
    assert errors(app) and "Not for you" not in said(app)


@pytest.mark.parametrize(
    ("page", "run_id", "words"),
    [
        ("train", "../../../etc", "validation photos right"),
        ("understand", "gone", "validation photos right"),
        ("try_it", "", "Show me one"),
        ("export", "..", "Download"),
    ],
)
def test_run_that_is_not_there_gives_the_newest(visit, finished, page, run_id, words):
    app = visit(page, project=finished.project_id, run=run_id)
    assert errors(app) == [] and words in said(app)


def test_page_keeps_the_open_project_in_its_address(visit, finished):
    app = press(visit(), "Open")
    assert app.query_params["project"] in (finished.project_id, [finished.project_id])
    app.query_params.clear()
    app.switch_page("pages/understand.py").run()
    assert app.query_params["project"] in (finished.project_id, [finished.project_id])
    assert app.query_params["run"] in (finished.id, [finished.id])


@pytest.mark.parametrize("page", ["understand", "try_it", "export"])
def test_page_without_model_leads_to_train(visit, project, page):
    app = visit(page, project=project.id)
    assert "There is no trained model yet" in said(app)
    assert press(app, "Go to Train").title[0].value == "Train"


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_broken_run_folder_is_passed_over(visit, finished, page):
    for name, content in (("broken", "{"), ("empty", "{}")):
        folder = finished.folder.with_name(name)
        folder.mkdir()
        (folder / "config.json").write_text(content)
    assert errors(visit(page, project=finished.project_id)) == []
