"""The labelled photos of a project: an append-only log, folded into items. Imports no torch."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from filelock import FileLock

from transfer_core.workspace import Project


@dataclass(frozen=True)
class Item:
    """One labelled photo.

    Args:
        id: 16 hex digits, from the photo's bytes and its original path.
        photo: SHA-256 of the original bytes, hex.
        file: Name in the project's photos folder.
        path: Where it came from, relative; hostile text.
        class_name: Hostile text.
        part: "train", "val" or "test" where the data said so, else None.
        width, height: In pixels, upright.
        group: What belongs together and may never be on both sides of a split, such as a patient; hostile text.
    """

    id: str
    photo: str
    file: str
    path: str
    class_name: str
    part: str | None
    width: int
    height: int
    group: str | None = None


def new_item(
    photo: str, file: str, path: str, class_name: str, part: str | None, size: tuple[int, int], group: str | None = None
) -> Item:
    identity = hashlib.sha256(f"{photo}|{part}|{class_name}|{path}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Item(identity, photo, file, path, class_name, part, *size, group)


def append_items(project: Project, items: Sequence[Item]) -> int:
    """Adds those that are not there yet, in one synced write; returns how many."""
    with FileLock(project.folder / "labels.lock"):
        known = {item.id for item in load_items(project)}
        new = {item.id: item for item in items if item.id not in known}
        lines = "".join(json.dumps({"op": "add", **vars(item)}) + "\n" for item in new.values())
        with project.labels_path.open("ab") as file:
            _finish_torn_line(project.labels_path, file)
            file.write(lines.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
    return len(new)


def load_items(project: Project) -> list[Item]:
    """All items in the order in which they came."""
    names = {entry.name for entry in fields(Item)}
    added = (line for line in _lines(project.labels_path) if line["op"] == "add")
    return [Item(**{key: value for key, value in line.items() if key in names}) for line in added]


def version(project: Project) -> int:
    """The state of the labels: a position in the log, in bytes."""
    try:
        return project.labels_path.stat().st_size
    except FileNotFoundError:
        return 0


def count_classes(items: Iterable[Item]) -> dict[str, int]:
    """Photos per class, classes sorted by name."""
    counts: dict[str, int] = {}
    for item in items:
        counts[item.class_name] = counts.get(item.class_name, 0) + 1
    return dict(sorted(counts.items()))


def _lines(path: Path) -> Iterable[dict]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # the torn last line of a killed writer
            continue


def _finish_torn_line(path: Path, file) -> None:
    size = path.stat().st_size
    if size:
        with path.open("rb") as reader:
            reader.seek(size - 1)
            if reader.read(1) != b"\n":
                file.write(b"\n")
