"""Did the pretrained network help? Compares answers to the same validation photos. Imports no torch."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, fields, replace

import numpy as np

from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.evaluation.baselines import load_baselines
from transfer_core.evaluation.compare_runs import load_own_answers, load_right
from transfer_core.evaluation.evidence import weigh
from transfer_core.metrics.clustered import clustered_interval
from transfer_core.metrics.paired_test import FEWEST, Paired, compare, count_or_none
from transfer_core.runs import Run
from transfer_core.support.wording import pluralize

SCRATCH = "scratch"
NAMES = {
    "majority": "Always the most common class",
    "colours": "By colour and brightness alone",
    "model": "This model",
    "scratch": "Trained from scratch",
}
# What a control does not take over: how long and how fast to learn, and what only pretrained weights make sense of.
_LEFT_TO_THE_RULES = (
    *("epochs", "learning_rate", "backbone_share", "layer_decay", "frozen_stages", "views", "weight_decay"),
    *("average_weights", "early_stopping", "l2_sp", "continue_from"),
)


@dataclass(frozen=True)
class Score:
    """Right answers of one way to answer, on the validation photos.

    Args:
        name: A key of `NAMES`.
        share: In [0, 1].
        interval: 95%, (low, high); None where some of the photos were training photos, too.
    """

    name: str
    share: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class TransferGain:
    """What is known of what the pretrained weights did for a run.

    Args:
        scores: In the order of `NAMES`; only what was measured.
        against: The run's model (first) against "majority", "colours" and "scratch" (second), as far as measured.
        is_control: Whether the run itself was trained from scratch.
        is_fixed: Whether the backbone stayed as it was, so that what is measured is how well it fits as it is.
        barred: Why nothing can be told, a sentence; None where something can.
    """

    scores: tuple[Score, ...]
    against: dict[str, Paired]
    is_control: bool = False
    is_fixed: bool = False
    barred: str | None = None

    @property
    def verdict(self) -> str | None:
        """ "helped", "hurt" or "cannot be told apart"; None without a control from scratch, or where it is barred."""
        if SCRATCH not in self.against or self.barred:
            return None
        verdict = self.against[SCRATCH].verdict
        return {"better": "helped", "worse": "hurt"}.get(verdict, verdict)

    @property
    def unbeaten(self) -> str | None:
        """The baseline, "colours" or "majority", that the model is not clearly better than; None if it beats both."""
        return self._strongest(name for name in self._baselines if self.against[name].verdict != "better")

    @property
    def strongest(self) -> str | None:
        """The baseline that is right most often; None where none was measured."""
        return self._strongest(self._baselines)

    @property
    def _baselines(self) -> list[str]:
        return [name for name in ("colours", "majority") if name in self.against]

    def _strongest(self, names: Iterable[str]) -> str | None:
        return max(names, key=lambda name: self.against[name].both + self.against[name].only_second, default=None)

    @property
    def is_weak(self) -> bool:
        """Whether a baseline is not clearly beaten that leaves enough photos wrong to be beaten clearly."""
        if self.unbeaten is None:
            return False
        paired = self.against[self.unbeaten]
        return paired.open_units >= FEWEST


def judge(
    right: np.ndarray,
    baselines: dict[str, np.ndarray],
    scratch: np.ndarray | None = None,
    *,
    units: np.ndarray | None = None,
    learned: np.ndarray | None = None,
    is_control: bool = False,
    is_fixed: bool = False,
    barred: str | None = None,
) -> TransferGain:
    """What right answers, bool (n,) each and of the same photos, say.

    Args:
        right: Of the run's model.
        baselines: By "majority" and "colours"; empty where they are not known.
        scratch: Of the run that was trained from scratch.
        units: As in `compare`.
        learned: bool (n,), photos that were training photos, too: they count in the shares, but in no comparison.
        is_control, is_fixed, barred: See `TransferGain`.
    """
    measured = {**baselines, "model": right}
    if scratch is not None:
        measured[SCRATCH] = scratch
    count = len(right)
    unit_of = np.arange(count) if units is None else units
    new = np.ones(count, bool) if learned is None else ~learned
    scores = (
        Score(
            name,
            float(measured[name].mean()) if count else 0.0,
            clustered_interval(measured[name], unit_of) if new.all() else None,
        )
        for name in NAMES
        if name in measured
    )
    against = {
        name: compare(right[new], other[new], unit_of[new]) for name, other in measured.items() if name != "model"
    }
    return TransferGain(tuple(scores), against, is_control, is_fixed, barred)


def verdict_sentence(knowledge: TransferGain) -> str:
    """The answer to "Did the pretrained network help?" in a sentence or two."""
    if knowledge.is_control:
        return "This run was trained from scratch, so it had no head start. Other runs are compared with it."
    if knowledge.barred:
        return knowledge.barred
    if knowledge.verdict:
        misfit = knowledge.is_fixed and knowledge.verdict == "hurt"
        return (_misfit if misfit else _VERDICTS[knowledge.verdict])(knowledge.against[SCRATCH])
    if not knowledge.against:
        return f"There is nothing yet to compare this run with. {_CONTROL}"
    return _against_baselines(knowledge)


_SMALL = (
    "This run was trained from scratch on small pictures. It had no head start, but it also saw less than others, so "
    "it cannot tell what a head start is worth. For that, train from scratch at full size."
)
_CONTROL = "To find out how much the pretrained network helped, train the same network from scratch and compare."


def _helped(paired: Paired) -> str:
    return (
        f"Yes. This model gets {pluralize(paired.only_first, 'photo')} right that the same network gets "
        f"wrong when trained from scratch. The other way round: {count_or_none(paired.only_second)}."
    )


def _hurt(paired: Paired) -> str:
    return (
        "No, it does harm (negative transfer). The same network, trained from scratch, gets "
        f"{pluralize(paired.only_second, 'photo')} right that this one gets wrong. The other way round: "
        f"{count_or_none(paired.only_first)}. Fine-tune more layers, or choose another backbone."
    )


def _misfit(paired: Paired) -> str:
    """For a frozen backbone: its features were compared, not its weights as a start, so it is no negative transfer."""
    return (
        "Not while it is frozen: the same network, trained from scratch, gets "
        f"{pluralize(paired.only_second, 'photo')} right that this one gets wrong. The other way round: "
        f"{count_or_none(paired.only_first)}. Fine-tune the network, or choose another backbone."
    )


def _alike(paired: Paired) -> str:
    if paired.units < FEWEST:
        return _too_few(paired)
    return (
        f"No clear difference on {pluralize(paired.count, 'validation photo')}: trained from scratch, the "
        f"network gets {paired.both + paired.only_second:,} right, this model "
        f"{paired.both + paired.only_first:,}. With more photos, a difference may show."
    )


def _too_few(paired: Paired) -> str:
    if not paired.count:
        return "All validation photos were training photos, too, so nobody can tell. Add others for validation."
    what = "validation photo" if paired.units == paired.count else "independent validation photo"
    return (
        f"With only {pluralize(paired.units, what)}, nobody can tell. Add photos, or raise the share of validation "
        "photos."
    )


_VERDICTS: dict[str, Callable[[Paired], str]] = {"helped": _helped, "hurt": _hurt, "cannot be told apart": _alike}
_WAYS = {"colours": "going by colour and brightness alone", "majority": "always naming the most common class"}


def _against_baselines(knowledge: TransferGain) -> str:
    name = knowledge.unbeaten
    if name is None:
        name = knowledge.strongest
        assert name is not None, "what a run without a verdict is held against are baselines"
        paired = knowledge.against[name]
        return (
            f"The model is clearly better than {_WAYS[name]}: it gets "
            f"{pluralize(paired.only_first, 'photo')} right that this rule gets wrong. The other way round: "
            f"{count_or_none(paired.only_second)}. {_CONTROL}"
        )
    paired = knowledge.against[name]
    if paired.units < FEWEST:
        return _too_few(paired)
    hits = f"{paired.both + paired.only_second:,} of {pluralize(paired.count, 'photo')}"
    if knowledge.is_weak:
        return (
            f"It may not: the model is not clearly better than {_WAYS[name]}, which gets {hits} right. Train "
            "the same network from scratch to see whether the pretrained network helps here or stands in "
            "the way."
        )
    return (
        f"Hard to tell here: {_WAYS[name]} already gets {hits} right, which leaves little room to do better. "
        "With more validation photos, a difference may show."
    )


_STOPPED = (
    "This run was stopped early, so nobody knows how good its network would have become. Resume it, and "
    "look again when it has finished."
)
_CONTINUED = (
    "This run continued from an earlier one, so it builds on more than the pretrained network. Look at a "
    "run that began with the pretrained weights."
)


def load_knowledge(run: Run, split: Split, control: Run | None) -> TransferGain:
    """Everything that is on disk about it.

    Args:
        control: One of `find_controls` that has finished; one that is gone meanwhile is left out.

    Raises:
        RunError: The run's own answers cannot be read.
    """
    answers, evidence = load_own_answers(run, split), weigh(split.val, {item.photo for item in split.train})
    true_ids, found, rows = answers.true_ids, load_baselines(run.evaluation_dir), evidence.rows
    baselines = {
        name: (np.array(ids, np.int64) == true_ids)[rows]
        for name, ids in (vars(found).items() if found else ())
        if len(ids) == len(true_ids)  # else somebody changed the file
    }
    scratch = None
    if control:
        with suppress(RunError, KeyError):  # it was deleted meanwhile
            right = load_right(control).right
            scratch = np.array([right[split.val[row].id] for row in rows], bool)
    small = run.config.strategy == "scratch_small"
    stopped, continued = runs.read_state(run).status == "stopped", run.config.continue_from is not None
    return judge(
        (answers.predicted_ids == true_ids)[rows],
        baselines,
        scratch,
        units=evidence.units,
        learned=evidence.learned,
        is_control=run.config.strategy == SCRATCH,
        is_fixed=run.config.strategy == "feature_extraction",
        barred=_SMALL if small else _STOPPED if stopped else _CONTINUED if continued else None,
    )


def find_controls(run: Run, split: Split, others: Iterable[Run]) -> list[Run]:
    """The other runs that train the same backbone from scratch, on the same training and validation photos.

    A run with hand-picked training settings is no control: with one epoch, or tiny steps, any network loses. The list
    includes unfinished runs, so callers look at their state. Runs with exactly the same settings come first.
    """
    wanted = control_config(run.config)
    alike = [other for other in others if other.id != run.id and _is_control(other.config, wanted)]
    alike.sort(key=lambda other: other.config != wanted)
    return [other for other in alike if _same_photos(split, other)]


def control_config(config: TrainConfig) -> TrainConfig:
    """The same experiment from scratch: same network, photos and augmentation.

    The rules choose epochs and learning rates, because what suits a pretrained network starves one with random weights,
    and the control would lose for the wrong reason.
    """
    defaults = TrainConfig()
    open_ = {name: getattr(defaults, name) for name in _LEFT_TO_THE_RULES}
    return replace(config, strategy=SCRATCH, **open_)


def _is_control(config: TrainConfig, wanted: TrainConfig) -> bool:
    """Whether every setting is as wanted or left as it was found; which photos there are, the split says."""
    defaults, photos = TrainConfig(), ("val_fraction", "test_fraction", "group_pattern", "fill_val", "seed")
    fixed = {entry.name for entry in fields(config)} - {"strategy", "backbone", *photos}
    return (config.strategy, config.backbone) == (wanted.strategy, wanted.backbone) and all(
        getattr(config, name) in (getattr(wanted, name), getattr(defaults, name)) for name in fixed
    )


def _same_photos(one: Split, run: Run) -> bool:
    """Whether the run has the same training and validation photos; one whose photos cannot be read has not."""
    try:
        other = runs.load_split(run)
    except RunError:
        return False
    return all(
        {item.id for item in getattr(one, part)} == {item.id for item in getattr(other, part)}
        for part in ("train", "val")
    )
