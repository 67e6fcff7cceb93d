"""Draws photos as training would see them, so that a person can judge the augmentation before. Imports no torch."""

from transfer_core import runs, strategies
from transfer_core.jobs.job import Job, Outcome
from transfer_core.jobs.ready import start_torch
from transfer_core.training.short_run_results import save_preview


def run(job: Job) -> Outcome:
    """{"rows"}: how many rows of pictures lie in the run's `evaluation` folder."""
    backbone = strategies.network_of(job.run.config, job.workspace.weights_dir)
    start_torch(job)
    from transfer_core.training import augmentation_preview

    split = runs.load_split(job.run)
    rows = augmentation_preview.draw_preview(job.run, split, backbone.preparation, job.emit, job.should_stop)
    save_preview(job.run.evaluation_dir, rows)
    return Outcome({"rows": len(rows)})
