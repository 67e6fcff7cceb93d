"""How near two confidences must be for "Not sure": found on the validation photos. Imports no torch."""

from dataclasses import dataclass

import numpy as np

from transfer_core.evaluation.result import ValAnswers
from transfer_core.support.wording import pluralize

RULE_OF_THUMB = 0.15  # where the validation photos are too few to tell
_FEWEST = 5  # mistakes; fewer do not show from which lead on the model can be believed


@dataclass(frozen=True)
class UnsureMargin:
    """From which lead of the best class over the second on an answer is given as one.

    Args:
        margin: In confidence, in [0, 1]; an answer whose lead is smaller is "Not sure: a or b".
        photos: Validation photos whose lead is smaller, of which at most half were right; None where it is a rule of
            thumb.
    """

    margin: float
    photos: int | None = None

    def in_words(self) -> str:
        """A sentence or two that say where the margin comes from."""
        points = f"{self.margin * 100:.0f} points"
        if self.photos is None:
            return (
                f"The model is called not sure where the confidences of its two best classes are less than {points} "
                "apart: a rule of thumb, for there are too few mistakes on the validation photos to find a better one."
            )
        return (
            f"The model is called not sure where the confidences of its two best classes are less than {points} apart: "
            f"of the {pluralize(self.photos, 'validation photo')} for which that is so, at most half were right."
        )


def find_margin(answers: ValAnswers) -> UnsureMargin:
    """The largest margin below which at most half of the validation photos were answered right.

    It is chosen on the validation photos, but no figure depends on it: it only changes how a single answer is worded.
    """
    if answers.confidences.shape[1] < 2 or len(answers.mistakes()) < _FEWEST:
        return UnsureMargin(RULE_OF_THUMB)
    second, first = np.sort(answers.confidences, axis=1)[:, -2:].T
    right = answers.predicted_ids == answers.true_ids
    order = np.lexsort((~right, first - second))  # of equal leads the wrong ones last: they are all on one side
    leads, right = (first - second)[order], right[order]
    shares = np.cumsum(right) / np.arange(1, len(right) + 1)
    found = np.flatnonzero((shares <= 0.5) & ~right)  # it ends with a mistake: what comes after was answered right
    if not len(found):
        return UnsureMargin(RULE_OF_THUMB)
    count = int(found[-1]) + 1
    after = leads[count] if count < len(leads) else 1.0
    return UnsureMargin(float(leads[count - 1] + after) / 2, count)
