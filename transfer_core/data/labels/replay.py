"""What the lines of a label log come to. Pure: knows ids and names, no files and no photos.

A line is one action of a person, or one photo that came in:

    {"op": "add", "id", "class_name", "part", ...}                 a photo, with all that is known of it
    {"op": "edit", "id", "time", "items": [ids], ...}              and one or more of class_name, part, removed; or
                                                                   disputed, and removed: pictures of two classes
    {"op": "rename", "id", "time", "from", "to"}                   a class; where `to` exists, both become one
    {"op": "class", "id", "time", "name"}                          a class that stays, photos or not
    {"op": "group", "id", "time", "groups": {id: group}}           what photos belong to that were here already
    {"op": "undo" | "redo", "id", "time", "of"}                    takes an action back, or brings it again
    {"op": "delete", "id", "time", "items": [ids]}                 photos that are gone for good; nothing undoes it
    {"op": "lost", "was"}                                          stands for a line that was damaged, and given up

What is undone counts as if it had never been; all else holds in the order in which it was written. So of several
changes of one photo the last that was not undone decides, whoever made it and in which window.

`class_name` is null for a photo that has no class yet, or none any more. A version of Graft that knows no such photos
stops at one with an error, and so shows no label that nobody gave.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Assignment(NamedTuple):
    """Where a photo belongs now."""

    class_name: str | None
    part: str | None
    removed: bool
    group: str | None = None


_SAYS = {
    "edit": ("class_name", "part", "removed"),
    "rename": ("from", "to"),
    "class": ("name",),
    "group": ("groups",),
}


_NEEDS: dict[object, dict[str, type | tuple[type, ...]]] = {
    "add": {"id": str},
    "edit": {"id": str, "time": (int, float), "items": list},
    "rename": {"id": str, "time": (int, float), "from": str, "to": str},
    "class": {"id": str, "time": (int, float), "name": str},
    "group": {"id": str, "time": (int, float), "groups": dict},
    "undo": {"of": str},
    "redo": {"of": str},
}


def is_whole(line: dict) -> bool:
    """Whether a line says all that one of its kind must; kinds of a later version of Graft may say anything."""
    kind = line.get("op")
    if not isinstance(kind, str):
        return False
    return all(isinstance(line.get(name), types) for name, types in _NEEDS.get(kind, {}).items())


@dataclass(frozen=True)
class Action:
    """Something that a person changed.

    Args:
        kind: "edit", "rename", "class" or "group".
        time: Unix seconds.
        photos: Positions of the photos that the line names, in the order in which all of them came.
        changes: What an edit sets (class_name, part, removed), or what else the line says (from and to; name; groups).
        earlier: Number of photos that were there already; a rename leaves later ones alone.
        disputed: Whether it took photos out because they came in with two classes.
    """

    id: str
    kind: str
    time: float
    photos: array
    changes: dict
    earlier: int
    disputed: bool = False


@dataclass
class LabelState:
    """The state after the lines taken so far.

    Args:
        numbers: Position of each photo in the order of arrival, by id.
        places: By that position.
        kept_classes: Those that stay without photos.
        actions: By id, in their order.
        undone: Ids of actions that do not hold, in the order in which they were taken back.
        deleted: Positions of the photos that are gone for good.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    places: list[Assignment] = field(default_factory=list)
    kept_classes: set[str] = field(default_factory=set)
    actions: dict[str, Action] = field(default_factory=dict)
    undone: dict[str, None] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    _came: list[Assignment] = field(default_factory=list)

    def take(self, lines: Iterable[dict]) -> None:
        """Goes on with these lines; those of unknown kind, of a later version of Graft, mean nothing here."""
        is_stale = False  # something earlier was undone: done once at the end, however often it happens
        for line in lines:
            match line["op"]:
                case "add":
                    self._add(line)
                case "edit" | "rename" | "class" | "group":
                    action = self._read_action(line)
                    self.actions[action.id] = action
                    if not is_stale:
                        self._do(action)
                case "undo":
                    is_stale = True
                    self.undone.pop(line["of"], None)  # the last time decides its place
                    self.undone[line["of"]] = None
                case "redo":
                    is_stale = True
                    self.undone.pop(line["of"], None)
                case "delete":
                    self.deleted.update(self.numbers[item] for item in line["items"] if item in self.numbers)
        if is_stale:
            self._replay()

    def _add(self, line: dict) -> None:
        if line["id"] not in self.numbers:
            place = Assignment(line["class_name"], line["part"], False, line.get("group"))
            self.numbers[line["id"]] = len(self._came)
            self._came.append(place)
            self.places.append(place)

    def _read_action(self, line: dict) -> Action:
        changes = {key: line[key] for key in _SAYS[line["op"]] if key in line}
        numbers = self.numbers
        photos = array("I", [numbers[item] for item in line.get("items", line.get("groups", ())) if item in numbers])
        disputed = bool(line.get("disputed"))
        return Action(line["id"], line["op"], line["time"], photos, changes, len(self._came), disputed)

    def _do(self, action: Action) -> None:
        places, changes = self.places, action.changes
        if action.kind == "edit":
            after: dict[Assignment, Assignment] = {}  # few differ, so most need not be made
            for number in action.photos:
                place = places[number]
                if place not in after:
                    after[place] = place._replace(**changes)
                places[number] = after[place]
        elif action.kind == "group":
            for item, group in changes["groups"].items():
                if (number := self.numbers.get(item)) is not None:
                    places[number] = places[number]._replace(group=group)
        elif action.kind == "class":
            self.kept_classes.add(changes["name"])
        else:
            before, now = changes["from"], changes["to"]
            for number, place in enumerate(places):
                if place.class_name == before:
                    places[number] = place._replace(class_name=now)
            if before in self.kept_classes:
                self.kept_classes.remove(before)
                self.kept_classes.add(now)

    def _replay(self) -> None:
        """Does all again that holds, from the photos as they came."""
        self.places, self.kept_classes = [], set()
        for action in self.actions.values():
            if action.id not in self.undone:
                self.places += self._came[len(self.places) : action.earlier]
                self._do(action)
        self.places += self._came[len(self.places) :]
