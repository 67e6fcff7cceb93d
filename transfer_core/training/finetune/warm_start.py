"""Beginning where an earlier run ended, in place of the pretrained weights. Imports torch."""

from collections.abc import Sequence

import numpy as np

from transfer_core import runs
from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.torch_backbone import load_tuned
from transfer_core.training.context import Trained
from transfer_core.training.linear_probe.head import Head
from transfer_core.training.trained_model import find_network, load_head_to_tune
from transfer_core.workspace import Workspace


def begin_from(workspace: Workspace, run_id: str, backbone: Backbone, class_names: Sequence[str]) -> Trained:
    """What that run left, its head in the order of these classes; a class that it did not know starts at zero.

    Raises:
        RunError: The run, or what it has learned, is not here any more, or is damaged.
    """
    run = runs.open_run(workspace, run_id)
    known = list(runs.load_split(run).class_names)
    old = load_head_to_tune(run)
    weight = np.zeros((len(class_names), old.weight.shape[1]), np.float32)
    bias = np.zeros(len(class_names), np.float32)
    for class_id, name in enumerate(class_names):
        if name in known:
            weight[class_id], bias[class_id] = old.weight[known.index(name)], old.bias[known.index(name)]
    tuned = find_network(run)
    network = load_tuned(backbone, tuned) if tuned else None
    return Trained(Head(weight, bias), np.zeros((0, len(class_names))), 0, network=network)
