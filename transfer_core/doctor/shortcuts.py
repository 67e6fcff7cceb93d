"""Whether a class can be told from what it should not be told from: size, file, camera, border. Imports no torch."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from transfer_core.support.parallel import map_ahead

LEAST = 10  # photos of a class, and of all others, below which nothing is said
_FOLDS = 5
_SURE = 0.9  # balanced accuracy on photos left out, of a class against the others
_DEPTH = 2  # of the tree: a shortcut worth a word can be said in a sentence
_NEARLY_ALL = 0.8  # share of a class's photos
_STRIP, _WITHIN = 0.02, 0.08  # of a thumbnail's shorter side: where a border lies, and where the picture has begun


@dataclass(frozen=True)
class Marks:
    """What a photo can be told from without looking at what it shows.

    Args:
        width, height: In pixels, upright.
        kind: Of the file, such as "JPEG".
        quality: Mean of a JPEG's first quantization table; 0 where there is none.
        camera: Maker and model as the file says; "" where it says nothing.
        border: float32 (4,), as `_border` says.
    """

    width: int
    height: int
    kind: str
    quality: float
    camera: str
    border: np.ndarray


@dataclass(frozen=True)
class Shortcut:
    """A class that is told from something beside the thing itself.

    Args:
        class_id: Of the class.
        share: Balanced accuracy, class against the others, on photos left out, by the best of the marks.
        words: What sets the photos of the class apart, to follow "Photos of this class"; one phrase for each mark that
            gives the class away, the best first.
    """

    class_id: int
    share: float
    words: tuple[str, ...]


def read_marks(
    numbers: Sequence[int],
    content: Callable[[int], bytes],
    thumbnail: Callable[[int], bytes],
    sizes: Sequence[tuple[int, int]],
) -> list[Marks]:
    """Of the photos with these numbers, in this order.

    Args:
        content, thumbnail: Give the file and the thumbnail of a photo; called from several threads.
        sizes: Upright width and height of each, in the order of the numbers.
    """

    def read(place: int) -> Marks:
        return marks_of(content(numbers[place]), sizes[place], thumbnail(numbers[place]))

    return list(map_ahead(read, range(len(numbers))))


def marks_of(content: bytes, size: tuple[int, int], thumbnail: bytes) -> Marks:
    kind, quality, camera = "", 0.0, ""
    try:
        with Image.open(io.BytesIO(content)) as image:
            kind = image.format or ""
            tables = getattr(image, "quantization", None)
            quality = float(np.mean(next(iter(tables.values())))) if tables else 0.0
            exif = image.getexif()
            camera = " ".join(str(exif.get(tag, "")) for tag in (ExifTags.Base.Make, ExifTags.Base.Model)).strip()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        pass  # what cannot be read here says nothing
    with Image.open(io.BytesIO(thumbnail)) as small:
        return Marks(*size, kind, quality, camera, _border(np.asarray(small.convert("L"), np.float32)))


def find_shortcuts(marks: Sequence[Marks], class_ids: np.ndarray, seed: int = 0) -> list[Shortcut]:
    """For each class that is given away by some of its marks, the surest first.

    Args:
        class_ids: int (n,), from 0.
    """
    found = []
    columns = _columns(marks)
    for class_id in np.unique(class_ids):
        inside = class_ids == class_id
        if min(int(inside.sum()), int((~inside).sum())) < LEAST:
            continue
        ways = {name: _tell(rows, inside, seed) for name, rows in columns.items()}
        sure = sorted((name for name, share in ways.items() if share >= _SURE), key=lambda name: -ways[name])
        if sure:
            words = tuple(_words(name, marks, inside) for name in sure)
            found.append((_spread(columns[sure[0]], inside), Shortcut(int(class_id), ways[sure[0]], words)))
    if len(np.unique(class_ids)) == 2:  # what gives one of them away gives away the other: the one that has it is named
        found = sorted(found, key=lambda one: one[0])[:1]
    return sorted((shortcut for _, shortcut in found), key=lambda one: -one.share)


def _spread(rows: np.ndarray, inside: np.ndarray) -> float:
    """How much the class's own photos differ in a mark, over how much all do."""
    return float(np.mean(rows[inside].std(0) / np.maximum(rows.std(0), 1e-6)))


def _columns(marks: Sequence[Marks]) -> dict[str, np.ndarray]:
    """Numbers float32 (n, k) of every kind of mark that is not the same for all."""
    cameras = {name: place for place, (name, _) in enumerate(Counter(one.camera for one in marks).most_common())}
    kinds = {name: place for place, (name, _) in enumerate(Counter(one.kind for one in marks).most_common())}
    found = {
        "size": [(one.width, one.height, one.width / one.height) for one in marks],
        "file": [(kinds[one.kind], one.quality) for one in marks],
        "camera": [(cameras[one.camera],) for one in marks],
        "border": [one.border for one in marks],
    }
    columns = {name: np.array(rows, np.float32) for name, rows in found.items()}
    return {name: rows for name, rows in columns.items() if (rows != rows[0]).any()}


def _tell(columns: np.ndarray, inside: np.ndarray, seed: int) -> float:
    """Balanced accuracy with which a small tree tells the class from the others, on photos left out."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        max_depth=_DEPTH, min_samples_leaf=3, class_weight="balanced", random_state=seed, max_features=None
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    return float(balanced_accuracy_score(inside, cross_val_predict(tree, columns, inside, cv=folds)))


def _border(grey: np.ndarray) -> np.ndarray:
    """What the rim of a thumbnail is like: float32 (4,), all in grey levels.

    The greatest and the mean deviation within its four strips, the least step from a strip to what lies within, and the
    rim's mean level.
    """
    side = min(grey.shape)
    strip, within = max(1, round(_STRIP * side)), max(3, round(_WITHIN * side))
    rims, inner = [], []
    for turned in (grey, grey[::-1], grey.T, grey.T[::-1]):
        rims.append(turned[:strip])
        inner.append(turned[within : within + strip])
    deviations = [float(rim.std()) for rim in rims]
    steps = [abs(float(rim.mean()) - float(part.mean())) for rim, part in zip(rims, inner, strict=True)]
    return np.array([max(deviations), np.mean(deviations), min(steps), np.mean([rim.mean() for rim in rims])], "f4")


def _words(name: str, marks: Sequence[Marks], inside: np.ndarray) -> str:
    own = [one for one, is_own in zip(marks, inside, strict=True) if is_own]
    if name == "border":
        return "have a border, or an edge of their own kind"
    values = {
        "size": Counter(f"{one.width} x {one.height} pixels in size" for one in own),
        "file": Counter(f"{one.kind} files" for one in own),
        "camera": Counter(f"from the camera {one.camera}" if one.camera else "from no named camera" for one in own),
    }[name]
    words, count = values.most_common(1)[0]
    kinds = {one.kind for one in marks}
    if count > _NEARLY_ALL * len(own) and not (name == "file" and len(kinds) == 1):
        return f"are nearly all {words}"
    return {"size": "differ in size", "file": "were saved in another quality", "camera": "differ in camera"}[name]
