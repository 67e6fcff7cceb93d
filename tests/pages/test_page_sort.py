"""Sorting photos: what is shown, what can be changed, and back again. Clicks on the wall are the browser's tests."""

import errno
import re
from types import SimpleNamespace

import pytest
import streamlit as st

from pages._sort import photo_grid
from tests.benchmarks.labels import draw_items
from tests.pages.conftest import GONE, button, errors, press, said
from transfer_core import deletion
from transfer_core.charts import class_colour
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import append_items, count_classes, load_items, load_labels
from transfer_core.runs import load_split
from transfer_core.support import kept_log


@pytest.fixture
def sorting(visit, project):
    """The page of a project with eight photos of each of three classes."""
    return visit("sort", project=project.id)


def counts(project) -> dict[str, int]:
    return count_classes(load_items(project))


def choose(app, *, class_name: str | None = None, words: str = ""):
    """Asks for photos, and chooses all there are."""
    app.selectbox(key="sort-class").set_value(class_name)
    app.text_input(key="sort-words").set_value(words).run()
    return app.button(key="choose-all").click().run()


def found(app) -> int:
    """How many photos match, as the foot says."""
    [count] = re.findall(r"^(\d+) photos?\. ", said(app), re.MULTILINE)
    return int(count)


def put_into(app, class_name: str):
    app.selectbox(key="sort-to").set_value(class_name).run()
    return press(app, "Move")


def test_photos_page_leads_here_and_back(visit, project):
    app = press(visit("photos", project=project.id), "Fix labels")
    assert app.title[0].value == "Fix labels" and errors(app) == []
    assert press(app, "Back to Photos").title[0].value == "Photos"


def test_without_photos_it_says_what_to_do(visit, workspace):
    assert "There are no photos yet." in said(visit("sort", project=workspace.create_project("Empty").id))


def test_nothing_can_be_done_before_something_is_chosen(sorting):
    assert "24 photos. Click photos to select them" in said(sorting)
    assert not {"Move", "Set", "Remove", "View"} & {entry.label for entry in sorting.button}
    assert button(sorting, "Undo").disabled and button(sorting, "Redo").disabled


def test_chosen_photos_go_to_another_class_and_back(sorting, project):
    app = choose(sorting, class_name="red", words="red1")
    assert "**1 photo selected** of 1" in said(app)
    app = put_into(app, "blue")
    assert counts(project) == {"blue": 9, "green": 8, "red": 7}
    assert "1 photo moved to 'blue'" in said(app).replace("\\", "") and "selected** of" not in said(app)
    app = press(app, "Undo")
    assert counts(project) == {"blue": 8, "green": 8, "red": 8} and "Undone" in said(app)
    assert button(app, "Undo").disabled
    app = press(app, "Redo")
    assert counts(project)["blue"] == 9 and button(app, "Redo").disabled


def test_class_that_is_looked_at_may_go_with_its_last_photo(sorting, project):
    app = put_into(choose(sorting, class_name="red"), "blue")
    assert errors(app) == [] and counts(project) == {"blue": 16, "green": 8}


def test_photos_without_a_class_are_found_and_sorted(visit, project):
    assert "No class yet" not in visit("sort", project=project.id).selectbox(key="sort-class").options
    ids = [item.id for item in load_items(project)]
    edits.relabel(project, ids[:3], None)
    app = press(visit("photos", project=project.id), "Sort 3 photos without a class")
    assert app.title[0].value == "Fix labels" and found(app) == 3
    app = put_into(choose(visit("sort", project=project.id), class_name=""), "red")
    assert errors(app) == [] and counts(project) == {"blue": 5, "green": 8, "red": 11}
    assert "No class yet" not in app.selectbox(key="sort-class").options


def test_photos_are_taken_out_of_their_class_and_back(sorting, project):
    app = put_into(choose(sorting, class_name="red", words="red1"), "")
    assert counts(project)["red"] == 7 and "1 photo left without a class" in said(app)
    app.text_input(key="sort-words").set_value("")
    app.selectbox(key="sort-class").set_value("").run()
    assert found(app) == 1
    press(app, "Undo")
    assert counts(project)["red"] == 8


def test_parts(sorting, project):
    app = choose(sorting, words="blue")
    app.selectbox(key="sort-to-part").set_value("val").run()
    app = press(app, "Set")
    assert [item.part for item in load_items(project)].count("val") == 8
    app.text_input(key="sort-words").set_value("")
    app.selectbox(key="sort-part").set_value("val").run()
    assert found(app) == 8


def test_removed_photos_come_back(sorting, project):
    app = press(choose(sorting, class_name="green"), "Remove")
    assert counts(project) == {"blue": 8, "red": 8}
    app.selectbox(key="sort-class").set_value(None)
    app.toggle(key="sort-removed").set_value(True).run()
    assert found(app) == 8
    press(press(app, "Select all 8"), "Restore")
    assert counts(project) == {"blue": 8, "green": 8, "red": 8}


def test_removed_photos_are_deleted_for_good_after_a_question(sorting, project):
    edits.remove(project, [item.id for item in load_items(project) if item.class_name == "green"])
    sorting.toggle(key="sort-removed").set_value(True).run()
    [every] = [entry for entry in sorting.button if entry.label == "Select all 8"]
    app = press(every.click().run(), "Delete")
    assert "8 photos will be deleted from this computer for good" in said(app)
    assert len(list(project.photos_dir.iterdir())) == 24
    app = press(app, "Delete", "Delete for good")
    assert errors(app) == [] and load_labels(project).removed == ()
    assert len(list(project.photos_dir.iterdir())) == 16
    assert "0 photos. 8 photos deleted for good" in said(app)


def test_when_all_are_removed_the_way_back_is_shown(visit, project):
    edits.remove(project, [item.id for item in load_items(project)])
    assert press(visit("photos", project=project.id), "Show removed photos").title[0].value == "Fix labels"
    app = visit("sort", project=project.id)
    app.toggle(key="sort-removed").set_value(True).run()
    assert found(app) == 24


def test_rename_merge_and_new_class(sorting, project):
    app = sorting
    app.selectbox(key="rename-from").set_value("red")
    app.text_input(key="rename-to").set_value("scarlet").run()
    app = press(app, "Rename")
    assert counts(project) == {"blue": 8, "green": 8, "scarlet": 8} and app.text_input(key="rename-to").value == ""
    app.selectbox(key="rename-from").set_value("scarlet")
    app.text_input(key="rename-to").set_value("blue").run()
    assert "Both will be merged into one class of 16 photos." in said(app)
    app = press(app, "Merge")
    assert counts(project) == {"blue": 16, "green": 8}
    app.text_input(key="create-name").set_value("yellow").run()
    app = press(app, "Create")
    assert load_labels(project).class_names == ("blue", "green", "yellow")
    press(press(app, "Undo"), "Undo")
    assert counts(project) == {"blue": 8, "green": 8, "scarlet": 8}


@pytest.mark.parametrize("typed", ["blu\N{COMBINING DIAERESIS}e  sky ", "blüe sky"])
def test_name_that_only_looks_different_is_offered_as_a_merge(visit, project, typed):
    edits.rename_class(project, "blue", "blüe sky")
    app = visit("sort", project=project.id)
    app.selectbox(key="rename-from").set_value("red")
    app.text_input(key="rename-to").set_value(typed).run()
    assert "Both will be merged into one class of 16 photos." in said(app) and button(app, "Merge")


def test_changes_of_long_ago_can_be_taken_back(visit, project):
    photos = [item.id for item in load_items(project)]
    for number in range(13):
        edits.relabel(project, photos[:1], f"class {number}")
    first, *_, last = [f"switch-{action.id}" for action in load_labels(project).actions]
    app = visit("sort", project=project.id)
    assert app.button(key=last) and first not in [entry.key for entry in app.button]
    [pages] = [entry for entry in app.get("pagination") if entry.key == "changes-page"]
    app = pages.set_value(2).run()
    app.button(key=first).click().run()
    assert errors(app) == [] and load_labels(project).undone


def test_undo_takes_back_this_windows_own_change(sorting, visit, project):
    other = visit("sort", project=project.id)
    app = put_into(choose(sorting, class_name="red"), "blue")
    put_into(choose(other, class_name="green"), "blue")
    press(app, "Undo")
    assert counts(project) == {"blue": 16, "red": 8}


def test_any_change_can_be_taken_back_by_itself(sorting, project):
    app = put_into(choose(sorting, class_name="red"), "blue")
    action = edits.remove(project, [item.id for item in load_items(project)[:4]])
    app.run().button(key=f"switch-{load_labels(project).actions[0].id}").click().run()
    assert counts(project) == {"blue": 4, "green": 8, "red": 8} and button(app, "Undo").disabled
    app.button(key=f"switch-{action}").click().run()
    assert counts(project) == {"blue": 8, "green": 8, "red": 8}


def test_change_that_is_refused_is_said_once(sorting, project):
    app = put_into(choose(sorting, class_name="red"), "blue")
    edits.undo(project, load_labels(project).actions[0].id)  # in another window
    app = press(app, "Undo")
    assert errors(app) == [r"This change has already been undone\."]
    assert errors(app.run()) == []


def test_project_deleted_in_another_window_is_said_and_not_written_into(sorting, workspace, project):
    app = choose(sorting, class_name="red")
    app.selectbox(key="sort-to").set_value("blue").run()
    deletion.delete_project(workspace, project)
    app = press(app, "Move")
    assert errors(app) == [GONE]
    assert not project.folder.exists()


def test_many_photos_come_page_by_page(visit, workspace):

    project = workspace.create_project("Many")
    append_items(project, draw_items(130))
    app = visit("sort", project=project.id)
    assert errors(app) == []  # although no photo of them is there
    press(app, "Select page")
    assert "**60 photos selected** of 130" in said(app)


@pytest.mark.parametrize(
    ("page", "words"),
    [("train", "validation photos right"), ("understand", "validation photos right"), ("try_it", "No photo at hand?")],
)
def test_pages_of_a_run_say_when_labels_have_changed_since(visit, workspace, finished, page, words):
    project = workspace.open_project(finished.project_id)
    assert "since this run" not in said(visit(page, project=project.id))
    edits.relabel(project, [item.id for item in load_items(project)[:12]], "blue")
    edits.remove(project, [load_items(project)[-1].id])
    text = said(visit(page, project=project.id)).replace("\\", "")
    assert "labels have changed, 1 photo was removed since this run. Train again to use today's labels." in text
    assert words in text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])  # the disk is full, or this person's share of it
def test_undo_that_a_full_disk_refuses_can_be_tried_again(sorting, project, monkeypatch, number):
    app = put_into(choose(sorting, class_name="red"), "blue")

    def refuse(path, lines, owner):
        raise OSError(number, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(kept_log, "append", refuse)
        app = press(app, "Undo")
    assert errors(app) == ["The disk is full. Free some space, then try again."]
    press(app, "Undo")
    assert counts(project) == {"blue": 8, "green": 8, "red": 8}


@pytest.fixture
def heard(monkeypatch) -> dict[str, object]:
    """What the browser says of a component, by its name, beside what it says of others."""
    told, component = {}, st.components.v2.component

    def hear(name, **source):
        drawn = component(name, **source)
        return lambda **given: told.get(name) or drawn(**given)

    monkeypatch.setattr(st.components.v2, "component", hear)
    return told


def test_see_all_leads_here_to_that_class(visit, project, heard):
    heard["board"] = SimpleNamespace(shots=None, act={"id": "1", "kind": "all", "class_name": "green"})
    app = visit("photos", project=project.id)
    assert app.title[0].value == "Fix labels" and app.selectbox(key="sort-class").value == "green"
    assert errors(app) == [] and found(app) == 8


def test_one_chosen_photo_is_shown_larger_with_the_newest_models_answer(visit, finished, workspace):
    project, split = workspace.open_project(finished.project_id), load_split(finished)
    for item, words in ((split.val[0], "The newest model"), (split.train[0], "not one of its validation photos")):
        app = choose(visit("sort", project=project.id), class_name=item.class_name, words=item.path)
        app = press(app, "View")
        text = said(app).replace("\\", "")
        assert errors(app) == [] and len(app.image) == 1
        assert item.path in text and f"**{item.class_name}**" in text and words in text


def test_answers_that_are_damaged_cost_the_larger_view_nothing_else(visit, finished, workspace):
    (finished.evaluation_dir / "val.safetensors").write_bytes(b"no")
    item = load_split(finished).val[0]
    app = choose(visit("sort", project=finished.project_id), class_name=item.class_name, words=item.path)
    app = press(app, "View")
    assert len(errors(app)) == 1 and len(app.image) == 1 and item.path in said(app).replace("\\", "")


def test_a_photo_opened_on_the_wall_is_shown_larger_and_one_that_is_gone_says_so(visit, project, heard):
    item = load_items(project)[0]
    heard["wall"] = {"opened": item.id}
    app = visit("sort", project=project.id)
    assert len(app.image) == 1 and "The newest model" not in said(app)
    (project.photos_dir / item.file).unlink()
    app = visit("sort", project=project.id)
    assert len(app.image) == 0 and "the file is gone" in errors(app)[0]
    heard["wall"] = {"opened": "no such photo"}
    assert errors(visit("sort", project=project.id)) == []


def test_tiles_have_the_colours_of_their_classes(wall, visit, project):
    edits.create_class(project, "amber")  # without photos: it takes no colour from the others
    edits.relabel(project, [load_items(project)[0].id], None)
    visit("sort", project=project.id)
    visit("photos", project=project.id)
    colours = {tile["class_name"]: tile["colour"] for tile in wall[-1]["tiles"]}
    assert colours == {"No class yet": "", **{name: class_colour(n) for n, name in enumerate(counts(project))}}


@pytest.fixture
def wall(project, monkeypatch) -> list[dict]:
    """What the browser is sent at each drawing of the wall."""
    sent, component = [], st.components.v2.component

    def note(name, **source):
        drawn = component(name, **source)
        return drawn if name != "wall" else lambda **told: sent.append(told["data"]) or drawn(**told)

    monkeypatch.setattr(st.components.v2, "component", note)
    return sent


def test_a_photo_that_another_window_moved_is_given_up_by_the_browser_too(wall, sorting, project):
    app = choose(sorting, class_name="red")
    before = wall[-1]
    edits.relabel(project, before["chosen"][:1], "blue")
    assert "**7 photos selected** of 7" in said(app.run())
    assert wall[-1]["round"] != before["round"] and wall[-1]["chosen"] == before["chosen"][1:]


def test_pictures_are_not_sent_again_at_each_click(wall, workspace, project, monkeypatch):
    """Streamlit sends no message that equals the one before."""
    monkeypatch.setattr(st, "session_state", {})
    items, other = load_items(project)[:2], load_items(project)[2:4]
    ids = [item.id for item in items]

    def draw(shown, chosen, round_):
        photo_grid.show_wall(project, shown, [], set(chosen), round_, lambda: None)
        return wall[-1]["chosen"]

    assert draw(items, [], 1) == []
    assert draw(items, ids[:1], 1) == [] and wall[-1] == wall[-2]  # a click
    assert draw(items, ids, 2) == sorted(ids)  # chosen by the page
    assert draw(other, ids[:1], 2) == [] and draw(items, ids[:1], 2) == ids[:1]  # to another page of photos and back
    assert draw(items, ids, 2) == ids[:1]
    photo_grid.begin_wall(project)
    assert draw(items, ids, 2) == sorted(ids)  # the browser has come back to the page
