"""The log of labelled photos."""

import threading

from tests.helpers import draw_dataset, fill_project
from transfer_core.data.labels import dataset
from transfer_core.data.labels.dataset import (
    append_items,
    count_classes,
    labelled,
    load_items,
    load_labelled,
    load_labels,
    new_item,
    version,
)
from transfer_core.support.checked_json import copy_path


def _items(count: int, class_name: str = "cats", start: int = 0):
    return [
        new_item(f"{n:064x}", f"{n:064x}.jpg", f"{class_name}/{n}.jpg", class_name, None, (4, 3))
        for n in range(start, start + count)
    ]


def test_items_come_back_in_order(workspace):
    project = workspace.create_project("x")
    assert (load_items(project), version(project)) == ([], 0)
    assert append_items(project, _items(3)) == 3
    before = version(project)
    assert append_items(project, _items(2, start=3)) == 2
    assert load_items(project) == _items(5)
    assert version(project) > before > 0


def test_the_same_item_comes_in_once(workspace):
    project = workspace.create_project("x")
    assert append_items(project, [*_items(2), *_items(2)]) == 2
    before = version(project)
    assert append_items(project, _items(2)) == 0
    assert version(project) == before


def test_the_same_photo_may_be_two_items(workspace):
    """In another class, part or place: a duplicate is a finding, not a loss."""
    project = workspace.create_project("x")
    places = [("a/1.jpg", "a", None), ("b/1.jpg", "b", None), ("b/1.jpg", "b", "val"), ("b/2.jpg", "b", None)]
    assert append_items(project, [new_item("0" * 64, "0.jpg", *place, (1, 1)) for place in places]) == 4


def test_a_photo_may_have_no_class(workspace):
    project = workspace.create_project("x")
    nameless = new_item("e" * 64, "e.jpg", "e.jpg", None, "test", (1, 1))
    assert append_items(project, [*_items(2), nameless]) == 3 and append_items(project, [nameless]) == 0
    assert load_items(project) == [*_items(2), nameless]
    assert load_labelled(project) == labelled(load_items(project)) == _items(2)
    assert load_labels(project).class_names == ("cats",) and count_classes(load_items(project)) == {"cats": 2}


def test_a_class_may_be_called_none():
    nameless, named = (new_item("e" * 64, "e.jpg", "e.jpg", name, None, (1, 1)) for name in (None, "None"))
    assert nameless.id != named.id


def test_hostile_text_survives(workspace):
    project = workspace.create_project("x")
    hostile = [new_item("0", "0.jpg", "caf\udce9/\u2028\n.jpg", "=1+1|🦋\u202e", None, (1, 1))]
    append_items(project, hostile)
    assert load_items(project) == hostile


def test_a_torn_last_line_costs_only_itself(workspace):
    project = workspace.create_project("x")
    append_items(project, _items(2))
    whole = project.labels_path.read_bytes()
    for path in (project.labels_path, copy_path(project.labels_path)):
        # The power fails while the second line is written, so that nothing of it has come into the copy.
        path.write_bytes(whole[:-30] if path == project.labels_path else whole[: whole.index(b"\n") + 1])
    assert load_items(project) == _items(1)
    assert append_items(project, _items(3)) == 2
    assert load_items(project) == _items(3)


def test_two_writers_take_turns(workspace):
    project = workspace.create_project("x")
    writers = [threading.Thread(target=append_items, args=(project, _items(20, start=10 * n))) for n in range(5)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(item.photo for item in load_items(project)) == [item.photo for item in _items(60)]


def test_counts_are_sorted_by_class():
    assert list(count_classes([*_items(2, "b"), *_items(3, "a", 5)]).items()) == [("a", 3), ("b", 2)]


def test_the_first_reading_of_a_large_log_holds_up_nobody_else(workspace, tmp_path, monkeypatch):
    large, small = (fill_project(workspace, draw_dataset(tmp_path / name, 1), name) for name in ("large", "small"))
    dataset._LOGS.clear()
    begun, released, read_on = threading.Event(), threading.Event(), dataset._Log.read_on

    def read_slowly(log, stop=None):
        if log.reader.path == large.labels_path:
            begun.set()
            assert released.wait(30)
        read_on(log, stop)

    monkeypatch.setattr(dataset._Log, "read_on", read_slowly)
    reader = threading.Thread(target=dataset.load_items, args=(large,))
    reader.start()
    assert begun.wait(30)
    try:
        assert len(dataset.load_items(small)) == 3  # hangs where one lock guards all logs
    finally:
        released.set()
        reader.join()
