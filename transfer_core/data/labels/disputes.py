"""Pictures that came in with two classes: which are undecided, and the decision. Imports no torch.

They are among the removed photos, taken out by an action of its own kind, and so can be brought back like any others.
One is decided as soon as somebody brings a copy of it back, removes it by hand, or undoes that action.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from transfer_core.data.labels.dataset import Item, load_labels, load_original_items
from transfer_core.data.labels.edits import bring_back, remove
from transfer_core.errors import DataError
from transfer_core.support.class_order import in_class_order
from transfer_core.support.text import plain
from transfer_core.workspace import Project


@dataclass(frozen=True)
class Dispute:
    """One picture and the classes that it came in with.

    Args:
        photo: SHA-256 of its bytes, hex.
        items: Its copies, in the order in which they came; all of them are left out.
    """

    photo: str
    items: tuple[Item, ...]

    @property
    def class_names(self) -> list[str]:
        return in_class_order({item.class_name for item in self.items if item.class_name is not None})

    def in_words(self) -> str:
        """Such as "the same picture is in 'oak' and in 'elm'"; untrusted text."""
        if len(self.class_names) == 1:  # somebody has merged them since
            return f"the same picture came in with two classes, which are both {repr_of(self.class_names[0])} now"
        return f"the same picture is in {' and in '.join(repr_of(name) for name in self.class_names)}"


def repr_of(name: str) -> str:
    """The name in quotes, not too long."""
    return f"'{plain(name)[:80]}'"


def find_disputes(project: Project) -> list[Dispute]:
    """The undecided ones, in the order in which they came."""
    labels = load_labels(project)
    undone = set(labels.undone)
    is_open: dict[int, bool] = {}  # by the last action that took the photo out or brought it back
    for action in labels.actions:
        if action.id not in undone and "removed" in action.changes:
            is_open.update(dict.fromkeys(action.photos, action.disputed))
    if not any(is_open.values()):
        return []
    came = load_original_items(project)
    came_as = {came[number].id: came[number].class_name for number, value in is_open.items() if value}
    counting = {item.photo for item in labels.items}
    by_photo: dict[str, list[Item]] = defaultdict(list)
    for item in labels.removed:
        if item.id in came_as and item.photo not in counting:
            by_photo[item.photo].append(item)
    found = [Dispute(photo, tuple(items)) for photo, items in by_photo.items()]
    # Classes that were merged since still leave the picture out, until somebody brings it back.
    return [one for one in found if one.class_names and len({came_as[item.id] for item in one.items} - {None}) > 1]


def disputed_before(project: Project) -> set[str]:
    """Ids of all photos that were ever taken out so, decided or not."""
    came = load_original_items(project)
    return {came[number].id for action in load_labels(project).actions if action.disputed for number in action.photos}


def decide(project: Project, photos: Collection[str], class_name: str | None) -> str:
    """Says of which class these pictures (digests) are; None leaves them out for good. Returns the action's id.

    Raises:
        DataError: One of them is not undecided, or did not come in with that class.
    """
    found = {dispute.photo: dispute for dispute in find_disputes(project)}
    if not photos or not found.keys() >= set(photos):
        raise DataError("This has been decided already.")
    chosen = [found[photo] for photo in dict.fromkeys(photos)]
    if class_name is None:
        return remove(project, _ids(item for dispute in chosen for item in dispute.items))
    for dispute in chosen:
        if class_name not in dispute.class_names:
            raise DataError(f"{dispute.in_words()[:300]}. Choose one of these classes.".capitalize())
    return bring_back(
        project, _ids(item for dispute in chosen for item in dispute.items if item.class_name == class_name)
    )


def _ids(items: Iterable[Item]) -> set[str]:
    return {item.id for item in items}
