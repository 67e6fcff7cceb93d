"""The result of an intake, and the writing of new photos into the project. Imports no torch."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from transfer_core.data.labels.dataset import Item, append_items, count_classes
from transfer_core.support.files import fsync_and_rename, temp_path
from transfer_core.support.parallel import map_ahead
from transfer_core.workspace import Project

FLUSH_EVERY_S = 0.5  # a killed intake keeps all photos but those of the last half second
_DISK_THREADS = 16  # files that wait for the disk together wait hardly longer than one
_STALE_S = 3600  # no process is still writing a file that has not changed for this long


@dataclass(frozen=True)
class Rejected:
    """A file that did not become a photo of the project, and why.

    Args:
        file: Untrusted text.
        is_row: Whether it is a row of a table, which names this file, and no file itself.
    """

    file: str
    reason: str
    is_row: bool = False


@dataclass
class IntakeReport:
    """The result of an intake.

    Args:
        photos: Files that are photos, those that were here already included.
        added: New ones among them.
        rejected: Every other file.
        classes: Photos per class.
        unlabelled: Photos without a class.
        named: Photos that were here without a class, and got one from these files.
        items: Ids of the photos, old and new.
        alike: Names of classes, of these photos or here already, that differ in capitals only, and may mean the same.
        disputed: Pictures that came in with two classes and are left out until somebody decides.
        said: What else a person must get to read, a sentence each; untrusted text.
    """

    photos: int = 0
    added: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)
    unlabelled: int = 0
    named: int = 0
    items: set[str] = field(default_factory=set)
    alike: tuple[tuple[str, ...], ...] = ()
    disputed: int = 0
    said: list[str] = field(default_factory=list)

    def add(self, other: "IntakeReport") -> None:
        """Takes the other's counts and rejected files into this one."""
        self.photos += other.photos
        self.added += other.added
        self.rejected += other.rejected
        self.unlabelled += other.unlabelled
        self.named += other.named
        self.disputed += other.disputed
        self.items |= other.items
        self.alike = tuple(sorted({*self.alike, *other.alike}))
        self.said += [sentence for sentence in other.said if sentence not in self.said]
        for name, count in other.classes.items():
            self.classes[name] = self.classes.get(name, 0) + count


class Arrivals:
    """New photos on their way into a project: written beside their place, then, once the disk has them, put in it.

    Only then are they labelled. To wait for the disk photo by photo would keep the cores waiting, too.

    Args:
        result: Counts those that have arrived.
    """

    def __init__(self, project: Project, result: IntakeReport):
        self._project, self._result = project, result
        self._parts: dict[Path, Path] = {}
        self._items: list[Item] = []
        self._flush_at = time.monotonic() + FLUSH_EVERY_S

    def __enter__(self) -> "Arrivals":
        for part in self._project.photos_dir.glob(".*.part"):
            with suppress(FileNotFoundError):  # another intake's, in place by now
                if time.time() - part.stat().st_mtime > _STALE_S:  # left by an intake that was killed
                    part.unlink()
        return self

    def __exit__(self, *error: object) -> None:
        """Labels what has arrived, however the intake ended; nothing else stays."""
        try:
            self._flush()
        finally:
            for part in self._parts:
                part.unlink(missing_ok=True)

    def store(self, file: str, content: bytes) -> None:
        """Writes a photo, unless it is in its place already. For several threads at once."""
        path = self._project.photos_dir / file
        if not path.exists():
            part = temp_path(path)
            try:
                part.write_bytes(content)
            except OSError:  # a full disk, which may have taken the first half
                part.unlink(missing_ok=True)
                raise
            self._parts[part] = path

    def label(self, item: Item) -> None:
        """Has a stored photo labelled, with others, before long."""
        self._items.append(item)
        if time.monotonic() >= self._flush_at:
            self._flush()

    def _flush(self) -> None:
        items, result = self._items, self._result
        parts = list(self._parts)
        for _ in map_ahead(self._flush_one, parts, len(parts), _DISK_THREADS):
            pass
        if items:
            result.added += append_items(self._project, items)
        result.photos += len(items)
        result.items |= {item.id for item in items}
        classes = count_classes(items)
        for name, count in classes.items():
            result.classes[name] = result.classes.get(name, 0) + count
        result.unlabelled += len(items) - sum(classes.values())
        self._items, self._flush_at = [], time.monotonic() + FLUSH_EVERY_S

    def _flush_one(self, part: Path) -> None:
        fsync_and_rename(part, self._parts[part])
        del self._parts[part]
