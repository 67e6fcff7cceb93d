"""Which learning rate suits: a range test, in which the rate rises from step to step. Imports torch.

Source: Smith 2015, arXiv 1506.01186, section 3.3; with an exponential rise, as is usual since.
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch

from transfer_core.config import decided
from transfer_core.errors import StopRequested, TransferError
from transfer_core.runs.events import CheckpointSaved, EpochFinished, Event, PhaseStarted, Progress
from transfer_core.strategies import BACKBONE
from transfer_core.training import engine
from transfer_core.training.augment.loader import Batch, load_batches, split_into_batches
from transfer_core.training.context import TrainContext, Trained
from transfer_core.training.finetune import device
from transfer_core.training.finetune.learner import build_learner
from transfer_core.training.finetune.oom_retry import fit_into_memory
from transfer_core.training.short_run_results import LrSweep

STEPS = 60
_LOWEST, _HIGHEST = 1e-6, 1.0
_DIVERGED = 4  # times the lowest loss so far
_FEWEST = 10  # steps from which anything can be told
_SPREAD = 1.5  # steps, standard deviation of the smoothing: as little as makes single batches forgotten
_NOISE = 3  # times the median distance of a loss from the smoothed curve: about two standard deviations
_BELOW_LOWEST = 10  # where the loss is lowest the steps are about to become too big; training wants to keep away


def find_lr(context: TrainContext) -> LrSweep:
    """Losses while the learning rate rises through the first steps of the first phase that changes the backbone.

    The phases before it are done as in training. Nothing of what is learned is kept. Where memory does not suffice, it
    begins anew with fewer photos at a time.

    Raises:
        StopRequested: A person stopped it.
        TransferError: The loss is no number from the beginning, or memory does not suffice for a single photo.
    """
    index = next(i for i, phase in enumerate(context.plan.phases) if phase.trains == BACKBONE)
    earlier = _do_phases_before(context, index)
    return fit_into_memory(context, lambda context, is_first: _raise_rates(context, index, earlier))


def _raise_rates(context: TrainContext, index: int, earlier: Trained | None) -> LrSweep:
    context.emit(PhaseStarted(name="rates", title="Trying learning rates"))
    device.make_deterministic(context.plan.threads)
    rates, losses = np.geomspace(_LOWEST, _HIGHEST, STEPS), []
    with closing(_losses(context, index, earlier, rates)) as found:
        for loss in found:
            if not np.isfinite(loss):
                break
            losses.append(loss)
            context.emit(Progress(done=len(losses), total=STEPS, unit="steps"))
            smoothed = smooth(losses)
            if len(losses) >= _FEWEST and smoothed[-1] > _DIVERGED * smoothed.min():
                break
    if len(losses) < _FEWEST:
        raise TransferError(
            "The loss is not a number even with tiny steps, so no learning rate can be suggested. Check the "
            "other settings under Advanced, or set them back to automatic."
        )
    rates = rates[: len(losses)]
    suggestion = suggest(rates, np.array(losses), smoothed)
    return LrSweep(tuple(rates.tolist()), tuple(losses), tuple(smoothed.tolist()), suggestion)


def smooth(losses: list[float]) -> np.ndarray:
    """Weighted means (n,) over neighbours on both sides, so that the curve is not shifted to higher rates."""
    steps = np.arange(len(losses))
    weights = np.exp(-0.5 * ((steps[:, np.newaxis] - steps) / _SPREAD) ** 2)
    return weights @ np.array(losses) / weights.sum(1)


def suggest(rates: np.ndarray, losses: np.ndarray, smoothed: np.ndarray) -> float:
    """The rate at which the smoothed loss falls most steeply, but at most a tenth of where it is lowest.

    Where it falls no more than single batches differ (what begins well trained has nothing to fall), a tenth of the
    highest rate that does no harm yet. Two digits: more would only look exact.

    Args:
        rates, losses, smoothed: (n,), see `LrSweep`; n is at least 2.
    """
    lowest = int(smoothed.argmin())
    noise = _NOISE * float(np.median(np.abs(losses - smoothed)))
    harmless = int(np.flatnonzero(smoothed <= smoothed[lowest] + noise)[-1])
    found = rates[harmless] / _BELOW_LOWEST
    if smoothed[0] - smoothed[lowest] > noise:
        found = min(found, rates[np.gradient(smoothed)[: harmless + 1].argmin()])
    return float(f"{max(found, _LOWEST):.1e}")


def _do_phases_before(context: TrainContext, index: int) -> Trained | None:
    """What the phases before that one leave, by the engine itself; None where there is none."""

    def emit(event: Event) -> None:  # their epochs are not what this run is about
        if not isinstance(event, (EpochFinished, CheckpointSaved)):
            context.emit(event)

    trained = engine.fit(replace(context, emit=emit), index)
    if index and (trained is None or trained.stopped):
        raise StopRequested
    return trained


def _losses(
    context: TrainContext, index: int, earlier: Trained | None, rates: np.ndarray
) -> Generator[float, None, None]:
    """Mean loss of each step's batch, before the step that is then made at its rate; StopRequested when stopped."""
    learner = build_learner(context, index, earlier)
    learner.begin_epoch()
    peak = decided(context.plan.phases[index].learning_rate)
    with closing(_batches(context, index)) as batches:
        for step, (rate, batch) in enumerate(zip(rates, batches, strict=False)):
            if context.should_stop():
                raise StopRequested
            torch.manual_seed(
                (context.plan.settings.seed << 32) + step
            )  # whatever is random in a step follows from this
            learner.set_share(rate / peak)
            sums = learner.learn(
                batch.pixels, batch.variations, context.train.class_ids[batch.rows], context.plan.micro_batch
            )
            yield float(sums[0]) / len(batch.rows)


def _batches(context: TrainContext, index: int) -> Generator[Batch, None, None]:
    """Those of the phase's epochs, one after the other, without end."""
    settings, epoch = context.plan.settings, context.epochs_before(index)
    while True:
        parts = split_into_batches(len(context.train), decided(settings.batch_size), settings.seed, epoch)
        with closing(load_batches(context, parts, epoch)) as loaded:
            yield from loaded
        epoch += 1
