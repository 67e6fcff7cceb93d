"""What the lines of a label log come to, by example and against a plain simulation."""

import random

import pytest

from transfer_core.data.labels.replay import LabelState

CLASSES = ("oak", "elm", "ash")
OR_NONE = (*CLASSES, None)


def add(item: str, class_name: str | None = "oak", part: str | None = None) -> dict:
    return {"op": "add", "id": item, "class_name": class_name, "part": part, "path": f"{item}.jpg"}


def edit(action: str, *items: str, **changes) -> dict:
    return {"op": "edit", "id": action, "time": 1.0, "items": list(items), **changes}


def rename(action: str, before: str, now: str) -> dict:
    return {"op": "rename", "id": action, "time": 1.0, "from": before, "to": now}


def undo(of: str) -> dict:
    return {"op": "undo", "id": f"undo {of}", "time": 1.0, "of": of}


def redo(of: str) -> dict:
    return {"op": "redo", "id": f"redo {of}", "time": 1.0, "of": of}


def replay(*lines: dict) -> dict[str, tuple]:
    """(class, part, removed) by item."""
    state = LabelState()
    state.take(lines)
    return {item: state.places[number][:3] for item, number in state.numbers.items()}


def classes(*lines: dict) -> list[str]:
    return [place[0] for place in replay(*lines).values()]


HERE = (add("a"), add("b"), add("c", "elm", "val"))


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ((), ["oak", "oak", "elm"]),
        ((edit("1", "a", class_name="ash"),), ["ash", "oak", "elm"]),
        ((edit("1", "a", class_name="ash"), undo("1")), ["oak", "oak", "elm"]),
        ((edit("1", "a", class_name="ash"), undo("1"), redo("1")), ["ash", "oak", "elm"]),
        # another window has relabelled the photo since: its change stays, and decides
        ((edit("1", "a", class_name="ash"), edit("2", "a", class_name="fir"), undo("1")), ["fir", "oak", "elm"]),
        ((edit("1", "a", class_name="ash"), edit("2", "a", class_name="fir"), undo("2")), ["ash", "oak", "elm"]),
        ((rename("1", "oak", "elm"),), ["elm", "elm", "elm"]),
        ((rename("1", "oak", "elm"), undo("1")), ["oak", "oak", "elm"]),
        # photos that join later are not renamed, nor those that an undone change had brought into the class
        ((rename("1", "oak", "fir"), add("d")), ["fir", "fir", "elm", "oak"]),
        ((edit("1", "c", class_name="oak"), rename("2", "oak", "fir"), undo("1")), ["fir", "fir", "elm"]),
        ((add("a", "ash"),), ["oak", "oak", "elm"]),  # came before
        ((edit("1", "unknown", class_name="ash"), {"op": "of the future"}), ["oak", "oak", "elm"]),
        ((undo("unknown"), redo("unknown")), ["oak", "oak", "elm"]),
        # a photo may lose its class, or come without one; no class is renamed into it or out of it
        ((edit("1", "a", class_name=None),), [None, "oak", "elm"]),
        ((edit("1", "a", class_name=None), undo("1")), ["oak", "oak", "elm"]),
        ((edit("1", "a", class_name=None), rename("2", "oak", "elm")), [None, "elm", "elm"]),
        ((edit("1", "a", class_name=None), rename("2", "oak", "fir"), undo("1")), ["fir", "fir", "elm"]),
        ((add("d", None), rename("1", "oak", "elm")), ["elm", "elm", "elm", None]),
        ((add("d", None), edit("1", "d", class_name="ash")), ["oak", "oak", "elm", "ash"]),
        ((add("d", None), edit("1", "d", class_name="ash"), undo("1")), ["oak", "oak", "elm", None]),
    ],
)
def test_class_of_each_photo(lines, wanted):
    assert classes(*HERE, *lines) == wanted


def test_each_property_goes_its_own_way():
    lines = (edit("1", "c", class_name="oak"), edit("2", "c", part=None), edit("3", "c", removed=True))
    assert replay(*HERE, *lines)["c"] == ("oak", None, True)
    assert replay(*HERE, *lines, undo("2"))["c"] == ("oak", "val", True)
    assert replay(*HERE, *lines, edit("4", "c", removed=False))["c"] == ("oak", None, False)


def test_what_was_taken_back_last_stands_last():
    state = LabelState()
    state.take([*HERE, edit("1", "a", part="val"), edit("2", "b", part="val"), undo("1"), undo("2"), redo("1")])
    state.take([undo("1")])
    assert list(state.undone) == ["2", "1"]


def test_class_without_photos_stays_only_where_it_was_made_to():
    state = LabelState()
    state.take([*HERE, {"op": "class", "id": "1", "time": 1.0, "name": "fir"}])
    assert state.kept_classes == {"fir"}
    state.take([rename("2", "fir", "pine"), rename("3", "elm", "larch")])
    assert state.kept_classes == {"pine"}
    state.take([undo("1")])
    assert state.kept_classes == set()


def test_groups_are_told_later_and_taken_back():
    state, told = (
        LabelState(),
        {"op": "group", "id": "1", "time": 1.0, "groups": {"a": "p1", "c": "p2", "unknown": "p3"}},
    )
    state.take([*HERE, add("d") | {"group": "p9"}, told])
    assert [place.group for place in state.places] == ["p1", None, "p2", "p9"]
    assert list(state.actions["1"].photos) == [0, 2]
    state.take([undo("1")])
    assert [place.group for place in state.places] == [None, None, None, "p9"]


class Simulation:
    """The rules once more, one photo at a time: all that holds and was done since it came, in order."""

    def __init__(self):
        self.lines: list[dict] = []

    def undone(self) -> set[str]:
        last = {line["of"]: line["op"] for line in self.lines if line["op"] in ("undo", "redo")}
        return {action for action, op in last.items() if op == "undo"}

    def place(self, item: str) -> tuple:
        undone, now = self.undone(), None
        for line in self.lines:
            if line["op"] == "add" and line["id"] == item:
                now = now or [line["class_name"], line["part"], False]
            elif now is None or line["id"] in undone:
                continue
            elif line["op"] == "edit" and item in line["items"]:
                for place, name in enumerate(("class_name", "part", "removed")):
                    now[place] = line.get(name, now[place])
            elif line["op"] == "rename" and now[0] == line["from"]:
                now[0] = line["to"]
        return tuple(now)


class Window:
    """Somebody who changes things at random, and takes back only what is their own."""

    def __init__(self, name: str, rng: random.Random):
        self.name, self.rng, self.done, self.taken_back, self.count = name, rng, [], [], 0

    def act(self, items: list[str]) -> dict:
        rng = self.rng
        kind = rng.choice(["class", "class", "part", "removed", "rename", "undo", "undo", "redo"])
        if kind == "undo" and self.done:
            self.taken_back.append(self.done.pop())
            return undo(self.taken_back[-1])
        if kind == "redo" and self.taken_back:
            self.done.append(self.taken_back.pop())
            return redo(self.done[-1])
        self.count += 1
        self.done.append(f"{self.name}{self.count}")
        self.taken_back.clear()
        if kind == "rename":
            return rename(self.done[-1], *rng.sample(CLASSES, 2))
        some = rng.sample(items, rng.randint(1, len(items)))
        changes = {
            "part": {"part": rng.choice(["train", "val", None])},
            "removed": {"removed": rng.random() < 0.6},
        }.get(kind, {"class_name": rng.choice(OR_NONE)})
        return edit(self.done[-1], *some, **changes)


@pytest.mark.parametrize("seed", range(150))
def test_two_windows_at_random_end_where_the_rules_say(seed):
    rng = random.Random(seed)
    windows = [Window(name, rng) for name in "AB"]
    state, simulation, waiting, items = LabelState(), Simulation(), [], []
    for _ in range(60):
        if len(items) < 2 or rng.random() < 0.1:
            items.append(f"i{len(items)}")
            line = add(items[-1], rng.choice(OR_NONE), rng.choice(["train", None]))
        else:
            line = rng.choice(windows).act(items)
        simulation.lines.append(line)
        waiting.append(line)
        if rng.random() < 0.3:  # readers come by at any time
            state.take(waiting)
            waiting = []
    state.take(waiting)
    assert {item: state.places[number][:3] for item, number in state.numbers.items()} == {
        item: simulation.place(item) for item in items
    }
    assert set(state.undone) == simulation.undone()
