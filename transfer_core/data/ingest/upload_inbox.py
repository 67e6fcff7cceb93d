"""What was handed in and is not read yet: kept in the project, so that neither a reload nor a break loses it."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from transfer_core.data.ingest.import_roots import open_inside
from transfer_core.data.ingest.label_source import Choice
from transfer_core.data.ingest.sources import Entries, tidy_path, upload_entries
from transfer_core.support.checked_json import copy_path, read_with_copy, write_with_copy
from transfer_core.support.encodings import UnclearEncoding
from transfer_core.support.files import delete_folder, move_into_place, temp_path
from transfer_core.workspace import Project, new_id

_BLOCK = 1 << 20  # bytes copied at once
_GLANCE_S = 1.0  # whoever asks whether a batch is busy holds its lock for a moment
_MANIFEST = "batch.json"
# What Windows kept of a batch that was discarded, because somebody still had its zip open, or what nobody can read.
_STALE_S = 3600


@dataclass(frozen=True)
class Upload:
    """What was handed in at once.

    Args:
        folder: Where it is kept.
        created: Unix seconds.
        files: (name, bytes) of each as it was announced; names are untrusted text. Empty for a folder that Graft reads
            in place.
        source: Root and path below it of such a folder, else None.
        choice: How it is to be read, once a person has said so.
        before: How many photos had ever come into the project when its reading began; None as long as it has not.
    """

    folder: Path
    created: float
    files: tuple[tuple[str, int], ...] = ()
    source: tuple[str, str] | None = None
    choice: Choice | None = None
    before: int | None = None

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def missing(self) -> list[str]:
        """Names of the files that did not arrive."""
        return [name for number, (name, size) in enumerate(self.files) if not self._has(number, size)]

    def entries(self, names: str = "") -> Entries:
        """What arrived.

        Args:
            names: The encoding of names that do not say it; else that of the choice, else it is found.

        Raises:
            UnclearEncoding: The names can be read in several ways.
            DataError: The one zip in it cannot be opened, or the folder must not be read any more.
        """
        names = names or (self.choice.names if self.choice else "")
        if self.source:
            return open_inside(Path(self.source[0]), self.source[1], names)
        arrived = [
            (name, self._path(number)) for number, (name, size) in enumerate(self.files) if self._has(number, size)
        ]
        return upload_entries(arrived, names)

    def choose(self, choice: Choice) -> "Upload":
        """Says how it is to be read, for good: who comes back after a break goes on in this way."""
        chosen = replace(self, choice=choice)
        chosen.save()
        return chosen

    def begin(self, before: int) -> "Upload":
        """Notes that its reading begins; one that goes on after a break keeps what was noted first."""
        if self.before is not None:
            return self
        begun = replace(self, before=before)
        begun.save()
        return begun

    def save(self) -> None:
        content = {"created": self.created, "files": self.files, "source": self.source}
        choice = self.choice and vars(self.choice)
        told = content | {"choice": choice, "before": self.before}
        write_with_copy(self.folder / _MANIFEST, told, self.folder.name)

    def lock(self) -> FileLock:
        """Held by whoever fills or reads it; one at a time."""
        return FileLock(self.folder / "batch.lock", timeout=0)

    def is_busy(self) -> bool:
        """Whether somebody fills or reads it."""
        try:
            with self.lock():
                return False
        except Timeout:
            return True

    def discard(self) -> None:
        """Forgets it, once its photos are in or nobody wants them."""
        try:
            delete_folder(self.folder)
        except OSError:  # Windows, where somebody still has its zip open: what stays for a while is no batch any more
            copy_path(self.folder / _MANIFEST).unlink(missing_ok=True)
            (self.folder / _MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(self.folder, ignore_errors=True)

    def fill(self, files: Sequence[tuple[str, BinaryIO]], report: Callable[[int, int], None]) -> None:
        """Stores those of the files that are missing.

        Raises:
            OSError: The disk is full; what was stored stays.
            Timeout: Another window fills or reads it.
        """
        by_name = dict(files)
        with self.lock().acquire(timeout=_GLANCE_S):
            for number, (name, size) in enumerate(self.files):
                if name in by_name and not self._has(number, size):
                    self._store(number, by_name[name])
                report(number + 1, len(self.files))

    def _store(self, number: int, content: BinaryIO) -> None:
        part = temp_path(self._path(number))
        try:
            with part.open("wb") as target:
                content.seek(0)
                shutil.copyfileobj(content, target, _BLOCK)
            move_into_place(part, self._path(number))
        finally:
            part.unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / str(number)  # never named after what came from outside

    def _has(self, number: int, size: int) -> bool:
        try:
            return self._path(number).stat().st_size == size
        except OSError:
            return False


def receive(project: Project, files: Sequence[tuple[str, BinaryIO]], report: Callable[[int, int], None]) -> Upload:
    """Keeps files that were handed in; with those of a batch that broke off among them, all become part of that one.

    Args:
        files: (name, content); of several with one name, which a browser allows, each is kept.
        report: Called with (files done, files in all).
    """
    files = _told_apart(files)
    announced = tuple((name, _size(content)) for name, content in files)
    broken = next((batch for batch in batches(project) if _lacks_some_of(batch, announced)), None)
    if broken:
        batch = replace(broken, files=tuple(dict.fromkeys((*broken.files, *announced))))
    else:
        batch = Upload(_new_folder(project), time.time(), announced)
    batch.save()
    batch.fill(files, report)
    return batch


def receive_folder(project: Project, root: Path, inside: str) -> Upload:
    """Notes a folder or zip below an import root; it is read where it lies.

    Raises:
        DataError: As `roots.open_inside`.
    """
    with suppress(UnclearEncoding):  # is asked about when it is looked at
        open_inside(root, inside)
    batch = Upload(_new_folder(project), time.time(), source=(str(root), inside))
    batch.save()
    return batch


def batches(project: Project) -> list[Upload]:
    """All that wait, the oldest first."""
    found = []
    for folder in (project.folder / "inbox").glob("[!.]*/"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found.append(_load(folder / _MANIFEST))
    return sorted(found, key=lambda batch: batch.created)


def _lacks_some_of(batch: Upload, announced: Sequence[tuple[str, int]]) -> bool:
    """Whether a batch broke off that these files would complete; not one that another window is at."""
    lacks_some = batch.choice is None and bool(batch.missing) and set(batch.files) <= set(announced)
    return lacks_some and not batch.is_busy()


def _load(path: Path) -> Upload:
    fields = read_with_copy(path, path.parent.name).content
    files = tuple((name, size) for name, size in fields["files"])
    source = fields["source"] and tuple(fields["source"])
    choice = fields["choice"] and Choice(**fields["choice"])
    return Upload(path.parent, fields["created"], files, source, choice, fields.get("before"))


def _new_folder(project: Project) -> Path:
    inbox = project.folder / "inbox"
    waiting = {batch.folder for batch in batches(project)}
    for left in inbox.glob("[!.]*/"):
        # What has a manifest that cannot be read is no batch, but nobody has thrown it away either.
        if left not in waiting and not (left / _MANIFEST).exists() and time.time() - left.stat().st_mtime > _STALE_S:
            shutil.rmtree(left, ignore_errors=True)
    folder = inbox / new_id()
    folder.mkdir(parents=True)
    return folder


def _told_apart(files: Sequence[tuple[str, BinaryIO]]) -> list[tuple[str, BinaryIO]]:
    """The same with tidy names, no two alike: " (2)" and so on before the ending, as systems name copies."""
    found: dict[str, BinaryIO] = {}
    for given, content in files:
        name, number = tidy_path(given), 1
        stem, ending = os.path.splitext(name)
        while name in found:
            number += 1
            name = f"{stem} ({number}){ending}"
        found[name] = content
    return list(found.items())


def _size(content: BinaryIO) -> int:
    return content.seek(0, 2)
