"""Trains a model: the strategy's phases, then what the model makes of the validation photos. Imports no torch."""

from transfer_core import runs
from transfer_core.evaluation.result import ValAnswers, evaluate, save_evaluation
from transfer_core.jobs.job import Job, Outcome, spent_now
from transfer_core.jobs.messages import notices
from transfer_core.jobs.ready import ONCE_PER_MACHINE, build_context
from transfer_core.runs import events
from transfer_core.runs.spec import TrainSpec
from transfer_core.training import engine
from transfer_core.training.trained_model import save_trained

_LOOKING = ("features", "prepare")


def run(job: Job) -> Outcome:
    """The result of training, of `evaluation.result.Result`; the model's parts lie in the run's `model` folder."""
    split = runs.load_split(job.run)
    if not job.is_resumed:
        for message in notices(job.run.config, split):
            job.emit(events.Notice(message=message))
    context = build_context(job, split)
    trained = engine.fit(context)
    if trained is None:
        return Outcome(None, is_early=True)
    answers = ValAnswers(trained.val_confidences, context.val.class_ids)
    result = evaluate(split, answers, trained.epochs, _seconds(job))
    save_evaluation(job.run.evaluation_dir, result, answers)
    save_trained(job.run, trained)
    return Outcome(result.to_json(), is_early=trained.stopped)


def _seconds(job: Job) -> dict[str, float]:
    """total, features (intake and looking at photos) and train (the rest), interruptions left out."""
    state, spec = job.state(), job.run.spec
    intake_s = spec.intake_s if isinstance(spec, TrainSpec) else 0.0
    looking = intake_s + sum(state.spent_s.get(name, 0) for name in _LOOKING)
    own = sum(seconds for name, seconds in state.spent_s.items() if name not in (*_LOOKING, *ONCE_PER_MACHINE))
    train = own + spent_now(state)
    return {"total": round(looking + train, 3), "features": round(looking, 3), "train": round(train, 3)}
