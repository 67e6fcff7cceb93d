"""Tries learning rates, from far too small to far too large (learning-rate range test). Imports no torch."""

from transfer_core import runs
from transfer_core.jobs.job import Job, Outcome
from transfer_core.jobs.ready import build_context
from transfer_core.training.short_run_results import save_sweep


def run(job: Job) -> Outcome:
    """{"suggestion", "steps"}; the curve lies in the run's `evaluation` folder."""
    context = build_context(job, runs.load_split(job.run))
    from transfer_core.training import lr_finder

    found = lr_finder.find_lr(context)
    save_sweep(job.run.evaluation_dir, found)
    return Outcome({"suggestion": found.suggestion, "steps": len(found.rates)})
