"""Looks at the photos of a set in every way there is, and says what is worth a look. Imports no torch."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from transfer_core.data.checks import IMBALANCE, SMALL_CLASS
from transfer_core.data.labels.dataset import Item, LabelledItem, labelled
from transfer_core.data.splits.groups import find_units
from transfer_core.doctor import near_duplicates, outliers, quality, shortcuts, wrong_labels
from transfer_core.doctor.finding import Finding, in_order
from transfer_core.doctor.fingerprints import take_fingerprints
from transfer_core.doctor.near_duplicates import Pair
from transfer_core.support.wording import pluralize

TINY_PX = 32  # shortest side, below which little is left to learn from


@dataclass(frozen=True)
class Photos:
    """What is examined, photo by photo; each photo once, however often it lies in the set.

    Args:
        items: Of each photo the first item.
        features: float32 (n, d), of the frozen backbone; may be a file mapped into memory.
        thumbnail: Gives the thumbnail of the photo with that number; called from several threads.
        content: The same of the file as it came.
    """

    items: Sequence[Item]
    features: np.ndarray
    thumbnail: Callable[[int], bytes]
    content: Callable[[int], bytes]


def examine(items: Sequence[Item], photos: Photos, left_out: Sequence[Sequence[Item]] = ()) -> list[Finding]:
    """All findings, the most important first.

    Args:
        items: All of the project, copies included.
        left_out: Of each picture that came in with two classes and is left out until somebody decides, the items.
    """
    pairs = near_duplicates.find_pairs(photos.features, take_fingerprints(len(photos.items), photos.thumbnail))
    clusters = near_duplicates.find_clusters(pairs, len(photos.items))
    found = [_same(own, exact=True) for own in left_out]
    found += [*_copies(items), *_near_copies(photos.items, pairs, clusters)]
    found += _wrong_labels(photos, clusters, _contradicting(items))
    found += _shortcuts(photos)
    found += _counts(labelled(items))
    found += _looks(photos)
    return in_order(found)


# --- the same photo more than once -----------------------------------------------------------------------------------


def _contradicting(items: Sequence[Item]) -> set[str]:
    """Digests of photos that lie in several classes."""
    classes = defaultdict(set)
    for item in labelled(items):
        classes[item.photo].add(item.class_name)
    return {photo for photo, names in classes.items() if len(names) > 1}


def _copies(items: Sequence[Item]) -> list[Finding]:
    """Byte for byte the same."""
    by_photo: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_photo[item.photo].append(item)
    return [_same(own, exact=True) for own in by_photo.values() if len(own) > 1]


def _near_copies(items: Sequence[Item], pairs: Sequence[Pair], clusters: np.ndarray) -> list[Finding]:
    members: dict[int, list[Item]] = defaultdict(list)
    for number in sorted({number for pair in pairs for number in (pair.first, pair.second)}):
        members[int(clusters[number])].append(items[number])
    return [_same(own, exact=False) for own in members.values()]


def _same(own: Sequence[Item], exact: bool) -> Finding:
    """What it means that these show the same."""
    files = tuple(item.path for item in own)
    what = "the same photo, byte for byte" if exact else "nearly the same photo"
    classes = sorted({item.class_name for item in labelled(own)})
    parts = {item.part for item in own}
    if len(classes) > 1:
        named = " and ".join(f"'{name}'" for name in classes[:3])
        says = f"{len(own)} files show {what}, but are labelled {named}. Only one of these labels can be right."
        return Finding("duplicate_across_classes", files, "high", says, "Correct the labels, or remove the copies.")
    if len(parts - {None}) > 1:
        kind = "duplicate_across_parts" if exact else "near_duplicate_across_parts"
        says = (
            f"{len(own)} files show {what}, some used for training and some for checking. What was learned by heart "
            "then counts as right."
        )
        return Finding(kind, files, "high", says, "Put them in the same part, or remove all but one.")
    if exact:
        says = f"{len(own)} files are {what}. They count as one and stay in the same part."
        return Finding("duplicate", files, "low", says, "Nothing has to be done; remove all but one to tidy up.")
    says = (
        f"{len(own)} files show {what}. If one is used for training and another for checking, what was learned by "
        "heart counts as right."
    )
    return Finding("near_duplicate", files, "medium", says, "Keep one of them, or give them the same group.")


# --- labels ----------------------------------------------------------------------------------------------------------


def _wrong_labels(photos: Photos, clusters: np.ndarray, contradicting: set[str]) -> list[Finding]:
    chosen = [
        number
        for number, item in enumerate(photos.items)
        if item.class_name is not None and item.photo not in contradicting
    ]
    names = sorted({str(photos.items[number].class_name) for number in chosen})
    if len(names) < 2:
        return []
    place = {name: class_id for class_id, name in enumerate(names)}
    class_ids = np.array([place[str(photos.items[number].class_name)] for number in chosen])
    unit_of = find_units([photos.items[number] for number in chosen])
    units = _join([unit_of[photos.items[number].photo] for number in chosen], clusters[chosen])
    suspects = wrong_labels.find_suspects(np.asarray(photos.features[chosen]), class_ids, units)
    if not suspects:
        return []
    files = [photos.items[chosen[suspect.number]].path for suspect in suspects]
    suggested = {path: names[suspect.suggested] for path, suspect in zip(files, suspects, strict=True)}
    says = (
        f"{pluralize(len(files), 'photo looks', 'photos look')} more like another class than like the one in the "
        "label. Usually about half of such labels are wrong; the others are unusual photos."
    )
    remedy = "Look at them, the first ones first, and correct the labels that are wrong."
    return [Finding("wrong_label", tuple(files), "high", says, remedy, suggested)]


def _join(units: Sequence[str], clusters: np.ndarray) -> list[str]:
    """One key for all rows that are connected by a unit or by a cluster, per row."""
    above: dict[str, str] = {}

    def top(key: str) -> str:
        while above.setdefault(key, key) != key:
            key = above[key]
        return key

    keys = [(f"unit {unit}", f"cluster {cluster}") for unit, cluster in zip(units, clusters, strict=True)]
    for unit, cluster in keys:
        above[top(unit)] = top(cluster)
    return [top(unit) for unit, _ in keys]


# --- what the set as a whole gives away ------------------------------------------------------------------------------


def _shortcuts(photos: Photos) -> list[Finding]:
    chosen = [number for number, item in enumerate(photos.items) if item.class_name is not None]
    names = sorted({str(photos.items[number].class_name) for number in chosen})
    if len(names) < 2:
        return []
    marks = shortcuts.read_marks(
        chosen,
        photos.content,
        photos.thumbnail,
        [(photos.items[number].width, photos.items[number].height) for number in chosen],
    )
    class_ids = np.array([names.index(str(photos.items[number].class_name)) for number in chosen])
    found = []
    for shortcut in shortcuts.find_shortcuts(marks, class_ids):
        name = names[shortcut.class_id]
        own = [photos.items[number].path for number in chosen if photos.items[number].class_name == name]
        says = (
            f"Photos of '{name}' {' and '.join(shortcut.words)}. That alone tells them from the others in "
            f"{shortcut.share:.0%} of cases. A model may learn this instead of what the photos show, and fail on new "
            "ones."
        )
        remedy = f"Take photos of '{name}' and of the others in the same way, or crop and save all of them alike."
        found.append(Finding("shortcut", tuple(own), "high", says, remedy))
    return found


def _counts(items: Sequence[LabelledItem]) -> list[Finding]:
    paths: dict[str, dict[str, str]] = defaultdict(dict)
    for item in items:
        paths[item.class_name].setdefault(item.photo, item.path)
    found = []
    for name, own in paths.items():
        if len(own) < SMALL_CLASS:
            says = f"'{name}' has only {pluralize(len(own), 'photo')}: too few to learn from, and to check with."
            remedy = f"Add photos of '{name}' until there are at least {SMALL_CLASS}."
            found.append(Finding("small_class", tuple(own.values()), "medium", says, remedy))
    sizes = Counter({name: len(own) for name, own in paths.items()})
    if len(sizes) > 1:
        (largest, most), (smallest, fewest) = sizes.most_common()[0], sizes.most_common()[-1]
        if most > IMBALANCE * fewest:
            says = f"'{largest}' has {most / fewest:.0f} times as many photos as '{smallest}'; a model may favour it."
            remedy = f"Add photos of '{smallest}'."
            found.append(Finding("imbalance", tuple(paths[smallest].values()), "medium", says, remedy))
    return found


def _looks(photos: Photos) -> list[Finding]:
    looks = quality.take_looks(len(photos.items), photos.thumbnail)
    kinds = {
        "blurry": (quality.find_blurred(looks), "less sharp than the others by far"),
        "dark": (quality.find_dark(looks), "nearly black"),
        "washed_out": (quality.find_washed_out(looks), "overexposed, or nearly without contrast"),
        "outlier": (outliers.find_outliers(photos.features), "unlike all others"),
        "tiny": (
            [number for number, item in enumerate(photos.items) if min(item.width, item.height) < TINY_PX],
            f"smaller than {TINY_PX} pixels on a side",
        ),
    }
    found = []
    for kind, (numbers, words) in kinds.items():
        if numbers:
            says = f"{pluralize(len(numbers), 'photo is', 'photos are')} {words}."
            remedy = "Look at them; keep those that new photos may look like, and remove the others."
            severity = "medium" if kind == "outlier" else "low"
            files = tuple(photos.items[number].path for number in numbers)
            found.append(Finding(kind, files, severity, says, remedy))
    return found
