"""Measures what goes without a network, the yardstick for the result; nobody waits for it. Imports no torch."""

from transfer_core.evaluation.baselines import measure_baselines, save_baselines
from transfer_core.jobs.job import Job


def run(job: Job) -> dict:
    """Nothing: the answers lie in the run's `evaluation` folder."""
    save_baselines(job.run.evaluation_dir, measure_baselines(job.run))
    return {}
