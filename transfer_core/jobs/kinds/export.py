"""Puts the ONNX model together and holds it against the trained one on the validation photos. Imports no torch."""

import hashlib
import time
from dataclasses import asdict

from transfer_core import runs, strategies
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.evaluation.result import ValAnswers, load_answers
from transfer_core.export import onnx
from transfer_core.export.parity import Parity, check_parity
from transfer_core.inference.model_file import save_model
from transfer_core.jobs.job import Job
from transfer_core.runs import Run
from transfer_core.training.trained_model import find_network, load_head

# Rounding was seen to change a confidence by 0.0001. What differs more than this was not made of what was trained.
_MOST_DIFFERENCE = 0.05


def run(job: Job) -> dict:
    """{"changed_labels", "max_difference", "checked", "sha256", "seconds"}: the check, from the original files.

    `sha256` is the digest of the `model.onnx` that was checked: what has another is never handed out.
    """
    began, run = time.monotonic(), job.run
    backbone, weights_dir = strategies.network_of(run.config, job.workspace.weights_dir), job.workspace.weights_dir
    split = runs.load_split(run)
    head, trunk = load_head(run), onnx.load_trunk(backbone, weights_dir, find_network(run))
    model = save_model(run, backbone, trunk, onnx.export_model(backbone, trunk, head, split.class_names))
    parity = _check(run, split, model)
    if job.state().status == "finished":  # nobody resumes it any more; and a network's is three times its size
        run.checkpoint_path.unlink(missing_ok=True)
    sha256 = hashlib.sha256(model).hexdigest()
    return asdict(parity) | {"sha256": sha256, "seconds": time.monotonic() - began}


def _check(run: Run, split: Split, model: bytes) -> Parity:
    """The comparison on the validation photos that are still here: when a model is made anew, some may be gone."""
    answers, paths = load_answers(run.evaluation_dir), [run.photos_dir / item.file for item in split.val]
    here = [place for place, path in enumerate(paths) if path.is_file()]
    if not here:
        raise RunError("None of its validation photos is here any more, so it cannot be checked. Train again.")
    answers = ValAnswers(answers.confidences[here], answers.true_ids[here])
    parity = check_parity(model, split.class_names, [paths[place] for place in here], answers, run.rendering)
    if not parity.max_difference <= _MOST_DIFFERENCE:
        raise RunError(
            f"It does not answer as the trained model did: confidences differ by up to {parity.max_difference:.2f}. "
            "One of the run's files was damaged or exchanged. Train again."
        )
    return parity
