"""Beginning where an earlier run ended, in place of the pretrained weights. Imports torch."""

import numpy as np

from transfer_core import runs
from transfer_core.backbones.torch_backbone import load_tuned
from transfer_core.support.arrays import read_arrays
from transfer_core.training.context import TrainContext, Trained
from transfer_core.training.linear_probe.head import Head


def begin_from(context: TrainContext, run_id: str) -> Trained:
    """What that run left, its head in the order of this run's classes; a class that it did not know starts at zero.

    Raises:
        RunError: The run is not here any more.
    """
    run = runs.open_run(context.workspace, run_id)
    known = list(runs.load_split(run).class_names)
    old = Head(**read_arrays(run.model_dir / "head.safetensors")[0])
    weight = np.zeros((context.class_count, old.weight.shape[1]), np.float32)
    bias = np.zeros(context.class_count, np.float32)
    for class_id, name in enumerate(context.split.class_names):
        if name in known:
            weight[class_id], bias[class_id] = old.weight[known.index(name)], old.bias[known.index(name)]
    tuned = run.model_dir / "network.safetensors"
    network = load_tuned(context.backbone, tuned) if tuned.is_file() else None
    return Trained(Head(weight, bias), np.zeros((0, context.class_count)), 0, network=network)
