"""The labels of a project: looked at, changed, and changed back. Imports no torch.

Single edits are handed on from `transfer_core.data.labels` as they are; `edit` makes the one that a command describes.
"""

from collections.abc import Collection
from dataclasses import dataclass

from transfer_core.data.checks import alike, class_warnings
from transfer_core.data.ingest.folder_layout import tidy_class_name
from transfer_core.data.labels.dataset import (
    Item,
    Labels,
    count_classes,
    labelled,
    load_items,
    load_labelled,
    load_labels,
    load_original_items,
    version,
)
from transfer_core.data.labels.disputes import Dispute, decide, find_disputes
from transfer_core.data.labels.edits import (
    SPLIT_NAMES,
    Changes,
    bring_back,
    changes_since,
    create_class,
    describe,
    find_action,
    move,
    redo,
    relabel,
    remove,
    rename_class,
    select_items,
    undo,
)
from transfer_core.errors import DataError
from transfer_core.storage import delete_photos
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Project, Workspace

__all__ = [
    "SPLIT_NAMES",
    "BringBack",
    "Changes",
    "CreateClass",
    "Delete",
    "Dispute",
    "Edit",
    "Edited",
    "Item",
    "Labels",
    "Move",
    "Redo",
    "Relabel",
    "Remove",
    "Rename",
    "Selection",
    "Undo",
    "alike",
    "bring_back",
    "changes_since",
    "class_warnings",
    "count_classes",
    "create_class",
    "decide",
    "delete_for_good",
    "describe",
    "edit",
    "find_action",
    "find_disputes",
    "labelled",
    "load_items",
    "load_labelled",
    "load_labels",
    "load_original_items",
    "move",
    "redo",
    "relabel",
    "remove",
    "rename_class",
    "select_items",
    "tidy_class_name",
    "undo",
    "version",
]


@dataclass(frozen=True)
class Selection:
    """Which photos are meant: those that are like all that is said here.

    Args:
        class_name: None for every class.
        part: "train", "val", "test" or "none"; None for every part.
        words: In the file's name or folder; "" for any.
        unlabelled: Without a class.
        removed: Among removed photos, instead of those that count.
        everything: Every photo is meant on purpose: without it, a change needs something above to be said.
    """

    class_name: str | None = None
    part: str | None = None
    words: str = ""
    unlabelled: bool = False
    removed: bool = False
    everything: bool = False


@dataclass(frozen=True)
class Relabel:
    """Puts the photos into this class, new or not; None takes them out of theirs."""

    class_name: str | None


@dataclass(frozen=True)
class Move:
    """Puts the photos into this part; None leaves it open."""

    part: str | None


@dataclass(frozen=True)
class Remove:
    """Takes the photos out; they can be brought back."""


@dataclass(frozen=True)
class BringBack:
    """Makes removed photos count again."""


@dataclass(frozen=True)
class Delete:
    """Deletes photos for good that were removed before: nothing brings them back."""


@dataclass(frozen=True)
class Rename:
    """Renames a class; two of one name become one."""

    class_name: str
    new_name: str


@dataclass(frozen=True)
class CreateClass:
    """Makes a class that stays without photos."""

    class_name: str


@dataclass(frozen=True)
class Undo:
    """Takes a change back, by its id; without one, the last."""

    action: str | None = None


@dataclass(frozen=True)
class Redo:
    """Makes a change again that was taken back, by its id; without one, the last."""

    action: str | None = None


_CanBeUndone = Relabel | Move | Remove | BringBack | Rename | CreateClass | Undo | Redo
Edit = _CanBeUndone | Delete


@dataclass(frozen=True)
class Edited:
    """What was changed, and how the labels stand now.

    Args:
        action: The change's id; None where there was none, or where it cannot be undone.
        change: The change in words; untrusted text.
        undone: Whether it is taken back now.
        classes: Photos per class, those without photos included.
        unlabelled: Photos without a class, of the whole project.
        removed: Photos that were taken out, of the whole project.
        photos: The selected ones, as they were; of an edit none.
    """

    project: Project
    action: str | None
    change: str | None
    undone: bool
    classes: dict[str, int]
    unlabelled: int
    removed: int
    photos: tuple[Item, ...]

    def to_json(self) -> dict:
        """The answer of the command `label`."""
        rows = [
            {"id": item.id, "file": item.path, "class_name": item.class_name, "part": item.part} for item in self.photos
        ]
        names = ("action", "change", "undone", "classes", "removed")
        without = {"unlabelled": self.unlabelled} if self.unlabelled else {}
        return {"project": self.project.id, **{name: getattr(self, name) for name in names}, **without, "photos": rows}


def edit(project: Project, selection: Selection, wanted: Edit | None = None) -> Edited:
    """Makes one change, or, without one, lists the photos that are meant.

    Raises:
        DataError: It is not said which photos are meant, there are none, or the change cannot be made.
    """
    now = load_labels(project)
    pool = now.removed if selection.removed or isinstance(wanted, (BringBack, Delete)) else now.items
    chosen = select_items(pool, selection.class_name, selection.part, selection.words, selection.unlabelled)
    action = change = None
    if isinstance(wanted, Delete):
        change = delete_for_good(project, [item.id for item in _certain(chosen, selection)])
    elif wanted:
        action = _make(project, now, chosen, selection, wanted)
    after = load_labels(project)
    return Edited(
        project,
        action,
        describe(find_action(after, action)) if action else change,
        action in after.undone,
        dict.fromkeys(after.class_names, 0) | count_classes(after.items),
        len(after.items) - len(labelled(after.items)),
        len(after.removed),
        () if wanted else tuple(chosen),
    )


def delete_for_good(project: Project, ids: Collection[str]) -> str:
    """Deletes removed photos, and what was made of them; returns what was done, in words.

    Raises:
        DataError, RunError: As `storage.delete_photos`.
    """
    delete_photos(Workspace(project.folder.parents[1]), project, ids)
    return f"{pluralize(len(ids), 'photo')} deleted for good"


def _make(project: Project, now: Labels, chosen: list[Item], selection: Selection, wanted: _CanBeUndone) -> str:
    """Makes the change; returns its id."""
    match wanted:
        case Rename():
            return rename_class(project, wanted.class_name, wanted.new_name)
        case CreateClass():
            return create_class(project, wanted.class_name)
        case Undo():
            return undo(project, wanted.action or _last(now, undone=False))
        case Redo():
            return redo(project, wanted.action or _last(now, undone=True))
    ids = [item.id for item in _certain(chosen, selection)]
    match wanted:
        case Relabel():
            return relabel(project, ids, wanted.class_name)
        case Move():
            return move(project, ids, wanted.part)
        case Remove():
            return remove(project, ids)
        case BringBack():
            return bring_back(project, ids)


def _certain(chosen: list[Item], selection: Selection) -> list[Item]:
    """The chosen photos, once it is clear that they are meant."""
    has_filter = selection.class_name is not None or selection.unlabelled or selection.part or selection.words
    if not (has_filter or selection.everything):
        raise DataError("Choose photos with --class, --no-class, --part or --match, or use --all for every photo.")
    if not chosen:
        raise DataError("No photos match these filters. `label PROJECT` without a change lists all photos.")
    return chosen


def _last(now: Labels, undone: bool) -> str:
    taken_back = set(now.undone)
    found = now.undone if undone else [action.id for action in now.actions if action.id not in taken_back]
    if not found:
        raise DataError("There is nothing to redo." if undone else "There is nothing to undo.")
    return found[-1]
