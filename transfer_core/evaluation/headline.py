"""A run's result in the words it deserves: how good it is against guessing, and the class behind the average."""

from dataclasses import dataclass
from math import isnan

from transfer_core.support.wording import percent, pluralize, result_sentence

FEW = 10  # independent photos of a class; below that its interval is wider than 50 points and says next to nothing
_BY_CLASS = ("class_names", "confusion_matrix", "recall_intervals", "recall_units")


@dataclass(frozen=True)
class ClassShare:
    """How many validation photos of one class were found.

    Args:
        name: Of the class; untrusted text.
        interval: 95%, (low, high).
        units: How many of the photos are independent of each other.
    """

    name: str
    right: int
    count: int
    interval: tuple[float, float]
    units: int


@dataclass(frozen=True)
class Headline:
    """What to say first of a result.

    Args:
        sentence: Such as "46 of 50 validation photos right: 92%, probably ...".
        weakest: The class that is least surely found; None where no class has a validation photo, or where some of
            them were training photos, too.
        verdict: "good" (its whole interval lies above the best baseline), "open" (above guessing, but not above what
            goes without a network, or not to be judged), or "guessing".
        tied: How many other classes are found just as surely.
        baseline: Share of right answers in [0, 1] that it is compared with.
    """

    sentence: str
    weakest: ClassShare | None
    verdict: str
    baseline: float
    tied: int = 0

    @property
    def judgement(self) -> str:
        """A short sentence beside the figure; "" where the figure speaks for itself."""
        if self.verdict == "guessing":
            always = percent(self.baseline)
            return f"Not yet clearly better than guessing: always naming the most common class gives {always}."
        return ""

    @property
    def weakest_sentence(self) -> str:
        """Such as "Weakest class: suspicious, 3 of 3 right, probably 44% to 100%: too few photos to say."; Markdown is
        the caller's to escape."""
        if self.weakest is None:
            return ""
        low, high = map(percent, self.weakest.interval)
        few = ": too few photos to say" if self.weakest.units < FEW else ""
        right = f"{self.weakest.right:,} of {self.weakest.count:,} right"
        if self.tied:
            right += f" (as {pluralize(self.tied, 'other class', 'other classes')})"
        return f"Weakest class: {self.weakest.name}, {right}, probably between {low} and {high}{few}."


def make_headline(result: dict, colours: float | None = None) -> Headline:
    """The headline of a result as `Result.to_json` wrote it.

    Args:
        colours: Share that the baseline "colours" gets right of the same photos; None where it was not measured.
    """
    matrix, learned = result["confusion_matrix"], result.get("val_learned")
    guess = max(map(sum, matrix), default=0) / max(1, result["val_count"])
    baseline = guess if colours is None or isnan(colours) else max(guess, colours)
    if learned:
        verdict = "open"  # the figure is too good by an unknown amount
    elif (low := result["val_interval"][0]) <= guess:
        verdict, baseline = "guessing", guess
    else:
        verdict = "good" if low > baseline else "open"
    classes = class_shares(result)
    weakest = min(classes, key=lambda found: (found.interval[0], found.count), default=None)
    tied = sum(weakest is not None and found.interval == weakest.interval for found in classes) - 1
    return Headline(result_sentence(result), weakest, verdict, baseline, max(0, tied))


def class_shares(result: dict) -> list[ClassShare]:
    """Found photos of each class with validation photos, in the order of the names.

    Empty where some validation photos were training photos, too: the intervals would be biased by an unknown amount.
    """
    if result.get("val_learned"):
        return []
    rows = zip(*(result[name] for name in _BY_CLASS), strict=True)
    return [
        ClassShare(name, row[place], sum(row), (interval[0], interval[1]), units)
        for place, (name, row, interval, units) in enumerate(rows)
        if interval
    ]
