"""Writes the ONNX model and holds it against the trained one on the validation photos. Imports no torch."""

import time
from dataclasses import asdict

from transfer_core import runs
from transfer_core.backbones import catalog
from transfer_core.evaluation.result import load_answers
from transfer_core.export import onnx
from transfer_core.export.parity import check_parity
from transfer_core.jobs.job import Job
from transfer_core.support.arrays import read_arrays
from transfer_core.training.linear_probe.head import Head


def run(job: Job) -> dict:
    """{"changed_labels", "max_difference", "checked", "seconds"}: the check, from the photos' original files."""
    began, run = time.monotonic(), job.run
    backbone = catalog.find(run.config.backbone, job.workspace.weights_dir)
    split = runs.load_split(run)
    trunk = onnx.load_trunk(backbone, job.workspace.weights_dir, run.model_dir / "network.safetensors")
    head = Head(**read_arrays(run.model_dir / "head.safetensors")[0])
    onnx.export_model(backbone, trunk, head, split.class_names, run.model_path)
    paths = [run.photos_dir / item.file for item in split.val]
    parity = check_parity(run.model_path, split.class_names, paths, load_answers(run.evaluation_dir))
    return asdict(parity) | {"seconds": time.monotonic() - began}
