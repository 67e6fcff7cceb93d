"""Photos that are here without a class, when files come in that say one: first the photos, then the table of labels."""

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from transfer_core.data.labels.dataset import Item, labelled
from transfer_core.data.labels.edits import move, relabel
from transfer_core.workspace import Project


class Nameless:
    """The photos of a project that have no class, of which arriving files may name some. For several threads at once.

    Args:
        now: All photos that count.
    """

    def __init__(self, now: Iterable[Item]):
        self._lock = threading.Lock()
        now = list(now)
        with_class = {item.photo for item in labelled(now)}
        self._waiting: dict[str, list[Item]] = defaultdict(list)  # by digest
        for item in now:
            if item.photo not in with_class:
                self._waiting[item.photo].append(item)
        self._to_class: dict[str, list[str]] = defaultdict(list)
        self._to_part: dict[str, list[str]] = defaultdict(list)

    def name(self, arriving: Item) -> Item | None:
        """The photo that is here, with what the arriving one says; None where none of its bytes waits for a class."""
        with self._lock:
            waiting = self._waiting.get(arriving.photo)
            if not waiting or arriving.class_name is None:
                return None
            item = waiting.pop(0)
            self._to_class[arriving.class_name].append(item.id)
            if item.part is None and arriving.part is not None:
                self._to_part[arriving.part].append(item.id)
            return replace(item, class_name=arriving.class_name, part=item.part or arriving.part)

    def write(self, project: Project) -> int:
        """Makes what was named hold, a change for each class and part, which can be undone; returns how many photos."""
        for class_name, ids in self._to_class.items():
            relabel(project, ids, class_name)
        for part, ids in self._to_part.items():
            move(project, ids, part)
        return sum(map(len, self._to_class.values()))
