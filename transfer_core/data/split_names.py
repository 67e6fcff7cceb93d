"""The names of the splits: the keys stand in files and on the command line, people read the words. No torch.

Also how other people call them: "Training", "test_set", "imagenette_val", "fold_2". A name is read word by word;
whether a folder of that name is a part or a class its neighbours decide, and `part_folders` asks them.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

WORDS = {"train": "training", "val": "validation", "test": "test"}
UNDECIDED = "automatic"
UNLABELLED = "unlabelled"

_ROLES = {
    **dict.fromkeys(("train", "trains", "training", "trn", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "vali", "dev", "development"), "val"),
    **dict.fromkeys(("eval", "evaluation", "evaluate"), "val"),
    **dict.fromkeys(("test", "tests", "testing", "tst"), "test"),
    **dict.fromkeys(("unlabeled", "unlabelled", "unsup", "unsupervised", "unannotated"), UNLABELLED),
    **dict.fromkeys(("pred", "predict", "prediction", "predictions"), UNLABELLED),  # what a contest asks about
}
_FOLDS = {"fold", "folds", "kfold", "cv", "split", "partition", "subset"}  # with a number or a letter
# Words that say nothing of a class.
_EMPTY = {
    *("set", "sets", "data", "dataset", "datasets", "split", "splits", "part", "parts", "subset", "folder", "dir"),
    *("image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "pic", "pics", "file", "files"),
    *("jpg", "jpgs", "jpeg", "png", "pngs", "sample", "samples", "example", "examples", "crop", "crops", "cropped"),
    *("resized", "raw", "augmented", "aug", "new", "final", "all", "full", "original", "orig", "small", "large"),
    *("mini", "sub", "only", "the", "my", "of", "for", "and", "version", "v", "x", "copy"),
    *("label", "labels", "labeled", "labelled", "annotated", "class", "classes", "unknown", "dummy"),
}
_WITHOUT = {"no", "non", "not", "without"}
_EVERYDAY = {"train", "trains", "valid"}  # beside "bus", beside "invalid", these are classes
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")  # "Train", "Set" and "2" of "TrainSet2"


class PartName(NamedTuple):
    """What the name of a folder says, read as that of a part.

    Args:
        role: "train", "val", "test" or `UNLABELLED`; None where only a fold is named.
        fold: Which fold of a cross-validation; None where it is none.
        rest: What else it says, as it is written: "imagenette" of "imagenette_train"; "" where nothing.
        everyday: Whether it is one everyday word, which may just as well be a class.
        whole: The same with what says nothing by itself, but may tell it from others: "grade 2" of "grade 2 train", of
            which the rest is "grade".
    """

    role: str | None
    fold: str | None
    rest: str
    everyday: bool = False
    whole: str = ""


def words_of(part: str | None) -> str:
    """Such as "validation"."""
    return WORDS[part] if part else UNDECIDED


@lru_cache(maxsize=4096)
def read_part_name(name: str) -> PartName | None:
    """The name of a folder or a table read as that of a part; None where it says none, or several."""
    tokens = [(match[0], match.span()) for match in _TOKEN.finditer(name)]
    words = [word for token, _ in tokens for word in _unglued(token.lower())]
    roles = {_ROLES[word] for word in words if word in _ROLES}
    if any(one in _WITHOUT and other.startswith("label") for one, other in pairwise(words)):
        roles.add(UNLABELLED)
    numbers = [word for word in words if word.isdecimal() or len(word) == 1]
    folds = [word for word in words if word in _FOLDS]
    fold = "-".join(numbers) if folds and numbers else None
    if fold and "cross" in words:  # "5-fold cross validation"
        roles.discard("val")
    if UNLABELLED in roles:
        roles = {UNLABELLED}
    elif roles == {"train", "val"}:  # "train_val": both, to learn from
        roles = {"train"}
    if len(roles) > 1 or not (roles or fold):
        return None
    rest = [span for token, span in tokens if not _is_empty(token.lower(), bool(fold))]
    said = name[rest[0][0] : rest[-1][1]] if rest else ""
    apart = [] if fold or not rest else _apart(tokens)
    whole = name[apart[0][0] : apart[-1][1]] if apart else said
    return PartName(next(iter(roles), None), fold, said, len(words) == 1 and words[0] in _EVERYDAY, whole)


def is_empty_name(name: str) -> bool:
    """Whether a name says neither a class nor a part: "images", "all photos", "0"."""
    return all(_is_empty(match[0].lower(), False) for match in _TOKEN.finditer(name))


def says_labelled(name: str) -> bool:
    """Whether "unlabelled" beside it is its opposite."""
    return any(match[0].lower() in ("labeled", "labelled") for match in _TOKEN.finditer(name))


def _apart(tokens: Sequence[tuple[str, tuple[int, int]]]) -> list[tuple[int, int]]:
    """The places of all words but those of the part, and what follows these and says no class: "train set 2"."""
    found, in_part = [], False
    for token, span in tokens:
        says_part = any(word in _ROLES or word in _WITHOUT for word in _unglued(token.lower()))
        in_part = says_part or (in_part and _is_empty(token.lower(), False))
        if not in_part:
            found.append(span)
    return found


def _unglued(word: str) -> list[str]:
    """ "train" and "set" of "trainset"."""
    if word not in _ROLES:
        for role in sorted(_ROLES, key=len, reverse=True):
            if word.startswith(role) and word[len(role) :] in _EMPTY:
                return [role, word[len(role) :]]
    return [word]


def _is_empty(token: str, in_fold: bool) -> bool:
    said = _unglued(token)
    is_part = all(word in _ROLES or word in _EMPTY or word in _WITHOUT for word in said)
    return is_part or token.isdecimal() or (in_fold and (token in _FOLDS or token == "cross" or len(token) == 1))
