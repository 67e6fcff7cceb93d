"""One suggestion for the next step, from what is known of a run already. Plain rules; imports no torch."""

from dataclasses import dataclass

from transfer_core.data.checks import SMALL_CLASS
from transfer_core.evaluation.headline import Headline
from transfer_core.metrics.paired_test import Paired
from transfer_core.runs.events import EpochFinished
from transfer_core.support.wording import duration, percent, pluralize

_BY_HEART = 0.97  # share of the training photos that are right
_GAP = 0.1  # by which the validation accuracy must lie below that to be called overfitting,
_SURE_GAP = 0.05  # and by which the upper end of its interval must


@dataclass(frozen=True)
class Suggestion:
    """What to do next, and why.

    Args:
        reason: What was seen: "labels_changed", "groups_parted", "guessing", "few_photos", "not_worth_it" or
            "overfitting".
        sentence: Evidence and advice in one or two sentences; untrusted text where it names a class or run.
        act: Where its button leads: "train_again", "add_photos", "fix_labels" or "other_run".
        button: Its words; untrusted text where they name a run.
        run_id: Of "other_run".
    """

    reason: str
    sentence: str
    act: str
    button: str
    run_id: str | None = None


@dataclass(frozen=True)
class FrozenRival:
    """The newest finished run on the same photos that trained only a new layer, beside one that fine-tuned.

    Args:
        name: What it is called; untrusted text.
        accuracy: In [0, 1], on the same validation photos.
        seconds: That it took.
        paired: The fine-tuned run (first) against it (second).
    """

    run_id: str
    name: str
    accuracy: float
    seconds: float
    paired: Paired


def suggest(
    result: dict,
    headline: Headline,
    train_counts: dict[str, int],
    *,
    changed_labels: str = "",
    parted: int = 0,
    last_epoch: EpochFinished | None = None,
    rival: FrozenRival | None = None,
) -> Suggestion | None:
    """The most useful next step, or None where nothing stands out.

    Args:
        result: As `Result.to_json` wrote it.
        train_counts: Training photos of each class.
        changed_labels: Such as "2 labels have changed"; "" where none have.
        parted: Validation photos with others of their group among the training photos, by groups that were named since.
        last_epoch: Of the run.
        rival: Of a run that fine-tuned, where there is one.
    """
    if changed_labels:
        sentence = f"{changed_labels} since this run. Train again to use today's labels."
        return Suggestion("labels_changed", sentence, "train_again", "Train again")
    if parted:
        have = pluralize(parted, "validation photo has", "validation photos have")
        sentence = (
            f"This run did not know the groups yet: {have} others of the same group among the training photos, so the "
            "accuracy may look too good. Train again to keep groups together."
        )
        return Suggestion("groups_parted", sentence, "train_again", "Train again")
    if headline.verdict == "guessing":
        return Suggestion(
            "guessing",
            "Add photos that show how the classes differ. Wrong labels are another frequent cause.",
            "add_photos",
            "Add photos",
        )
    return _small_class(train_counts) or _not_worth_it(result, rival) or _overfitting(result, last_epoch)


def _small_class(train_counts: dict[str, int]) -> Suggestion | None:
    small = sorted((count, name) for name, count in train_counts.items() if count < SMALL_CLASS)
    if not small:
        return None
    count, name = small[0]
    more = f", and {pluralize(len(small) - 1, 'other class', 'other classes')} few as well" if len(small) > 1 else ""
    sentence = f"'{name}' has only {pluralize(count, 'training photo')}{more}. More photos of it will help most."
    return Suggestion("few_photos", sentence, "add_photos", "Add photos")


def _not_worth_it(result: dict, rival: FrozenRival | None) -> Suggestion | None:
    if rival is None or rival.paired.verdict == "better" or rival.accuracy < result["val_accuracy"]:
        return None
    clear = "worse than" if rival.paired.verdict == "worse" else "not clearly better than"
    sentence = (
        f"Fine-tuning was not worth it here: {percent(result['val_accuracy'])} is {clear} the "
        f"{percent(rival.accuracy)} of '{rival.name}', which took {duration(rival.seconds)}. Keep the quick model."
    )
    return Suggestion("not_worth_it", sentence, "other_run", f"See '{rival.name}'", rival.run_id)


def _overfitting(result: dict, last_epoch: EpochFinished | None) -> Suggestion | None:
    if last_epoch is None or result.get("val_learned"):
        return None
    learned = last_epoch.train_accuracy
    gap, sure_gap = learned - result["val_accuracy"], learned - result["val_interval"][1]
    if learned < _BY_HEART or gap < _GAP or sure_gap < _SURE_GAP:
        return None
    sentence = (
        f"The model has learned its training photos by heart ({percent(last_epoch.train_accuracy)} right) but gets "
        f"only {percent(result['val_accuracy'])} of the validation photos right. This is called overfitting. More "
        "varied photos help most."
    )
    return Suggestion("overfitting", sentence, "add_photos", "Add photos")
