"""Lets the exported model answer the test photos; cut off and begun again, it comes to the same. Imports no torch."""

from transfer_core.evaluation.test_set import open_test_part
from transfer_core.jobs.job import Job


def run(job: Job) -> dict:
    """An empty dict: the result stands in `evaluation/test.json`."""
    open_test_part(job.run, job.report)
    return {}
