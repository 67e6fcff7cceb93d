"""What a person changes by hand: classes, parts, removals, and all of it back again. Imports no torch.

Each change is one line of the label log, written whole and synced before the function returns; `replay` says what the
lines come to. Every function here reads the newest labels under the writers' lock, so that two windows that change
something at once both have their way.
"""

import secrets
import time
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from transfer_core.data import split_names
from transfer_core.data.ingest.folder_layout import CLASS_NAME_LIMIT, tidy_class_name
from transfer_core.data.labels.dataset import Item, Labels, labelled, load_items, load_labels, unknown_ids
from transfer_core.data.labels.replay import Action
from transfer_core.errors import DataError
from transfer_core.support import kept_log
from transfer_core.support.text import plain
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Project

SPLIT_NAMES = tuple(split_names.WORDS)


@dataclass(frozen=True)
class Changes:
    """What sets the photos apart from those of an earlier moment; each photo counts once, as the first that applies.

    Args:
        gone, come: Labelled photos that do not count any more, or did not yet.
        relabelled: Photos of another class, those without one before or now included.
        moved: Photos of another part.
    """

    gone: int
    come: int
    relabelled: int
    moved: int

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def __str__(self) -> str:
        """Such as "12 labels have changed, 1 photo is new, 2 photos were removed"."""
        told = [
            self.relabelled and pluralize(self.relabelled, "label has changed", "labels have changed"),
            self.come and pluralize(self.come, "photo is new", "photos are new"),
            self.gone and pluralize(self.gone, "photo was removed", "photos were removed"),
            self.moved
            and pluralize(
                self.moved,
                "photo moved to another set",
                "photos moved to another set",
            ),
        ]
        return ", ".join(words for words in told if words)


def relabel(project: Project, ids: Collection[str], class_name: str | None) -> str:
    """Puts photos into a class, which need not exist before; returns the action's id, as all of these do.

    Args:
        class_name: None takes the photos out of their class, to be sorted later.

    Raises:
        DataError: No photo, one that is not in the project, or no name.
    """
    return _edit(project, ids, class_name=None if class_name is None else check_class_name(class_name))


def move(project: Project, ids: Collection[str], part: str | None) -> str:
    """Puts photos into a part; None leaves it to the split. Raises as `relabel`."""
    if part not in (*SPLIT_NAMES, None):
        raise DataError(f"There is no part '{plain(str(part))[:60]}'. Choose one of {', '.join(SPLIT_NAMES)}, or none.")
    return _edit(project, ids, part=part)


def remove(project: Project, ids: Collection[str]) -> str:
    """Takes photos out; their files stay, so that they can be restored. Raises as `relabel`."""
    return _edit(project, ids, removed=True)


def dispute(project: Project, ids: Collection[str]) -> str:
    """Takes out photos that came in with two classes, until somebody decides: see `disputes`. Raises as `relabel`."""
    return _edit(project, ids, removed=True, disputed=True)


def bring_back(project: Project, ids: Collection[str]) -> str:
    """Makes removed photos count again. Raises as `relabel`."""
    return _edit(project, ids, removed=False)


def check_removed(project: Project, ids: Collection[str]) -> None:
    """Raises DataError: no photo is named, or one that is not among the removed ones."""
    if not ids:
        raise DataError("No photos are selected. Select some first.")
    if others := set(ids) - {item.id for item in load_labels(project).removed}:
        raise DataError(
            f"{pluralize(len(others), 'of the photos is', 'of the photos are')} not among the removed photos. Only "
            "removed photos can be deleted for good. Remove them first."
        )


def delete(project: Project, ids: Collection[str]) -> str:
    """Notes that removed photos are gone for good; their files are the caller's. Raises as `check_removed`."""
    return _write(project, lambda: check_removed(project, ids), {"op": "delete", "items": sorted(ids)})


def rename_class(project: Project, name: str, new_name: str) -> str:
    """Gives a class another name; where that one exists, both become one.

    Raises:
        DataError: There is no such class, or no other name.
    """
    new_name = check_class_name(new_name)
    if new_name == name:
        raise DataError(f"The class is called '{plain(name)}' already. Type another name.")

    def check() -> None:
        now = load_labels(project)
        if name not in now.class_names and not any(item.class_name == name for item in now.removed):
            raise DataError(f"There is no class '{plain(name)[:80]}'. There are: {_listed(now.class_names)}.")

    return _write(project, check, {"op": "rename", "from": name, "to": new_name})


def create_class(project: Project, name: str) -> str:
    """Makes a class that stays without photos, to sort some into.

    Raises:
        DataError: It exists, or has no name.
    """
    name = check_class_name(name)

    def check() -> None:
        if name in load_labels(project).class_names:
            raise DataError(f"There is a class '{name}' already. Type another name.")

    return _write(project, check, {"op": "class", "name": name})


def undo(project: Project, action_id: str) -> str:
    """Takes an action back; what was done since stays. Returns the id of the action, again.

    Raises:
        DataError: There is no such action, it was taken back already, or all its photos are gone for good.
    """

    def check() -> None:
        now = load_labels(project)
        action = find_action(now, action_id)
        if action.id in now.undone:
            raise DataError("This change has already been undone.")
        if action.photos and now.deleted.issuperset(action.photos):
            raise DataError("The photos of this change have been deleted for good, so it cannot be undone.")

    _write(project, check, {"op": "undo", "of": action_id})
    return action_id


def redo(project: Project, action_id: str) -> str:
    """Makes an action that was taken back hold again, in its old place among the others. Raises as `undo`."""

    def check() -> None:
        now = load_labels(project)
        if find_action(now, action_id).id not in now.undone:
            raise DataError("This change was not undone, so there is nothing to redo.")

    _write(project, check, {"op": "redo", "of": action_id})
    return action_id


def find_action(labels: Labels, action_id: str) -> Action:
    """The action of that id, done or undone; raises DataError where there is none."""
    found = next((action for action in reversed(labels.actions) if action.id == action_id), None)
    if found is None:
        raise DataError(f"There is no change '{plain(action_id)[:60]}' in this project.")
    return found


def describe(action: Action) -> str:
    """Such as "12 photos to 'oak'". Names in it are untrusted text."""
    said, photos = action.changes, pluralize(len(action.photos), "photo")
    if action.kind == "class":
        return f"new class '{said['name']}'"
    if action.kind == "rename":
        return f"'{said['from']}' is now '{said['to']}'"
    if action.kind == "group":
        return f"{photos} in {pluralize(len(set(said['groups'].values())), 'group')}"
    if "class_name" in said:
        name = said["class_name"]
        return f"{photos} left without a class" if name is None else f"{photos} moved to '{name}'"
    if "part" in said:
        return f"{photos} set to {split_names.words_of(said['part'])}"
    if action.disputed:
        return f"{photos} left out: the same picture in two classes"
    return f"{photos} {'removed' if said['removed'] else 'restored'}"


def select_items(
    items: Iterable[Item],
    class_name: str | None = None,
    part: str | None = None,
    words: str = "",
    unlabelled: bool = False,
) -> list[Item]:
    """Those that are like all that is asked.

    Args:
        class_name: Of this class; None for any, and for photos without one.
        part: In this part; "none" for photos in none, None for any.
        words: In the file's path.
        unlabelled: Without a class.
    """
    words = _searchable(words).strip()
    return [
        item
        for item in items
        if class_name in (None, item.class_name)
        and not (unlabelled and item.class_name is not None)
        and part in (None, item.part or "none")
        and (not words or words in _searchable(item.path))
    ]


def _searchable(text: str) -> str:
    """Without capitals, and with its accents written in one way: file names from a Mac have another one."""
    return unicodedata.normalize("NFC", text.casefold())


def changes_since(project: Project, version: int) -> Changes:
    """What has changed since a version of the labels, such as the one that a run keeps."""
    return difference(load_items(project, version), load_items(project))


def difference(before: Sequence[Item], now: Sequence[Item]) -> Changes:
    """What sets these photos apart from those before. What has no class at either moment changes no training."""
    old, new = ({item.id: item for item in items} for items in (before, now))
    both = [(old[item], new[item]) for item in old.keys() & new.keys()]
    relabelled = sum(was.class_name != now.class_name for was, now in both)
    moved = sum(was.class_name == now.class_name and was.part != now.part for was, now in both if now.class_name)
    gone, come = (sum(item.id not in other for item in labelled(items)) for items, other in ((before, new), (now, old)))
    return Changes(gone, come, relabelled, moved)


def check_class_name(name: str) -> str:
    """The name as all class names are spelled; raises DataError where nothing of it can be read, or it has no end."""
    if not plain(name):
        raise DataError("A class needs a name. Type one, for example 'oak'.")
    tidy = tidy_class_name(name)
    if len(tidy) > CLASS_NAME_LIMIT:
        raise DataError(f"The name has {len(tidy):,} characters; at most {CLASS_NAME_LIMIT} are taken. Shorten it.")
    return tidy


def _edit(project: Project, ids: Collection[str], **changes: object) -> str:
    if not ids:
        raise DataError("No photos are selected. Select some first.")

    def check() -> None:
        if unknown := unknown_ids(project, ids):
            raise DataError(f"{pluralize(len(unknown), 'of the photos is', 'of the photos are')} not in this project.")

    return _write(project, check, {"op": "edit", "items": sorted(ids), **changes})


def _write(project: Project, check: Callable[[], None], line: dict) -> str:
    """Appends an action unless the check, on the newest labels, raises; returns its id."""
    with kept_log.writing(project.labels_path, project.mark):
        check()
        action_id = secrets.token_hex(8)
        action = {"id": action_id, "time": round(time.time(), 3), **line}
        kept_log.append(project.labels_path, [action], project.mark)
    return action_id


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:5]) + (" and more" if len(names) > 5 else "")
