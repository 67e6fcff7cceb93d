"""Pictures that one hand-in brings more than once: copies of a whole set, and pictures with two labels. No torch."""

from collections import Counter, defaultdict
from collections.abc import Collection

from transfer_core.data.ingest.arrivals import IntakeReport, Rejected
from transfer_core.data.labels.dataset import Item, load_labels
from transfer_core.data.labels.disputes import disputed_before, find_disputes
from transfer_core.data.labels.edits import dispute
from transfer_core.support.text import shorten
from transfer_core.workspace import Project


class SamePictures:
    """What has come of one hand-in so far, by picture."""

    def __init__(self) -> None:
        self._items: dict[str, list[Item]] = defaultdict(list)  # by digest
        self.copies = 0

    def take(self, path: str, item: Item) -> Item | Rejected:
        """Notes a photo and returns it; rejects it if it only repeats another one, as where a set lies twice in a zip.

        That is the same picture of the same class and part, under the same name in another folder. A copy under another
        name stays a photo: somebody made it, and figures and findings count it as what it is.

        Args:
            path: The file's own; the item may be one that was here before.
        """
        same = self._items[item.photo]
        for other in same:
            here = (other.class_name, other.part) == (item.class_name, item.part)
            if other.id == item.id or (here and _name(other.path) == _name(path)):
                self.copies += 1
                return Rejected(path, f"the same photo as '{shorten(other.path, 100)}', which is here once")
        same.append(item)
        return item

    def leave_out_disputed(self, project: Project, result: IntakeReport, known: Collection[str]) -> None:
        """Takes the pictures with two classes out of the project and of the result, and says so in it.

        Those of which somebody has decided stay as they are. Of those that are undecided since an earlier hand-in it is
        said, too, where only one of the copies has come again: it counts no more than before.

        Args:
            known: Ids of the photos that were here before.
        """
        several = [items for items in self._items.values() if len({item.class_name for item in items} - {None}) > 1]
        ids: set[str] = set()
        counting = {item.id: item for item in load_labels(project).items} if several else {}
        before = disputed_before(project) if several else set()
        for items in several:
            now = [counting[item.id] for item in items if item.id in counting]
            if len({item.class_name for item in now} - {None}) > 1 and not before.issuperset(item.id for item in now):
                ids |= {item.id for item in now}
        if ids:
            dispute(project, ids)
        said = {item.id: item for items in self._items.values() for item in items}
        left_out = [found for found in find_disputes(project) if any(item.id in said for item in found.items)]
        for found in left_out:
            for item in found.items:
                if item.id in said:
                    reason = f"{found.in_words()}, so it is left out until you decide"
                    result.rejected.append(Rejected(item.path, reason))
                    _forget(result, said[item.id], is_new=item.id not in known)
        result.disputed = len(left_out)


def _forget(result: IntakeReport, item: Item, is_new: bool) -> None:
    result.photos -= 1
    result.added -= is_new
    result.items.discard(item.id)
    if item.class_name is None:
        result.unlabelled -= 1
        return
    counts = Counter(result.classes)
    counts[item.class_name] -= 1
    result.classes = dict(+counts)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
