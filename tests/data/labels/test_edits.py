"""Changes by hand: what they do, what they refuse, and that none is lost."""

import json
import random
import signal
from dataclasses import replace

import pytest

from tests.benchmarks.labels import draw_items, two_windows
from tests.helpers import start_python
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import (
    append_items,
    count_classes,
    load_items,
    load_labels,
    load_original_items,
    new_item,
    version,
)
from transfer_core.data.labels.edits import Changes
from transfer_core.errors import DataError


@pytest.fixture
def filled(workspace):
    """Four photos of each of three classes."""
    project = workspace.create_project("Trees")
    append_items(project, draw_items(12, ("ash", "elm", "oak")))
    return project


def ids(project, class_name: str) -> list[str]:
    return [item.id for item in load_items(project) if item.class_name == class_name]


def counts(project) -> dict[str, int]:
    return count_classes(load_items(project))


def test_photos_change_class_and_back(filled):
    action = edits.relabel(filled, ids(filled, "ash")[:3], " fir\n")
    assert counts(filled) == {"ash": 1, "elm": 4, "fir": 3, "oak": 4}
    edits.undo(filled, action)
    assert counts(filled) == {"ash": 4, "elm": 4, "oak": 4}
    edits.redo(filled, action)
    assert counts(filled) == {"ash": 1, "elm": 4, "fir": 3, "oak": 4}


def test_photos_lose_their_class_and_get_another(filled):
    chosen = ids(filled, "ash")
    action = edits.relabel(filled, chosen, None)
    assert counts(filled) == {"elm": 4, "oak": 4} and load_labels(filled).class_names == ("elm", "oak")
    assert [item.id for item in edits.select_items(load_items(filled), unlabelled=True)] == chosen
    assert edits.select_items(load_items(filled), unlabelled=True, words="ash/0") == load_items(filled)[:1]
    edits.relabel(filled, chosen[:1], "oak")
    assert counts(filled) == {"elm": 4, "oak": 5}
    edits.undo(filled, action)
    assert counts(filled) == {"ash": 3, "elm": 4, "oak": 5}


def test_one_change_is_one_line(filled):
    before = filled.labels_path.read_bytes()
    edits.relabel(filled, ids(filled, "ash"), "elm")
    added = filled.labels_path.read_bytes().removeprefix(before)
    assert added.count(b"\n") == 1 and len(json.loads(added)["items"]) == 4


def test_removed_photos_come_back_as_they_were(filled):
    chosen = ids(filled, "elm")
    edits.remove(filled, chosen)
    assert counts(filled) == {"ash": 4, "oak": 4} and [item.id for item in load_labels(filled).removed] == chosen
    edits.relabel(filled, chosen[:1], "oak")
    edits.bring_back(filled, chosen[:2])
    assert counts(filled) == {"ash": 4, "elm": 1, "oak": 5}


def test_photos_move_between_parts(filled):
    edits.move(filled, ids(filled, "oak"), "val")
    assert {item.part for item in load_items(filled) if item.class_name == "oak"} == {"val"}
    edits.move(filled, ids(filled, "oak"), None)
    assert {item.part for item in load_items(filled)} == {None}


def test_renamed_class_and_two_that_become_one(filled):
    edits.rename_class(filled, "ash", "fir")
    edits.rename_class(filled, "elm", "oak")
    assert counts(filled) == {"fir": 4, "oak": 8}


def test_class_that_was_made_stays_empty_and_others_go_with_their_last_photo(filled):
    edits.create_class(filled, "fir")
    edits.relabel(filled, ids(filled, "ash"), "elm")
    assert load_labels(filled).class_names == ("elm", "fir", "oak")


def test_what_was_changed_is_not_brought_in_once_more(filled):
    edits.relabel(filled, ids(filled, "ash"), "elm")
    edits.remove(filled, ids(filled, "oak"))
    assert append_items(filled, draw_items(12, ("ash", "elm", "oak"))) == 0
    assert counts(filled) == {"elm": 8}
    assert count_classes(load_original_items(filled)) == {"ash": 4, "elm": 4, "oak": 4}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda project: edits.relabel(project, [], "fir"), "No photos are selected. Select some first."),
        (lambda project: edits.relabel(project, ["x", "y"], "fir"), "2 of the photos are not in this project."),
        (lambda project: edits.relabel(project, ids(project, "ash"), " \n"), "A class needs a name."),
        (lambda project: edits.move(project, ids(project, "ash"), "exam"), "There is no part 'exam'. Choose one of"),
        (
            lambda project: edits.rename_class(project, "fig", "fir"),
            "There is no class 'fig'. There are: 'ash', 'elm'",
        ),
        (lambda project: edits.rename_class(project, "ash", "ash "), "The class is called 'ash' already."),
        (lambda project: edits.create_class(project, "ash"), "There is a class 'ash' already."),
        (lambda project: edits.undo(project, "x"), "There is no change 'x' in this project."),
        (lambda project: edits.redo(project, edits.relabel(project, ids(project, "ash"), "b")), "was not undone"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(filled, change, said):
    before = counts(filled)
    with pytest.raises(DataError, match="(?s)" + said.replace(".", r"\.")):
        change(filled)
    assert counts(filled) == before or said == "was not undone"


def test_undo_twice_is_refused(filled):
    action = edits.undo(filled, edits.remove(filled, ids(filled, "ash")))
    with pytest.raises(DataError, match="already been undone"):
        edits.undo(filled, action)


def test_description_of_every_change(filled):
    chosen = ids(filled, "ash")[:2]
    made = [
        edits.relabel(filled, chosen, "elm"),
        edits.move(filled, chosen, "val"),
        edits.move(filled, chosen, None),
        edits.remove(filled, chosen),
        edits.bring_back(filled, chosen),
        edits.rename_class(filled, "elm", "fir"),
        edits.create_class(filled, "yew"),
        edits.relabel(filled, chosen, None),
    ]
    now = load_labels(filled)
    assert [action.id for action in now.actions] == made
    assert [edits.describe(edits.find_action(now, action)) for action in made] == [
        "2 photos moved to 'elm'",
        "2 photos set to validation",
        "2 photos set to automatic",
        "2 photos removed",
        "2 photos restored",
        "'elm' is now 'fir'",
        "new class 'yew'",
        "2 photos left without a class",
    ]


def test_groups_of_photos_that_are_here_are_taken_over(filled):
    here = load_items(filled)
    told = [replace(item, group=f"p{n % 2}") for n, item in enumerate(here[:4])]
    assert append_items(filled, told) == 0 and load_items(filled)[:4] == told
    size = version(filled)
    append_items(filled, told)  # says nothing new
    append_items(filled, here)  # says nothing of groups
    assert version(filled) == size and load_items(filled)[:4] == told
    [action] = load_labels(filled).actions
    assert edits.describe(action) == "4 photos in 2 groups"
    edits.undo(filled, action.id)
    assert load_items(filled) == here


def test_choice_by_class_part_and_words(filled):
    edits.move(filled, ids(filled, "oak")[:1], "val")
    items = load_items(filled)
    assert len(edits.select_items(items)) == 12
    assert len(edits.select_items(items, "oak")) == 4 and len(edits.select_items(items, part="none")) == 11
    assert len(edits.select_items(items, "oak", "val")) == 1 and edits.select_items(items, "ash", "val") == []
    assert [item.path for item in edits.select_items(items, words=" ASH/0")] == ["ash/0.jpg"]
    from_a_mac = [replace(items[0], path="Ba\u0308ume/1.jpg")]
    assert (
        edits.select_items(from_a_mac, words="b\u00e4u")
        == edits.select_items(from_a_mac, words="Ba\u0308U")
        == from_a_mac
    )


# --- versions --------------------------------------------------------------------------------------------------------


def test_version_is_a_position_in_the_log(filled):
    seen = [(version(filled), load_items(filled))]
    for _ in range(3):
        edits.undo(filled, edits.remove(filled, ids(filled, "oak")))
        edits.relabel(filled, ids(filled, "oak")[:1], "elm")
        seen.append((version(filled), load_items(filled)))
    assert [load_items(filled, position) for position, _ in seen] == [items for _, items in seen]
    assert load_items(filled, 0) == []


def test_changes_since_a_version(filled):
    before = version(filled)
    assert not edits.changes_since(filled, before)
    edits.relabel(filled, ids(filled, "ash")[:3], "elm")
    edits.move(filled, ids(filled, "elm")[-1:], "val")
    edits.remove(filled, ids(filled, "oak")[:1])
    append_items(filled, [new_item("f" * 64, "f.jpg", "f.jpg", "oak", None, (1, 1))])
    assert edits.changes_since(filled, before) == Changes(gone=1, come=1, relabelled=3, moved=1)
    assert str(Changes(1, 2, 12, 1)) == (
        "12 labels have changed, 2 photos are new, 1 photo was removed, 1 photo moved to another set"
    )


def test_photos_without_a_class_are_no_change_for_a_run(filled):
    before = version(filled)
    nameless = [new_item(f"{n:064x}", f"{n}.jpg", f"{n}.jpg", None, None, (1, 1)) for n in range(100, 103)]
    append_items(filled, nameless)
    edits.move(filled, [nameless[0].id], "val")
    assert not edits.changes_since(filled, before)
    edits.relabel(filled, [nameless[0].id], "oak")  # a photo that the run might have had
    edits.relabel(filled, ids(filled, "elm")[:1], None)
    assert edits.changes_since(filled, before) == Changes(gone=0, come=1, relabelled=1, moved=0)
    after = version(filled)
    edits.remove(filled, [nameless[1].id])
    assert not edits.changes_since(filled, after)


def test_changes_count_each_photo_once():
    old = draw_items(4, ("ash",))
    new = [replace(item, class_name="elm", part="val") if not i else item for i, item in enumerate(old[:3])]
    assert edits.difference(old, new) == Changes(gone=1, come=0, relabelled=1, moved=0)
    assert edits.difference(new, old) == Changes(gone=0, come=1, relabelled=1, moved=0)


# --- several at once, and sudden ends --------------------------------------------------------------------------------


@pytest.mark.training
def test_two_windows_lose_nothing_and_agree(filled):
    done, same = two_windows(filled, seconds=1)
    assert done > 10 and same


WRITER = """
import sys
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import load_items
from transfer_core.workspace import Workspace
project = Workspace.default().open_project(sys.argv[1])
ids = [item.id for item in load_items(project)]
for number in range(10_000):
    print(edits.relabel(project, ids, f"class {number}"), flush=True)
"""


@pytest.mark.full
def test_killed_writer_loses_nothing_but_its_last_change(workspace):
    project, rng = workspace.create_project("Trees"), random.Random(5)
    append_items(project, draw_items(3_000))
    promised: list[str] = []
    for kill in range(1, 4):
        writer = start_python("-c", WRITER, project.id)
        promised += [writer.stdout.readline().strip() for _ in range(rng.randint(1, 12))]
        writer.send_signal(signal.SIGKILL)
        promised += writer.stdout.read().split()  # `communicate` would lose what `readline` had read ahead
        writer.communicate()
        assert "" not in promised
        found = [action.id for action in load_labels(project).actions]
        assert set(promised) <= set(found) and len(found) <= len(promised) + kill
        promised = [*found, edits.relabel(project, [load_items(project)[0].id], "by hand")]
        assert load_labels(project).actions[-1].id == promised[-1]
        assert all(len(action.photos) in (1, 3_000) for action in load_labels(project).actions)
