"""What a new layer on a frozen backbone gets right, over many photo sets and random splits.

    python -m tests.benchmarks.frozen_head PHOTOS [PHOTOS ...] [--splits 3] [--per-class 3 5 10 20] [--home DIR]

PHOTOS are folders with a folder per class; several of one set may be joined by a plus sign. Beside them stand the five
drawn sets of `drawn_sets`. Each photo goes through the backbone once; then every split is learned by the phase that a
run has, and by a head as it was before: softmax regression on the pooled last layer alone. Figures count as means over
all sets: no single one may choose anything.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from tests.benchmarks import drawn_sets
from transfer_core.backbones import catalog
from transfer_core.backbones.features import compute_features
from transfer_core.config import TrainConfig
from transfer_core.strategies import Facts
from transfer_core.training import engine
from transfer_core.training.context import TrainContext
from transfer_core.training.linear_probe.head import Scaler, train_epochs
from transfer_core.training.linear_probe.l2_search import DEFAULT_L2, search_l2
from transfer_core.training.photos import LabelledPhotos
from transfer_core.workspace import Workspace

BACKBONE = catalog.BUILT_IN[catalog.BUNDLED]
EPOCHS, VAL_SHARE = 100, 0.3


@dataclass(frozen=True)
class PhotoSet:
    """Features of a set's photos, and their classes.

    Args:
        rows: float32 (n, d).
        class_ids: (n,).
        digests: Of the photos (n,); copies are never on both sides of a split.
    """

    name: str
    rows: np.ndarray
    class_ids: np.ndarray
    digests: tuple[str, ...]

    @contextmanager
    def features(self, digests: tuple[str, ...], *_: object) -> Iterator[np.ndarray]:
        """Of these photos, as a `PhotoSource` gives them."""
        place = {digest: number for number, digest in enumerate(self.digests)}
        yield self.rows[[place[digest] for digest in digests]]

    def part(self, numbers: np.ndarray) -> LabelledPhotos:
        return LabelledPhotos(tuple(self.digests[number] for number in numbers), self.class_ids[numbers])


def load_set(workspace: Workspace, name: str, roots: list[Path], scratch: Path) -> PhotoSet:
    """The first copy of each photo in class folders under these folders."""
    folders = [folder for root in roots for folder in sorted(root.iterdir()) if folder.is_dir()]
    names = sorted({folder.name for folder in folders})
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES]
    first = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in reversed(files)}
    class_ids = np.array([names.index(path.parent.name) for path in first.values()])
    rows = compute_features(BACKBONE, list(first.items()), workspace, scratch / f"{name}.rows", lambda *_: None)
    return PhotoSet(name, np.array(rows), class_ids, tuple(first))


_SUFFIXES = (".jpg", ".jpeg", ".png")


def split(class_ids: np.ndarray, seed: int, per_class: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the photos to learn from, all or so many of each class, and of those to check with."""
    rng = np.random.default_rng(seed)
    train, val = [], []
    for class_id in np.unique(class_ids):
        own = rng.permutation(np.flatnonzero(class_ids == class_id))
        rest = round((1 - VAL_SHARE) * len(own))
        train.extend(own[:rest][:per_class])
        val.extend(own[rest:])
    return np.sort(train), np.sort(val)


def learn(photos: PhotoSet, train: np.ndarray, val: np.ndarray, seed: int, weights_dir: Path) -> np.ndarray:
    """Confidences (n, classes) of the validation photos, from the head that a run keeps."""
    sizes = np.bincount(photos.class_ids[train])
    plan = engine.make_plan(TrainConfig(strategy="feature_extraction", seed=seed), Facts(tuple(sizes), BACKBONE))
    given = photos.part(train), photos.part(val)
    trained = engine.fit(TrainContext(len(sizes), *given, photos, BACKBONE, plan, weights_dir))
    return trained.val_confidences


def learn_as_before(photos: PhotoSet, train: np.ndarray, val: np.ndarray, seed: int) -> np.ndarray:
    """The same from softmax regression on the pooled last layer."""
    rows, class_ids = photos.rows[:, : BACKBONE.feature_blocks[0]], photos.class_ids[train]
    inside, classes = rows[train], int(photos.class_ids.max()) + 1
    keys = [photos.digests[number] for number in train]
    strength = search_l2(inside, class_ids, keys, classes, EPOCHS, seed) or DEFAULT_L2
    scaler = Scaler.of(inside)
    *_, last = train_epochs(inside, scaler, class_ids, classes, [strength], EPOCHS)
    return last.head(scaler).confidences(rows[val])


def compare(photos: PhotoSet, splits: int, per_class: int | None, weights_dir: Path) -> np.ndarray:
    """(2, 3): of the head before and of the present one accuracy, log loss and seconds, means over splits."""
    found = []
    for seed in range(splits):
        train, val = split(photos.class_ids, seed, per_class)
        true = photos.class_ids[val]
        for way in (learn_as_before, lambda *given: learn(*given, weights_dir)):
            began = time.perf_counter()
            confidences = way(photos, train, val, seed)
            own = confidences[np.arange(len(val)), true]
            accuracy, loss = (confidences.argmax(1) == true).mean(), -np.log(np.maximum(own, 1e-12)).mean()
            found.append((accuracy, loss, time.perf_counter() - began))
    return np.reshape(found, (splits, 2, 3)).mean(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="*", help="folders, such as flowers or ants/train+ants/val")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--per-class", type=int, nargs="+", default=[], help="training photos of each class")
    parser.add_argument("--home", type=Path, help="keeps features for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, threadpool_limits(1, "blas"):
        scratch, workspace = Path(folder), Workspace(options.home or Path(folder) / "home")
        given = [(text, [Path(part) for part in text.split("+")]) for text in options.photos]
        drawn = [(name, [drawn_sets.draw_set(scratch / name, name)]) for name in drawn_sets.NAMES]
        sets = [load_set(workspace, f"{number}", roots, scratch) for number, (_, roots) in enumerate(given + drawn)]
        for per_class in (None, *options.per_class):
            print(f"\n{f'{per_class} training photos of each class' if per_class else 'All photos'}\n")
            print("| Photos | Before | Now | Log loss before | now | Seconds before | now |\n|--|--|--|--|--|--|--|")
            found = []
            for (name, _), photos in zip(given + drawn, sets, strict=True):
                found.append(compare(photos, options.splits, per_class, workspace.weights_dir))
                print(_row(name, found[-1]), flush=True)
            print(_row("**mean**", np.mean(found, 0)), flush=True)


def _row(name: str, found: np.ndarray) -> str:
    (before, before_loss, before_s), (now, now_loss, now_s) = found
    return f"| {name} | {before:.3f} | {now:.3f} | {before_loss:.3f} | {now_loss:.3f} | {before_s:.2f} | {now_s:.2f} |"


if __name__ == "__main__":
    main()
