"""The photos of a project and their labels: what its label log comes to, and how new ones get into it. No torch."""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import TypeGuard, TypeVar

from transfer_core.data.labels import replay
from transfer_core.data.labels.replay import Action, LabelState
from transfer_core.support import kept_log
from transfer_core.support.class_order import in_class_order
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Project

_Answer = TypeVar("_Answer")
_REMEMBERED = 4  # projects of which this process keeps the labels; one of 50,000 photos takes about 60 MB


@dataclass(frozen=True)
class Item:
    """One photo, labelled or not.

    Args:
        id: 16 hex digits, from the photo's bytes and its original path.
        photo: SHA-256 of the original bytes, hex.
        file: Name in the project's photos folder.
        path: Where it came from, relative; untrusted text.
        class_name: Untrusted text; None until the class is given.
        part: "train", "val" or "test" where the data said so, else None.
        width, height: In pixels, upright.
        group: What belongs together and may never be on both sides of a split, such as a patient; untrusted text.
    """

    id: str
    photo: str
    file: str
    path: str
    class_name: str | None
    part: str | None
    width: int
    height: int
    group: str | None = None


class LabelledItem(Item):
    """An item whose class is known: what training, splits and evaluation take.

    Only type checkers tell it from `Item`; `labelled` says which items these are, and no object is made of this class.
    """

    class_name: str


@dataclass(frozen=True)
class Labels:
    """The labels of a project at one moment.

    Args:
        items: Photos that count, labelled or not, in the order in which they came.
        removed: Photos that were taken out and can be brought back.
        class_names: In the order of classes; those of the items, and those that were made to stay without any.
        actions: What was changed by hand, the oldest first.
        undone: Ids of the actions that were taken back, the last one last.
        deleted: Positions of the photos that are gone for good, in the order in which all of them came.
    """

    items: tuple[Item, ...]
    removed: tuple[Item, ...]
    class_names: tuple[str, ...]
    actions: tuple[Action, ...]
    undone: tuple[str, ...]
    deleted: frozenset[int] = frozenset()


def new_item(
    photo: str,
    file: str,
    path: str,
    class_name: str | None,
    part: str | None,
    size: tuple[int, int],
    group: str | None = None,
) -> Item:
    named = class_name or ""  # no class is called so; "None" is a name that one may have
    identity = hashlib.sha256(f"{photo}|{part}|{named}|{path}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Item(identity, photo, file, path, class_name, part, *size, group)


def append_items(project: Project, items: Sequence[Item]) -> int:
    """Adds those that never came before, in one synced write; returns how many. What was removed stays removed.

    Of the others only the groups are taken over, where they say some: photos may come before the table of patients.
    """
    project.ensure_copy()
    with kept_log.writing(project.labels_path, project.mark):
        groups = _groups_of(project, [item.id for item in items])
        new = {item.id: item for item in items if item.id not in groups}
        lines = [{"op": "add", **vars(item)} for item in new.values()]
        told = {item.id: item.group for item in items if item.group not in (None, groups.get(item.id, item.group))}
        if told:
            said = {"id": secrets.token_hex(8), "time": round(time.time(), 3), "groups": told}
            lines.append({"op": "group", **said})
        if lines:
            kept_log.append(project.labels_path, lines, project.mark)
    return len(new)


def load_items(project: Project, version: int | None = None) -> list[Item]:
    """All items in the order in which they came, as the actions up to now leave them; removed ones are left out.

    Args:
        version: A position in the log, as `version` gives it: the items as they were then.
    """
    return list(load_labels(project, version).items)


def load_labelled(project: Project) -> list[LabelledItem]:
    """As `load_items`, without the photos that have no class yet."""
    return labelled(load_labels(project).items)


def labelled(items: Iterable[Item]) -> list[LabelledItem]:
    """Those that have a class."""
    return [item for item in items if _has_class(item)]


def _has_class(item: Item) -> TypeGuard[LabelledItem]:
    return item.class_name is not None


def load_labels(project: Project, version: int | None = None) -> Labels:
    """The labels now, or as they were at a version; what this process has read before is not read again."""
    if version is None:
        return _ask(project, _Log.labels)
    log = _Log(project)
    log.read_on(version)
    return log.labels()


def load_original_items(project: Project) -> list[Item]:
    """Every photo that ever came in, removed and deleted ones too, with the class and part that it came with."""
    return _ask(project, lambda log: list(log.came))


def unknown_ids(project: Project, ids: Iterable[str]) -> set[str]:
    """Those of the ids that no photo of the project has, counting or removed."""
    return _ask(project, lambda log: {item for item in ids if item not in log.state.numbers})


def _groups_of(project: Project, ids: Sequence[str]) -> dict[str, str | None]:
    """The groups of those that the project has."""

    def look_up(log: _Log) -> dict[str, str | None]:
        numbers, places = log.state.numbers, log.state.places
        return {item: places[numbers[item]].group for item in ids if item in numbers}

    return _ask(project, look_up)


def version(project: Project) -> int:
    """The state of the labels: a position in the log, in bytes."""
    return kept_log.size(project.labels_path)


def damage(project: Project) -> str | None:
    """What of the labels cannot be read, what it costs, and what can be done; None where they are whole."""
    lost, copied = _ask(project, lambda log: (log.lost + log.reader.lost, log.reader.copied))
    if lost:
        return (
            f"{pluralize(lost, 'line')} of {project.labels_path} cannot be read, so that photos or changes of labels "
            "are missing here, about one for each. Put the file back from a backup, or add those photos again; `graft "
            "check --repair` gives them up."
        )
    if copied:
        return (
            f"{project.labels_path} is damaged: {pluralize(copied, 'line was', 'lines were')} taken from its copy, so "
            "nothing is missing. `graft check --repair` writes the file anew."
        )
    return None


def count_classes(items: Iterable[Item]) -> dict[str, int]:
    """Photos per class, classes in their order. Photos without a class are not counted."""
    counts: dict[str, int] = {}
    for item in labelled(items):
        counts[item.class_name] = counts.get(item.class_name, 0) + 1
    return {name: counts[name] for name in in_class_order(counts)}


class _Log:
    """A label log as far as it was read.

    Args:
        came: The photos in the order of the state's numbers, as they came.
        lost: Lines that can be read, but do not say what they should.
    """

    def __init__(self, project: Project):
        self.lock = threading.Lock()
        self._path, self._owner = project.labels_path, project.mark
        self.forget()

    def forget(self) -> None:
        """Begins again from an empty log, as where another file has taken the place of the one that was read."""
        self.reader, self.state = kept_log.Reader(self._path, self._owner), LabelState()
        self.came: list[Item] = []
        self.lost = 0
        self._labels: Labels | None = None

    def read_on(self, stop: int | None = None) -> None:
        self.state.take(map(self._keep, filter(self._is_whole, self.reader.read_on(stop))))
        self._labels = None

    def _is_whole(self, line: dict) -> bool:
        """Whether the line says all that its kind does: one of an earlier version, without a checksum, may not."""
        is_whole = replay.is_whole(line) and (line["op"] != "add" or line.keys() >= _ITEM_NEEDS)
        self.lost += not is_whole
        return is_whole

    def _keep(self, line: dict) -> dict:
        """The line itself; the photo that it brings, if it brings one, is kept."""
        if line["op"] == "add" and line["id"] not in self.state.numbers:
            self.came.append(Item(**{name: line[name] for name in _FIELDS if name in line}))
        return line

    def labels(self) -> Labels:
        if self._labels is None:
            items: list[Item] = []
            removed: list[Item] = []
            for number, (item, place) in enumerate(zip(self.came, self.state.places, strict=True)):
                if number in self.state.deleted:
                    continue
                class_name, part, is_removed, group = place
                if (item.class_name, item.part, item.group) != (class_name, part, group):
                    item = replace(item, class_name=class_name, part=part, group=group)
                (removed if is_removed else items).append(item)
            names = {item.class_name for item in labelled(items)} | self.state.kept_classes
            self._labels = Labels(
                tuple(items),
                tuple(removed),
                tuple(in_class_order(names)),
                tuple(self.state.actions.values()),
                tuple(action for action in self.state.undone if action in self.state.actions),
                frozenset(self.state.deleted),
            )
        return self._labels


_FIELDS = [entry.name for entry in fields(Item)]
_ITEM_NEEDS = {entry.name for entry in fields(Item) if entry.default is MISSING}
_LOOKING_UP = threading.Lock()  # held for the moment in which a log is looked up, never while one is read
_LOGS: OrderedDict[Path, _Log] = OrderedDict()  # the one used last stands last


def _ask(project: Project, question: Callable[[_Log], _Answer]) -> _Answer:
    """What the log says now. The answer must not change with it, for other threads read on.

    Each log has a lock of its own, so that the first reading of a large one holds up nobody else's.
    """
    with _LOOKING_UP:
        log = _LOGS.setdefault(project.labels_path, _Log(project))
        _LOGS.move_to_end(project.labels_path)
        if len(_LOGS) > _REMEMBERED:
            _LOGS.popitem(last=False)
    with log.lock:
        if log.reader.has_news():
            if not log.reader.is_continued():
                log.forget()
            log.read_on()
        return question(log)
