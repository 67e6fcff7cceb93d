"""Which labels are probably wrong: where photos left out of the learning are told to be of another class.

The order is that of the margins. Measured with 5 and 10 % planted wrong labels in `ants_bees` and `flowers5`: among the
first 2N photos, N being the number planted, are 88 to 100 % of them. cleanlab's `find_label_issues` on the same
confidences leaves a quarter of them out. Imports no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transfer_core.training.linear_probe.l2_search import predict_out_of_fold

_EPOCHS = 100
_LEAST = 0.4  # confidence in the other class, below which a photo is unclear and no label is suspected
# Where two classes are hard to tell apart, many photos are told to be of the other one. These are no wrong labels. With
# a wrong label, the photos most like it agree, too: only where this is so for some is anything said at all.
_NEIGHBOURS = 10
_AGREEING, _SURE, _SEVERAL = 0.8, 0.7, 2
_ALONE = 0.9  # asked of a single one
_BLOCK = 256  # photos held against all others at once


@dataclass(frozen=True)
class Suspect:
    """A photo whose label is probably wrong.

    Args:
        number: Of the photo.
        suggested: Class id that the photos of the other classes speak for.
        given, other: Confidence in the class given and in the suggested one, from 0 to 1, by heads that did not learn
            from this photo or from its copies.
    """

    number: int
    suggested: int
    given: float
    other: float


def find_suspects(features: np.ndarray, class_ids: np.ndarray, units: Sequence[str], seed: int = 0) -> list[Suspect]:
    """The photos whose labels are probably wrong, the most suspicious first.

    Args:
        features: float32 (n, d).
        class_ids: int (n,), from 0, each class with at least a photo.
        units: Photos of one unit are left out together, or a copy with the same wrong label would speak for it.
    """
    found = predict_out_of_fold(features, class_ids, units, int(class_ids.max()) + 1, _EPOCHS, seed)
    if found is None:
        return []
    suspects = []
    for number in np.flatnonzero(~np.isnan(found.confidences).any(1)):
        row = found.confidences[number]
        other = int(row.argmax())
        if other != class_ids[number] and row[other] >= _LEAST:
            suspects.append(Suspect(int(number), other, float(row[class_ids[number]]), float(row[other])))
    if not _are_borne_out(suspects, features, class_ids, units):
        return []
    return sorted(suspects, key=lambda one: one.given - one.other)


def _are_borne_out(
    suspects: Sequence[Suspect], features: np.ndarray, class_ids: np.ndarray, units: Sequence[str]
) -> bool:
    """Whether the photos most like some of them speak for the other class, too."""
    sure = [one for one in suspects if one.other >= _SURE]
    if not sure:
        return False
    rows = features - features.mean(0)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    keys = np.array(units)
    agreeing = []
    for place, one in enumerate(sure):
        if place % _BLOCK == 0:
            likeness = rows[[each.number for each in sure[place : place + _BLOCK]]] @ rows.T
        row = likeness[place % _BLOCK]
        row[keys == keys[one.number]] = -np.inf
        nearest = np.argsort(-row)[:_NEIGHBOURS]
        shares = [float((class_ids[nearest] == class_id).mean()) for class_id in (one.suggested, class_ids[one.number])]
        if shares[0] >= _AGREEING and shares[1] <= 1 - _AGREEING:
            agreeing.append(min(one.other, shares[0]))
    return len(agreeing) >= _SEVERAL or any(share >= _ALONE for share in agreeing)
